# The last K checkpoints and the best are kept; results that lie there are never overwritten.
# labels: mpi
# processors: 2
# timeout: 600
import os
import sys

sys.path.insert(0, os.path.join(os.environ["JESPR_SOURCE_DIR"], "tests/support"))
from jespr_runs import DECK, Run, datasets, expect, history, say, state

kept = Run("kept", {"optim.steps": 14, "checkpoint.every": 4, "checkpoint.keep": 3,
                    "validate.every": 2})
result = kept.run(2)
expect(kept.checkpoints() == ["step_000008.h5", "step_000012.h5", "step_000014.h5"],
       f"kept are {kept.checkpoints()}")

# The best is what validation.csv says it is, and its copy holds that step.
rows = history(kept.output, "validation.csv")
expect([int(row["step"]) for row in rows] == list(range(2, 15, 2)), f"validations: {rows}")
best = max(rows, key=lambda row: float(row["equal_length_percentile"]))
marked = [row["step"] for row in rows if int(row["best"])]
expect(marked and marked[-1] == best["step"], f"best is {best['step']}, marked are {marked}")
best_state = state(kept.output / "best.h5")
expect(list(best_state["step"]) == list(best_state["best_step"]) == [int(best["step"])],
       f"best.h5 is of step {best_state['step']}")
expect(best_state["best_value"][0] == float(best["equal_length_percentile"]), "best_value is wrong")

# All files of a run are there, the processed deck in each that can hold it.
deck = (kept.output / "deck.processed").read_text()
for name, place in [("step_000014.h5", "/info"), ("best.h5", "/info"), ("history.h5", "/")]:
    stored = datasets(kept.output / name, place)["deck"]
    text = stored if isinstance(stored, bytes) else stored.ravel()[0]
    expect(text.decode() == deck, f"{name} holds another deck")
expect("lr_peak" in deck and "beta1" in deck, f"deck.processed: {deck}")
log = (kept.output / "log.txt").read_text()
expect(result.out.strip() in log, "log.txt is not what was printed")
expect(log.count("checkpoint ") >= 4 and "verified" in log, log)
say("kept: last three and the best")

# A second start into the same folder is refused before anything is touched.
before = {path.name: (path.stat().st_mtime_ns, path.read_bytes())
          for path in kept.output.iterdir()}
for ranks in (1, 2):
    result = kept.run(ranks, code=DECK)
    expect("results of an earlier run" in result.err and "restart" in result.err, result.text)
after = {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in kept.output.iterdir()}
expect(before == after, f"changed: {[name for name in after if after[name] != before.get(name)]}")

# From a named file into another folder: continues there, the first folder stays as it is.
branch = Run("branch", {"optim.steps": 14, "checkpoint.every": 4, "validate.every": 2})
result = branch.run(1, "checkpoint.restart=file", f"checkpoint.restart_file={kept.checkpoint(8)}")
expect(list(state(branch.checkpoint(14))["step"]) == [14], "the branch did not reach its end")
expect([int(row["step"]) for row in history(branch.output)] == list(range(9, 15)),
       "the branch's history is not that of its own steps")
expect(f"begins anew in {branch.output}" in result.out, result.text)
own = [row["step"] for row in history(branch.output, "validation.csv") if int(row["best"])]
expect(own[0] == "10" and list(state(branch.output / "best.h5")["step"]) == [int(own[-1])],
       f"the branch's best.h5 is not the best of its own: {own}")
after = {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in kept.output.iterdir()}
expect(before == after, "the run that was branched off was changed")
say("refused and branched without a change")
