# The corpus of decks means the same to the program's grammar and to gfortran's own NAMELIST read.
# labels: quick
# processors: 1
# timeout: 120
"""tests/data/decks/corpus/corpus.tsv says of each deck which groups are read and what comes out:

    read           both read the same typed values, bit for bit
    refuse         both refuse; `layer` is where the program does: grammar or values
    fortran        gfortran alone reads it; `layer` is where the program refuses it, and `why`
    here: values   the program reads these as the standard says, and gfortran something else

gfortran compiles tests/fortran/read_deck.f90 here; its twin read_deck.cpp is built with the tests.
"""
import concurrent.futures
import csv
import os
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.environ["JESPR_SOURCE_DIR"], "tests/support"))
from jespr_runs import BUILD, SOURCES, expect, say, skip

FEWEST, FEWEST_ALIKE = 130, 60
FOLDER = SOURCES / "tests/data/decks/corpus"
HERE = BUILD / "bin/read_deck_cpp"
FORTRAN = pathlib.Path("read_deck_f90").resolve()
TIME_LIMIT = 60  # seconds, of one deck


def read_by(reader, row):
    command = [reader, FOLDER / f"{row['deck']}.deck", *row["groups"].split()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIME_LIMIT)
    expect(done.returncode == 0 and done.stdout, f"{command}: {done.returncode} {done.stderr}")
    return done.stdout


def objection(row):
    """What is not as the table says, "" if nothing."""
    fortran, here = read_by(FORTRAN, row), read_by(HERE, row)
    refused = [text.startswith("refused") for text in (fortran, here)]
    layer = here.split(": ")[1] if refused[1] else "-"
    verdict, _, values = row["verdict"].partition(": ")
    good = {"read": not any(refused) and fortran == here,
            "refuse": all(refused),
            "fortran": refused == [False, True] and row["why"],
            "here": not refused[1] and fortran != here and row["why"]
                    and set(values.split(";")) <= set(here.splitlines())}[verdict]
    if good and layer == row["layer"]:
        return ""
    return f"{row['deck']}: expected {row['verdict']}, {row['layer']}\n--- gfortran\n{fortran}" \
           f"--- here\n{here}"


compiler = shutil.which("gfortran")
if not compiler:
    expect(not os.environ.get("CI"), "no gfortran; utilities/setup.sh --tests installs it")
    skip("no gfortran (utilities/setup.sh --tests installs it)")
subprocess.run([compiler, "-std=f2018", "-Wall", "-Werror", "-o", FORTRAN,
                SOURCES / "tests/fortran/read_deck.f90"], check=True)

with open(FOLDER / "corpus.tsv", newline="") as file:
    rows = list(csv.DictReader(file, delimiter="\t"))
names = {row["deck"] for row in rows}
expect(names == {path.stem for path in FOLDER.glob("*.deck")} and len(names) == len(rows),
       "corpus.tsv does not list every deck of its folder once")
with concurrent.futures.ThreadPoolExecutor(2) as pool:
    objections = [text for text in pool.map(objection, rows) if text]
alike = sum(row["verdict"] in ("read", "refuse") for row in rows)
expect(not objections, "\n".join(objections))
expect(len(rows) >= FEWEST and alike >= FEWEST_ALIKE, "decks have gone from the corpus")
say(f"{len(rows)} decks: {alike} read alike or refused by both, "
    f"{sum(row['verdict'] == 'fortran' for row in rows)} refused by the program alone")
