# What a restart continues from, and what it never destroys: damaged checkpoints are set aside,
# sound ones survive, a folder's results are not lost, and another model is refused.
# labels: mpi
# processors: 2
# timeout: 600
import os
import re
import shutil
import sys

sys.path.insert(0, os.path.join(os.environ["JESPR_SOURCE_DIR"], "tests/support"))
from jespr_runs import (DATA, DECK, Run, dataset, datasets, difference, expect, history, run, say,
                        state)


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def refused(job, *overrides, code, may_change=()):
    """The result of a start that is refused and has changed no file but those named."""
    before = files(job.output)
    result = job.run(1, *overrides, code=code)
    after = files(job.output)
    changed = [name for name in before | after if before.get(name) != after.get(name)]
    expect(set(changed) <= set(may_change), f"changed though the start was refused: {changed}")
    return result


def damage(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


model = {"optim.steps": 6, "checkpoint.every": 2, "checkpoint.keep": 3, "validate.every": 0}
whole = Run("whole", model)
whole.run(2)

# Two damaged checkpoints are newer than the sound one, and only one is to be kept.
damaged = Run("damaged", model)
damaged.run(1)
for step in (4, 6):
    damage(damaged.checkpoint(step))
result = damaged.run(2, "checkpoint.restart=auto", "checkpoint.keep=1", "checkpoint.every=1")
expect("step_000006.h5" in result.out and "passed over" in result.out, result.text)
expect(damaged.checkpoints() == ["step_000006.h5"], damaged.checkpoints())
expect({"step_000004.h5.damaged", "step_000006.h5.damaged"} <= set(files(damaged.output)),
       f"the damaged ones are gone: {sorted(files(damaged.output))}")
expect(not difference(state(damaged.checkpoint(6)), state(whole.checkpoint(6))),
       "not the bits of the run that was not damaged")
log = (damaged.output / "log.txt").read_text()
expect("step_000006.h5" in log[log.index("digest"):log.index("passed over") + 400],
       "the log does not name the damaged file")
say("damaged checkpoints are set aside")

# All damaged: nothing is touched.
for path in list(damaged.output.glob("step_*.h5")):
    damage(path)
result = refused(damaged, "checkpoint.restart=auto", code=DATA)
expect("none of its checkpoints is sound" in result.err, result.text)

# A folder with checkpoints but without a history still holds results.
bare = Run("bare", model)
bare.run(1)
for name in ("history.csv", "history.h5", "validation.csv", "log.txt"):
    (bare.output / name).unlink(missing_ok=True)
result = refused(bare, "run.seed=99", code=DECK)
expect("results of an earlier run" in result.err, result.text)

# Results without a checkpoint are kept under other names, all of them.
early = Run("early", model | {"run.statistics_every": 2, "validate.every": 3})
twin = shutil.copy(dataset(), early.folder / "twin.h5")
early.run(1, f"validate.datasets={twin}")
for path in early.output.glob("*.h5"):
    path.unlink()
RESULTS = ("history.csv", "statistics.csv", "validation.csv", "validation_twin.csv",
           "worst_pairs.tsv", "worst_pairs_twin.tsv")
before = files(early.output)
result = early.run(1, "checkpoint.restart=auto", "optim.lr_peak=1e-3")
after = files(early.output)
for name in RESULTS:
    expect(after.get(f"{name}.old") == before[name], f"the old {name} is lost")
    expect(f"{name}.old" in result.out, result.text)

# Each of them alone is a result that a new run does not overwrite.
for name in RESULTS:
    alone = Run("alone", model)
    alone.output.mkdir()
    (alone.output / name).write_bytes(before[name])
    result = refused(alone, code=DECK)
    expect(f"{name}: results of an earlier run" in result.err, result.text)
say("results are kept")

# Tables that a full disk cut short: their rows come from history.h5, or are said to be lost.
cut = Run("cut", model | {"validate.every": 2})
cut.run(1)
wanted = {name: (cut.output / name).read_text() for name in ("history.csv", "validation.csv")}
for name, kept in (("history.csv", wanted["history.csv"].index("\n4,") + 9),
                   ("validation.csv", 12)):  # within the names of its columns
    (cut.output / name).write_text(wanted[name][:kept])
result = cut.run(1, "checkpoint.restart=auto", "optim.steps=7")
for words in ("history.csv was cut short: it has 3 of 6 rows up to step 6",
              "validation.csv was cut short: it has 0 of 3 rows up to step 6"):
    expect(words in result.out, result.text)
for name, text in wanted.items():
    expect((cut.output / name).read_text().startswith(text), f"{name}: earlier rows are lost")
# One that was moved away, as the refusal of other columns advises, goes on with those it has.
fewer = ("checkpoint.restart=auto", "optim.steps=8", "validate.recall=1")
result = cut.run(1, *fewer, code=DECK)
expect("move the file away: the rows then come from history.h5" in result.err, result.text)
(cut.output / "validation.csv").unlink()
result = cut.run(1, *fewer)
expect("validation.csv is missing: its 4 rows up to step 7 are taken from" in result.out
       and "cut short" not in result.out, result.text)
rows = history(cut.output, "validation.csv")
expect([row["step"] for row in rows] == ["2", "4", "6", "7", "8"] and "recall_5" not in rows[0],
       f"{rows}")
(cut.output / "validation.csv").unlink()
(cut.output / "history.h5").unlink()
(cut.output / "history.csv").write_text("".join(wanted["history.csv"].splitlines(True)[:4]))
result = cut.run(1, "checkpoint.restart=auto", "optim.steps=9")
expect("history.csv was cut short: its rows end at step 3, the run goes on after step 8"
       in result.out, result.text)
expect([int(row["step"]) for row in history(cut.output)] == [1, 2, 3, 9], "history")
say("tables cut short")

# restart = 'file' goes on from the newest checkpoint only, or into a folder without results.
result = refused(whole, "checkpoint.restart=file", "optim.steps=8",
                 f"checkpoint.restart_file={whole.checkpoint(2)}", code=DECK)
expect("would be overwritten" in result.err and "step_000006.h5" in result.err, result.text)
copy = shutil.copy(whole.checkpoint(4), whole.folder / "elsewhere.h5")
refused(whole, "checkpoint.restart=file", f"checkpoint.restart_file={copy}", code=DECK)
whole.run(2, "checkpoint.restart=file", "optim.steps=8",
          f"checkpoint.restart_file={whole.checkpoint(6)}")
expect([int(row["step"]) for row in history(whole.output)] == list(range(1, 9)), "history")
say("a named file loses nothing")

# Another function of the same tensors is another model.
for key, value in (("structure.mode", "reference"), ("structure.heads", 4),
                   ("structure.neighbours", 5), ("structure.pooling", "bos"),
                   ("loss.kind", "siglip"), ("sequence.pooling", "attention"),
                   ("sequence.heads", 1), ("sequence.pooling", "bos"), ("sequence.layers", 1),
                   ("run.precision", "bf16"), ("run.seed", 5), ("batch.shards", 2),
                   ("batch.proteins", 8)):
    result = refused(whole, "checkpoint.restart=auto", "optim.steps=9", f"{key}={value}",
                     code=DECK, may_change=["log.txt"])
    expect(key.split(".")[1] in result.err and "computed with" in result.err, result.text)
stored = datasets(whole.checkpoint(8), "/state/form")
expect(stored["structure.mode"][0] == 1 and stored["sequence.heads"][0] == 2, f"form: {stored}")
say("another model is refused")

# Another dataset: the same chains, one coordinate moved by an Angstrom.
structures = whole.folder / "moved"
shutil.copytree(dataset().parent / "structures", structures, dirs_exist_ok=True)
file = min(structures.iterdir())
file.write_text(re.sub(r"\d+\.\d{3}", lambda number: f"{float(number[0]) + 1:.3f}",
                       file.read_text(), count=1))
moved = whole.folder / "moved.h5"
run(1, dataset().parent / "prepare.deck", f"prepare.sources={structures}",
    f"prepare.dataset={moved}")
result = refused(whole, "checkpoint.restart=auto", "optim.steps=9", f"data.dataset={moved}",
                 code=DATA, may_change=["log.txt"])
expect("not the dataset" in result.err and "coordinates" in result.err, result.text)
result = refused(whole, "checkpoint.restart=auto", "optim.steps=9", "validate.recall=1,2",
                 code=DECK, may_change=["log.txt"])
expect("validation.csv" in result.err and "'recall_5' where this run has 'recall_2'" in result.err,
       result.text)
say("another dataset is refused")

# A run that is complete takes no step: what its steps used stays on record.
processed = (whole.output / "deck.processed").read_bytes()
whole.run(1, "checkpoint.restart=auto", "optim.steps=8", "optim.lr_peak=0.5")
expect((whole.output / "deck.processed").read_bytes() == processed, "deck.processed has changed")

# What a killed run left half-written goes; other files stay.
for name in ("step_000099.h5.part", "best.h5.part", "mine.part"):
    (whole.output / name).write_text("half")
whole.run(1, "checkpoint.restart=auto", "optim.steps=8")
expect(whole.unfinished() == ["mine.part"], f"left: {whole.unfinished()}")
