#!/usr/bin/env python3
"""Prints name, split, length, complete residues and sequence of each chain: read_dataset.py FILE"""
import sys
import numpy as np
import script_errors


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with script_errors.open_hdf5(sys.argv[1], "dataset") as file:
        offsets, names, split = file["offsets"][:], file["names"].asstr()[:], file["split"][:]
        for i, name in enumerate(names):
            rows = slice(offsets[i], offsets[i + 1])
            sequence = file["residues/sequence"][rows].tobytes().decode()
            complete = "-"  # a dataset of sequences alone
            if "coordinates" in file["residues"]:  # [L, N CA C, xyz], Angstrom; NaN: missing
                complete = np.isfinite(file["residues/coordinates"][rows]).all(axis=(1, 2)).sum()
            print(name, split[i], len(sequence), complete, sequence, sep="\t")


if __name__ == "__main__":
    script_errors.run(main)
