# Every deck of input/ does what it is for, in a shortened form: a small dataset, a small model, few
# steps; everything else is as the deck says.
# labels: mpi
# processors: 2
# timeout: 300
import os
import pathlib
import shutil
import sys

import h5py

sys.path.insert(0, os.path.join(os.environ["JESPR_SOURCE_DIR"], "tests/support"))
from jespr_runs import DECK, SOURCES, dataset, expect, history, run, say

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
VALIDATION = [f"validate.every={STEPS}", "validate.equal_length=40", "validate.bootstrap=20"]


def train(name, *overrides, steps=STEPS, data=DATA, into=None):
    folder = PLACE / (into or name)
    run(2, SOURCES / f"input/{name}.deck", *TRAINING, f"data.dataset={data}",
        f"run.output={folder}", f"optim.steps={steps}", *overrides)
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
    train("mlm", *VALIDATION, data=target, into="mlm_of_sequences")


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
    "train_laptop": lambda name: train(name, *VALIDATION),
    "evaluate_test": lambda name: evaluate(name, "train_laptop/best.h5"),
    "train_node": lambda name: train(name, *VALIDATION),
    "train_nodes": lambda name: train(name, *VALIDATION),
    "step_8M": lambda name: train(name, f"data.chains={CHAINS}"),
    **dict.fromkeys(("siglip", "vicreg", "distance", "mlm", "causal", "clip_mlm",
                     "crops", "classes"),
                    lambda name: train(name, *VALIDATION)),
    "bench_8M": benchmark,
    "bench_35M": benchmark,
    "bench_150M": benchmark,
}
found = {path.stem for path in (SOURCES / "input").glob("*.deck")}
expect(found == WAYS.keys(), f"no way to run, or no such deck: {sorted(found ^ WAYS.keys())}")
for name, way in WAYS.items():
    way(name)
    say(name)
