# Every objective of &loss kind, and predicting residues beside a joint one: the same bits on 1 and
# 2 ranks and with recomputation, a loss that falls, a validation that beats the untrained model.
# labels: mpi
# processors: 2
# timeout: 600
import os
import sys

sys.path.insert(0, os.path.join(os.environ["JESPR_SOURCE_DIR"], "tests/support"))

from jespr_runs import Run, expect, expect_same_run, history, say

STEPS, FEW, AVERAGED = 30, 3, 8
OBJECTIVES = {
    "clip": {},
    "siglip": {},
    "vicreg": {"loss.expander_width": 64},
    "distance": {},
    "mlm": {},
    "causal": {},
    "clip_and_mlm": {"loss.kind": "clip", "loss.mlm_weight": 0.5},
    "distance_and_causal": {"loss.kind": "distance", "loss.causal_weight": 0.5},
    "none": {"classes.label": "cath", "classes.weights": [1, 1]},
    "vicreg_and_classes": {"loss.kind": "vicreg", "loss.expander_width": 64,
                           "classes.label": "cath", "classes.weights": [1, 1, 1]},
}


def mean(values):
    return sum(values) / len(values)


for name, changes in OBJECTIVES.items():
    common = {"loss.kind": name, "batch.masked_fraction": 0.0} | changes
    short = common | {"optim.steps": FEW, "checkpoint.every": FEW, "validate.every": FEW}
    alone = Run(f"{name}_one_rank", short)
    alone.run(1)
    other = Run(f"{name}_two_ranks", short)
    other.run(2, "batch.recompute=.true.")
    expect_same_run(other, alone, FEW)

    untrained = Run(f"{name}_untrained", common | {"optim.steps": 1, "optim.lr_peak": 1e-12,
                                                   "optim.warmup_steps": 0, "validate.every": 1})
    untrained.run(1)
    trained = Run(f"{name}_trained", common | {"optim.steps": STEPS, "checkpoint.every": STEPS,
                                               "validate.every": STEPS})
    trained.run(1)
    losses = [float(row["loss"]) for row in history(trained.output)]
    begin, end = mean(losses[:AVERAGED]), mean(losses[-AVERAGED:])
    expect(end < begin, f"{name}: the loss went from {begin:.4f} to {end:.4f}")
    before, after = (float(history(run.output, "validation.csv")[-1]["loss"])
                     for run in (untrained, trained))
    expect(after < before, f"{name}: validation loss {after:.4f}, untrained {before:.4f}")
    say(f"{name}: loss {begin:.3f} to {end:.3f}, validation {before:.3f} to {after:.3f}")
