# A structure file that cannot be read is a row of the report; an error only if none can be read.
# labels: mpi
# processors: 2
# timeout: 300
import csv
import gzip
import os
import pathlib
import shutil
import sys
import tarfile
import zlib

sys.path.insert(0, os.path.join(os.environ["JESPR_SOURCE_DIR"], "tests/support"))
from jespr_runs import (DATA, DECK, SOURCES, datasets, difference, error_lines, expect, run,
                        write_deck)

GOOD = ["1CRN.cif.gz", "103l.pdb.gz"]
REFUSED = {  # and a part of the reason
    "cut.cif.gz": "cut short", "text.pdb": "no atoms", "empty.cif": "empty file",
    "proteins.fna": "named .fasta, .fa, .faa or .fas",
    "noise.cif.gz": "no text", "cut_header.cif": "",
    "bomb.cif.gz": "gzip data unpack to more than the 1073741824 bytes",
    "stars.pdb": "line 3: x (columns 31 to 38) is '********', expected a number",
    "dangling.pdb": "a link to nothing", "pipe.cif": "neither a file nor a folder",
    "loose.cif": "the atoms have no column _atom_site.Cartn_x"}


def make_sources(folder):
    structures = SOURCES / "tests/data/structures"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name in GOOD:
        shutil.copy(structures / name, folder)
    packed = (structures / "1CRN.cif.gz").read_bytes()
    (folder / "cut.cif.gz").write_bytes(packed[:len(packed) // 2])
    (folder / "text.pdb").write_text("This is no structure.\n" * 10)
    (folder / "empty.cif").write_text("")
    (folder / "proteins.fna").write_text(">one\nMKTAYIAKQR\n")
    (folder / "noise.cif.gz").write_bytes(bytes(range(256)) * 8)
    (folder / "cut_header.cif").write_text(gzip.decompress(packed)[:2000].decode())
    write_bomb(folder / "bomb.cif.gz")
    atom = "ATOM  {0:5}  CA  ALA A{0:4}    {1:>8}   1.000   1.000  1.00 10.00           C  \n"
    (folder / "stars.pdb").write_text("".join(
        atom.format(i, "********" if i == 3 else f"{i:.3f}") for i in range(1, 9)))
    (folder / "dangling.pdb").symlink_to("nowhere.pdb")
    os.mkfifo(folder / "pipe.cif")
    (folder / "loose.cif").write_text("data_x\nloop_\n_atom_site.id\n_atom_site.type_symbol\n"
                                      "_atom_site.label_asym_id\n_atom_site.auth_seq_id\n1 C A 1\n")


def write_bomb(path):
    """Gzip data of a megabyte that unpack to more than any structure file may hold."""
    block = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    zeros = block.compress(bytes(1 << 20)) + block.flush(zlib.Z_FULL_FLUSH)
    header = gzip.compress(b"")[:10]
    path.write_bytes(header + zeros * 1040)


def write_archive(path):
    """A tar archive whose second member claims 8 GiB that are not there."""
    structures = SOURCES / "tests/data/structures"
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        archive.add(structures / GOOD[0], GOOD[0])
        place = archive.offset
        archive.add(structures / GOOD[1], "huge.pdb.gz")
        archive.add(structures / GOOD[1], GOOD[1])
    content = bytearray(path.read_bytes())
    content[place + 124:place + 135] = b"7" * 11  # POSIX ustar: size, then the sum of the header
    content[place + 148:place + 156] = b" " * 8
    content[place + 148:place + 156] = b"%06o\0 " % sum(content[place:place + 512])
    path.write_bytes(content)


def prepare(ranks, name, sources, **options):
    deck = write_deck(pathlib.Path(f"{name}.deck").resolve(), {
        "run": {"task": "prepare"},
        "prepare": {"sources": sources, "dataset": f"{name}.h5", "overwrite": True}})
    return run(ranks, deck, **options)


def report(name):
    with open(f"{name}.h5.report.tsv", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


make_sources(pathlib.Path("sources"))
everything = [f"sources/{name}" for name in sorted([*GOOD, *REFUSED])]
for ranks in (1, 2):
    result = prepare(ranks, f"on_{ranks}", everything)
    rows = {pathlib.Path(row["source"]).name: row for row in report(f"on_{ranks}")}
    expect(rows.keys() == {*GOOD, *REFUSED}, f"the report has rows for {sorted(rows)}")
    for name, row in rows.items():
        refused = name in REFUSED
        expect((row["outcome"] == "refused") == refused, f"{name}: {row}")
        expect(not refused or row["remark"], f"{name} is refused without a reason")
        expect(not refused or REFUSED[name] in row["remark"], f"{name}: {row}")
    expect(f"read       {len(GOOD)} files: 2 chains" in result.out and
           f"refused    {len(REFUSED)} files and 0 chains" in result.out,
           f"the counts\n{result.text}")
found = difference(*({key: value for key, value in datasets(f"on_{ranks}.h5").items()
                      if key != "deck"} for ranks in (1, 2)))
expect(not found, f"1 and 2 ranks wrote different datasets: {found}")

# A header that claims more than there is: the members before it are read, the run goes on.
write_archive(pathlib.Path("huge.tar"))
for ranks in (1, 2):
    result = prepare(ranks, "huge", ["huge.tar", "sources/103l.pdb.gz"])
    rows = report("huge")
    expect([row["name"] for row in rows if row["outcome"] == "read"] == ["1CRN_A", "103l_A"],
           f"{rows}")
    found = [row["remark"] for row in rows if row["source"] == "huge.tar:huge.pdb.gz"]
    expect(found == ["8589934591 bytes, more than the 1073741824 that a structure may have"],
           f"{rows}")

# Nothing readable: exit code 3 on any number of ranks, the report says why, no dataset.
for ranks in (0, 1, 2):
    result = prepare(ranks, "nothing", [f"sources/{name}" for name in REFUSED
                                        if name != "bomb.cif.gz"], code=DATA)  # which takes seconds
    expect(len(error_lines(result)) == 1 and "nothing.h5.report.tsv" in result.err, result.text)
    expect({row["outcome"] for row in report("nothing")} == {"refused"}, "read after all")
    expect(not list(pathlib.Path().glob("nothing.h5*")) == [], "the report is gone")
    expect(not pathlib.Path("nothing.h5").exists(), "a dataset without chains was written")

# A source of the deck that is not there is a mistake: told at once, all of them, nothing written.
for ranks in (0, 2):
    result = prepare(ranks, "absent", ["sources/103l.pdb.gz", "sources/no.cif", "source"],
                     code=DECK)
    for name in ("sources/no.cif", "source"):
        expect(f"{pathlib.Path(name).resolve()}: no such file or folder" in result.err, result.text)
    expect(not list(pathlib.Path().glob("absent.h5*")), "something was written")

# An existing dataset is not replaced unless the deck says so; what is read never is.
before = pathlib.Path("on_1.h5").read_bytes()
result = run(2, "on_1.deck", "prepare.overwrite=.false.", code=DECK)
expect("overwrite" in result.err and pathlib.Path("on_1.h5").read_bytes() == before, result.text)
table = pathlib.Path("table.tsv")
table.write_text("name\tsplit\n1CRN_A\ttest\n")
for key in ("report", "dataset"):
    result = run(2, "on_1.deck", "prepare.table=table.tsv", f"prepare.{key}=table.tsv", code=DECK)
    expect("table.tsv is also the" in result.err and table.read_text().startswith("name"),
           result.text)
