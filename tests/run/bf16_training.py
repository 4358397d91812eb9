# Training at precision 'bf16' ends where f32 ends: over 500 steps the mean loss of the last 50 lies
# within the range of three f32 runs that differ in their seeds.
# labels: mpi
# processors: 2
# timeout: 900
#
# The run in bf16 has the seed of the f32 run in the middle: the same initial values, batches and
# dropout, so that what differs is the rounding alone, and the range is what chance moves a run by.
import os
import sys

sys.path.insert(0, os.path.join(os.environ["JESPR_SOURCE_DIR"], "tests/support"))
import numpy as np

from jespr_runs import Run, expect, finish, history, say

STEPS, LAST = 500, 50
SEEDS = (1, 2, 3)
CHANGES = {"optim.steps": STEPS, "checkpoint.every": STEPS, "validate.every": 0,
           "run.log_every": 100}


def start(seed, precision):
    run = Run(f"seed_{seed}_{precision}",
              CHANGES | {"run.seed": seed, "run.precision": precision})
    return run, run.start(1)


def final_loss(run, job):
    finish(job, 0)
    rows = history(run.output)
    expect(len(rows) == STEPS and not any(int(row["skipped"]) for row in rows), "steps are missing")
    losses = [float(row["loss"]) for row in rows]
    say(f"{run.folder.name}: loss {losses[0]:.4f}, of the last {LAST} "
        f"{np.mean(losses[-LAST:]):.4f}")
    return np.mean(losses[-LAST:])


found = {}
for pair in (SEEDS[:2], SEEDS[2:]):  # two at a time
    for seed, run in [(seed, start(seed, "f32")) for seed in pair]:
        found[seed] = final_loss(*run)
middle = sorted(found, key=found.get)[1]
coarse = final_loss(*start(middle, "bf16"))
say(f"bf16 {coarse:.4f}, f32 with the same seed {found[middle]:.4f}, three seeds "
    f"{min(found.values()):.4f} to {max(found.values()):.4f}")
expect(min(found.values()) <= coarse <= max(found.values()), "outside the range of the f32 seeds")
