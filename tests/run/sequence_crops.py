# Several crops of each sequence against its whole structure: the same bits on 1, 2 and 4 ranks,
# recomputed and restarted; one whole crop is no crop; shards from a limit of memory that holds.
# labels: mpi
# processors: 2
# timeout: 300
import os
import re
import sys

sys.path.insert(0, os.path.join(os.environ["JESPR_SOURCE_DIR"], "tests/support"))
from jespr_runs import (DECK, Run, bytes_after, difference, expect, expect_same_run, say, state,
                        trained)

STEPS, HALF = 8, 4
LENGTH = {"optim.steps": STEPS, "checkpoint.every": HALF, "validate.every": HALF,
          "data.independent_crops": False}
CROPS = LENGTH | {"data.sequence_crops": 3, "data.crop_length": 25, "loss.mlm_weight": 0.2,
                  "classes.label": "cath", "classes.weights": [1, 0.5]}

one = Run("one_rank", CROPS)
out = one.run(1).out
expect("16 proteins, 3 crops of each sequence, in 4 shards" in out, out)
for name, ranks, overrides in [("two_ranks", 2, ["batch.recompute=.true."]), ("four_ranks", 4, [])]:
    other = Run(name, CROPS)
    other.run(ranks, *overrides)
    expect_same_run(other, one, STEPS)
restarted = Run("restarted", CROPS)
restarted.run(2, "checkpoint.restart=file", f"checkpoint.restart_file={one.checkpoint(HALF)}")
found = difference(trained(restarted.checkpoint(STEPS)), trained(one.checkpoint(STEPS)))
expect(not found, f"restarted after {HALF} steps: {found}")
say("three crops: the same bits on 1, 2, 4 ranks, recomputed, restarted")

# One crop that is as long as what the structure shows.
plain = Run("no_crops", LENGTH)
plain.run(1)
whole = Run("one_whole_crop", LENGTH | {"data.sequence_crops": 1, "data.shortest_crop": 1.0})
whole.run(2)
expect_same_run(whole, plain, STEPS)
say("one whole crop: the bits of a run without crops")

# The encoders have other numbers of rows than each other.
short = CROPS | {"optim.steps": 2, "checkpoint.every": 2, "validate.every": 2, "batch.shards": 2}
result = Run("too_tight", short).run(1, "batch.max_memory_gb=1e-4", code=DECK)
least = 1.04 * bytes_after("need", result.err)  # the message rounds
limited = {}
for ranks in (1, 2):
    limited[ranks] = Run(f"limited_{ranks}", short)
    out = limited[ranks].run(ranks, f"batch.max_memory_gb={least / 1e9:.6g}").out
    shards = int(re.search(r"^limit .* a rank: (\d+) shards", out, re.M)[1])
    expect(shards > 2, out)
    step = out[out.index("memory   activations"):]  # of the first step; validation comes later
    held = (bytes_after("activations", step) + bytes_after("scratch", step) +
            bytes_after("gradients and moments", out))
    expect(held <= least, f"{held:.4g} bytes held, limit {least:.4g}")
expect_same_run(limited[2], limited[1], 2)
say(f"{shards} shards for {least / 1e6:.1f} MB")
