# The best model by each metric, and a run that ends early because none gets better.
# labels: mpi
# processors: 2
# timeout: 300
import os
import sys

sys.path.insert(0, os.path.join(os.environ["JESPR_SOURCE_DIR"], "tests/support"))
from jespr_runs import DATA, Run, dataset, expect, history, run, say, state

TRAINING = {"validate.every": 2, "validate.bootstrap": 0, "checkpoint.every": 100,
            "optim.schedule": "constant"}
MERITS = {
    "loss": lambda row: -float(row["loss"]),
    "accuracy": lambda row: (float(row["accuracy_sequence_to_structure"])
                             + float(row["accuracy_structure_to_sequence"])) / 2,
    "recall": lambda row: float(row["recall_5"]),
    "percentile": lambda row: float(row["equal_length_percentile"]),
}

for metric, merit in MERITS.items():
    job = Run(metric, TRAINING | {"optim.steps": 6, "validate.metric": metric})
    job.run(1)
    rows = history(job.output, "validation.csv")
    best = max(rows, key=merit)  # the first of equals, as in the program
    stored = state(job.output / "best.h5")
    expect(stored["best_step"][0] == stored["step"][0] == int(best["step"]),
           f"{metric}: best.h5 is of step {stored['step'][0]}, the best is {best}")
    expect(abs(stored["best_value"][0] - merit(best)) < 1e-15, f"{metric}: {stored['best_value']}")
    expect([row["step"] for row in rows if int(row["best"])][-1] == best["step"], f"{rows}")
say("best by each metric")

# With all rates zero the recall stays what it was: the first validation is the best for ever.
STILL = TRAINING | {"optim.steps": 60, "optim.sequence_rate": 0.0, "optim.structure_rate": 0.0,
                    "optim.head_rate": 1e-30, "validate.metric": "recall", "validate.patience": 3}
still = Run("still", STILL)
result = still.run(2)
expect("the run ends early: 3 validations without a better recall" in result.out
       and "that of step 2" in result.out, result.text)
expect([int(row["step"]) for row in history(still.output)] == list(range(1, 9)), "history")
ended = state(still.checkpoint(8))
expect(ended["validations_without_gain"][0] == 3 and ended["best_step"][0] == 2, f"{ended}")

# It is complete: another start touches nothing. The patience survives a restart.
before = {path: path.stat().st_mtime_ns for path in still.output.glob("*.h5")}
result = still.run(1, "checkpoint.restart=auto")
expect("done: 8 steps" in result.out, result.text)
expect(before == {path: path.stat().st_mtime_ns for path in still.output.glob("*.h5")},
       "a complete run was written again")
best = still.output / "best.h5"
moved = best.rename(still.folder / "archived.h5")
result = still.run(2, "checkpoint.restart=auto")
expect("best.h5 is missing, the model of step 2; validate.patience has ended this run" in result.out
       and "done: 8 steps" in result.out and not best.exists(), result.text)
moved.rename(best)
parts = Run("parts", STILL)
parts.run(2, "optim.steps=4", "validate.patience=0")
parts.run(1, "checkpoint.restart=auto", "optim.steps=60")
expect(parts.checkpoint(8).exists() and not parts.checkpoint(10).exists(), parts.checkpoints())
say("early end")

# More patience goes on; another metric begins anew, and says so.
result = still.run(1, "checkpoint.restart=auto", "validate.patience=4")
expect(state(still.checkpoint(10))["validations_without_gain"][0] == 4, still.checkpoints())
result = still.run(1, "checkpoint.restart=auto", "validate.metric=accuracy", "optim.steps=12")
expect("chosen by recall, from here on by accuracy" in result.text, result.text)
expect(state(still.checkpoint(12))["best_step"][0] == 12, "the search did not begin anew")

# From a named file into another folder the search begins anew, and with it the patience.
branch = Run("branch", STILL)
result = branch.run(2, "checkpoint.restart=file",
                    f"checkpoint.restart_file={still.checkpoint(10)}")
expect("begins anew in" in result.out and "that of step 12" in result.out, result.text)
expect(state(branch.output / "best.h5")["step"][0] == 12 and branch.checkpoint(18).exists(),
       branch.checkpoints())

# What a validation measures decides whether its values can be compared.
search = Run("search", STILL | {"optim.ema_decay": 0.5, "validate.patience": 0})
search.run(1, "optim.steps=2")
now = []
for steps, override, words in (
        (4, "optim.ema_decay=0", "what is validated was averaged weights, is the last weights"),
        (6, "data.max_length=30", "&data max_length was 40, is 30"),
        (8, "validate.recall=1,2", "the last rank of &validate recall was 5, is 2"),
        (10, "validate.metric=percentile", "chosen by recall, from here on by percentile"),
        (12, "validate.equal_length=30", "&validate equal_length was 40, is 30"),
        (14, "validate.bootstrap=10", "")):
    now.append(override)
    if "recall" in override:  # other columns than those of the table
        (search.output / "validation.csv").unlink()
    result = search.run(1, "checkpoint.restart=auto", *now, f"optim.steps={steps}")
    best = state(search.output / "best.h5")["step"][0]
    expect(("begins anew" in result.out) == bool(words) and words in result.out, result.text)
    expect(best == (steps if words else 12), f"{override}: best.h5 is of step {best}")
    expect(("ema_decay" in override) == ("averaged weights of" in result.out), result.text)
expect((search.output / "best.h5.old5").exists(), "a best model of another measure is lost")
say("what cannot be compared")

# A best model that is missing, damaged or another one is noticed.
lost = Run("lost", STILL | {"validate.patience": 0})
lost.run(1, "optim.steps=2")
best = lost.output / "best.h5"
first = best.read_bytes()
for steps, content, words in ((4, None, "best.h5 is missing, the model of step 2"),
                              (6, b"junk", "best.h5.damaged"),
                              (8, first, "best.h5 is of step 2, the best model is that of step 6")):
    best.unlink()
    if content:
        best.write_bytes(content)
    result = lost.run(2, "checkpoint.restart=auto", f"optim.steps={steps}")
    expect(words in result.out and "begins anew" in result.out, result.text)
    expect(state(best)["step"][0] == steps, f"{words}: best.h5 is of {state(best)['step']}")
expect((lost.output / "best.h5.damaged").read_bytes() == b"junk", "the damaged file is lost")
say("lost best models")

# Where nothing is validated the best model stays what it is, and a later search knows its measure.
best = still.output / "best.h5"
before = best.read_bytes()
result = still.run(1, "checkpoint.restart=auto", "validate.every=0", "validate.patience=0",
                   "validate.metric=auto", "data.max_length=30", "optim.steps=13")
expect("begins anew" not in result.out and best.read_bytes() == before, result.text)
result = still.run(2, "checkpoint.restart=auto", "validate.metric=accuracy", "data.max_length=30",
                   "optim.steps=14")
expect("&data max_length was 40, is 30; the search for the best model begins anew" in result.out
       and best.with_name("best.h5.old2").read_bytes() == before, result.text)
say("a search that waits")

# A best model that is newer than the checkpoint is kept if the run comes by it again.
LEARNING = TRAINING | {"optim.steps": 10, "checkpoint.every": 4, "checkpoint.keep": 5,
                       "validate.metric": "loss"}
newer = Run("newer", LEARNING)
newer.run(1)
best, rest = newer.output / "best.h5", newer.checkpoint(4).read_bytes()
before = best.read_bytes()
expect(state(best)["step"][0] == 10, f"the best of ten steps is {state(best)['step']}")
for overrides, words in (
        (["run.log_every=3", "batch.recompute=true", "optim.steps=12", "checkpoint.every=12"], ""),
        (["optim.lr_peak=1e-30"], "&optim lr_peak was 0.002, is 1e-30"),
        (["optim.schedule=cosine"], "&optim schedule was 'constant', is 'cosine'"),
        (["validate.every=3", "optim.steps=11"], "it validates every 3 steps up to step 11"),
        (["validate.patience=5"], "&validate patience was 0, is 5")):
    for path in newer.output.glob("*.h5*"):
        path.unlink()
    newer.checkpoint(4).write_bytes(rest)
    best.write_bytes(before)
    result = newer.run(1, "checkpoint.restart=auto", *overrides)
    expect(("begins anew" in result.out) == bool(words) and words in result.out, result.text)
    old = best.with_name("best.h5.old")
    expect(old.exists() == bool(words) and (not words or old.read_bytes() == before), result.text)
    expect(state(best)["step"][0] in map(int, [row["step"] for row in
                                               history(newer.output, "validation.csv")]), words)
say("best models newer than the checkpoint")

# Too little patience for a plural.
result = Run("hasty", STILL | {"validate.patience": 1}).run(1)
expect("the run ends early: 1 validation without" in result.out, result.text)

# Nobody judges without validation chains: a warning, or no run where the deck relies on them.
silent = Run("silent", TRAINING | {"optim.steps": 3})
unsplit = silent.folder / "unsplit.h5"
run(1, dataset().parent / "prepare.deck", "prepare.table=''", f"prepare.dataset={unsplit}")
result = silent.run(2, f"data.dataset={unsplit}")
expect("unsplit.h5: 0 validation chains" in result.text and "by_cluster" in result.text,
       result.text)
expect(not (silent.output / "best.h5").exists(), "a best model that nobody chose")
for key, value in (("patience", 2), ("metric", "recall")):
    result = Run("no_judge", TRAINING | {f"validate.{key}": value}).run(
        2, f"data.dataset={unsplit}", code=DATA)
    expect(f"&validate {key} needs 2" in result.err, result.text)
say("no validation chains")

result = Run("impossible", TRAINING | {"validate.metric": "percentile",
                                       "validate.equal_length": 4000}).run(2, code=DATA)
expect("validate.equal_length = 4000" in result.err, result.text)
say("metrics that change or cannot be")
