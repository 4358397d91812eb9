"""Measures one peer in a process of its own: worker.py TASK.json, started by compare.py.

Reads a number of repeats per line and answers each with a line of JSON: the seconds of that many
passes over all proteins, after one that does not count, or of a single one if it takes long; for a
table of attention, the median seconds of its cells. The first answer comes unasked, when the best
batch size is known. What libraries print goes to the standard error; an exception is answered as a
failure.
"""
import importlib
import json
import os
import resource
import sys
import time
import traceback

import proteins
from comparison import LONG_PASS

TRY_NO_MORE = 1.25  # a size slower than the best by this ends the search
SHORT_PASS = 5.0  # seconds; tried twice
MOST_WARM_UPS = 5
SETTLED = 0.7  # of the time of the pass before
MEMORY_SHARE = 0.9  # of what is free; a batch size that needs more is out of the question


def memory(key, file="/proc/self/status"):
    """An entry of /proc in bytes."""
    with open(file) as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key + ":"))


def limit_memory():
    """Lets an allocation fail that would end in the kernel's killing of this process."""
    most = memory("VmSize") + int(MEMORY_SHARE * memory("MemAvailable", "/proc/meminfo"))
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))


def timed(function, *arguments):
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def warm_up(peer, batches):
    """Passes of a compiled model until they hardly get faster: sizes are compiled as they come."""
    seconds = timed(peer.run, batches)
    for _ in range(MOST_WARM_UPS):
        before, seconds = seconds, timed(peer.run, batches)
        if seconds > SETTLED * before:
            return


def best_batches(peer, chosen, sizes, compiled):
    """(size, batches, {size: seconds}) of the size that is fastest, each tried when warm."""
    best, tried = None, {}
    for size in sorted({min(size, len(chosen)) for size in sizes}):
        try:
            batches = peer.prepare(proteins.batches(chosen, size))
            if compiled:
                warm_up(peer, batches)
            tried[size] = timed(peer.run, batches)
            if tried[size] < LONG_PASS:  # else warm-up and trial in one
                tried[size] = timed(peer.run, batches)
            if tried[size] < SHORT_PASS:
                tried[size] = min(tried[size], timed(peer.run, batches))
        except (RuntimeError, MemoryError) as error:
            if best is None or "alloc" not in str(error).lower():
                raise
            print(f"batches of {size}: {error}", file=sys.stderr)
            break
        if best is None or tried[size] < tried[best[0]]:
            best = size, batches
        elif tried[size] > TRY_NO_MORE * tried[best[0]]:
            break
    return *best, tried


def work(answer):
    task = json.load(open(sys.argv[1]))
    if "cells" in task:
        peer = importlib.import_module("peers." + task["module"]).make(task)
        answer(cells=len(task["cells"]))
        for line in sys.stdin:
            answer(seconds=peer.measure(int(line)))
        return
    chosen = proteins.read_proteins(task["dataset"], task["chains"])
    peer = importlib.import_module("peers." + task["module"]).make(task)
    limit_memory()
    size, batches, tried = best_batches(peer, chosen, task["sizes"], "compiled" in task)
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the high-water mark starts again
    answer(batch_size=size, tried=tried, residues=sum(map(len, chosen)),
           **(peer.facts() if hasattr(peer, "facts") else {}))
    for line in sys.stdin:
        repeats = int(line)
        if tried[size] < LONG_PASS:
            peer.run(batches)
        else:
            repeats = 1
        seconds = [timed(peer.run, batches) for _ in range(repeats)]
        answer(seconds=seconds, resident_bytes=memory("VmHWM"))


def main():
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(**values):
        print(json.dumps(values), file=answers, flush=True)

    try:
        work(answer)
    except Exception as error:
        traceback.print_exc()
        first_line = str(error).strip().partition("\n")[0]
        answer(failure=f"{type(error).__name__}: {first_line}")
        sys.exit(1)


if __name__ == "__main__":
    main()
