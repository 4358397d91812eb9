# Several validation sets, and the pairs of highest loss by name.
# labels: mpi
# processors: 2
# timeout: 300
import csv
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.environ["JESPR_SOURCE_DIR"], "tests/support"))
from jespr_runs import DATA, DECK, Run, dataset, datasets, expect, history, run, say, write_deck

SMALL = dataset()
CHANGES = {"optim.steps": 6, "validate.every": 2, "checkpoint.every": 3,
           "validate.worst_pairs": 100}


def worst(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


# The same chains under another name, and a dataset without a split: all of its chains.
job = Run("sets", CHANGES)
twin, unsplit = job.folder / "twin.h5", job.folder / "unsplit.h5"
shutil.copy(SMALL, twin)
run(1, SMALL.parent / "prepare.deck", "prepare.table=''", f"prepare.dataset={unsplit}")
further = f"validate.datasets={twin},{unsplit}"
result = job.run(2, further)
expect("24 validation chains" in result.out and "120 chains, as none" in result.out, result.text)
own, of_twin, of_unsplit = (history(job.output, f"validation{name}.csv")
                            for name in ("", "_twin", "_unsplit"))
for row in own:
    row["best"] = "0"
expect(own == of_twin and len(own) == 3, f"{own}\n{of_twin}")
expect([row["step"] for row in of_unsplit] == ["2", "4", "6"] and of_unsplit != own, "unsplit")
stored = datasets(job.output / "history.h5")
expect(list(stored["validation_unsplit/loss"]) == [float(row["loss"]) for row in of_unsplit],
       "history.h5 lacks a set")
expect("twin: validation at 6" in result.out, result.text)
say("three sets")

# Stopped and continued on one rank: the same rows.
parts = Run("parts", CHANGES)
for ranks, steps, restart in ((2, 3, "no"), (1, 6, "auto")):
    parts.run(ranks, further, f"optim.steps={steps}", "optim.schedule=constant",
              f"checkpoint.restart={restart}", "validate.every=3")
whole = Run("whole", CHANGES)
whole.run(1, further, "optim.schedule=constant", "validate.every=3")
for name in ("", "_twin", "_unsplit"):
    expect(history(parts.output, f"validation{name}.csv")
           == history(whole.output, f"validation{name}.csv"), f"validation{name}.csv")
    rows = worst(parts.output / f"worst_pairs{name}.tsv")
    expect(rows == worst(whole.output / f"worst_pairs{name}.tsv"), f"worst_pairs{name}.tsv")
say("continued")

# All pairs are listed, the worst first; the deck's number of them in another run.
rows = worst(job.output / "worst_pairs.tsv")
validation = [name.decode() for name, split in zip(datasets(SMALL)["names"],
                                                   datasets(SMALL)["split"]) if split == 1]
losses = [float(row["loss"]) for row in rows]
expect(sorted(row["name"] for row in rows) == sorted(validation) and len(rows) == 24,
       f"{len(rows)} rows of {len(validation)} chains")
expect(losses == sorted(losses, reverse=True) and losses[0] > losses[-1] > 0, f"{losses}")
expect(all(1 <= float(row[rank]) <= 24 for row in rows
           for rank in ("rank_of_structure", "rank_of_sequence")), "ranks")
expect(all(row["step"] == "6" for row in rows), "not of the last validation")
expect(f"worst: {rows[0]['name']} (loss {losses[0]:.2f}" in result.out, result.text)
# A pair whose partner is found first in both directions loses less than log 24 in each.
found = [float(row["loss"]) for row in rows
         if row["rank_of_structure"] == row["rank_of_sequence"] == "1"]
expect(all(loss < 3.18 for loss in found), f"{found}")
few = Run("few", CHANGES | {"validate.worst_pairs": 3})
few.run(1)
expect(worst(few.output / "worst_pairs.tsv") == rows[:3], "not the three worst")
say("worst pairs")

# Sequences alone are no set for a joint loss, but they are one for the sequence encoder alone.
(job.folder / "alone.fasta").write_text(">a\nMKTAYIAKQRQISFVKSHFSRQ\n>b\nMGDVEKGKKIFVQKCAQCHTVE\n")
alone = job.folder / "alone.h5"
run(1, write_deck(job.folder / "alone.deck", {
    "run": {"task": "prepare", "name": "alone"},
    "prepare": {"sources": "alone.fasta", "dataset": "alone.h5", "min_length": 10}}),
    folder=job.folder)
Run("language", {key: value for key, value in CHANGES.items() if key != "validate.worst_pairs"} |
    {"loss.kind": "mlm", "batch.masked_fraction": 0.0}).run(1, f"validate.datasets={alone}")
say("sequences alone")

# Two sets of one name are refused as the deck is read; what else cannot be, before the first step.
two = Run("two", CHANGES)
result = two.run(1, f"validate.datasets={twin},{two.folder / 'twin.h5'}", flags=["--check"],
                 code=DECK)
expect("called 'twin', too" in result.err, result.text)
for overrides, code, words in ((f"{job.folder / 'none.h5'}", DATA, "none.h5"),
                               (f"{twin},{alone}", DATA, "alone.h5: sequences without")):
    refused = Run("refused", CHANGES)
    result = refused.run(2, f"validate.datasets={overrides}", code=code)
    expect(words in result.err and not refused.rows(), result.text)

# Embeddings that nothing drives apart become one point: that is said once of each set, not at each
# validation; while the rate still rises it is too early to say, and few chains span few directions.
COLLAPSE = CHANGES | {"optim.steps": 60, "optim.schedule": "constant", "validate.every": 30,
                      "loss.kind": "distance", "loss.uniformity_weight": 0}
result = Run("collapsed", COLLAPSE).run(2, f"validate.datasets={twin}")
for name in ("", "twin: "):
    expect(result.text.count(f"{name}the embeddings of the validation chains have collapsed: "
                             "sequence (effective rank") == (1 if name else 2), result.text)
expect("), structure (" in result.text, result.text)
few = job.folder / "few.h5"
three = ",".join(map(str, sorted((SMALL.parent / "structures").iterdir())[:3]))
run(1, SMALL.parent / "prepare.deck", "prepare.table=''", f"prepare.sources={three}",
    f"prepare.dataset={few}")
for text in (Run("rising", COLLAPSE).run(2, "optim.warmup_steps=60").text,
             Run("few", CHANGES).run(2, f"validate.datasets={few}").text,
             (job.output / "log.txt").read_text()):
    expect("collapsed" not in text, text)
say("a collapse is told from none")
