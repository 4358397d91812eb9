# 20 kill -9 and restarts, some inside a checkpoint write, end in the bits of an undisturbed run.
# labels: mpi
# processors: 2
# timeout: 900
#
# Each restart is on 1, 2 or 4 ranks, from the newest sound checkpoint. When to kill is drawn from
# a fixed seed: after so many new steps, on sight of a file that is being written, or at start.
import os
import random
import sys
import time

sys.path.insert(0, os.path.join(os.environ["JESPR_SOURCE_DIR"], "tests/support"))
from jespr_runs import (Run, expect, expect_same_run, finish, kill_job, ranks_of, say, wait_until)

KILLS = 20
IN_WRITE = 5  # at least so many of them while a checkpoint is written
EVERY = 4     # steps between checkpoints
STEPS = 100
CHANGES = {"optim.steps": STEPS, "checkpoint.every": EVERY, "validate.every": 25}

draw = random.Random(20261123)
reference = Run("undisturbed", CHANGES)
reference.run(1)
say("undisturbed run done")

disturbed = Run("disturbed", CHANGES)


def unfinished_checkpoints():
    """(name, inode, time) of each file that is, or was when a kill came, being written."""
    found = set()
    for name in disturbed.unfinished():
        if name.startswith(("step_", "best")):
            try:
                status = (disturbed.output / name).stat()
                found.add((name, status.st_ino, status.st_mtime_ns))
            except FileNotFoundError:  # finished meanwhile
                pass
    return found


kills = in_write = at_start = 0
while kills < KILLS or in_write < IN_WRITE:
    expect(kills < 2 * KILLS, f"only {in_write} of {kills} kills hit a checkpoint write")
    ranks = draw.choice([1, 2, 2, 4])
    kind = draw.choice(["steps", "steps", "write", "start"])
    if in_write < IN_WRITE and kills >= KILLS - IN_WRITE:
        kind = "write"
    left_by_others = unfinished_checkpoints()

    def in_checkpoint():
        """Whether this job writes a checkpoint, or did so when it was killed."""
        return bool(unfinished_checkpoints() - left_by_others)

    job = disturbed.start(ranks, "checkpoint.restart=auto")
    if kind == "start":
        wait_until(lambda: len(ranks_of(job)) == ranks, "the ranks to start", job)
        time.sleep(draw.uniform(0, 0.5))
    else:
        # The rows of lost steps are dropped at the restart: wait for that, then for new ones.
        new_rows = draw.randint(1, 2 * EVERY)
        log = disturbed.folder / "out.txt"
        wait_until(lambda: "of peak" in log.read_text(), "the first step", job)
        first = disturbed.rows()
        wait_until(lambda: disturbed.rows() >= min(first + new_rows, STEPS - 1), "new steps", job)
    if kind == "write":
        wait_until(in_checkpoint, "a checkpoint write", job, pause=0.0005)
        time.sleep(draw.choice([0, 0.002, 0.01]))
    kill_job(job)
    kills += 1
    hit = in_checkpoint()
    in_write += hit
    at_start += kind == "start"
    say(f"kill {kills} on {ranks} ranks: {disturbed.rows()} steps, "
        f"{disturbed.checkpoints()[-1:]}{', inside a write' if hit else ''}")

result = disturbed.run(2, "checkpoint.restart=auto")
expect("restart" in result.out, f"the last start was no restart\n{result.text}")
expect_same_run(disturbed, reference, STEPS)
expect(not disturbed.unfinished(), f"left behind: {disturbed.unfinished()}")
say(f"{kills} kills, {in_write} inside a checkpoint write, {at_start} at start: the same bits")
