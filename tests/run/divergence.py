# A diverging run skips steps, then ends with exit code 1 and a diagnosis; its state stays finite.
# labels: mpi
# processors: 2
# timeout: 300
import os
import sys

sys.path.insert(0, os.path.join(os.environ["JESPR_SOURCE_DIR"], "tests/support"))
import numpy as np

from jespr_runs import RUNTIME, Run, expect, history, state

SKIPPED_STEPS = 4  # in a row, then it ends

diverging = Run("diverging", {
    "optim.lr_peak": 1e36, "optim.warmup_steps": 0, "optim.clip_norm": 0.0,
    "optim.schedule": "constant", "optim.largest_skipped": SKIPPED_STEPS, "checkpoint.every": 1,
    "validate.every": 0})
result = diverging.run(2, code=RUNTIME)
rows = history(diverging.output)
expect([row["skipped"] for row in rows[-SKIPPED_STEPS:]] == ["1"] * SKIPPED_STEPS,
       f"not the last {SKIPPED_STEPS} steps were skipped: {rows}")
expect(rows[0]["skipped"] == "0", "the first step was skipped too")
for words in (f"{SKIPPED_STEPS} steps in a row", "learning rate 1.000e+36", "optim.lr_peak",
              "finite"):
    expect(words in result.err, f"the diagnosis lacks '{words}'\n{result.text}")
expect(result.out.count("the step is skipped") == SKIPPED_STEPS, result.text)

# A skipped step advances the sampler, not the moments.
last = state(diverging.output / diverging.checkpoints()[-1])
expect(all(np.isfinite(value).all() for name, value in last.items() if name != "best_value"),
       "the checkpoint holds numbers that are not finite")
expect(last["step"][0] - last["updates"][0] == last["skipped"][0] > 0,
       f"step {last['step']}, updates {last['updates']}, skipped {last['skipped']}")
