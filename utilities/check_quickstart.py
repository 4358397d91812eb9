#!/usr/bin/env python3
"""Has the quickstart learned what it should?

    check_quickstart.py RUN_FOLDER

RUN_FOLDER holds history.csv and best/evaluation.json. Prints one line per expectation with PASS or
FAIL; exit code 1 if one is not met. Judged are the validation chains cut to equal length, because
whole chains are found by their lengths alone (doc/evaluation.md).
"""
import pathlib
import sys

import script_errors

ENDS = 25  # steps at either end of the run whose mean losses are compared
LOSS_RATIO = 0.9
PERCENTILE = 0.69  # 0.5 is chance; a pilot in PyTorch reached 0.71 [0.69, 0.73]
TIMES_CHANCE = 2.0
RECALL_AT = 10


def mean_losses(path):
    """Mean loss of the first and of the last steps of a history."""
    losses = [float(row["loss"]) for row in script_errors.read_columns(path, ("loss",))]
    if len(losses) < 2 * ENDS:
        sys.exit(f"{path}: {len(losses)} steps, at least {2 * ENDS} are needed")
    return sum(losses[:ENDS]) / ENDS, sum(losses[-ENDS:]) / ENDS


def equal_length_measures(path):
    """{method: (percentile, recall@10)} of the gallery of equal length, both directions pooled."""
    evaluation = script_errors.read_json(path, "galleries")
    gallery = next((g for g in evaluation["galleries"] if g["kept_residues"]), None)
    if gallery is None or RECALL_AT not in gallery["recall_at"]:
        sys.exit(f"{path}: no chains cut to equal length with recall@{RECALL_AT}; evaluate with "
                 f"equal_length and recall = ..., {RECALL_AT}")
    place = gallery["recall_at"].index(RECALL_AT)
    measures = {method["name"]: (method["pooled"]["percentile"], method["pooled"]["recall"][place])
                for method in gallery["methods"]}
    for name in ("trained", "untrained", "chance"):
        if name not in measures:
            sys.exit(f"{path}: no method '{name}'; evaluate with untrained = .true.")
    return measures


def expectations(folder):
    """(met, sentence) for each."""
    first, last = mean_losses(folder / "history.csv")
    yield (last <= LOSS_RATIO * first,
           f"mean loss: {last:.3f} over the last {ENDS} steps, {first:.3f} over the first: "
           f"x {last / first:.2f}, at most {LOSS_RATIO}")
    measures = equal_length_measures(folder / "best" / "evaluation.json")
    percentile, recall = measures["trained"]
    untrained_percentile, untrained_recall = measures["untrained"]
    chance = measures["chance"][1]["value"]
    yield (percentile["value"] >= PERCENTILE,
           f"percentile of partners: {percentile['value']:.3f}, at least {PERCENTILE} "
           f"(chance 0.5)")
    yield (recall["value"] >= TIMES_CHANCE * chance,
           f"recall@{RECALL_AT}: {100 * recall['value']:.1f} %, "
           f"{recall['value'] / chance:.1f} times chance, at least {TIMES_CHANCE:g} times")
    yield (percentile["lower"] > untrained_percentile["upper"],
           f"percentile, lower bound: {percentile['lower']:.3f}, above the untrained encoders' "
           f"upper bound, {untrained_percentile['upper']:.3f}")
    yield (recall["lower"] > untrained_recall["upper"],
           f"recall@{RECALL_AT}, lower bound: {100 * recall['lower']:.1f} %, above the untrained "
           f"encoders' upper bound, {100 * untrained_recall['upper']:.1f} %")


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    for path in (folder / "history.csv", folder / "best" / "evaluation.json"):
        if not path.is_file():
            sys.exit(f"{path}: no such file; name the folder of a run that was evaluated")
    all_met = True
    for met, sentence in expectations(folder):
        print(f"{'PASS' if met else 'FAIL'}  {sentence}")
        all_met = all_met and met
    sys.exit(0 if all_met else 1)


if __name__ == "__main__":
    script_errors.run(main)
