# What the log of a training run tells, and that it is true: the order of its parts, rates, the
# balance of the shards and the loader's wait on the quickstart's own deck; frozen layers stay as
# they were.
# labels: mpi
# processors: 2
# timeout: 600
import csv
import os
import re
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.environ["JESPR_SOURCE_DIR"], "tests/support"))
from jespr_runs import SOURCES, Run, expect, run, say, state

# Header, then the table, each part in its place.
told = Run("told", {"optim.steps": 4, "run.log_every": 2, "validate.every": 0})
result = told.run(2)
order = ["JESPR ", "build    ", "ranks    2 on 1 node", "rank 0 on ", "rank 1 on ", "products ",
         "data     ", "model    ", "sequence head", "batch    16 proteins in 4 shards (2 per rank)",
         "deck     ", "memory   activations ", "     step   epoch    loss", "\n        2 ",
         "\n        4 ", "checkpoint ", "\ntime ", "sequence forward", "\ndone: 4 steps"]
at = 0
for part in order:
    found = result.out.find(part, at)
    expect(found >= 0, f"'{part}' is not where it belongs\n{result.text}")
    at = found
products = "cuBLAS" if " CUDA" in run(0, "--version").out else "oneDNN"
for library in ("GNU", "Kokkos 4", products, "Open MPI", "HDF5 1", "git "):
    expect(library in result.out.split("\n")[1], f"no {library} in: {result.out.splitlines()[1]}")
log = (told.output / "log.txt").read_text()
expect("&optim" in log and "beta1" in log, "the log does not hold the processed deck")
expect("GFLOP/s f32 per rank" in result.out and "GFLOP/s f64" not in result.out, result.text)
both = Run("both", {"optim.steps": 2, "run.precision": "f64", "validate.every": 0}).run(1)
expect("GFLOP/s f32 per rank" in both.out and "GFLOP/s f64 per rank" in both.out, both.text)
coarse = Run("coarse", {"optim.steps": 2, "run.precision": "bf16", "validate.every": 0}).run(1)
expect(re.search(r"GFLOP/s f32 per rank .*\n.*GFLOP/s bf16 per rank .* bf16 ", coarse.out),
       coarse.text)
say("header and table")

# A validation split too short for a gallery of equal lengths: the best is that of the loss.
short = Run("short", {"optim.steps": 6, "validate.every": 2, "validate.equal_length": 1000})
result = short.run(1)
expect("percentile" not in result.out, result.text)
with open(short.output / "validation.csv", newline="") as file:
    rows = list(csv.DictReader(file))
expect(all(row["equal_length_percentile"] == "nan" for row in rows), f"{rows}")
best = min(rows, key=lambda row: float(row["loss"]))
expect(state(short.output / "best.h5")["step"][0] == int(best["step"]), f"best.h5 of {rows}")
say("best by loss")

# Frozen layers: the same bits after training, everything else moves.
frozen = Run("frozen", {"optim.steps": 4, "checkpoint.every": 1, "checkpoint.keep": 9,
                        "validate.every": 0, "sequence.frozen_layers": 1,
                        "structure.frozen_layers": 2})
frozen.run(2)
first, last = (state(frozen.checkpoint(step)) for step in (1, 4))
still = {name for name in first if name.startswith("parameters/")
         and first[name].tobytes() == last[name].tobytes()}
names = {name for name in first if name.startswith("parameters/")}


def is_frozen(name):
    return re.match(r"parameters/(seq_encoder\.(embed_tokens|layers\.0\.)"
                    r"|struct_encoder\.gvp_encoder\.)", name) is not None


expected = {name for name in names if is_frozen(name)}
expect(expected and expected <= still, f"moved although frozen: {sorted(expected - still)[:5]}")
# The bias of keys shifts all scores alike: its gradient is zero but for rounding, Adam moves it so.
expect(len(still - expected) == 0, f"did not move: {sorted(still - expected)[:5]}")
say("frozen layers")

# The quickstart's deck on the whole sample: equal shards, no waiting for data.
sample = os.path.abspath("sample.h5")
run(2, SOURCES / "input/quickstart_prepare.deck", f"prepare.dataset='{sample}'",
    "prepare.overwrite=true")
output = os.path.abspath("quickstart")
os.system(f"rm -rf '{output}'")
result = run(2, SOURCES / "input/quickstart.deck", f"data.dataset='{sample}'", "optim.steps=25",
             f"run.output='{output}'", "validate.every=0", "optim.warmup_steps=2")
balance = float(re.search(r"cost balance ([0-9.]+)", result.out).group(1))
expect(balance <= 1.05, f"cost balance {balance}")
with open(os.path.join(output, "history.csv"), newline="") as file:
    rows = list(csv.DictReader(file))[1:]
seconds = np.array([float(row["seconds"]) for row in rows])
waits = np.array([float(row["loader_wait_fraction"]) for row in rows])
share = float(waits @ seconds / seconds.sum())
expect(share <= 0.01, f"the loader makes steps wait for {100 * share:.2f} % of their time")
say(f"balance {balance}, loader wait {100 * share:.3f} %")
