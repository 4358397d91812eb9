# Every chain of a folder of structure files, compared with Biopython: sequence, residue numbers,
# insertion codes, coordinates to 0.001 Angstrom, and which residues are missing; every chain is
# read or refused as tests/data/refused_chains.tsv lists it, by name and with the reason.
# labels: quick
# processors: 1
# timeout: 300
#
# structures_by_biopython.py FOLDER takes another folder (environment as for tests).
import csv
import os
import pathlib
import sys

import h5py
import numpy as np

sys.path.insert(0, os.path.join(os.environ["JESPR_SOURCE_DIR"], "tests/support"))
from jespr_runs import SOURCES, expect, run, skip, write_deck

try:
    import Bio  # noqa: F401
except ImportError:
    expect(not os.environ.get("CI"), "no biopython; utilities/setup.sh brings it")
    skip("this Python has no biopython (utilities/requirements.txt)")
from biopython_chains import coordinates, letter, read_chains

FOLDER = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else SOURCES / "tests/data/raw_structures")
TOLERANCE = 1e-3  # Angstrom; PDB files have three decimals
NO_NUMBER = -2**31


def prepare():
    deck = write_deck(pathlib.Path("structures.deck").resolve(), {
        "run": {"task": "prepare"},
        "prepare": {"sources": [str(path) for path in structure_files()],
                    "dataset": "structures.h5", "overwrite": True}})
    print(run(0, deck).out)
    with open("structures.h5.report.tsv", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def structure_files():
    return sorted(path for path in FOLDER.iterdir() if path.suffix not in (".md", ".tsv"))


def chains_of_dataset():
    with h5py.File("structures.h5") as file:
        titles = file["sources/title"].asstr()[:]
        ids, sources, offsets = file["chain_id"].asstr()[:], file["source"][:], file["offsets"][:]
        columns = {name: file["residues/" + name][:] for name in
                   ("sequence", "number", "insertion_code", "coordinates")}
    for i, chain in enumerate(ids):
        part = slice(offsets[i], offsets[i + 1])
        yield titles[sources[i]], chain, {name: column[part] for name, column in columns.items()}


def differences(ours, sites, names, rows, fits):
    """What is not as Biopython reads it; `fits`: the report does not say that SEQRES was unused."""
    sequence = ours["sequence"].tobytes().decode()
    present = ~np.isnan(ours["coordinates"]).all(axis=(1, 2))
    # A residue that has atoms, but none of the backbone, looks like a missing one in the dataset;
    # it has a number.
    if rows is not None and fits:
        expected = "".join(letter(site.name if site else name) for name, site in rows)
        if sequence != expected:
            wrong = [f"{i} {rows[i][0]} is {a}, expected {b}" for i, (a, b) in
                     enumerate(zip(sequence, expected)) if a != b]
            yield f"{len(sequence)} residues, expected {len(expected)}; {'; '.join(wrong[:9])}"
            return
        mask = np.array([site is not None and bool(site.atoms) for _, site in rows])
        if (present != mask).any():
            yield f"missing residues {np.flatnonzero(~present)}, expected {np.flatnonzero(~mask)}"
            return
        sites = [site for _, site in rows if site]
        places = np.array([i for i, (_, site) in enumerate(rows) if site])
    else:
        if names and fits and len(names) != len(sequence):
            yield f"{len(sequence)} residues, SEQRES has {len(names)}"
            return
        with_atoms = [site for site in sites if site.atoms]
        places = np.flatnonzero(present)
        if len(with_atoms) != len(places):
            yield f"{len(places)} residues with coordinates, expected {len(with_atoms)}"
            return
        sites = with_atoms
        if names and fits:
            expected = [letter(name) for name in names]
            wrong = [i for i, (a, b) in enumerate(zip(sequence, expected))
                     if a != b and not present[i]]
            if wrong:
                yield f"letters of missing residues {wrong}"
    for place, site in zip(places, sites):
        where = f"residue {site.number}{site.code.strip()} {site.name}"
        if sequence[place] != letter(site.name):
            yield f"{where}: letter {sequence[place]}, expected {letter(site.name)}"
        number = (ours["number"][place], chr(ours["insertion_code"][place]))
        if number != (site.number, site.code):
            yield f"{where}: numbered {number}"
        expected = coordinates(site)
        found = ours["coordinates"][place]
        if (np.isnan(found) != np.isnan(expected)).any() or \
                np.nanmax(np.abs(found - expected), initial=0) > TOLERANCE:
            yield f"{where}: coordinates {found.tolist()}, expected {expected.tolist()}"


report = prepare()
with open(SOURCES / "tests/data/refused_chains.tsv", newline="") as file:
    listed = {(row["source"], row["chain"]): row["reason"]
              for row in csv.DictReader(file, delimiter="\t")}
files = {path.name: path for path in structure_files()}
refused = {(row["source"], row["chain"]): row["remark"] for row in report
           if row["outcome"] == "refused"}
notes = {(row["source"], row["chain"]): row["remark"] for row in report
         if row["outcome"] == "read"}
unexplained = []
for key in refused.keys() | {key for key in listed if key[0] in files}:
    if refused.get(key) != listed.get(key):
        unexplained.append(f"{key}: refused because of {refused.get(key)!r}, "
                           f"listed is {listed.get(key)!r}")

compared = residues = by_file = 0
found = {(title, chain): ours for title, chain, ours in chains_of_dataset()}
for title, path in files.items():
    chains = read_chains(path)
    for chain, (sites, names, rows) in chains.items():
        key = (title, chain)
        complete = sum(len(site.atoms) == 3 for site in sites)
        if key not in found:
            if complete or (title, chain or "-") not in refused:
                unexplained.append(f"{key}: not in the dataset, {complete} complete residues")
            continue
        if not complete:
            unexplained.append(f"{key}: in the dataset, Biopython sees no complete residue")
        fits = "SEQRES" not in notes[(title, chain or "-")]
        problems = list(differences(found[key], sites, names, rows, fits))
        unexplained += [f"{key}: {problem}" for problem in problems[:5]]
        compared, residues = compared + 1, residues + len(found[key]["sequence"])
        by_file += rows is not None and fits
    for key in found:
        if key[0] == title and key[1] not in chains:
            unexplained.append(f"{key}: Biopython has no such chain")
print(f"{len(files)} files: {compared} chains with {residues} residues compared, the places of "
      f"missing residues by the file's own word in {by_file}; {len(refused)} chains refused as "
      f"listed; {len(unexplained)} differences")
print("\n".join(unexplained))
expect(compared and not unexplained, "differences that nothing explains")
