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

sys.path.insert(0, os.path.join(os.environ["JESPR_SOURCE_DIR"], "tests/support"))
from jespr_runs import (DATA, DECK, SOURCES, datasets, difference, error_lines, expect, run,
                        write_deck)

GOOD = ["1CRN.cif.gz", "103l.pdb.gz"]
REFUSED = {"cut.cif.gz": "", "text.pdb": "", "empty.cif": "", "no.cif": "", "noise.cif.gz": "",
           "cut_header.cif": ""}


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
    (folder / "noise.cif.gz").write_bytes(bytes(range(256)) * 8)
    (folder / "cut_header.cif").write_text(gzip.decompress(packed)[:2000].decode())


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
    expect(f"refused    {len(REFUSED)} files" in result.out, f"the counts\n{result.text}")
found = difference(*({key: value for key, value in datasets(f"on_{ranks}.h5").items()
                      if key != "deck"} for ranks in (1, 2)))
expect(not found, f"1 and 2 ranks wrote different datasets: {found}")

# Nothing readable: exit code 3 on any number of ranks, the report says why, no dataset.
for ranks in (0, 1, 2):
    result = prepare(ranks, "nothing", [f"sources/{name}" for name in REFUSED], code=DATA)
    expect(len(error_lines(result)) == 1 and "nothing.h5.report.tsv" in result.err, result.text)
    expect({row["outcome"] for row in report("nothing")} == {"refused"}, "read after all")
    expect(not list(pathlib.Path().glob("nothing.h5*")) == [], "the report is gone")
    expect(not pathlib.Path("nothing.h5").exists(), "a dataset without chains was written")

# An existing dataset is not replaced unless the deck says so.
before = pathlib.Path("on_1.h5").read_bytes()
result = run(2, "on_1.deck", "prepare.overwrite=.false.", code=DECK)
expect("overwrite" in result.err and pathlib.Path("on_1.h5").read_bytes() == before, result.text)
