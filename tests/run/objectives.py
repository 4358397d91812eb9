# Every objective of &loss kind, and predicting residues or classes beside a joint one: the same
# bits on 1 and 2 ranks and with recomputation, a loss that falls, a validation that beats the
# untrained model and lists its worst pairs. On the whole sample, the classes of held-out proteins.
# labels: mpi
# processors: 2
# timeout: 600
import collections
import csv
import math
import os
import sys

import h5py

sys.path.insert(0, os.path.join(os.environ["JESPR_SOURCE_DIR"], "tests/support"))

from jespr_runs import SOURCES, Run, expect, expect_same_run, history, run, say

STEPS, FEW, AVERAGED, MANY = 30, 3, 8, 200
LISTED = 10  # worst pairs, unless a deck says otherwise
CROPS = {"data.independent_crops": False, "data.sequence_crops": 3, "data.crop_length": 30}
OBJECTIVES = {
    "clip": {},
    "siglip": {},
    "vicreg": {"loss.expander_width": 64},
    "distance": {},
    "mlm": {},
    "causal": {},
    "clip_and_mlm": {"loss.kind": "clip", "loss.mlm_weight": 0.5},
    "distance_and_causal": {"loss.kind": "distance", "loss.causal_weight": 0.5},
    "clip_of_crops": {"loss.kind": "clip", **CROPS},
    "siglip_of_crops": {"loss.kind": "siglip", **CROPS},
    "none": {"classes.label": "cath", "classes.weights": [1, 1]},
    "vicreg_and_classes": {"loss.kind": "vicreg", "loss.expander_width": 64,
                           "classes.label": "cath", "classes.weights": [1, 1, 1]},
}


def mean(values):
    return sum(values) / len(values)


def require_what_exists(rows, kind, speaks):
    """Numbers where a run has them and nan, not 0, where it does not."""
    joint = kind not in ("mlm", "causal")
    for row in rows:
        for column, text in row.items():
            exists = {"accuracy": joint and kind != "none", "rank": joint, "recall": joint,
                      "language": speaks}.get(column.split("_")[0])
            expect(exists is None or exists == (text != "nan"), f"{kind}: {column} is {text}")


def require_worst_pairs(job):
    """Whatever the objective, the pairs that cost most, by numbers, and the worst first."""
    with open(job.output / "worst_pairs.tsv", newline="") as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file, delimiter="\t")]
    expect(len(losses) == LISTED and all(map(math.isfinite, losses)), f"{job.output}: {losses}")
    expect(losses == sorted(losses, reverse=True) and losses[0] > losses[-1] > 0,
           f"{job.output}: {losses}")


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
    rows = history(trained.output)
    require_what_exists(rows + history(trained.output, "validation.csv"), common["loss.kind"],
                        "mlm" in name or "causal" in name)
    losses = [float(row["loss"]) for row in rows]
    begin, end = mean(losses[:AVERAGED]), mean(losses[-AVERAGED:])
    expect(end < begin, f"{name}: the loss went from {begin:.4f} to {end:.4f}")
    before, after = (float(history(run.output, "validation.csv")[-1]["loss"])
                     for run in (untrained, trained))
    expect(after < before, f"{name}: validation loss {after:.4f}, untrained {before:.4f}")
    if common["loss.kind"] not in ("mlm", "causal"):
        require_worst_pairs(trained)
    say(f"{name}: loss {begin:.3f} to {end:.3f}, validation {before:.3f} to {after:.3f}")

# Classes and architectures (CATH) of the sample's validation chains, none of which has a relative
# among those of training: better than the untrained model and than the commonest class of training.
sample = f"{os.getcwd()}/sample.h5"
run(1, SOURCES / "input/quickstart_prepare.deck", f"prepare.dataset={sample}",
    "prepare.overwrite=.true.")
with h5py.File(sample) as file:
    chains = list(zip(file["split"][()], file["labels/cath"].asstr()[()]))


def share_of_commonest(level):
    """Of the validation chains with one label whose class is known, those of the commonest."""
    names = {split: [".".join(label.split(".")[:level]) for part, label in chains
                     if part == split and label and ";" not in label] for split in (0, 1)}
    known = [name for name in names[1] if name in set(names[0])]
    return known.count(collections.Counter(names[0]).most_common(1)[0][0]) / len(known)


common = {"data.dataset": sample, "classes.label": "cath", "classes.weights": [1, 1],
          "optim.lr_peak": 3e-3, "validate.equal_length": 0, "checkpoint.every": MANY,
          "validate.every": MANY}
found = {}
for name, changes in {"untrained": {"optim.steps": 1, "optim.lr_peak": 1e-12,
                                    "optim.warmup_steps": 0},
                      "trained": {"optim.steps": MANY}}.items():
    job = Run(f"sample_{name}", common | changes)
    job.run(1)
    losses = [float(row["loss"]) for row in history(job.output)]
    found[name] = {key: float(value) for key, value in
                   history(job.output, "validation.csv")[-1].items()}
expect(mean(losses[-AVERAGED:]) < mean(losses[:AVERAGED]), f"sample: loss {losses}")
for level in (1, 2):
    expect(found["trained"][f"class_loss_{level}"] < found["untrained"][f"class_loss_{level}"],
           f"level {level}: {found}")
    for modality in ("sequence", "structure"):
        column = f"class_accuracy_{modality}_{level}"
        least = max(found["untrained"][column], share_of_commonest(level))
        expect(found["trained"][column] > least, f"{column}: {found}, commonest {least:.3f}")
        say(f"{column}: {found['trained'][column]:.3f}, untrained "
            f"{found['untrained'][column]:.3f}, commonest {share_of_commonest(level):.3f}")
