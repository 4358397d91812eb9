# Statistics of layers: true numbers, at their steps, that change no bit of the run.
# labels: mpi
# processors: 2
# timeout: 300
import csv
import os
import subprocess
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.environ["JESPR_SOURCE_DIR"], "tests/support"))
from jespr_runs import SOURCES, Run, difference, expect, history, say, state

CHANGES = {"optim.steps": 6, "checkpoint.every": 2, "checkpoint.keep": 9, "validate.every": 0,
           "optim.schedule": "constant", "sequence.frozen_layers": 1}
DIGITS = 5.1e-6  # six are written, rounded


def rows_of(job):
    with open(job.output / "statistics.csv", newline="") as file:
        return list(csv.DictReader(file))


def numbers(row):
    return np.array([float(row[key]) for key in ("count", "mean", "rms", "largest", "not_finite")])


plain = Run("plain", CHANGES)
plain.run(2)
expect(not (plain.output / "statistics.csv").exists(), "statistics that nobody asked for")
watched = Run("watched", CHANGES)
watched.run(2, "run.statistics_every=2")
for step in (2, 6):
    found = difference(state(watched.checkpoint(step)), state(plain.checkpoint(step)))
    expect(not found, f"statistics change the run: {found}")
rows = rows_of(watched)
expect({row["step"] for row in rows} == {"2", "4", "6"}, "steps")

# Parameters are those of the checkpoint, gradients have the norm that the history has.
norms = {int(row["step"]): float(row["gradient_norm"]) for row in history(watched.output)}
for step in (2, 4, 6):
    stored = {name.removeprefix("parameters/"): np.ravel(values).astype(float)
              for name, values in state(watched.checkpoint(step)).items()
              if name.startswith("parameters/")}
    here = {row["name"]: numbers(row) for row in rows
            if row["kind"] == "parameter" and int(row["step"]) == step}
    expect(here.keys() == stored.keys(), f"{here.keys() ^ stored.keys()}")
    for name, values in stored.items():
        wanted = [values.size, values.mean(), np.sqrt(np.mean(values ** 2)), abs(values).max(), 0]
        expect(np.allclose(here[name], wanted, rtol=DIGITS, atol=1e-9), f"{name}: {here[name]}")
    gradients = {row["name"]: numbers(row) for row in rows
                 if row["kind"] == "gradient" and int(row["step"]) == step}
    frozen = ("seq_encoder.embed_tokens", "seq_encoder.layers.0.")
    expect(not any(name.startswith(frozen) for name in gradients), "gradients of what is frozen")
    norm = np.sqrt(sum(count * rms ** 2 for count, _, rms, _, _ in gradients.values()))
    expect(abs(norm / norms[step] - 1) < 1e-5, f"step {step}: norm {norm}, history {norms[step]}")
say("parameters and gradients")

# Activations of every layer, over all rows of the batch: the same on one rank; a restart goes on.
kinds = {row["kind"] for row in rows}
expect(kinds == {"activation", "activation_gradient", "parameter", "gradient"}, f"{kinds}")
names = {row["name"] for row in rows if row["kind"] == "activation"}
expect({"seq/layer_01", "seq/embedding", "struct/rep", "struct/embedding"} <= names, f"{names}")
embedding = [numbers(row) for row in rows
             if row["kind"] == "activation" and row["name"] == "seq/embedding"]
expect(all(n[0] == 16 * 32 and abs(n[2] - 32 ** -0.5) < 1e-5 for n in embedding),
       f"16 rows of length 1: {embedding}")
parts = Run("parts", CHANGES)
parts.run(1, "run.statistics_every=2", "optim.steps=4")
with open(parts.output / "statistics.csv", "a") as file:
    file.write("6,parameter,of_a_killed_run,1,1,1,1,0\n6,par")
parts.run(1, "run.statistics_every=2", "checkpoint.restart=auto")
again = rows_of(parts)
expect([(row["step"], row["kind"], row["name"]) for row in again]
       == [(row["step"], row["kind"], row["name"]) for row in rows], "rows of a restarted run")
expect(all(np.allclose(numbers(a), numbers(b), rtol=1e-5, atol=1e-8)
           for a, b in zip(again, rows)), "two ranks and one differ")
say("activations")

# A table that a full disk cut short is noticed, even between two lines.
table = parts.output / "statistics.csv"
lines = [line for line in table.read_text().splitlines(keepends=True)
         if not line.startswith("6,")]
table.write_text("".join(lines[:-9]))
result = parts.run(1, "run.statistics_every=2", "checkpoint.restart=auto", "optim.steps=7")
expect("statistics.csv ends within step 4, the run goes on after step 6" in result.out, result.text)
expect(table.read_text() == "".join(lines[:-9]), "rows that are left")

# A forward pass that runs again for backward is not seen again.
for name, again in (("shards", ["batch.recompute=.true."]),
                    ("blocks", ["batch.recompute=.true.", "batch.recompute_blocks=.true."])):
    recomputed = Run(f"recomputed_{name}", CHANGES)
    recomputed.run(2, "run.statistics_every=2", *again)
    for row, wanted in zip(rows_of(recomputed), rows, strict=True):
        expect(row == wanted, f"{again}: {row}, without {wanted}")
say("recomputation")

picture = watched.folder / "statistics.png"
subprocess.run([sys.executable, SOURCES / "utilities/plot_statistics.py", watched.output, "-o",
                picture], check=True)
expect(picture.stat().st_size > 40_000, "no picture")
