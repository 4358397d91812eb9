# What the deck chooses about structures: lists with chains and residue ranges, pLDDT from a tar
# archive of predicted models, label ids, models, missing residues, filters, twins, clusters and
# splits; the same datasets on 1 and 2 ranks.
# labels: mpi
# processors: 2
# timeout: 300
import csv
import gzip
import io
import os
import pathlib
import sys
import tarfile

import h5py
import numpy as np

sys.path.insert(0, os.path.join(os.environ["JESPR_SOURCE_DIR"], "tests/support"))
from jespr_runs import DATA, DECK, SOURCES, datasets, difference, expect, run, write_deck
from predicted_models import as_predicted

STRUCTURES = SOURCES / "tests/data/structures"


def prepare(name, sources, code=0, **options):
    """Prepared on two ranks and on one, with the same content; the last run's result."""
    deck = write_deck(pathlib.Path(f"{name}.deck").resolve(), {
        "run": {"task": "prepare"},
        "prepare": {"sources": sources, "dataset": f"{name}.h5", "overwrite": True, **options}})
    found = []
    for ranks in (2, 0):
        result = run(ranks, deck, code=code)
        if code == 0:
            found.append({key: value for key, value in datasets(f"{name}.h5").items()
                          if key != "deck"})
    differs = difference(*found) if code == 0 else ""
    expect(not differs, f"{name}: 1 and 2 ranks wrote different datasets: {differs}")
    return result


def report(name):
    with open(f"{name}.h5.report.tsv", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


class Content:
    def __init__(self, name):
        with h5py.File(f"{name}.h5") as file:
            self.names = file["names"].asstr()[:].tolist()
            self.chain_id = file["chain_id"].asstr()[:].tolist()
            self.offsets = file["offsets"][:]
            self.columns = {key: file["residues/" + key][:] for key in
                            ("sequence", "number", "confidence", "coordinates", "b_factor")}
            self.split, self.cluster = file["split"][:], file["cluster"][:]
            self.resolution = file["resolution"][:]
            self.twins = dict(zip(file["twins/name"].asstr()[:], file["twins/chain"][:])) \
                if "twins" in file else {}

    def of(self, name, column):
        i = self.names.index(name)
        values = self.columns[column][self.offsets[i]:self.offsets[i + 1]]
        return values.tobytes().decode() if column == "sequence" else values


# ---- Lists

pathlib.Path("chains.list").write_text(f"""
{STRUCTURES}/1TPK:B            # the ending may be left out
{STRUCTURES}/1TPK.pdb.gz:A:-3--1,5-10
{STRUCTURES}/103l.cif.gz:A:30-41
{STRUCTURES}/1CRN:Z
{STRUCTURES}/1CRN:A:100-120
{STRUCTURES}/1CRN:A:12-
{STRUCTURES}/nothing:A
""")
prepare("lists", ["chains.list"])
content = Content("lists")
expect(content.names == ["1TPK_B", "1TPK_A_-3--1,5-10", "103l_A_30-41"], content.names)
expect(content.of("1TPK_A_-3--1,5-10", "number").tolist() == [-3, -2, -1, *range(5, 11)],
       content.of("1TPK_A_-3--1,5-10", "number"))
numbers = content.of("103l_A_30-41", "number")  # with missing residues, numbered by the file
expect(numbers[0] == 30 and numbers[-1] == 41 and (np.diff(numbers) >= 0).all(), numbers)
remarks = [row["remark"] for row in report("lists") if row["outcome"] == "refused"]
expect(len(remarks) == 4 and "no such chain; it has A" in remarks[0] and
       "no residue of 100-120" in remarks[1] and "is no selection" in remarks[2] and
       "No such file" in remarks[3], remarks)

# A chain that was read but for a range that is missing, a part behind TER or one behind END is no
# refused chain.
def atoms(residue, number):
    return "".join(f"ATOM      1 {name:<4} {residue} A{number:>4}    {4.0 * number + x:8.3f}"
                   f"{0:8.3f}{0:8.3f}  1.00 10.00          {name.strip()[0]:>2}\n"
                   for x, name in enumerate((" N  ", " CA ", " C  ")))


pathlib.Path("parts.pdb").write_text(atoms("ALA", 5) + "TER\n" + atoms("GLY", 1) + "TER\nEND\n" +
                                     atoms("SER", 9))
pathlib.Path("parts.list").write_text(f"parts.pdb:A\n{STRUCTURES}/1CRN:A:5-10,100-120\n"
                                      f"{STRUCTURES}/1CRN:A:100-120\n")
result = prepare("parts", ["parts.list"])
expect([row["outcome"] for row in report("parts")] == ["read", "refused", "read"] + 2 * ["refused"],
       report("parts"))
expect("refused    0 files, 1 chain and 2 parts of chains: " in result.out,
       result.text)

# What a list cannot name; no name is given as an example where nothing was read.
pathlib.Path("inner.list").write_text(f"{STRUCTURES}/1CRN\n")
pathlib.Path("outer.list").write_text("inner.list\n")
pathlib.Path("nobody.tsv").write_text("name\nsomebody\n")
result = prepare("nested", ["outer.list"], code=DATA, table="nobody.tsv")
expect(report("nested")[0]["remark"].endswith("; a list may not name a list"), report("nested"))
expect("nobody.tsv without a chain that was read\n" in result.out, result.text)

# A file's only protein chain is named by the file; of a choice or filter the names do not depend.
pathlib.Path("some.list").write_text(f"{STRUCTURES}/1TPK:A\n{STRUCTURES}/1TPK:B\n"
                                     f"{STRUCTURES}/1CRN:A\n{STRUCTURES}/103l.cif.gz:A:30-41\n")
prepare("by_file", ["some.list"], chain_names="file")
expect(Content("by_file").names == ["1TPK_A", "1TPK_B", "1CRN", "103l_30-41"],
       Content("by_file").names)
prepare("by_file", [str(SOURCES / "tests/data/raw_structures/1a4w.pdb.gz")], chain_names="file",
        min_length=100)
expect(Content("by_file").names == ["1a4w_H"], Content("by_file").names)

# ---- Predicted models in an archive, as their database packs them: each as PDB and mmCIF

model = gzip.decompress((STRUCTURES / "1CRN.cif.gz").read_bytes()).decode()
predicted = as_predicted(model, lambda number: 50 + number)
with tarfile.open("proteome.tar", "w") as archive:
    for name, text in (("AF-P01542-F1-model_v4.cif.gz", predicted),
                       ("AF-P01543-F1-model_v4.cif.gz", predicted),
                       ("AF-P01542-F1-predicted_aligned_error_v4.json.gz", "[[0.1, 2.0]]")):
        packed = gzip.compress(text.encode())
        member = tarfile.TarInfo(name)
        member.size = len(packed)
        archive.addfile(member, io.BytesIO(packed))
prepare("plddt", ["proteome.tar"], confidence="plddt", duplicates="drop", min_plddt=70,
        chain_names="file")
content = Content("plddt")
name = "AF-P01542-F1-model_v4"
expect(content.names == [name] and content.twins == {"AF-P01543-F1-model_v4": 0},
       (content.names, content.twins))
expect(np.allclose(content.of(name, "confidence"), (50 + np.arange(1, 47)) / 100, atol=1e-6),
       content.of(name, "confidence"))
rows = {row["source"].split(":")[1][:9] + row["outcome"]: row["remark"] for row in report("plddt")}
expect(rows["AF-P01543twin"] == f"has the sequence of {name}" and
       rows["AF-P01542read"] == "twins: AF-P01543-F1-model_v4", rows)
prepare("plddt", ["proteome.tar", str(STRUCTURES / "103l.pdb.gz")], confidence="plddt",
        min_plddt=70, max_length=100)
remarks = [row["remark"] for row in report("plddt")]
expect(remarks[-1] == "167 residues, max_length is 100", remarks)
result = prepare("wrong", ["proteome.tar"], code=DECK, min_plddt=70)
expect("needs confidence = 'plddt'" in result.err, result.text)

# ---- Models, label ids, missing residues, resolution, completeness

lcd = SOURCES / "tests/data/raw_structures/1LCD.pdb.gz"
for model in (1, 3):
    prepare(f"model{model}", [str(lcd)], model=model)
first, third = Content("model1"), Content("model3")
expect(first.of("1LCD_A", "sequence") == third.of("1LCD_A", "sequence"), "letters of models")
shift = np.abs(first.columns["coordinates"] - third.columns["coordinates"])
expect(0.1 < np.nanmax(shift) < 40, f"two models differ by {np.nanmax(shift)}")

assembly = SOURCES / "tests/data/raw_structures/1dix.cif.gz"
prepare("labels", [str(assembly)], chain_ids="label")
expect(Content("labels").chain_id == ["A"] and len(report("labels")) > 1, report("labels"))

gaps = [str(STRUCTURES / "103l.cif.gz"), str(STRUCTURES / "1CRN.cif.gz")]
prepare("kept", gaps)
prepare("dropped", gaps, missing="drop")
kept, dropped = Content("kept"), Content("dropped")
there = np.isfinite(kept.of("103l_A", "coordinates")).any(axis=(1, 2))
expect(not there.all() and dropped.of("103l_A", "sequence") ==
       "".join(np.array(list(kept.of("103l_A", "sequence")))[there]), "missing residues dropped")
expect((dropped.of("103l_A", "number") == kept.of("103l_A", "number")[there]).all(), "numbers")
expect(np.allclose(kept.resolution, [1.9, 1.5]), kept.resolution)
prepare("filtered", gaps, min_completeness=0.99)
expect(Content("filtered").names == ["1CRN_A"], Content("filtered").names)
prepare("filtered", gaps, max_resolution=1.6)
expect(Content("filtered").names == ["1CRN_A"], Content("filtered").names)

# ---- Clusters and splits

options = {"clusters": "kmers", "split": "by_cluster", "validation_share": 0.25, "test_share": 0.1,
           "duplicates": "drop"}
result = prepare("split", [str(STRUCTURES), str(lcd)], **options)
content = Content("split")
expect("warning" not in result.out, "relatives across a split by the same measure\n" + result.text)
for cluster in set(content.cluster.tolist()):
    expect(len(set(content.split[content.cluster == cluster].tolist())) == 1, "a cluster divided")
expect(len(set(content.cluster.tolist())) < len(content.names) + 1, content.cluster)
pathlib.Path("bad.tsv").write_text("name\tsplit\n1TPK_A\tvalidation\n1TPK_B\ttrain\n")
result = prepare("crossing", [str(STRUCTURES / "1TPK.pdb.gz")], table="bad.tsv")
expect("1 chain of validation and test has a relative in training" in result.text, result.text)
pathlib.Path("one.tsv").write_text("name\tcluster30\n1TPK_A\t1\n1TPK_B\t1\n1TPK_C\t1\n")
result = prepare("one", [str(STRUCTURES / "1TPK.pdb.gz")], table="one.tsv", split="by_cluster",
                 validation_share=0.34)
expect("validation has 0 chains where validation_share = 0.34 asks for 1.0: the largest cluster "
       "has 3 of 3 chains" in result.text and "cluster30 of a search" in result.text, result.text)
result = prepare("wrong", [str(STRUCTURES)], code=DECK, split="by_cluster")
expect("a split by clusters needs a table" in result.err, result.text)
