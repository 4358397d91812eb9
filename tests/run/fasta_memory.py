# A FASTA file of more than 2 GB and 2^31 residues is prepared in less than 1 GB of memory: the
# program runs as one process (other ranks of it read no FASTA), whose high-water mark is read from
# the system. Offsets of 32 bits would not hold the residues.
# labels: long
# processors: 1
# timeout: 1200
import os
import pathlib
import random
import resource
import sys
import time

import h5py

sys.path.insert(0, os.path.join(os.environ["JESPR_SOURCE_DIR"], "tests/support"))
from jespr_runs import expect, run, write_deck

RESIDUES, LARGEST = 2_200_000_000, 1_000_000  # at least, more than 2^31; kB of memory
path = pathlib.Path("large.fasta")
chance = random.Random(1)
pool = "".join(chance.choices("ACDEFGHIKLMNPQRSTVWY", k=1 << 20))
records = residues = 0
with open(path, "w") as file:
    while residues < RESIDUES:
        piece = []
        for _ in range(10_000):
            begin, lines = chance.randrange(1 << 19), chance.randint(1, 15)
            piece.append(f">UniRef50_{records:010d} some protein n=1 Tax=root\n" + "\n".join(
                pool[i:i + 60] for i in range(begin, begin + 60 * lines, 60)) + "\n")
            records += 1
            residues += 60 * lines
        file.write("".join(piece))
ending = pool[begin:begin + 60 * lines]
deck = write_deck(pathlib.Path("large.deck").resolve(), {
    "run": {"task": "prepare"},
    "prepare": {"sources": [str(path)], "dataset": "large.h5", "overwrite": True}})
begin = time.monotonic()
result = run(0, deck, limit=1000)
seconds = time.monotonic() - begin
largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(result.out, f"{path.stat().st_size / 1e9:.2f} GB, {records} records in {seconds:.0f} s, "
      f"{largest / 1e6:.2f} GB of memory at most")
path.unlink()
with h5py.File("large.h5") as file:
    expect(len(file["offsets"]) == records + 1, "all records are there")
    expect(file["offsets"][-1] == residues > 2**31, "64-bit offsets")
    expect(file["residues/sequence"].shape[0] == residues, "all residues are there")
    last = file["residues/sequence"][-len(ending):].tobytes().decode()  # beyond 2^31
    expect(last == ending, "the last record's residues")
pathlib.Path("large.h5").unlink()
expect(largest < LARGEST, f"{largest} kB of memory, more than {LARGEST}")
