"""The proteins of a comparison, read from the packed dataset, and batches of them."""
import h5py
import numpy as np


class Protein:
    """A chain: letters; coordinates [L, 3 (N, CA, C), 3] in Angstrom, infinite where missing."""

    def __init__(self, sequence, coordinates):
        self.sequence = sequence
        self.coordinates = coordinates

    def __len__(self):
        return len(self.sequence)


def read_proteins(dataset, names):
    """The named chains of a dataset (doc/dataset.md), shortest first."""
    proteins = []
    with h5py.File(dataset) as file:
        offsets = file["offsets"][:]
        place = {name: i for i, name in enumerate(file["names"].asstr()[:])}
        for name in names:
            rows = slice(offsets[place[name]], offsets[place[name] + 1])
            coordinates = file["residues/coordinates"][rows]
            # fair-esm takes NaN for padding and infinity for what is missing.
            coordinates = np.where(np.isfinite(coordinates), coordinates, np.inf)
            sequence = file["residues/sequence"][rows].tobytes().decode()
            proteins.append(Protein(sequence, coordinates.astype(np.float32)))
    return sorted(proteins, key=len)


def batches(proteins, size):
    """Consecutive groups of at most `size`: of like length, because proteins are sorted."""
    return [proteins[i:i + size] for i in range(0, len(proteins), size)]
