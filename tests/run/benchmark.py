# task = 'benchmark': every part is measured, the numbers fit together, nothing is overwritten.
# labels: mpi
# processors: 2
# timeout: 300
import json
import os
import pathlib
import runpy
import subprocess
import sys

sys.path.insert(0, os.path.join(os.environ["JESPR_SOURCE_DIR"], "tests/support"))
from jespr_runs import DECK, SMALL, SOURCES, dataset, expect, run, write_deck

counting = runpy.run_path(str(SOURCES / "utilities/count_operations.py"))

here = pathlib.Path.cwd()
groups = {name: dict(SMALL[name]) for name in ("batch", "sequence", "structure", "joint")}
del groups["batch"]["masked_fraction"]
del groups["structure"]["coordinate_noise"]
deck = write_deck(here / "bench.deck", {
    "run": {"task": "benchmark", "name": "bench"}, "data": {"dataset": dataset()}, **groups,
    "benchmark": {"output": here / "result", "overwrite": True, "repeats": 2, "warmup": 0,
                  "largest_product": 256}})


def measured(ranks, *overrides):
    result = run(ranks, deck, *overrides, folder=here)
    return result, json.loads((here / "result" / "benchmark.json").read_text())


# Of these only one rank measures: tables that are long, and hours under the sanitizers.
long_parts = {"attention"} if "Debug" not in run(0, "--version").out else set()
if not long_parts:
    print("not measured in a debug build: the table of attention")
all_parts = ["products", "sequence forward", "sequence forward+backward", "structure forward",
             "structure forward+backward", "loss", "optimizer", "step", "kernels"]

for ranks in (1, 2):
    chosen = all_parts + sorted(long_parts if ranks == 1 else set())
    result, found = measured(ranks, "benchmark.parts=" + ",".join(f"'{part}'" for part in chosen))
    parts = {part["name"]: part for part in found["parts"]}
    expect(set(parts) == {"sequence forward", "sequence forward+backward", "structure forward",
                          "structure forward+backward", "loss", "optimizer", "step"}, list(parts))
    expect(found["ranks"] == ranks and len(found["chains"]) == 16, "not the batch of the deck")
    for name, part in parts.items():
        seconds = part["seconds"]
        expect(0 < seconds["least"] <= seconds["median"] <= seconds["most"], f"{name}: {seconds}")
        expect(part["tokens_per_second"] > 0, name)
        if name not in ("loss", "optimizer"):
            # What moves off the edges counts all the same: with them the rate may be beaten.
            most = 1 if name.startswith("sequence") else 3
            expect(0 < part["fraction"] <= most, f"{name}: {part}")
    for encoder in ("sequence", "structure"):  # a gradient counts twice a forward pass
        ratio = (parts[f"{encoder} forward+backward"]["operations"] /
                 parts[f"{encoder} forward"]["operations"])
        expect(abs(ratio - 3) < 1e-12, ratio)
    # The script that counts the structure encoder's operations agrees; its head is counted by hand.
    pairs, rows = found["structure_pairs"], found["structure_residues"]
    counted = counting["published_operations"](found["structure"], rows, found["edges"], pairs)
    inputs, width = found["structure"]["width"], found["joint"]["width"]
    head = 2 * 16 * (inputs * 4 * width + 4 * width * width)
    total = parts["structure forward"]["operations"]
    expect(abs(counted + head - total) < 1e-9 * total, f"{counted} + {head}, not {total}")
    whole = sum(parts[f"{encoder} forward+backward"]["operations"]
                for encoder in ("sequence", "structure"))
    expect(abs(parts["step"]["operations"] / whole - 1) < 1e-12, "a step is both encoders")
    expect(found["products"] and all(p["gflops"] > 0 for p in found["products"]), "no products")
    expect(found["rate"]["f32"] >= max(p["gflops"] for p in found["products"]
                                       if p["precision"] == "f32"), "rate is the best")
    names = {kernel["name"] for kernel in found["kernels"]}
    expect({"layer norm", "bias gelu", "attention backward", "adam"} <= names, names)
    loops = {loop["name"] for loop in found["step_loops"]}
    expect({"attention", "gather vectors", "adam"} <= loops, loops)
    if "attention" in chosen:
        expect(len(found["attention"]) == 28, "a cell for each head width and length")
    for line in ("products, square", "sequence forward+backward", "a step by its loops"):
        expect(line in result.out, f"no line '{line}' in the log")

# Its picture.
subprocess.run([sys.executable, SOURCES / "utilities/plot_benchmark.py",
                here / "result" / "benchmark.json"], check=True)
expect((here / "result" / "benchmark.png").stat().st_size > 20000, "an empty picture")

# One part alone.
_, found = measured(1, "benchmark.parts='structure forward'")
expect([part["name"] for part in found["parts"]] == ["structure forward"], found["parts"])
expect(not found["kernels"] and not found["attention"] and not found["products"], "more than asked")

# The same at precision 'bf16': its rate is that of its own products, those of f32 stand beside.
result, found = measured(1, "benchmark.parts='products', 'step'", "run.precision=bf16")
precisions = {p["precision"] for p in found["products"]}
expect(precisions == {"f32", "bf16"} and found["precision"] == "bf16", found["products"])
expect(list(found["rate"]) == ["bf16"] and found["parts"][0]["precision"] == "bf16", found["rate"])
expect(found["rate"]["bf16"] >= max(p["gflops"] for p in found["products"]
                                    if p["precision"] == "bf16"), "rate is the best")
expect("bf16" in found["products_by"] and found["products_by"] in result.out, result.text)

# What is refused.
result = run(1, deck, "benchmark.overwrite=F", folder=here, code=DECK)
expect("benchmark.json exists" in result.err, result.text)
result = run(1, deck, "benchmark.parts='stepp'", folder=here, code=DECK)
expect("'stepp' is none of" in result.err, result.text)
result = run(1, deck, "optim.steps=5", folder=here, code=DECK)
expect("optim" in result.err, result.text)

# The shipped decks name chains of the sample.
for shipped in sorted((SOURCES / "input").glob("bench_*.deck")):
    run(1, "--check", shipped, folder=here)
