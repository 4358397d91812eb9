# Every deck of input/ does what it is for, in a shortened form: a small dataset, a small model, few
# steps; everything else is as the deck says.
# labels: mpi
# processors: 2
# timeout: 300
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile

import h5py

sys.path.insert(0, os.path.join(os.environ["JESPR_SOURCE_DIR"], "tests/support"))
import foreign_weights as foreign
from jespr_runs import DECK, SOURCES, dataset, expect, history, run, say
from predicted_models import as_predicted

STEPS = 4
DATA = dataset()
PLACE = pathlib.Path("run").resolve()
shutil.rmtree(PLACE, ignore_errors=True)
with h5py.File(DATA) as file:
    CHAINS = ",".join(name.decode() for name in file["names"][:16])

MODEL = ["sequence.layers=2", "sequence.width=32", "sequence.heads=2", "structure.graph_layers=2",
         "structure.node_scalars=16", "structure.node_vectors=4", "structure.edge_scalars=8",
         "structure.neighbours=8", "structure.layers=1", "structure.width=32", "structure.heads=2",
         "structure.feed_forward=64", "joint.width=32"]
BATCH = ["batch.proteins=16", "batch.shards=4"]
TRAINING = [*MODEL, *BATCH, "optim.warmup_steps=1", f"checkpoint.every={STEPS}"]
OF_RESIDUES = [f"validate.every={STEPS}"]
VALIDATION = [*OF_RESIDUES, "validate.equal_length=40", "validate.bootstrap=20"]


def train(name, *overrides, steps=STEPS, data=DATA, into=None):
    folder = PLACE / (into or name)
    every = {text.split("=")[0]: text for text in (
        *TRAINING, f"data.dataset={data}", f"run.output={folder}", f"optim.steps={steps}",
        *overrides)}  # of several for one key the last
    run(2, SOURCES / f"input/{name}.deck", *every.values())
    rows = history(folder)
    expect(int(rows[-1]["step"]) == steps, f"{name}: {len(rows)} rows of history")
    expect((folder / f"step_{steps:06}.h5").exists(), f"{name}: no checkpoint of step {steps}")


def benchmark(name):
    folder = PLACE / name
    run(1, SOURCES / f"input/{name}.deck", *MODEL, *BATCH, f"data.dataset={DATA}",
        f"data.chains={CHAINS}", "benchmark.parts=sequence forward,structure forward",
        "benchmark.warmup=0", "benchmark.repeats=1", f"benchmark.output={folder}")
    expect((folder / "benchmark.json").exists(), f"{name}: no results")


def prepare(name):
    target = PLACE / f"{name}.h5"
    run(2, SOURCES / f"input/{name}.deck", f"prepare.sources={DATA.parent / 'structures'}",
        f"prepare.table={DATA.parent / 'small.tsv'}", f"prepare.dataset={target}")
    with h5py.File(target) as file, h5py.File(DATA) as whole:
        expect(len(file["names"]) == len(whole["names"]), f"{name}: {len(file['names'])} chains")


def sequences(name):
    """The chains as FASTA, and a sequence encoder that learns from them alone."""
    with h5py.File(DATA) as file:
        residues, offsets = file["residues/sequence"][()].tobytes().decode(), file["offsets"][()]
        fasta = "".join(f">{chain.decode()}\n{residues[begin:end]}\n" for chain, begin, end in
                        zip(file["names"], offsets[:-1], offsets[1:]))
    source, target = PLACE / f"{name}.fasta", PLACE / f"{name}.h5"
    source.parent.mkdir(exist_ok=True)
    source.write_text(fasta)
    run(2, SOURCES / f"input/{name}.deck", f"prepare.sources={source}", f"prepare.dataset={target}")
    train("mlm", *OF_RESIDUES, data=target, into="mlm_of_sequences")


def predicted(name):
    """An archive of models of pLDDT 60, 63, ..., of which the filter leaves the better ones."""
    PLACE.mkdir(exist_ok=True)
    files = sorted((DATA.parent / "structures").glob("*.cif"))[:12]
    with tarfile.open(PLACE / "proteome.tar", "w") as archive:
        for i, file in enumerate(files):
            model = PLACE / f"AF-P{i:05}-F1-model_v4.cif"
            model.write_text(as_predicted(file.read_text(), lambda number: 60 + 3 * i))
            archive.add(model, model.name)
    target = PLACE / f"{name}.h5"
    run(2, SOURCES / f"input/{name}.deck", f"prepare.sources={PLACE / 'proteome.tar'}",
        f"prepare.dataset={target}")
    with h5py.File(target) as file:
        confidence = file["residues/confidence"][:]
        expect(len(file["names"]) == 8 and file["names"][0] == b"AF-P00004-F1-model_v4",
               f"{name}: {file['names'][:]}")
        expect({round(float(value), 4) for value in confidence[confidence > 0]} ==
               {round(0.6 + 0.03 * i, 4) for i in range(4, 12)}, f"{name}: {set(confidence)}")


def imported(name):
    """Both encoders in files as they are published, but of the small shapes of golden files."""
    PLACE.mkdir(exist_ok=True)
    golden = SOURCES / "tests/data/golden"
    esm2, if1 = (foreign.encoder_of(foreign.golden_tensors(golden / file))
                 for file in ("A_esm2_tiny.h5", "C_gvpt_tiny.h5"))
    weights = {}
    for group, content in (("sequence", foreign.fair_esm(esm2, 4)),
                           ("structure", foreign.inverse_folding(if1, 4, 10))):
        source = foreign.write_torch(PLACE / f"{group}.pt", content)
        weights[group] = source.with_suffix(".h5")
        subprocess.run([sys.executable, SOURCES / "utilities/import_weights.py", source, "-o",
                        weights[group]], check=True)
    train(name, *VALIDATION, *(f"{group}.weights={path}" for group, path in weights.items()),
          "sequence.heads=4", "sequence.frozen_layers=1", "structure.frozen_layers=3",
          "structure.node_scalars=32", "structure.node_vectors=8", "structure.edge_scalars=16",
          "structure.neighbours=10", "structure.layers=2", "structure.heads=4")


def evaluate(name, checkpoint):
    folder = PLACE / f"{name}_results"
    run(2, SOURCES / f"input/{name}.deck", f"data.dataset={DATA}", "evaluate.split=validation",
        f"evaluate.checkpoint={PLACE / checkpoint}", "evaluate.equal_length=40",
        "evaluate.bootstrap=20", f"evaluate.output={folder}")
    expect((folder / "evaluation.json").exists(), f"{name}: no results")


def frozen(name):
    """It continues the quickstart's run, to twice its steps; without it, it is refused."""
    start = ["sequence.frozen_layers=1", "structure.frozen_layers=1",
             f"checkpoint.restart_file={PLACE / 'quickstart/best.h5'}"]
    train(name, *VALIDATION, *start, steps=2 * STEPS)
    result = run(1, SOURCES / f"input/{name}.deck", *TRAINING, f"data.dataset={DATA}",
                 f"run.output={PLACE / 'refused'}", "run.seed=8", *start, code=DECK)
    expect("seed" in result.err, result.text)


WAYS = {
    "quickstart_prepare": prepare,
    "quickstart": lambda name: train(name, *VALIDATION),
    "quickstart_evaluate": lambda name: evaluate(name, "quickstart/best.h5"),
    "train_frozen": frozen,
    "prepare": prepare,
    "prepare_sequences": sequences,
    "prepare_predicted": predicted,
    "train_imported": imported,
    "train_laptop": lambda name: train(name, *VALIDATION),
    "evaluate_test": lambda name: evaluate(name, "train_laptop/best.h5"),
    "train_node": lambda name: train(name, *VALIDATION),
    "train_nodes": lambda name: train(name, *VALIDATION),
    "step_8M": lambda name: train(name, f"data.chains={CHAINS}"),
    **dict.fromkeys(("siglip", "vicreg", "distance", "clip_mlm", "crops", "classes"),
                    lambda name: train(name, *VALIDATION)),
    **dict.fromkeys(("mlm", "causal"), lambda name: train(name, *OF_RESIDUES)),
    "bench_8M": benchmark,
    "bench_35M": benchmark,
    "bench_150M": benchmark,
}
found = {path.stem for path in (SOURCES / "input").glob("*.deck")}
expect(found == WAYS.keys(), f"no way to run, or no such deck: {sorted(found ^ WAYS.keys())}")
for name, way in WAYS.items():
    way(name)
    say(name)
