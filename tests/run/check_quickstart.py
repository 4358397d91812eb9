# utilities/check_quickstart.py: each expectation alone decides, and folders that are not a run's
# are refused by name.
# labels: quick
# processors: 1
# timeout: 60
import json
import os
import pathlib
import shutil
import subprocess
import sys

UTILITY = pathlib.Path(os.environ["JESPR_SOURCE_DIR"]) / "utilities/check_quickstart.py"
RUN = pathlib.Path("run_folder")
EXPECTATIONS = 5


def estimate(value, margin):
    return {"value": value, "lower": value - margin, "upper": value + margin}


def method(name, percentile, recall, margin):
    return {"name": name, "pooled": {
        "percentile": estimate(percentile, margin),
        "recall": [estimate(0.01, 0), estimate(recall, margin)]}}


def write_run(first=4.0, last=3.0, percentile=0.71, recall=0.06, margin=0.02, untrained=0.48,
              steps=250, kept=64):
    """A run of those mean losses, with an evaluation of those measures; chance is 2 %."""
    shutil.rmtree(RUN, ignore_errors=True)
    (RUN / "best").mkdir(parents=True)
    losses = [first if step < steps // 2 else last for step in range(steps)]
    (RUN / "history.csv").write_text("step,loss\n" + "".join(
        f"{step},{loss}\n" for step, loss in enumerate(losses, 1)))
    methods = [method("trained", percentile, recall, margin),
               method("untrained", untrained, 0.015, 0.01), method("chance", 0.5, 0.02, 0)]
    whole = {"name": "whole", "kept_residues": 0, "recall_at": [1, 10], "methods": []}
    equal = dict(whole, name="equal_length", kept_residues=kept, methods=methods)
    (RUN / "best/evaluation.json").write_text(json.dumps({"galleries": [whole, equal]}))


def check(folder=RUN):
    return subprocess.run([sys.executable, UTILITY, folder], capture_output=True, text=True)


def expect_failures(count, **changes):
    write_run(**changes)
    done = check()
    lines = done.stdout.splitlines()
    failures = [line for line in lines if line.startswith("FAIL")]
    assert len(lines) == EXPECTATIONS, (changes, done.stdout, done.stderr)
    assert len(failures) == count, (changes, done.stdout)
    assert done.returncode == (1 if count else 0), done.returncode
    print(changes, "->", failures)


expect_failures(0)
expect_failures(0, last=3.6, percentile=0.69, recall=0.05)
expect_failures(1, last=3.7)
expect_failures(1, last=float("nan"))
expect_failures(1, percentile=0.68)
expect_failures(1, recall=0.039, margin=0.001)
expect_failures(1, recall=0.041, margin=0.02)
expect_failures(1, untrained=0.69)

for changes, words in (({"steps": 49}, "49 steps"), ({"kept": 0}, "no chains cut")):
    write_run(**changes)
    done = check()
    assert done.returncode == 1 and words in done.stderr, done.stderr
done = check("nowhere")
assert done.returncode == 1 and "nowhere/history.csv" in done.stderr, done.stderr
