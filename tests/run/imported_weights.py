# Weights from outside: files of fair-esm, HuggingFace and the Python program JESPR become initial
# weights, tensor for tensor and bit for bit, and give the recorded embeddings; checkpoints do, too;
# what is damaged or of another model is refused; and the way back.
# labels: mpi
# processors: 2
# timeout: 600
import os
import pathlib
import re
import shutil
import subprocess
import sys
import zipfile

import h5py
import numpy as np

SOURCE_DIR = pathlib.Path(os.environ["JESPR_SOURCE_DIR"])
sys.path[:0] = [str(SOURCE_DIR / "tests/support"), str(SOURCE_DIR / "utilities")]
import foreign_weights as foreign
import import_weights
from jespr_runs import (DATA, Run, dataset, difference, expect, run, say, state, write_deck)
from weight_files import FORM_KEY, Tensor, add_dataset, write_safetensors

GOLDEN = SOURCE_DIR / "tests/data/golden"
UTILITIES = SOURCE_DIR / "utilities"
HEADS, NEIGHBOURS = 4, 10
# The shapes of the golden files A, C and E.
SHAPES = {"sequence.layers": 2, "sequence.width": 32, "sequence.heads": HEADS,
          "sequence.dropout": 0.0, "structure.node_scalars": 32, "structure.node_vectors": 8,
          "structure.edge_scalars": 16, "structure.graph_layers": 2, "structure.layers": 2,
          "structure.neighbours": NEIGHBOURS, "structure.width": 32, "structure.heads": HEADS,
          "structure.feed_forward": 64, "structure.mode": "reference", "structure.dropout": 0.0,
          "joint.width": 16}
# Steps that change no bit of a weight: a rate below half the last place of any of them.
STILL = {"optim.lr_peak": 1e-30, "optim.weight_decay": 0.0, "optim.warmup_steps": 0,
         "optim.steps": 2, "checkpoint.every": 2, "validate.every": 0, "batch.shards": 2}


def script(name, *arguments, code=0):
    done = subprocess.run([sys.executable, UTILITIES / f"{name}.py", *map(str, arguments)],
                          capture_output=True, text=True)
    expect(done.returncode == code, f"{name} {arguments}: exit code {done.returncode}, expected "
           f"{code}\n{done.stdout}{done.stderr}")
    expect("Traceback" not in done.stderr, done.stderr)
    return done.stdout + done.stderr


def imported(source):
    """The HDF5 file of a foreign one."""
    target = source.with_suffix(".h5")
    target.unlink(missing_ok=True)
    text = script("import_weights", source, "-o", target)
    expect("weights = '" in text, text)
    return target


def refused(source, *words):
    target = source.with_suffix(".h5")
    target.unlink(missing_ok=True)
    text = script("import_weights", source, "-o", target, code=1)
    expect(len(text.splitlines()) == 1 and all(word in text for word in words),
           f"expected {words} in one line\n{text}")
    expect(not target.exists() and not list(target.parent.glob("*.part")), f"{target} was made")


def expect_held(checkpoint, tensors, prefix):
    """The checkpoint's parameters are these, bit for bit."""
    found = state(checkpoint)
    for name, array in tensors.items():
        held = found[f"parameters/{prefix}{name}"]
        expect(held.tobytes() == np.ascontiguousarray(array).tobytes(),
               f"{checkpoint}: {prefix}{name} is not what the file holds")


here = pathlib.Path("files").resolve()
here.mkdir(exist_ok=True)
for old in here.iterdir():
    old.unlink()
of_a = foreign.encoder_of(foreign.golden_tensors(GOLDEN / "A_esm2_tiny.h5"))
of_c = foreign.encoder_of(foreign.golden_tensors(GOLDEN / "C_gvpt_tiny.h5"))

# ---- fair-esm: ESM-2 with its residue predictor, and ESM-IF1, on two ranks and on one

esm2 = imported(foreign.write_torch(here / "esm2.pt", foreign.fair_esm(of_a, HEADS)))
if1 = imported(foreign.write_torch(here / "if1.pt",
                                   foreign.inverse_folding(of_c, HEADS, NEIGHBOURS)))
both = SHAPES | STILL | {"sequence.weights": esm2, "structure.weights": if1,
                         "loss.mlm_weight": 0.5}
one, two = Run("one_rank", both), Run("two_ranks", both)
one.run(1)
out = two.run(2).out
for job in (one, two):
    expect_held(job.checkpoint(2), of_a, "seq_encoder.")
    expect_held(job.checkpoint(2), of_c, "struct_encoder.")
    expect_held(job.checkpoint(2), foreign.language_head(32), "seq_encoder.lm_head.")
found = difference(state(one.checkpoint(2)), state(two.checkpoint(2)))
expect(not found, f"one rank and two: {found}")
expect(f"&sequence: {len(of_a) + 5} tensors from {esm2} (esm2.pt, sha256 " in out and
       f"&structure: {len(of_c)} tensors from {if1} (if1.pt, sha256 " in out, out)
expect("esm2.pt, sha256" in run(0, "info", one.checkpoint(2)).out, "info of the checkpoint")
text = run(0, "info", esm2).out
expect("esm2.pt, sha256" in text and "sequence.heads 4" in text and "[33, 32]" in text, text)
alone = Run("without_predictor", both | {"loss.mlm_weight": 0.0, "structure.mode": "invariant"})
out = alone.run(1).out
expect("of it not used: seq_encoder.lm_head.bias, " in out and "another &structure mode" in out,
       out)
say("fair-esm: every tensor has arrived")

# ---- HuggingFace: in three precisions, in one file and in two; the names of the 8M model

names = foreign.huggingface(of_a, HEADS)
cut = {"F32": lambda a: a, "F16": lambda a: a.astype(np.float16).astype(np.float32),
       "BF16": lambda a: (a.view(np.uint32) & 0xffff0000).view(np.float32)}
for kind, rounded in cut.items():
    path = imported(foreign.write_safetensors(here / f"model_{kind}.safetensors", names, kind))
    held = state(path)
    expect(len(held) == len(of_a) + 5 + 2, f"{len(held)} datasets")
    for name, array in of_a.items():
        expect(np.array_equal(held["parameters/seq_encoder." + name], rounded(array)), (kind, name))
    expect(held["form/sequence.heads"][0] == HEADS, "heads")
items = sorted(names.items())
for part, some in (("1", items[::2]), ("2", items[1::2])):
    foreign.write_safetensors(here / f"part-{part}.safetensors", dict(some))
(here / "parts.safetensors.index.json").write_text(
    '{"weight_map": {%s}}' % ", ".join(f'"{name}": "part-{1 + i % 2}.safetensors"'
                                       for i, (name, _) in enumerate(items)))
script("import_weights", here / "parts.safetensors.index.json", "-o", here / "parts.h5")
found = difference(state(here / "parts.h5"), state(here / "model_F32.h5"))
expect(not found, f"in two files: {found}")
of_b = foreign.encoder_of(foreign.golden_tensors(GOLDEN / "B_esm2_8M.h5"))
eight = imported(foreign.write_safetensors(here / "eight.safetensors",
                                           foreign.huggingface(of_b, 20)))
large = Run("eight_million", SHAPES | STILL | {
    "sequence.preset": "esm2_t6_8M", "sequence.weights": eight} |
    {"sequence.layers": 6, "sequence.width": 320, "sequence.heads": 20, "optim.steps": 1,
     "checkpoint.every": 1, "batch.proteins": 4})
large.run(1)
expect_held(large.checkpoint(1), of_b, "seq_encoder.")
say("HuggingFace: every tensor has arrived")

# ---- The Python program JESPR: both encoders and heads give the recorded embeddings

GOLDEN_E = GOLDEN / "E_joint_step.h5"


def write_dataset(path):
    """The pairs of golden file E as a dataset: no rounding of coordinates or confidences."""
    with h5py.File(GOLDEN_E) as golden, h5py.File(path, "w") as file:
        sequences = [text.replace("<mask>", "X") for text in golden["inputs/sequences"].asstr()[:]]
        raw = golden["inputs/raw"]
        coordinates = [raw[f"coords_{i}"][:] for i in range(len(sequences))]
        there = [np.isfinite(c).all(axis=(1, 2)) for c in coordinates]
        confidence = [np.where(t, raw[f"confidence_{i}"][:] if f"confidence_{i}" in raw else 1, 0)
                      for i, t in enumerate(there)]
        n, residues = len(sequences), np.concatenate(coordinates)
        residues[~np.isfinite(residues)] = np.nan
        file.attrs["format"], file.attrs["version"] = np.bytes_("jespr dataset"), np.int64(1)
        for name, array in {
                "offsets": np.cumsum([0, *map(len, sequences)]).astype(np.int64),
                "names": np.array([f"pair{i}".encode() for i in range(n)]),
                "chain_id": np.array([b"A"] * n), "split": np.zeros(n, np.int8),
                "cluster": np.arange(n, dtype=np.int32), "source": np.zeros(n, np.int64),
                "resolution": np.full(n, np.nan, np.float32),
                "residues/sequence": np.frombuffer("".join(sequences).encode(), np.uint8),
                "residues/number": np.arange(len(residues), dtype=np.int32),
                "residues/insertion_code": np.full(len(residues), ord(" "), np.uint8),
                "residues/coordinates": residues.astype(np.float32),
                "residues/confidence": np.concatenate(confidence).astype(np.float32),
                "residues/b_factor": np.full(len(residues), np.nan, np.float32),
                "sources/title": np.array([b"golden"]), "sources/sha256": np.array([b"0" * 64]),
                "deck": "none"}.items():
            add_dataset(file, name, array)


pairs = here / "pairs.h5"
write_dataset(pairs)
of_e = foreign.golden_tensors(GOLDEN_E)
expect(set(name.split(".")[0] for name in of_e) == {"seq_encoder", "struct_encoder", "logit_scale"},
       "names of E")
whole = imported(foreign.write_torch(here / "jespr.ckpt", {"state_dict": of_e}))
everything = SHAPES | STILL | {f"{group}.weights": whole for group in ("sequence", "structure",
                                                                       "joint")}
everything |= {"data.dataset": pairs, "data.max_length": 100, "batch.proteins": 6,
               "data.independent_crops": False, "batch.masked_fraction": 0.0,
               "structure.coordinate_noise": 0.0, "joint.dropout": 0.0}
for pooling in ("bos", "mean"):
    job = Run(f"pooled_{pooling}", everything | {"sequence.pooling": pooling,
                                                 "structure.pooling": pooling})
    job.run(1)
    expect_held(job.checkpoint(2), {name: np.atleast_1d(array) for name, array in of_e.items()}, "")
    deck = write_deck(job.folder / "evaluate.deck", {
        "run": {"task": "evaluate"}, "data": {"dataset": pairs},
        "evaluate": {"checkpoint": job.checkpoint(2), "split": "train", "recall": [1],
                     "bootstrap": 0, "equal_length": 0, "pooled_rows": True,
                     "output": job.folder / "found"}})
    run(1, deck)
    with h5py.File(job.folder / "found/evaluation.h5") as file, h5py.File(GOLDEN_E) as golden:
        expect(file["whole/chains"].asstr()[:].tolist() == [f"pair{i}" for i in range(6)], "order")
        for modality, short in (("sequence", "seq"), ("structure", "struct")):
            for kind, name in (("", "embedding"), ("_pooled", "pooled")):
                trained = file[f"whole/trained/{modality}{kind}"][:]
                expect(np.array_equal(trained, file[f"whole/untrained/{modality}{kind}"][:]),
                       "the untrained model is not the imported one")
                exact, single = (golden[f"{precision}/{pooling}/{short}/{pooling}/{name}"][:]
                                 for precision in ("f64", "f32"))
                for i in range(6):
                    if modality == "sequence" and i == 4:
                        continue  # the recorded one has a <mask>
                    error, own = (np.linalg.norm(x[i] - exact[i]) / np.linalg.norm(exact[i])
                                  for x in (trained, single))
                    expect(error <= max(10 * own, 4 * 2.0 ** -24), f"{pooling} {modality} {name} "
                           f"{i}: error {error:.2g}, the reference's own is {own:.2g}")
say("the recorded embeddings")

# ---- Checkpoints of another run; a restart asks for no file; evaluation says what it lacks

source = Run("source", SHAPES | {"optim.steps": 4, "checkpoint.every": 4, "validate.every": 0})
source.run(2)
from_run = SHAPES | STILL | {f"{group}.weights": here / "model.h5"
                             for group in ("sequence", "structure", "joint")} | {"run.seed": 12}
(here / "model.h5").write_bytes(source.checkpoint(4).read_bytes())
second = Run("second", from_run | {"optim.ema_decay": 0.5})
out = second.run(1).out
expect("(checkpoint after step 4)" in out, out)
wanted = {name: array for name, array in state(source.checkpoint(4)).items()
          if name.startswith("parameters/")}
found = state(second.checkpoint(2))
for group in ("parameters/", "average/"):
    expect(not difference(wanted, {name.replace(group, "parameters/"): array for name, array in
                                   found.items() if name.startswith(group)}), group)
other = Run("other_loss", from_run | {"loss.kind": "siglip", "run.precision": "f64",
                                      "optim.steps": 1, "checkpoint.every": 1})
out = other.run(1).out  # f32 widens exactly; a bias of logits is new
expect("not in it, drawn by seed: logit_bias" in out, out)
found = state(other.checkpoint(1))
for name, array in wanted.items():
    expect(name == "parameters/logit_scale" or np.array_equal(found[name], array.astype(float)),
           f"{name} in an f64 run")
(here / "model.h5").rename(here / "elsewhere.h5")
deck = write_deck(second.folder / "evaluate.deck", {
    "run": {"task": "evaluate"}, "data": {"dataset": dataset()},
    "evaluate": {"checkpoint": second.checkpoint(2), "recall": [1], "bootstrap": 0,
                 "equal_length": 0, "output": second.folder / "found"}})
result = run(1, deck, code=DATA)
expect("no such file" in result.err and "&evaluate untrained = .false." in result.err, result.text)
run(1, deck, "evaluate.untrained=.false.")
second.run(1, "checkpoint.restart=auto", "optim.steps=3")
expect("checkpoint after step 4" in run(0, "info", second.checkpoint(3)).out,
       "a restart forgets where the weights came from")
say("checkpoints as initial weights")

# ---- And back

for arguments, name in (((), "out"), (("--all",), "all"), (("--averaged",), "averaged")):
    folder = here.parent / f"exported_{name}"
    shutil.rmtree(folder, ignore_errors=True)  # export_weights makes it
    target = folder / "model.safetensors"
    script("export_weights", second.checkpoint(2), "-o", target, "--overwrite", *arguments)
    back = imported(target)
    held = state(back)
    held = {key: value for key, value in held.items() if key.startswith("parameters/")}
    kept = wanted if name == "all" else {
        key: value for key, value in wanted.items()
        if key.startswith("parameters/seq_encoder.") and "joint_" not in key and "_ln." not in key}
    expect(not difference(kept, held), f"exported {name}: {difference(kept, held)}")
    expect((folder / "config.json").exists() == (name != "all"), "config.json")
expect("average" in script("export_weights", one.checkpoint(2), "--averaged", "-o", here / "x",
                           code=1), "no averages to export")
say("exported and imported again")

# ---- A model with everything that can be learned, to HuggingFace and back by --all: what the
# importer suggests for the deck describes it.

rich = Run("rich", STILL | {
    "classes.label": "cath", "loss.kind": "siglip", "loss.mlm_weight": 0.5,
    "batch.masked_fraction": 0.0, "sequence.pooling": "attention", "sequence.pooled_layers": 2,
    "sequence.layer_weights": "learned", "structure.pooling": "mean"})
rich.run(1)
text = script("export_weights", rich.checkpoint(2), "-o", rich.folder / "model.safetensors")
for words in ("seq_encoder.layer_weights (1)", "last_hidden_state", "attention_pooling (1)",
              "struct_encoder.*", "--all"):
    expect(words in text, f"'{words}' is not in\n{text}")
script("export_weights", rich.checkpoint(2), "-o", here / "rich.safetensors", "--all")
text = script("import_weights", here / "rich.safetensors", "-o", here / "rich.h5")
wanted, found = ({name: array for name, array in state(path).items()
                  if name.startswith(("parameters/", "form/"))}
                 for path in (rich.checkpoint(2), here / "rich.h5"))
expect("parameters/class_heads.1.bias" in wanted and not difference(wanted, found),
       f"there and back: {difference(wanted, found)}")
lines = re.findall("in the deck: (.*)", text)
expect(len(lines) == 3 and "mode = 'invariant'" in text and "class heads" in text, text)
fits = Run("as_suggested", STILL | {
    "loss.kind": "siglip", "loss.mlm_weight": 0.5, "batch.masked_fraction": 0.0})
own = re.sub(r"&(sequence|structure|joint)\n.*?\n/\n", "", fits.deck.read_text(), flags=re.S)
fits.deck.write_text(own + "".join(line + "\n" for line in lines))
out = fits.run(1).text
expect("drawn by seed" not in out and "not used" not in out and "warning" not in out, out)
found = state(fits.checkpoint(2))
for name, array in wanted.items():  # zeros of before are no longer zero after two steps of 1e-30
    expect("class_heads" in name or np.allclose(found[name], array, rtol=0, atol=1e-20), name)
released = {tensor: Tensor((import_weights.ESM_IF1[size], 1), "<f4", None)
            for size, tensor in import_weights.STRUCTURE_SIZES.items()}
suggested = import_weights.structure_encoder(released, {}, here).deck
expect(suggested[0].startswith("&structure preset = 'esm_if1', mode = 'reference', "), suggested)
say("what the importer suggests fits")

# ---- What the importer refuses


class Harmful:
    """A pickle that would run a command."""

    def __reduce__(self):
        return os.system, (f"touch {here / 'harmed'}",)


good = (here / "esm2.pt").read_bytes()
refused(foreign.write_torch(here / "harmful.pt", {"model": of_a, "extra": Harmful()}),
        "posix.system", "refused")
expect(not (here / "harmed").exists(), "a pickle's command was run")
(here / "cut.pt").write_bytes(good[:len(good) // 2])
refused(here / "cut.pt", "no zip archive")
flipped = bytearray(good)
with zipfile.ZipFile(here / "esm2.pt") as archive:
    place = archive.getinfo("archive/data/3").header_offset + 200
flipped[place] ^= 0x10
(here / "flipped.pt").write_bytes(flipped)
refused(here / "flipped.pt", "member data/3", "damaged")
model = foreign.write_safetensors(here / "short.safetensors", names).read_bytes()
(here / "short.safetensors").write_bytes(model[:-100])
refused(here / "short.safetensors", "the file is cut")
(here / "prose.safetensors").write_text("Once upon a time there was a protein.")
refused(here / "prose.safetensors", "no safetensors file")
refused(here / "nothing.pt", "No such file")
write_safetensors(here / "told.safetensors", of_e, {FORM_KEY: '{"sequence.heads": "many"}'})
refused(here / "told.safetensors", FORM_KEY, "whole numbers")
(here / "config.json").write_text("[]")
refused(foreign.write_safetensors(here / "no_options.safetensors", names), "config.json", "options")
(here / "config.json").unlink()
for change, words in (
        ({"lm_head.decoder.weight": names["lm_head.decoder.weight"] + 1}, ("is not embed_tokens",)),
        ({"esm.encoder.layer.0.attention.self.rotary_embeddings.inv_freq":
          np.ones(4, np.float32)}, ("rotary",)),
        ({"esm.embeddings.layer_norm.weight": np.ones(32, np.float32)}, ("before ESM-2",)),
        ({"esm.encoder.layer.0.adapter.weight": np.ones(3, np.float32)}, ("adapter", "no tensor")),
        ({"transformer.wte.weight": np.ones(3, np.float32)}, ("wte", "no tensor"))):
    refused(foreign.write_safetensors(here / "strange.safetensors", names | change), *words)
text = script("import_weights", here / "esm2.pt", "-o", esm2, code=1)
expect("is there already" in text, text)
say("foreign files that are refused")

# ---- What the program refuses


def fails(name, changes, *words, code=DATA, ranks=2):
    result = Run("refused_" + name, both | {"loss.mlm_weight": 0.0} | changes).run(ranks, code=code)
    expect(all(word in result.err for word in words), f"expected {words}\n{result.text}")


def changed(name, change):
    """A copy of the imported weights, changed by `change(file)`."""
    path = here / f"{name}.h5"
    path.write_bytes(esm2.read_bytes())
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def replace(file, name, array):
    del file[name]
    add_dataset(file, name, array)


TABLE = "state/parameters/seq_encoder.embed_tokens.weight"
fails("nothing", {"sequence.weights": here / "nothing.h5"}, "&sequence weights", "no such file")
fails("pickle", {"sequence.weights": here / "esm2.pt"}, "not an HDF5 file", "import_weights.py")
fails("dataset", {"sequence.weights": pairs}, "neither a checkpoint")
fails("width", {"sequence.width": 64}, "embed_tokens.weight is float32 [33, 32], expected",
      "[33, 64]", "&sequence preset")
fails("few", {"sequence.layers": 3}, "layers.2.", "is missing", "more of the kind")
fails("many", {"sequence.layers": 1}, "layers.1.", "belongs to nothing")
fails("heads", {"sequence.heads": 2}, "&sequence heads = 4, the deck has 2")
fails("other", {"structure.weights": esm2}, "holds no weights for &structure weights")
flipped = bytearray(esm2.read_bytes())
with h5py.File(esm2) as file:
    flipped[file[TABLE].id.get_offset() + 40] ^= 4
(here / "flipped.h5").write_bytes(flipped)
fails("flipped", {"sequence.weights": here / "flipped.h5"}, "embed_tokens", "the file is damaged")
fails("integers", {"sequence.weights": changed("integers", lambda file: replace(
    file, TABLE, np.ones((33, 32), np.int64)))}, "is int64 [33, 32], expected real numbers")
endless = of_a["embed_tokens.weight"].copy()
endless[3, 3] = np.inf
fails("infinite", {"sequence.weights": changed("infinite", lambda file: replace(
    file, TABLE, endless))}, "1 of 1056 numbers are not finite")
expect(re.search("only|task", run(0, "--check", SOURCE_DIR / "input/bench_8M.deck",
                                  "sequence.weights=a.h5", code=2).err), "a key of training alone")
say("weights that are refused")
