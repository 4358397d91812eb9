# --dry-run: one step, one validation, one checkpoint, in a folder of its own.
# labels: mpi
# processors: 2
# timeout: 300
import os
import sys

sys.path.insert(0, os.path.join(os.environ["JESPR_SOURCE_DIR"], "tests/support"))
from jespr_runs import DECK, PROGRAM, Run, dataset, expect, history, run, state, write_deck

trial = Run("trial")
folder = trial.output / "dry_run"
for time in range(2):  # it may be repeated, and leaves alone what is not its own
    trial.run(2, flags=["--dry-run"])
    note = folder / "notes_of_mine.txt"
    expect(time == 0 or note.read_text() == "mine", "a file that is no result was touched")
    note.write_text("mine")
    expect([row["step"] for row in history(folder)] == ["1"], "not one step")
    expect([row["step"] for row in history(folder, "validation.csv")] == ["1"], "no validation")
    expect(list(state(folder / "step_000001.h5")["step"]) == [1], "no checkpoint of step 1")
expect([path.name for path in trial.output.iterdir()] == ["dry_run"],
       f"the run's own folder was touched: {list(trial.output.iterdir())}")

# It does not stand in the way of the run.
trial.run(1, "optim.steps=2")
expect(trial.rows() == 2, "the run does not start after its trial")

# Of the other tasks nothing can be tried in part.
deck = write_deck(trial.folder / "evaluate.deck", {
    "run": {"task": "evaluate"}, "data": {"dataset": dataset()},
    "evaluate": {"checkpoint": trial.output / "best.h5"}})
result = run(1, "--dry-run", deck, folder=trial.folder, code=DECK)
expect("--dry-run is for task = 'train'" in result.err, result.text)
