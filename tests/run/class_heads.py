# Class heads on the levels of a label: columns of the histories against counts of the dataset's
# own labels, the same bits on other ranks and after a restart, and what is refused.
# labels: mpi
# processors: 2
# timeout: 300
import csv
import os
import sys

import h5py

sys.path.insert(0, os.path.join(os.environ["JESPR_SOURCE_DIR"], "tests/support"))
from jespr_runs import (DATA, DECK, Run, dataset, difference, expect, expect_same_run, history,
                        run, say, state)

SMALL = dataset()
CLASSES = {"classes.label": "cath", "classes.weights": [1, 0, 0.5], "optim.schedule": "constant",
           "optim.warmup_steps": 0, "optim.steps": 6, "checkpoint.every": 3, "validate.every": 3,
           "loss.mlm_weight": 0.2, "batch.masked_fraction": 0.0}
LEVELS = (1, 3)


def class_of(labels, level):
    """The class of a chain that all its labels agree in, None where they do not."""
    parts = {tuple(label.split(".")[:level]) for label in labels.split(";")}
    name = parts.pop() if len(parts) == 1 else ()
    return name if len(name) == level and all(name) else None


with h5py.File(SMALL) as file:
    chains = list(zip(file["split"][()], file["labels/cath"].asstr()[()]))
known = {level: {class_of(labels, level) for split, labels in chains if split == 0} - {None}
         for level in LEVELS}
told = {level: sum(class_of(labels, level) in known[level]
                   for split, labels in chains if split == 1) for level in LEVELS}
expect(all(len(names) > 1 for names in known.values()) and told[1] > 10, f"{known}\n{told}")

# One run on one rank, and the same on two, recomputed, and continued by four.
whole = Run("whole", CLASSES)
result = whole.run(1)
for level in LEVELS:
    expect(f"level {level} has {len(known[level])} classes" in result.out, result.text)
    expect(f"level {level} " in result.out.split("validation at 6")[1], result.text)

parts = Run("parts", CLASSES)
parts.run(2, "optim.steps=3", "batch.recompute=.true.")
parts.run(4, "checkpoint.restart=auto")
expect_same_run(parts, whole, 6)
say("the same bits on 1, 2 and 4 ranks")

# What the histories hold.
rows = history(whole.output)
first = {key: float(value) for key, value in rows[0].items()}
for level in LEVELS:
    counts = [float(row[f"class_proteins_{level}"]) for row in rows]
    expect(0 < sum(counts) < 6 * 16, f"labelled proteins of level {level}: {counts}")
    expect(abs(first[f"class_loss_{level}"] - 1) < 1e-5, f"untrained heads: {first}")
expect("class_loss_2" not in first, f"{rows[0]}")
clip = Run("clip", {key: value for key, value in CLASSES.items() if "classes." not in key})
clip.run(1, "optim.steps=1")
alone = float(history(clip.output)[0]["loss"])
expect(abs(first["loss"] - alone - 1.5) < 1e-4, f"{first['loss']} of clip's {alone}")
for row in history(whole.output, "validation.csv"):
    for level in LEVELS:
        expect(float(row[f"class_proteins_{level}"]) == told[level], f"{row}, not {told}")
        for modality in ("sequence", "structure"):
            right = float(row[f"class_accuracy_{modality}_{level}"]) * told[level]
            expect(abs(right - round(right)) < 1e-9, f"{row}")
with h5py.File(whole.checkpoint(6)) as file:
    lines = file["info/classes"].asstr()[0].splitlines()
    wanted = [f"{level} {'.'.join(name)}" for level in LEVELS
              for name in sorted(known[level], key=".".join)]
    expect(lines == wanted, f"{lines}, not {wanted}")
    for level in LEVELS:
        head = file[f"state/parameters/class_heads.{level}.weight"]
        expect(head.shape == (len(known[level]), 32) and head[()].any(), f"{head}")
say("histories and checkpoint")

# The checkpoint of a model with class heads is evaluated as any other.
deck = whole.folder / "evaluate.deck"
deck.write_text(f"&run task = 'evaluate' /\n&data dataset = '{SMALL}' /\n&evaluate "
                f"checkpoint = '{whole.checkpoint(6)}', equal_length = 0, bootstrap = 0 /\n")
run(1, deck)

# A further validation set without labels: no accuracy, no failure.
unlabelled = whole.folder / "unlabelled.h5"
run(1, SMALL.parent / "prepare.deck", "prepare.table=''", f"prepare.dataset={unlabelled}")
other = Run("other", CLASSES)
out = other.run(1, "optim.steps=3", f"validate.datasets={unlabelled}").out
expect("classes level 1 unknown, level" in out and "nan" not in out, out)
row = history(other.output, "validation_unlabelled.csv")[-1]
expect(row["class_proteins_1"] == "0" and row["class_loss_1"] == "nan", f"{row}")
expect(float(row["loss"]) > 0, f"{row}")
say("a set without labels")


# Weights of that run for another: all but the heads, whose rows are classes of its data.
taken = Run("taken", CLASSES)
out = taken.run(1, f"joint.weights={whole.checkpoint(6)}", "optim.steps=1",
                "batch.shards=1").out
expect("in 1 shard (1 per rank)" in out and "done: 1 step in" in out, out)
expect("&joint: 13 tensors from " in out, out)
loss = float(history(taken.output)[0]["class_loss_1"])
expect(abs(loss - 1) < 1e-5, f"heads did not start anew: {loss}")
say("weights taken, heads anew")


def refused(job, code, words, *overrides, ranks=1):
    before = state(job.checkpoint(6)) if job.checkpoint(6).exists() else None
    result = job.run(ranks, *overrides, code=code)
    lines = [line for line in result.err.splitlines() if words in line]
    expect(len(lines) == 1, f"not one line with '{words}'\n{result.text}")
    expect(before is None or not difference(before, state(job.checkpoint(6))), "checkpoint changed")


new = Run("new", CLASSES)
refused(new, DATA, "it has no label 'cat' (&classes label); nearest is 'cath'; its labels: cath, ",
        "classes.label=cat", ranks=2)
refused(new, DATA, "at level 5; two are needed: set &classes weights(5) = 0, or give fewer weights",
        "classes.weights=1,1,1,1,1")
refused(new, DATA, f"{unlabelled}: it has no label 'cath' (&classes label); its labels: none",
        f"data.dataset={unlabelled}")
expect(not new.checkpoints(), "a refused run left checkpoints")
go_on = ("checkpoint.restart=auto", "optim.steps=9")
refused(whole, DECK, "was trained with class heads", *go_on, "classes.label=''",
        "classes.weights=1,1,1,1")
refused(clip, DECK, "was trained without class heads", *go_on, "classes.label=cath")
refused(whole, DATA, "first level 2 ", *go_on, "classes.weights=1,1,0.5")

# The same chains with other labels: a class less, or one chain in another class.
with open(SMALL.parent / "small.tsv", newline="") as file:
    table = list(csv.DictReader(file, delimiter="\t"))


def relabelled(name, change):
    path = whole.folder / f"{name}.tsv"
    rows = [row | {"cath": change(row)} for row in table]
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    run(2, SMALL.parent / "prepare.deck", f"prepare.table={path}",
        f"prepare.dataset={path.with_suffix('.h5')}")
    return f"data.dataset={path.with_suffix('.h5')}"


top = max(name[0] for name in known[1])
without = relabelled("without", lambda row: "" if row["cath"].startswith(top) else row["cath"])
refused(whole, DATA, "does not make the classes that", *go_on, without)
trained = [row for row in table if row["split"] == "train"]
one, two = (next(row for row in trained if class_of(row["cath"], 1) == (c,)) for c in "13")
swapped = {one["name"]: two["cath"], two["name"]: one["cath"]}
other_chains = relabelled("other_chains", lambda row: swapped.get(row["name"], row["cath"]))
refused(whole, DATA, "the same classes, but other training chains", *go_on, other_chains)
whole.run(2, *go_on)
say("refusals")
