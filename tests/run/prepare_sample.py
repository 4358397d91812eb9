# The sample, prepared from its structure files on 1, 2 and 4 ranks, gives the numbers that were
# stored before the files were written: sequences, coordinates to 0.001 Angstrom, B-factors, missing
# residues, splits, clusters, labels; the same datasets on any number of ranks; and the reader that
# doc/dataset.md shows can read them.
# labels: mpi
# processors: 4
# timeout: 300
import csv
import os
import subprocess
import sys

import h5py

source = os.environ["JESPR_SOURCE_DIR"]
sample = os.path.join(source, "input", "sample")
utilities = os.path.join(source, "utilities")
sys.path.insert(0, utilities)
from make_sample import LABELS, SPLITS, digest  # noqa: E402


def prepare(ranks):
    path = os.path.abspath(f"sample_{ranks}.h5")
    command = [os.environ["JESPR_MPIEXEC"], "-n", str(ranks), os.environ["JESPR_PROGRAM"],
               os.path.join(source, "input", "quickstart_prepare.deck"),
               f"prepare.dataset='{path}'", "prepare.overwrite=true"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    print(result.stdout, result.stderr)
    assert result.returncode == 0, result.returncode
    return path


def digests(path):
    """The stored digest of every dataset, the echo of the deck aside (it names the output)."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item.attrs["digest"]})
                        if isinstance(item, h5py.Dataset) and name != "deck" else None)
    assert "residues/coordinates" in found
    return found


def table(name):
    with open(os.path.join(sample, name), newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def compare_with_stored(path):
    stored, rows = table("sample_sha256.tsv"), table("sample.tsv")
    assert len(stored) == len(rows) >= 2061
    with h5py.File(path) as file:
        offsets = file["offsets"][:]
        sequence, coordinates = file["residues/sequence"][:], file["residues/coordinates"][:]
        b_factors = file["residues/b_factor"][:]
        names, split, cluster = file["names"].asstr()[:], file["split"][:], file["cluster"][:]
        labels = {label: file[f"labels/{label}"].asstr()[:] for label in [*LABELS, "source"]}
    assert list(names) == [row["name"] for row in stored]
    for i, (expected, row) in enumerate(zip(stored, rows)):
        part = slice(offsets[i], offsets[i + 1])
        found = digest(sequence[part].tobytes().decode(), coordinates[part], b_factors[part])
        assert found == expected["digest"], f"{names[i]}: {found}, expected {expected['digest']}"
        assert (SPLITS[split[i]], str(cluster[i])) == (row["split"], row["cluster30"]), names[i]
        assert all(labels[label][i] == row[label] for label in labels), names[i]
    print(len(stored), "chains are as stored")


def read_by_script(path):
    reader = os.path.join(utilities, "read_dataset.py")
    lines = subprocess.run([sys.executable, reader, path], stdout=subprocess.PIPE, text=True,
                           check=True).stdout.splitlines()
    stored = table("sample_sha256.tsv")
    assert len(lines) == len(stored)
    for line, expected in zip(lines, stored):
        name, _, residues, complete, sequence = line.split("\t")
        assert (name, residues) == (expected["name"], expected["residues"]), line
        assert 0 < int(complete) <= len(sequence) == int(residues), line


first = prepare(2)
compare_with_stored(first)
read_by_script(first)
for ranks in (1, 4):
    assert digests(prepare(ranks)) == digests(first), f"{ranks} ranks"
with open(first + ".report.tsv") as report:
    assert all("\tread\t" in line for line in report.readlines()[1:])
