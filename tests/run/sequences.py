# FASTA files become a dataset of sequences: 10,000 generated records of every awkward kind, plain
# and gzip, by the rules of doc/dataset.md as an own reader here applies them; on 1 and 2 ranks; and
# what is refused.
# labels: mpi
# processors: 2
# timeout: 300
import csv
import gzip
import hashlib
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tarfile

import h5py

sys.path.insert(0, os.path.join(os.environ["JESPR_SOURCE_DIR"], "tests/support"))
from jespr_runs import DATA, DECK, datasets, difference, expect, run, write_deck

RECORDS = 10_000
LETTERS = "ACDEFGHIKLMNPQRSTVWYXBUZO"
LONGEST_NAME = 100


# ---- Records

def residues(chance, fewest=1, most=90):
    return "".join(chance.choices(LETTERS, k=chance.randint(fewest, most)))


def lines_of(chance, text):
    """The text in lines of random length, some blank, some with blanks at the end."""
    lines = []
    while text:
        width = chance.choice((1, 7, 60, 60, 80, 10_000))
        lines.append(text[:width] + chance.choice(("", "", "", " ", "\t")))
        text = text[width:]
        if chance.random() < 0.05:
            lines.append("")
    return lines or [""]


def make_record(chance, number, earlier):
    """(header, lines, sequence or None if it is refused, name that is wanted)"""
    name = f"p{number}"
    sequence = residues(chance)
    shown, kind = sequence, chance.randrange(20)
    header = f">{name} a protein, number {number}"
    if kind == 0:
        shown = "".join(chance.choice((a, a.lower())) for a in sequence)
    elif kind == 1:
        shown = sequence + "*"
    elif kind == 2:
        cut = chance.randint(0, len(sequence))
        shown = sequence[:cut] + chance.choice(("-", "...", "--")) + sequence[cut:]
    elif kind == 3:
        shown, sequence = "J" + sequence + "j", "X" + sequence + "X"
    elif kind == 4 and earlier:
        name = chance.choice(earlier)
        header = f">{name} the same name again"
    elif kind == 5:
        shown, sequence = "", None
    elif kind == 6:
        shown, sequence = sequence + "*" + "AC", None
    elif kind == 7:
        shown, sequence = sequence + chance.choice("1@?\x01/|"), None
    elif kind == 8:
        header, name = chance.choice((">", "> ", ">\t")), ""
    elif kind == 9:
        header = f">  {name}\tand a tab"
    elif kind == 10:
        name = f"long_{number}_" + "x" * 200
        header, name = f">{name} is cut", name[:LONGEST_NAME]
    elif kind == 11:
        header = f">{name} " + "word " * 30_000  # more than a reader may want to hold
    elif kind == 12:
        shown = " ".join(sequence[i:i + 10] for i in range(0, len(sequence), 10))
    elif kind == 13:
        shown, sequence = sequence + "**", None
    lines = lines_of(chance, shown)
    if kind == 14:
        lines.insert(0, "; a comment > of the old kind ACD")
    return header, lines, sequence, name


def make_text(seed, title):
    """The file's bytes and what the dataset must hold: [(name, sequence)] and refused numbers."""
    chance = random.Random(seed)
    text, wanted, refused, names, taken = [], [], [], [], set()
    count = {}
    for number in range(1, RECORDS + 1):
        header, lines, sequence, name = make_record(chance, number, names)
        end = chance.choice(("\n", "\n", "\n", "\r\n"))
        text.append(end.join([header, *lines]) + end)
        if chance.random() < 0.02:
            text.append("\n")
        if sequence is None:
            refused.append(number)
            continue
        name = name or f"{title}_{number}"
        unique = name
        while unique in taken:
            count[name] = count.get(name, 1) + 1
            unique = f"{name}#{count[name]}"
        taken.add(unique)
        if name.startswith("p"):
            names.append(name)
        wanted.append((unique, sequence))
    content = "".join(text).rstrip("\r\n")  # no line end at the end of the file
    return b"\xef\xbb\xbf" + content.encode(), wanted, refused


# ---- Runs

def prepare(ranks, name, sources, code=0, **options):
    deck = write_deck(pathlib.Path(f"{name}.deck").resolve(), {
        "run": {"task": "prepare"},
        "prepare": {"sources": sources, "dataset": f"{name}.h5", "overwrite": True, **options}})
    return run(ranks, deck, code=code)


def report(name):
    with open(f"{name}.h5.report.tsv", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def content(name):
    with h5py.File(f"{name}.h5") as file:
        expect(file.attrs["content"] == b"sequences" or file.attrs["content"] == "sequences",
               "the flag of a dataset without structures")
        expect("coordinates" not in file["residues"], "coordinates of sequences")
        offsets, letters = file["offsets"][:], file["residues/sequence"][:].tobytes().decode()
        names = file["names"].asstr()[:]
        hashes = file["sources/sha256"].asstr()[:]
    return [(name, letters[offsets[i]:offsets[i + 1]]) for i, name in enumerate(names)], hashes


def leftovers():
    return [path for path in pathlib.Path().iterdir() if ".part" in path.name]


text, wanted, refused = make_text(1, "awkward.fasta")
pathlib.Path("awkward.fasta").write_bytes(text)
result = prepare(1, "plain", ["awkward.fasta"])
print(result.out)
found, hashes = content("plain")
for a, b in zip(found, wanted):
    expect(a == b, f"record {a}, expected {b}")
expect(len(found) == len(wanted), f"{len(found)} records, expected {len(wanted)}")
expect(list(hashes) == [hashlib.sha256(text).hexdigest()], "the hash of the file")
rows = report("plain")
found = [int(row["chain"]) for row in rows if row["outcome"] == "refused"]
expect(found == refused, f"refused {sorted(set(found) ^ set(refused))[:9]} wrongly or not at all")
expect(all(row["remark"] for row in rows), "a row without a reason")
expect(f"{len(refused)} records" in result.out, result.text)

# Gzip in several members, two files, two ranks: the same content.
middle = len(text) // 2
pathlib.Path("awkward.fa.gz").write_bytes(gzip.compress(text[:middle]) +
                                          gzip.compress(text[middle:]) + b"padding")
text2, wanted2, _ = make_text(2, "second.faa")
pathlib.Path("second.faa").write_bytes(text2)
prepare(1, "packed", ["awkward.fa.gz"])
expect([s for _, s in content("packed")[0]] == [s for _, s in wanted], "unpacked otherwise")
for ranks in (1, 2):
    prepare(ranks, f"both_{ranks}", ["awkward.fasta", "second.faa"])
found = difference(*({key: value for key, value in datasets(f"both_{ranks}.h5").items()
                      if key != "deck"} for ranks in (1, 2)))
expect(not found, f"1 and 2 ranks wrote different datasets: {found}")
expect([s for _, s in content("both_1")[0]] == [s for _, s in wanted + wanted2], "two files")
expect(len({name for name, _ in content("both_1")[0]}) == len(wanted) + len(wanted2), "names")

# Twins, filters, a table, splits by clusters.
pathlib.Path("small.fasta").write_text(">a\nMKV\n>b\nMKVA\n>c\nMKV\n>d\nMK\n>e\nmkv\n>f\nWWWWWW\n")
pathlib.Path("table.tsv").write_text(
    "name\tsplit\tcluster30\tec\na\ttest\t4\t1.1\nb\ttrain\t4\t\nf\tvalidation\t9\t2.7\n")
prepare(1, "small_all", ["small.fasta"])
prepare(2, "small", ["small.fasta"], min_length=3, max_length=5, duplicates="drop",
        table="table.tsv")
expect(content("small")[0] == [("a", "MKV"), ("b", "MKVA")], content("small"))
with h5py.File("small.h5") as file:
    expect(file["split"][:].tolist() == [2, 0] and file["cluster"][:].tolist() == [4, 4], "table")
    expect(file["labels/ec"].asstr()[:].tolist() == ["1.1", ""], "labels")
    expect(file["twins/name"].asstr()[:].tolist() == ["c", "e"] and
           file["twins/chain"][:].tolist() == [0, 0], "twins")
expect([(row["chain"], row["outcome"]) for row in report("small")] ==
       [("3", "twin"), ("4", "refused"), ("5", "twin"), ("6", "refused")], report("small"))
cluster = {name: i // 3 for i, (name, _) in enumerate(wanted)}
pathlib.Path("clusters.tsv").write_text("name\tcluster30\n" + "".join(
    f"{name}\t{number}\n" for name, number in cluster.items()))
prepare(1, "split", ["awkward.fasta"], table="clusters.tsv", split="by_cluster",
        validation_share=0.2, test_share=0.1)
with h5py.File("split.h5") as file:
    splits, clusters = file["split"][:], file["cluster"][:]
    where = {}
    for split, number in zip(splits.tolist(), clusters.tolist()):
        expect(where.setdefault(number, split) == split, f"cluster {number} is in two splits")
for split, share in ((1, 0.2), (2, 0.1)):
    expect(abs((splits == split).mean() - share) < 0.001, f"share of split {split}")
expect("sequences without structures" in run(0, "info", "small.h5").out, "info")

# Clusters of close relatives without a table: families of mutants, one with 1200 members.
chance = random.Random(3)
families = []
for family in range(60):
    parent = [chance.choice(LETTERS[:20]) for _ in range(chance.randint(60, 120))]
    for member in range(1200 if family == 7 else chance.randint(1, 6)):
        own = parent[:]
        for place in chance.sample(range(len(own)), len(own) // 25):
            own[place] = chance.choice(LETTERS[:20])
        families.append((family, "".join(own)))
chance.shuffle(families)
pathlib.Path("families.fasta").write_text("".join(
    f">m{i} of family {family}\n{sequence}\n" for i, (family, sequence) in enumerate(families)))
for ranks in (1, 2):
    result = prepare(ranks, f"families_{ranks}", ["families.fasta"], clusters="kmers",
                     split="by_cluster", validation_share=0.05, test_share=0.03)
    expect("relative in training" not in result.text, result.text)
found = difference(*({key: value for key, value in datasets(f"families_{ranks}.h5").items()
                      if key != "deck"} for ranks in (1, 2)))
expect(not found, f"families: 1 and 2 ranks wrote different datasets: {found}")
with h5py.File("families_1.h5") as file:
    splits, clusters = file["split"][:].tolist(), file["cluster"][:].tolist()
number, of_cluster = {}, {}
for (family, _), split, cluster in zip(families, splits, clusters):
    expect(number.setdefault(family, cluster) == cluster, f"family {family} is in two clusters")
    expect(of_cluster.setdefault(cluster, (family, split)) == (family, split),
           f"cluster {cluster} is of two families or splits")
expect(list(dict.fromkeys(clusters)) == list(range(60)), "clusters count from the first record on")
for split, share in ((1, 0.05), (2, 0.03)):
    expect(share * len(splits) - 6 <= splits.count(split) <= share * len(splits) + 0.5,
           f"{splits.count(split)} of {len(splits)} in split {split}")  # families have 6 at most
expect(splits[[family for family, _ in families].index(7)] == 0, "the large family is for training")
expect("the largest cluster" not in result.text, result.text)
relatives = [sequence for family, sequence in families if family == 7][:40]
pathlib.Path("relatives.fasta").write_text("".join(
    f">m{i}\n{sequence}\n" for i, sequence in enumerate(relatives)))
result = prepare(2, "relatives", ["relatives.fasta"], clusters="kmers", split="by_cluster",
                 validation_share=0.2, test_share=0.1)
expect("warning: validation has 0 chains where validation_share = 0.2 asks for 8.0, test has 0 "
       "chains where test_share = 0.1 asks for 4.0: the largest cluster has 40 of 40 chains"
       in result.text and "a larger least_shared" in result.text, result.text)
result = prepare(2, "families_2", ["families.fasta"], clusters="kmers")
with h5py.File("families_2.h5") as file:
    expect(file["cluster"][:].tolist() == clusters and set(file["split"][:]) == {0}, "clusters")
pathlib.Path("crossing.tsv").write_text("name\tsplit\n" + "".join(
    f"m{i}\t{'test' if i == 0 else 'train'}\n" for i in range(len(families))))
pathlib.Path("pair.fasta").write_text("".join(
    f">m{i}\n{families[0][1]}\n" for i in range(3)) + ">m3\n" + "MKVLAW" * 9 + "\n")
result = prepare(1, "pair", ["pair.fasta"], table="crossing.tsv")
expect("1 chain of validation and test has a relative in training" in result.text, result.text)

# More residues than are compared: 2^28.
with gzip.open("many.fasta.gz", "wb", 1) as file:
    for i in range(300):
        file.write(b">many%d\n" % i + b"MKVLAWEDRT" * 90_000 + b"\n")
result = prepare(1, "many", ["many.fasta.gz"], clusters="kmers", code=DECK)
expect("268435456 residues" in result.err and "cluster30" in result.err, result.text)
pathlib.Path("many.fasta.gz").unlink()

# The utility that lists a dataset knows that sequences alone have no coordinates.
reader = pathlib.Path(os.environ["JESPR_SOURCE_DIR"]) / "utilities/read_dataset.py"
listed = subprocess.run([sys.executable, reader, "both_1.h5"], capture_output=True, text=True)
expect(listed.returncode == 0, listed.stderr)
fields = [line.split("\t") for line in listed.stdout.splitlines()]
expect([(name, sequence) for name, _, _, _, sequence in fields] == content("both_1")[0] and
       all(int(length) == len(sequence) and complete == "-"
           for _, _, length, complete, sequence in fields), "read_dataset.py lists other sequences")

# What is damaged or no FASTA; what only structures have; training needs structures.
pathlib.Path("cut.fasta.gz").write_bytes(gzip.compress(text)[:-2000])
prepare(1, "cut", ["cut.fasta.gz"])
kept = content("cut")[0]
expect([s for _, s in kept] == [s for _, s in wanted][:len(kept)] and kept, "before the cut")
expect([row["remark"] for row in report("cut")][-2:] ==
       ["the file breaks off within it", "gzip data are cut short"], report("cut")[-2:])
pathlib.Path("prose.fasta").write_text("Once upon a time\n>a\nMKV\n")
pathlib.Path("empty.fasta").write_text("")
for ranks in (0, 2):
    prepare(ranks, "none", ["prose.fasta", "empty.fasta"], code=DATA)
expect([row["remark"] for row in report("none")] ==
       ["no FASTA: line 1 is text before the first '>'", "there is no record in it"],
       report("none"))
pathlib.Path("title.fasta").write_text(">a\nMKV\n>P1;CRAB_ANAPL\nALPHA CRYSTALLIN\nMDI*\n")
prepare(1, "title", ["title.fasta"])
expect(content("title")[0] == [("a", "MKV")] and
       "PIR (NBRF): line 3 begins with >P1;" in report("title")[-1]["remark"], report("title"))

# Line ends of any kind; CR and LF are one also where blocks of the file meet between them.
pathlib.Path("cr.fasta").write_bytes(b">a x\rMKV\rAAA\r\r>b\rMK\r")
prepare(1, "cr", ["cr.fasta"])
expect(content("cr")[0] == [("a", "MKVAAA"), ("b", "MK")], content("cr"))
long = b">a\r\n" + b"M" * ((1 << 20) - 5)
pathlib.Path("crlf.fasta").write_bytes(long + b"\r\nMK1\r\n>b\r\nMK\r\n")
prepare(1, "crlf", ["crlf.fasta"])
expect(content("crlf")[0] == [("b", "MK")] and
       report("crlf")[0]["remark"] == "line 3: '1' is no residue", report("crlf"))

structure = pathlib.Path(os.environ["JESPR_SOURCE_DIR"]) / "tests/data/structures/1CRN.cif.gz"
result = prepare(2, "mixed", ["small.fasta", str(structure)], code=DECK)
expect("small.fasta is a FASTA file, " in result.err and "&prepare sources" in result.err and
       "prepare two datasets" in result.err, result.text)

# What a folder or an archive brings along of the other kind is refused and stops nothing.
for folder, files in {"notes": {"a.fasta": b">a\nMKV\n", "README.txt": b"notes"},
                      "both": {"1CRN.cif.gz": structure.read_bytes(),
                               "rcsb_pdb_1CRN.fasta": b">a\nMKV\n"}}.items():
    pathlib.Path(folder).mkdir(exist_ok=True)
    for name, text in files.items():
        (pathlib.Path(folder) / name).write_bytes(text)
with tarfile.open("both.tar", "w") as archive:
    archive.add("both/1CRN.cif.gz")


def refused_of(name):
    return {row["source"]: row["remark"] for row in report(name) if row["outcome"] == "refused"}


for ranks in (0, 2):
    result = prepare(ranks, "notes", ["notes"])
    expect("refused    1 file and 0 records" in result.out, result.text)
    expect(content("notes")[0] == [("a", "MKV")], content("notes"))
    expect(list(refused_of("notes")) == ["README.txt"] and
           "not named as a FASTA file" in refused_of("notes")["README.txt"], refused_of("notes"))
    # Folders alone: structures decide.
    result = prepare(ranks, "both", ["both", "notes"])
    expect("refused    3 files and 0 chains" in result.out, result.text)
    with h5py.File("both.h5") as file:
        expect(file["names"].asstr()[:].tolist() == ["1CRN_A"], "structures among FASTA files")
    reasons = refused_of("both")
    expect(reasons["both/rcsb_pdb_1CRN.fasta"].startswith("a FASTA file among structures") and
           "another dataset" in reasons["notes/a.fasta"], reasons)
    # What is named decides, by the deck or by a list.
    pathlib.Path("named.list").write_text("small.fasta\nboth\n")
    for sources in (["small.fasta", "both"], ["named.list"], ["small.fasta", "both.tar"]):
        prepare(ranks, "named", sources, overwrite=True)
        expect(content("named")[0][0] == ("a", "MKV"), content("named"))
        expect(any("1CRN.cif.gz" in title and "if it is a structure" in reason
                   for title, reason in refused_of("named").items()), refused_of("named"))
    prepare(ranks, "named", [str(structure), "notes"])
    with h5py.File("named.h5") as file:
        expect(file["names"].asstr()[:].tolist() == ["1CRN_A"], "a structure is named")

# Endings in upper case.
for source, name in (("small.fasta", "ODD.FASTA"), ("awkward.fa.gz", "ODD.FA.GZ"),
                     (structure, "1CRN.CIF.GZ")):
    shutil.copy(source, name)
prepare(1, "upper", ["ODD.FASTA"])
expect(content("upper")[0] == content("small_all")[0], content("upper"))
prepare(1, "upper", ["ODD.FA.GZ"])
expect([s for _, s in content("upper")[0]] == [s for _, s in wanted], "ODD.FA.GZ")
prepare(1, "upper", ["1CRN.CIF.GZ"])
with h5py.File("upper.h5") as file:
    expect(file["names"].asstr()[:].tolist() == ["1CRN_A"], "1CRN.CIF.GZ")
shutil.copy("small.fasta", "small.seq")
prepare(1, "upper", ["small.seq"], code=DATA)
expect("FASTA files are named .fasta" in report("upper")[0]["remark"], report("upper"))
result = prepare(2, "mixed", ["small.fasta"], code=DECK, confidence="plddt")
expect("&prepare confidence = 'plddt': is for structures, small.fasta is a FASTA file"
       in result.err, result.text)
pathlib.Path("small.list").write_text("small.fasta\n")
result = prepare(2, "mixed", ["small.list"], code=DECK, confidence="plddt", model=2)
expect("&prepare model, confidence: for structures" in result.err, result.text)
deck = write_deck(pathlib.Path("train.deck").resolve(),
                  {"run": {"task": "train"}, "data": {"dataset": "both_1.h5"}})
result = run(0, deck, code=DATA)
expect("sequences without structures" in result.err, result.text)
expect(not leftovers(), f"temporary files are left: {leftovers()}")
