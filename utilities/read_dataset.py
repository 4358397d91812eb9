#!/usr/bin/env python3
"""Prints name, split, length, complete residues and sequence of each chain: read_dataset.py FILE"""
import sys
import h5py
import numpy as np

with h5py.File(sys.argv[1]) as file:
    offsets, names, split = file["offsets"][:], file["names"].asstr()[:], file["split"][:]
    for i, name in enumerate(names):
        rows = slice(offsets[i], offsets[i + 1])
        sequence = file["residues/sequence"][rows].tobytes().decode()
        complete = "-"  # a dataset of sequences alone
        if "coordinates" in file["residues"]:  # [L, N CA C, xyz], Angstrom; NaN: missing
            complete = np.isfinite(file["residues/coordinates"][rows]).all(axis=(1, 2)).sum()
        print(name, split[i], len(sequence), complete, sequence, sep="\t")
