# utilities/compare: arithmetic of ratios and tables, and the order of events of compare.py with
# stand-ins for our program and for the peers' Python; nothing is measured.
# labels: quick
# processors: 1
# timeout: 120
import json
import os
import pathlib
import shutil
import subprocess
import sys

UTILITY = pathlib.Path(os.environ["JESPR_SOURCE_DIR"]) / "utilities/compare"
sys.path.insert(0, str(UTILITY))
import attention  # noqa: E402
import comparison  # noqa: E402
from comparison import Benchmark, BadBenchmark, Measured, Row  # noqa: E402

HERE = pathlib.Path.cwd()
CHAINS = ["first", "second"]

# Our program: any part of a benchmark takes 2 ms and 4e6 operations; bf16 is refused.
PROGRAM = """#!{python}
import json, pathlib, sys
values = dict(pair.split("=", 1) for pair in sys.argv[2:])
if "bf16" in values["run.precision"]:
    sys.exit("no such precision")
parts = [part.strip(" '") for part in values["benchmark.parts"].split(",")]
with open("calls.txt", "a") as calls:
    print("ours", *parts, file=calls)
seconds = {{"median": 0.002, "least": 0.001, "most": 0.003}}
cells = [{{"head_width": w, "length": n, "heads": 2, "proteins": 3, "forward": 1e-3,
          "backward": 2e-3}} for w in (16, 32) for n in (8, 64)]
result = {{
    "threads": 2, "chains": {chains}, "residues": 30.0, "edges": 60.0, "dataset": "sample.h5",
    "rate": {{"f32": 4.0}}, "resident_bytes": 1e9, "attention": cells,
    "products_by": "a library",
    "sequence": {{"layers": 6, "width": 320, "heads": 20}}, "joint": {{"width": 512}},
    "structure": {{"graph_layers": 4, "node_scalars": 128, "node_vectors": 64, "layers": 2,
                  "width": 512}},
    "parts": [{{"name": part, "seconds": seconds, "operations": 4e6}} for part in parts]}}
folder = pathlib.Path(values["benchmark.output"].strip("'"))
(folder / "benchmark.json").write_text(json.dumps(result))
"""

# The peers' Python: fair-esm takes 6 ms (10 ms in a step, with other edges), transformers 4 ms,
# esm.cpp cannot be measured, compiled ones die in their second round.
PYTHON = """#!{python}
import json, sys
if sys.argv[1] == "-c":
    print("versions of peers")
    sys.exit()
task = json.load(open(sys.argv[2]))
module = task["module"]
if module == "esm_cpp":
    print(json.dumps({{"failure": "no kernels for this CPU"}}), flush=True)
    sys.exit(1)
if module == "sdpa":
    print(json.dumps({{"cells": len(task["cells"])}}), flush=True)
    for line in sys.stdin:
        print(json.dumps({{"seconds": [[2e-3, 3e-3]] * len(task["cells"])}}), flush=True)
    sys.exit()
assert task["chains"] == {chains} and task["threads"] == 2, task
with open("calls.txt", "a") as calls:
    print(module, "prepared", file=calls)
first = {{"batch_size": 8, "residues": 30}}
if module == "structure":
    first["edges"] = 61
print(json.dumps(first), flush=True)
seconds = {{"transformers_esm": 4e-3, "full_step": 10e-3}}.get(module, 6e-3)
for turn, line in enumerate(sys.stdin):
    if task.get("compiled") and turn == 1:
        sys.exit("the compiler gave up")
    with open("calls.txt", "a") as calls:
        print(module, line.strip(), file=calls)
    print(json.dumps({{"seconds": [seconds] * int(line), "resident_bytes": 5e9}}), flush=True)
"""


def write_program(name, text):
    path = HERE / name
    path.write_text(text.format(python=sys.executable, chains=CHAINS))
    path.chmod(0o755)
    return path


def close(value, expected):
    assert abs(value - expected) < 1e-9 * abs(expected), (value, expected)


def check_arithmetic():
    slow = Measured("slow", [9.0, 9.0, 9.0])
    fast = Measured("fast", [4.0, 6.0, 5.0])
    other = Measured("INT8", [1.0, 1.0, 1.0], same_precision=False)
    absent = Measured("absent", failure="not here")
    row = Row("sequence forward", "f32", "sequence 6 x 320", 8e9, 10.0,
              Measured("JESPR", [2.0, 2.0, 1.0]), [slow, fast, other, absent])
    assert row.fastest() is fast  # by its median of 5 s; INT8 is another precision
    assert row.ratio() == (3.0, 2.0, 5.0), row.ratio()
    assert row.ratio(absent) is None
    close(row.ours.gflops(row.operations), 4.0)
    assert row.as_json()["fastest"] == "fast"
    table = comparison.table_of([row])
    line = table.splitlines()[2]
    for text in ("| sequence 6 x 320, forward |", " 40 % |", "**1.6**", "3.00 (2.00 to 5.00)"):
        assert text in line, table
    assert len({len(line) for line in table.splitlines()}) == 1, table
    alone = Row("step", "bf16", "both", 8e9, 0.0, Measured("JESPR", failure="refused"), [slow])
    assert alone.ratio() is None
    assert comparison.table_of([alone]).splitlines()[2].endswith(" - |")
    assert comparison.remarks_of([row, alone]) == [
        "absent, sequence forward, f32: not measured: not here",
        "JESPR, step, bf16: not measured: refused"]


def check_attention():
    cell = {"head_width": 16, "length": 8, "heads": 2, "proteins": 3, "forward": 1.0,
            "backward": 1.0}
    faster = dict(cell, forward=0.5)
    cells = attention.cells_of([([cell], [[2.0, 3.0]]), ([faster], [[2.0, 3.0]])])
    assert [c["ratio"] for c in cells] == [3.0, 3.0] and cells[0]["most"] == 4.0, cells
    assert attention.operations(cell, "forward") == 2 * 2 * 3 * 2 * 16 * 8 * 8
    close(attention.geometric_mean([1.0, 4.0]), 2.0)


def check_reading():
    path = HERE / "wrong.json"
    for text in ("", "[]", '{"chains": []}'):
        path.write_text(text)
        try:
            Benchmark(path)
        except BadBenchmark as error:
            assert "wrong.json" in str(error)
        else:
            raise AssertionError(text)


def compare(*options, expected=0):
    (HERE / "calls.txt").unlink(missing_ok=True)
    environment = dict(os.environ, JESPR_PEERS_PYTHON=str(HERE / "python_of_peers"))
    done = subprocess.run([sys.executable, UTILITY / "compare.py", *options], text=True,
                          capture_output=True, env=environment, check=False)
    assert done.returncode == expected, (options, done.stdout, done.stderr)
    return done


def check_runs():
    program = write_program("program", PROGRAM)
    write_program("python_of_peers", PYTHON)
    deck = HERE / "bench.deck"
    deck.write_text("! read by our program alone\n")
    results = HERE / "results"
    shutil.rmtree(results, ignore_errors=True)
    common = (deck, "--program", program, "-o", results, "--rounds", "3", "--repeats", "2")

    done = compare(*common, "--parts", "sequence forward", "step", "--precisions", "f32",
                   "--without", "compiled")
    calls = (HERE / "calls.txt").read_text().splitlines()
    turn = ["ours sequence forward", "fair_esm 2", "transformers_esm 2"]
    assert calls == ["ours products", "fair_esm prepared", "transformers_esm prepared",
                     *turn, *turn, *turn, "full_step prepared",
                     *["ours step", "full_step 2"] * 3], calls
    for text in ("2.00 (2.00 to 2.00)", "5.00 (5.00 to 5.00)", "50 %", "versions of peers",
                 "Our products, f32: a library.",
                 "no kernels for this CPU", " 0.20 |"):  # the last: a fifth of the memory
        assert text in done.stdout, (text, done.stdout)
    assert (results / "comparison.md").read_text() == done.stdout
    rows = json.loads((results / "comparison.json").read_text())["rows"]
    assert [row["ratio"]["median"] for row in rows] == [2.0, 5.0], rows

    done = compare(*common, "--parts", "structure forward", "--precisions", "f32", "bf16")
    assert "61 edges, ours 60" in done.stdout, done.stdout
    assert "forward, f32: not measured: ended with 1: the compiler gave up" in done.stdout
    rows = json.loads((results / "comparison.json").read_text())["rows"]
    assert rows[0]["ratio"]["median"] == 3.0 and rows[1]["ratio"] is None, rows
    assert "JESPR, structure forward, bf16: not measured: program ended with 1" in done.stdout

    done = compare(*common, "--parts", "attention", "--precisions", "f32")
    assert "geometric mean 2.00, least 2.00" in done.stdout, done.stdout
    assert "geometric mean 1.50, least 1.50" in done.stdout, done.stdout

    assert "--rounds" in compare("--help").stdout
    done = compare(HERE / "nowhere.deck", "--program", program, expected=1)
    assert "nowhere.deck: no such file" in done.stderr, done.stderr
    done = compare(*common, "--precisions", "f16", expected=2)
    assert "f16" in done.stderr, done.stderr


check_arithmetic()
check_attention()
check_reading()
check_runs()
print("ratios, tables and the order of events are as told")
