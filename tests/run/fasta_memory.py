# A FASTA file of 2 GB is prepared in less than 1 GB of memory, all ranks together: its largest
# process's high-water mark is read from the system.
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

BYTES, LARGEST = 2_000_000_000, 1_000_000  # of the file; kB of memory
path = pathlib.Path("large.fasta")
chance = random.Random(1)
pool = "".join(chance.choices("ACDEFGHIKLMNPQRSTVWY", k=1 << 20))
records = 0
with open(path, "w") as file:
    while file.tell() < BYTES:
        piece = []
        for _ in range(10_000):
            begin, length = chance.randrange(1 << 19), chance.randint(50, 650)
            piece.append(f">UniRef50_{records:010d} some protein n=1 Tax=root\n" + "\n".join(
                pool[i:i + 60] for i in range(begin, begin + length, 60)) + "\n")
            records += 1
        file.write("".join(piece))
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
    expect(file["residues/sequence"].shape[0] == file["offsets"][-1], "64-bit offsets")
pathlib.Path("large.h5").unlink()
expect(largest < LARGEST, f"{largest} kB of memory, more than {LARGEST}")
