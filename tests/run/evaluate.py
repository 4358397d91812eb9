# task = 'evaluate': the same results on any number of ranks, every number recomputed from the
# stored embeddings, nothing overwritten, damaged input refused.
# labels: mpi
# processors: 2
# timeout: 300
import csv
import json
import os
import sys

sys.path.insert(0, os.path.join(os.environ["JESPR_SOURCE_DIR"], "tests/support"))
import h5py
import numpy as np

from jespr_runs import (DATA, DECK, Run, dataset, datasets, difference, expect, run, say,
                        write_deck)

CUT = 40  # residues; every chain of the dataset has as many
RECALL = [1, 3, 10]

trained = Run("trained", {"optim.steps": 6, "checkpoint.every": 6, "validate.every": 6})
trained.run(2)
checkpoint = trained.output / "best.h5"
deck = write_deck(trained.folder / "evaluate.deck", {
    "run": {"task": "evaluate", "seed": 5}, "data": {"dataset": dataset()},
    "evaluate": {"checkpoint": checkpoint, "recall": RECALL, "equal_length": CUT,
                 "bootstrap": 100}})


def evaluate(ranks, name, *overrides, code=0):
    return run(ranks, deck, f"evaluate.output={trained.folder / name}", *overrides,
               folder=trained.folder, code=code)


def close(value, wanted, what, tolerance=1e-9):
    expect(abs(value - wanted) <= tolerance, f"{what}: {value}, recomputed {wanted}")


# ---- The same on any number of ranks

for ranks in (1, 2, 4):
    evaluate(ranks, f"by_{ranks}")
texts = {ranks: json.loads((trained.folder / f"by_{ranks}/evaluation.json").read_text())
         for ranks in (1, 2, 4)}
expect(all("&evaluate" in text.pop("deck") for text in texts.values()), "no deck in the results")
for ranks in (2, 4):
    expect(texts[ranks] == texts[1], f"evaluation.json on {ranks} ranks is not that of one")
    one, other = (datasets(trained.folder / f"by_{n}/evaluation.h5") for n in (1, ranks))
    for name in ("deck", "evaluation"):  # the deck, there too, names the output folder
        one.pop(name), other.pop(name)
    found = difference(one, other)
    expect(not found, f"evaluation.h5 on {ranks} ranks is not that of one: {found}")
say("the same bits on 1, 2 and 4 ranks")

# ---- Every number from the stored embeddings

evaluation = texts[1]
expect([g["name"] for g in evaluation["galleries"]] == ["whole", "equal_length"], "galleries")
expect(evaluation["step"] == 6 and evaluation["split"] == "validation", str(texts[1])[:400])


def recomputed(queries, gallery):
    """Ranks of partners with ties in the middle."""
    cosine = queries.astype(float) @ gallery.astype(float).T
    own = np.diag(cosine)[:, None]
    tied = np.sum(np.abs(cosine - own) <= 1e-12, axis=1) - 1
    return 1 + np.sum(cosine > own + 1e-12, axis=1) + tied / 2


def uniformity(points):
    points = points.astype(float)
    squared = np.sum((points[:, None] - points[None]) ** 2, axis=-1)
    return np.log(np.mean(np.exp(-2 * squared)[~np.eye(len(points), dtype=bool)]))


def check_measures(measures, ranks, proteins, what):
    close(measures["percentile"]["value"], np.mean((proteins - ranks) / (proteins - 1)), what)
    close(measures["median_rank"]["value"], np.median(ranks), what)
    close(measures["reciprocal_rank"]["value"], np.mean(1 / ranks), what)
    for k, recall in zip(RECALL, measures["recall"]):
        close(recall["value"], np.mean(ranks <= k), f"{what} recall@{k}")
    for estimate in (*measures["recall"], measures["percentile"], measures["reciprocal_rank"]):
        expect(estimate["lower"] <= estimate["value"] <= estimate["upper"], f"{what}: {estimate}")


with h5py.File(trained.folder / "by_1/evaluation.h5") as file:
    for gallery in evaluation["galleries"]:
        group = file[gallery["name"]]
        proteins = gallery["proteins"]
        expect(proteins == len(group["chains"]) == len(group["lengths"]) == 24, "not 24 chains")
        methods = {method["name"]: method for method in gallery["methods"]}
        expect(list(methods) == ["trained", "untrained", "length_only", "chance"], methods.keys())
        for name in ("trained", "untrained"):
            what = f"{gallery['name']} {name}"
            sequence, structure = group[f"{name}/sequence"][:], group[f"{name}/structure"][:]
            for points in (sequence, structure):
                close(np.abs(np.linalg.norm(points, axis=1) - 1).max(), 0, what, 1e-6)
            forth, back = recomputed(sequence, structure), recomputed(structure, sequence)
            ranks = group[f"{name}/ranks"][:]
            expect(np.array_equal(ranks, np.stack([forth, back], axis=1)), f"{what}: ranks")
            expect(not group[f"{name}/tied"][:].any(), f"{what}: ties")
            check_measures(methods[name]["sequence_to_structure"], forth, proteins, what)
            check_measures(methods[name]["structure_to_sequence"], back, proteins, what)
            check_measures(methods[name]["pooled"], ranks, proteins, what)
            close(methods[name]["alignment"], np.mean(np.sum(
                (sequence.astype(float) - structure) ** 2, axis=1)), what)
            close(methods[name]["uniformity_sequence"], uniformity(sequence), what, 1e-6)
            close(methods[name]["uniformity_structure"], uniformity(structure), what, 1e-6)
        lengths = group["lengths"][:]
        shown = np.minimum(lengths, gallery["kept_residues"] or lengths.max())
        same = np.sum(shown[:, None] == shown[None], axis=1)
        close(methods["length_only"]["pooled"]["percentile"]["value"],
              np.mean((proteins - (1 + same) / 2) / (proteins - 1)), "length only")
        close(methods["chance"]["pooled"]["percentile"]["value"], 0.5, "chance", 0)
        close(methods["chance"]["pooled"]["recall"][1]["value"], 3 / proteins, "chance", 1e-15)
    expect(difference({"x": file["whole/trained/sequence"][:]},
                      {"x": file["whole/untrained/sequence"][:]}), "training changed nothing")
length_only = evaluation["galleries"][1]["methods"][2]
expect(length_only["pooled"]["percentile"] == {"value": 0.5, "lower": 0.5, "upper": 0.5},
       "lengths give something away in the gallery of equal lengths")
chance = evaluation["galleries"][0]["methods"][3]
expect(chance["pooled"]["percentile"] == {"value": 0.5, "lower": None, "upper": None}, chance)
say("every number is what the stored embeddings give")

# What validation has said of this step on the way is what evaluation says now.
with open(trained.output / "validation.csv", newline="") as file:
    last = list(csv.DictReader(file))[-1]
close(evaluation["galleries"][1]["methods"][0]["pooled"]["percentile"]["value"],
      float(last["equal_length_percentile"]), "validation.csv")

# ---- A model is evaluated at the precision of its training

coarse = Run("coarse", {"optim.steps": 2, "validate.every": 2, "run.precision": "bf16"})
coarse.run(1)
result = evaluate(1, "coarse", f"evaluate.checkpoint={coarse.output / 'best.h5'}")
expect("bf16" in next(line for line in result.out.splitlines() if line.startswith("model ")),
       result.text)
found = json.loads((trained.folder / "coarse/evaluation.json").read_text())
with open(coarse.output / "validation.csv", newline="") as file:
    last = list(csv.DictReader(file))[-1]
close(found["galleries"][1]["methods"][0]["pooled"]["percentile"]["value"],
      float(last["equal_length_percentile"]), "validation.csv at precision bf16")

# ---- Nothing is overwritten

before = (trained.folder / "by_2/evaluation.h5").read_bytes()
for ranks in (1, 2):
    result = evaluate(ranks, "by_2", code=DECK)
    expect("evaluation.h5 exists" in result.err and "overwrite" in result.err, result.text)
expect((trained.folder / "by_2/evaluation.h5").read_bytes() == before, "overwritten")
evaluate(1, "by_2", "evaluate.overwrite=true", "evaluate.untrained=false",
         "evaluate.equal_length=0")
again = json.loads((trained.folder / "by_2/evaluation.json").read_text())
expect([method["name"] for gallery in again["galleries"] for method in gallery["methods"]]
       == ["trained", "length_only", "chance"], again)

# ---- What cannot be evaluated is refused by all ranks

flipped = bytearray(checkpoint.read_bytes())
with h5py.File(checkpoint) as file:
    item = file["/state/parameters/logit_scale"].id
    flipped[item.get_offset()] ^= 4
(trained.folder / "flipped.h5").write_bytes(flipped)
for path, word in ((trained.folder / "flipped.h5", "digest"),
                   (trained.folder / "missing.h5", "missing.h5"), (dataset(), str(dataset()))):
    result = evaluate(2, "refused", f"evaluate.checkpoint={path}", code=DATA)
    expect(word in result.err, result.text)
result = evaluate(2, "refused", "evaluate.split=test", code=DATA)
expect("0 chains of split 'test'" in result.err, result.text)
expect(not (trained.folder / "refused").exists(), "results of a refused evaluation")
say("refused what cannot be evaluated")

# ---- A model whose heads nobody trained

alone = Run("alone", {"loss.kind": "mlm", "batch.masked_fraction": 0.0, "optim.steps": 3,
                      "validate.every": 0})
alone.run(1)
told = evaluate(1, "of_alone", f"evaluate.checkpoint={alone.checkpoint(3)}").out
expect("heads that were never trained" in told and "mlm" in told, f"no warning:\n{told}")
say("retrieval of a model that learned sequences alone is said to mean nothing")
