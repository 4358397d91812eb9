# One deck, 50 steps: 1, 2 and 4 ranks give the same bits, and so do two runs and recomputation;
# ten steps at precision 'bf16' too, and after a restart.
# labels: mpi
# processors: 2
# timeout: 900
#
# Dropout, masks, coordinate noise and crops are on; V = 4 shards; one thread per rank. The order
# of sums that the library likes (reduction = 'fast') agrees to rounding.
import os
import sys

sys.path.insert(0, os.path.join(os.environ["JESPR_SOURCE_DIR"], "tests/support"))
import numpy as np

from jespr_runs import Run, difference, expect, expect_same_run, history, say, state, trained

STEPS = 50
CHANGES = {"optim.steps": STEPS, "checkpoint.every": STEPS}
ROUNDING = 1e-9  # relative, in f64

reference = Run("one_rank", CHANGES)
reference.run(1)
losses = [float(row["loss"]) for row in history(reference.output)]
expect(len(losses) == STEPS and len(set(losses)) == STEPS, f"odd losses: {losses}")
expect(not any(int(row["skipped"]) for row in history(reference.output)), "steps were skipped")
say(f"1 rank: loss {losses[0]:.4f} to {losses[-1]:.4f}")

for name, ranks, overrides in [("two_ranks", 2, []), ("four_ranks", 4, []), ("again", 2, []),
                               ("recomputed", 1, ["batch.recompute=.true."]),
                               ("recomputed_on_two", 2, ["batch.recompute=.true."])]:
    other = Run(name, CHANGES)
    other.run(ranks, *overrides)
    expect_same_run(other, reference, STEPS)
    say(f"{name}: the same bits")

# Another seed must not: else nothing was compared.
other = Run("other_seed", CHANGES)
other.run(1, "run.seed=12", "optim.steps=3")
expect(history(other.output)[0] != history(reference.output)[0], "the seed changes nothing")

# Precision 'bf16'.
in_bf16 = {"optim.steps": 10, "checkpoint.every": 5, "checkpoint.keep": 2, "validate.every": 5,
           "run.precision": "bf16"}
coarse = Run("bf16_one_rank", in_bf16)
coarse.run(1)
for name, ranks, overrides in [("bf16_two_ranks", 2, []), ("bf16_four_ranks", 4, []),
                               ("bf16_recomputed", 2, ["batch.recompute=.true."])]:
    other = Run(name, in_bf16)
    other.run(ranks, *overrides)
    expect_same_run(other, coarse, 10)
restarted = Run("bf16_restarted", in_bf16)
restarted.run(2, "checkpoint.restart=file", f"checkpoint.restart_file={coarse.checkpoint(5)}")
found = difference(trained(restarted.checkpoint(10)), trained(coarse.checkpoint(10)))
expect(not found, f"bf16, restarted after 5 steps: {found}")
in_f32 = Run("f32_three_steps", in_bf16 | {"run.precision": "f32"})
in_f32.run(1, "optim.steps=3")
expect(history(in_f32.output)[0]["loss"] != history(coarse.output)[0]["loss"],
       "precision 'bf16' changes nothing")
say("precision 'bf16': the same bits on 1, 2, 4 ranks, recomputed, restarted")

in_f64 = CHANGES | {"run.precision": "f64", "batch.shards": 8, "validate.every": STEPS}
exact = Run("exact_f64", in_f64)
exact.run(1)
wanted_state = state(exact.checkpoint(STEPS))
for ranks in (2, 4):  # two terms commute; only of more can the library choose another order
    fast = Run(f"fast_f64_on_{ranks}", in_f64)
    fast.run(ranks, "batch.reduction=fast")
    found_state = state(fast.checkpoint(STEPS))
    worst = 0.0
    for name, wanted in wanted_state.items():
        if not name.startswith("parameters/"):
            continue
        distance = (np.linalg.norm(found_state[name] - wanted) /
                    max(np.linalg.norm(wanted), 1e-300))
        worst = max(worst, distance)
        expect(distance <= ROUNDING, f"'fast' differs in {name} by {distance:.2e}")
    for one, two in zip(history(exact.output), history(fast.output)):
        distance = abs(float(one["loss"]) - float(two["loss"])) / abs(float(one["loss"]))
        worst = max(worst, distance)
        expect(distance <= ROUNDING,
               f"'fast' differs in the loss of {one['step']} by {distance:.2e}")
    say(f"reduction = 'fast' in f64 on {ranks} ranks differs by {worst:.1e} at most")
