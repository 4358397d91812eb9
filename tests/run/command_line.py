# The program as its user meets it: help, template, check, info, version, and what it refuses.
# labels: quick
# processors: 1
# timeout: 300
import os
import pathlib
import re
import shutil
import sys

sys.path.insert(0, os.path.join(os.environ["JESPR_SOURCE_DIR"], "tests/support"))
import h5py

from jespr_runs import DATA, DECK, OK, SOURCES, Run, dataset, expect, run, say

TASKS = ["train", "evaluate", "prepare"]


def refused(*arguments, words, code=DECK):
    """One line on standard error with these words, nothing on standard output."""
    result = run(0, *arguments, code=code)
    expect(all(word in result.err for word in words) and not result.out,
           f"expected {words} on standard error alone\n{result.text}")
    return result


# ---- What it tells of itself
version = run(0, "--version").out
for word in ("JESPR", "Kokkos", "MPI", "HDF5", "git"):
    expect(word in version, f"--version lacks {word}:\n{version}")
usage = run(0, "--help").out
expect("exit codes" in usage and "--dry-run" in usage, usage)
groups = re.findall(r"^ *&(\w+)", usage, re.MULTILINE)
expect({"run", "data", "batch", "sequence", "structure", "joint", "loss", "optim", "validate",
        "checkpoint", "evaluate", "prepare"} <= set(groups), f"--help lists {groups}")
for group in groups:
    text = run(0, "--help", group).out
    expect(group in text and len(text.splitlines()) > 2, f"--help {group}:\n{text}")
expect("lr_peak" in run(0, "--help", "OPTIM").out, "groups are not case-insensitive")
refused("--help", "optin", words=["optin", "optim"])

# ---- A template is a deck that lacks nothing but the user's own names
for task in TASKS:
    text = run(0, "--template", task).out
    deck = pathlib.Path(f"{task}.deck")
    deck.write_text(text)
    expect(re.search(rf"task\s*=\s*'{task}'", text), f"--template {task}:\n{text}")
    result = run(0, "--check", deck, code=None)
    expect(result.code in (OK, DECK) and "no such" not in result.err, result.text)

# Another preset acts in a template as it does in a deck that names nothing else.
PRESETS = ["sequence.preset=esm2_tiny", "structure.preset=gvpt_tiny", "loss.kind=siglip"]
pathlib.Path("bare.deck").write_text("&run task = 'train' /\n&data dataset = 'd.h5' /\n")
for overrides in ([], PRESETS):
    of_template, of_bare = (
        run(0, "--check", deck, "data.dataset=d.h5", "run.output=out", "run.name=same",
            *overrides).out.split("\n! ")[0] for deck in ("train.deck", "bare.deck"))
    expect(of_template == of_bare, f"{overrides}: the template gives\n{of_template}")
    expect(("width = 64" in of_bare) == bool(overrides), of_bare)

refused("--template", "trian", words=["trian", "train"])

# ---- Decks
small = Run("small", {"optim.steps": 2, "checkpoint.every": 1, "validate.every": 2})
result = run(0, "--check", small.deck)
expect("lr_peak" in result.out and "beta2" in result.out and not result.err, result.text)
expect(not small.output.exists(), "--check left results")
result = run(0, "--check", small.deck, "optim.lr_peak=1e-4")
expect(re.search(r"lr_peak\s*=\s*(1e-0?4|0\.0001)", result.out, re.I), result.text)
refused("--check", small.deck, "optim.lr_peek=1e-4", words=["lr_peek", "nearest is lr_peak"])
refused("--check", small.deck, "optin.lr_peak=1e-4", words=["optin", "optim"])
refused("no.deck", words=["no.deck"])
refused(words=["deck"])
refused("--frobnicate", words=["--frobnicate"])
text = small.deck.read_text()
misspelled = small.deck.with_name("misspelled.deck")
misspelled.write_text(text.replace("lr_peak", "lr_peek").replace("clip_norm = 1.0",
                                                                 "clip_norm = 'one'"))
place = [i for i, line in enumerate(text.splitlines(), 1) if "lr_peak" in line][0]
result = refused(misspelled, words=[f":{place}:", "lr_peek", "lr_peak", "clip_norm", "2 mistakes",
                                    "nothing was started"])
expect(not small.output.exists(), "a wrong deck left results")
decks = sorted((SOURCES / "input").glob("*.deck"))
for deck in decks:
    run(0, "--check", deck)
say(f"{len(decks)} shipped decks are sound")

# ---- What only the dataset shows to be wrong
name = h5py.File(dataset())["names"].asstr()[0]
for override, code, word in (
        (f"data.chains={name}x", DATA, f"nearest is '{name}'"),
        ("batch.proteins=1000", DECK, f"{small.deck}: &batch proteins = 1000")):
    result = run(0, small.deck, override, code=code)
    expect(word in result.err, f"expected '{word}'\n{result.text}")

# ---- info on everything that the program writes
small.run(0)
for path, words in [(dataset(), ["120", "train", "validation"]),
                    (small.checkpoint(2), ["step 2", "seed 11", "lr_peak", "parameters"]),
                    (small.output / "best.h5", ["step 2"]),
                    (small.output / "history.h5", ["gradient_norm", "lr_peak"])]:
    result = run(0, "info", path)
    expect(all(word in result.out for word in words), f"{words}\n{result.text}")
    expect(run(0, "--info", path).out == result.out, "--info says something else")
with h5py.File(shutil.copy(small.checkpoint(2), "of_0.1.0.h5"), "a") as old:
    del old["state/form"]  # as the first version wrote checkpoints
expect("step 2" in run(0, "info", "of_0.1.0.h5").out, "info fails on a checkpoint of 0.1.0")
refused("info", "no.h5", words=["no.h5"], code=DATA)
refused("info", small.deck, words=[small.deck.name], code=DATA)
