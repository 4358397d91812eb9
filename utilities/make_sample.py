#!/usr/bin/env python3
"""Makes input/sample from a collection of real protein chains: structure files, table, digests.

    make_sample.py CHAINS.h5 CHAINS.tsv OUTPUT_FOLDER [--train 1500] [--longest 200]

The collection (flat HDF5: offset, seq, coords, bfactor, name, split, cluster30, labels; and a TSV
that names the origin of each chain) is not part of this repository; what was made of it is.
Chosen are all validation chains and so many training chains of at most the given length, each of
another homology cluster; which ones is decided by SHA-256 of their names, so the choice is
repeatable and blind. Written are
  sample.tar.xz     backbone mmCIF files, one per chain: entity_poly_seq with missing residues,
                    N, CA, C with coordinates to 0.001 Angstrom, B-factor of CA
  sample.tsv        name, split, cluster30, labels, source
  sample_sha256.tsv name, residues and digest() of each chain, computed here from the collection:
                    what reading the files back must give
"""
import argparse
import csv
import hashlib
import io
import lzma
import os
import tarfile

import numpy as np

import script_errors

CODES = dict(
    A="ALA", R="ARG", N="ASN", D="ASP", C="CYS", Q="GLN", E="GLU", G="GLY", H="HIS", I="ILE",
    L="LEU", K="LYS", M="MET", F="PHE", P="PRO", S="SER", T="THR", W="TRP", Y="TYR", V="VAL",
    X="UNK", U="SEC", O="PYL", B="ASX", Z="GLX")
SPLITS = {0: "train", 1: "validation"}
LABELS = ["cath", "scop", "scop2", "pfam", "ec"]
ATOMS = ("N", "CA", "C")
ATOM_SITE = """loop_
_atom_site.group_PDB
_atom_site.id
_atom_site.type_symbol
_atom_site.label_atom_id
_atom_site.label_alt_id
_atom_site.label_comp_id
_atom_site.label_asym_id
_atom_site.label_entity_id
_atom_site.label_seq_id
_atom_site.Cartn_x
_atom_site.Cartn_y
_atom_site.Cartn_z
_atom_site.occupancy
_atom_site.B_iso_or_equiv
_atom_site.auth_seq_id
_atom_site.auth_asym_id
"""


def digest(sequence, coordinates, b_factors):
    """First 16 digits of SHA-256 over the sequence (ASCII), the coordinates in 0.001 Angstrom and
    the B-factors in 0.01 Angstrom^2 (both little-endian int32, rounded; -2^31: missing)."""
    def fixed(values, scale):
        values = np.asarray(values, np.float64)
        missing = ~np.isfinite(values)
        whole = np.rint(np.where(missing, 0, values) * scale).astype("<i4")
        return np.where(missing, np.int32(-2**31), whole).astype("<i4").tobytes()
    data = sequence.encode() + fixed(coordinates, 1000) + fixed(b_factors, 100)
    return hashlib.sha256(data).hexdigest()[:16]


def mmcif(name, sequence, coordinates, b_factors):
    lines = [f"data_{name}\n_entry.id {name}\n_entity.id 1\n_entity.type polymer\n"
             "_entity_poly.entity_id 1\n_entity_poly.type polypeptide(L)\n"
             "loop_\n_entity_poly_seq.entity_id\n_entity_poly_seq.num\n_entity_poly_seq.mon_id\n"]
    lines += [f"1 {i} {CODES[letter]}\n" for i, letter in enumerate(sequence, 1)]
    lines.append(ATOM_SITE)
    serial = 0
    for i, letter in enumerate(sequence):
        for atom, xyz in zip(ATOMS, coordinates[i]):
            if not np.isfinite(xyz).all():
                continue
            serial += 1
            b = f"{b_factors[i]:.2f}" if atom == "CA" and np.isfinite(b_factors[i]) else "?"
            x, y, z = (f"{v:.3f}" for v in xyz)
            lines.append(f"ATOM {serial} {atom[0]} {atom} . {CODES[letter]} A 1 {i + 1} "
                         f"{x} {y} {z} 1 {b} {i + 1} A\n")
    return "".join(lines).encode()


def choose(names, lengths, splits, clusters, train, longest):
    """Numbers of the chosen chains, in the order of the collection."""
    def key(text):
        return hashlib.sha256(text.encode()).hexdigest()
    best = {}
    for i, name in enumerate(names):
        if splits[i] == 0 and lengths[i] <= longest:
            cluster = int(clusters[i])
            if cluster not in best or key(name) < key(names[best[cluster]]):
                best[cluster] = i
    chosen = sorted(best.values(), key=lambda i: key(names[i]))[:train]
    return sorted(chosen + [i for i in range(len(names)) if splits[i] == 1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("chains_h5")
    parser.add_argument("chains_tsv")
    parser.add_argument("output")
    parser.add_argument("--train", type=int, default=1500, help="number of training chains")
    parser.add_argument("--longest", type=int, default=200, help="residues of a training chain")
    options = parser.parse_args()

    with script_errors.open_hdf5(options.chains_h5) as file:
        data = {key: file[key][...] for key in
                ["offset", "seq", "coords", "bfactor", "name", "split", "cluster30", *LABELS]}
    names = [name.decode() for name in data["name"]]
    offset = data["offset"]
    with open(options.chains_tsv, newline="") as file:
        origin = {row["name"]: f"{row['repo']}@{row['commit'][:10]}:{row['path']}"
                  for row in csv.DictReader(file, delimiter="\t")}
    chosen = choose(names, np.diff(offset), data["split"], data["cluster30"], options.train,
                    options.longest)

    os.makedirs(options.output, exist_ok=True)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive, \
            open(os.path.join(options.output, "sample.tsv"), "w") as table, \
            open(os.path.join(options.output, "sample_sha256.tsv"), "w") as digests:
        print("name", "split", "cluster30", *LABELS, "source", sep="\t", file=table)
        print("name", "residues", "digest", sep="\t", file=digests)
        for i in chosen:
            rows = slice(offset[i], offset[i + 1])
            sequence = data["seq"][rows].tobytes().decode()
            coordinates, b_factors = data["coords"][rows], data["bfactor"][rows]
            content = mmcif(names[i], sequence, coordinates, b_factors)
            entry = tarfile.TarInfo(f"{names[i]}.cif")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
            print(names[i], SPLITS[int(data["split"][i])], data["cluster30"][i],
                  *(data[label][i].decode() for label in LABELS), origin[names[i]],
                  sep="\t", file=table)
            print(names[i], len(sequence), digest(sequence, coordinates, b_factors), sep="\t",
                  file=digests)
    with open(os.path.join(options.output, "sample.tar.xz"), "wb") as file:
        file.write(lzma.compress(packed.getvalue(), preset=9 | lzma.PRESET_EXTREME))
    print(f"{len(chosen)} chains, {sum(int(offset[i + 1] - offset[i]) for i in chosen)} residues")


if __name__ == "__main__":
    script_errors.run(main)
