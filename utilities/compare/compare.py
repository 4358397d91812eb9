#!/usr/bin/env python3
"""Measures our program and its peers on the same proteins, in turn, and prints their ratios.

    compare.py DECK ... [--parts PART ...] [--precisions f32 bf16] [-o FOLDER]

Each DECK is one of task 'benchmark' (input/bench_8M.deck). Our program says which proteins and
shapes it measured; the peers (PyTorch with fair-esm, transformers and torch_geometric; esm.cpp) get
the same, with random weights. Rounds alternate: ours, then each peer. Times become GFLOP/s by one
count of operations, that of the published formulation on real residues. The tables go to the
standard output and, with every number, to FOLDER (comparison.md, comparison.json).

The machine should do nothing else. setup.sh makes the peers' private Python at the first call.
"""
import argparse
import json
import os
import pathlib
import statistics
import sys

import attention
import processes
from comparison import LONG_PASS, PARTS, BadBenchmark, Measured, Row, peers_of, report
from processes import Failed, Worker

ROOT = pathlib.Path(__file__).resolve().parents[2]
BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64)
EDGES_MAY_DIFFER = 1e-3  # equal distances


def say(text):
    print(text, file=sys.stderr, flush=True)


def texts(values):
    """A list of texts as a deck writes it."""
    return ", ".join(f"'{value}'" for value in values)


class Comparison:
    def __init__(self, options, python):
        self.options, self.python = options, python
        self.folder = options.output.resolve()
        self.rows, self.cells, self.told = [], [], set()
        self.products_by = {}  # what multiplies in our program, by precision

    def run_ours(self, deck, precision, parts, repeats, warmup=1):
        overrides = {"benchmark.parts": texts(parts), "benchmark.repeats": repeats,
                     "benchmark.warmup": warmup, "run.precision": f"'{precision}'"}
        overrides.update(pair.split("=", 1) for pair in self.options.set)
        return processes.ours(self.options.program, deck, self.folder / "ours" / deck.stem,
                              overrides)

    def run_deck(self, deck):
        """All rows of one deck."""
        try:
            described = self.run_ours(deck, "f32", ["products"], 1)
        except Failed as failure:
            sys.exit(f"compare.py: {deck}: {failure}")
        say(f"{deck.stem}: {len(described.chains)} proteins, {described.residues} residues")
        for precision in self.options.precisions:
            best = described
            if precision != "f32":
                try:
                    best = self.run_ours(deck, precision, ["products"], 1)
                except Failed as failure:
                    say(f"  ours, {precision}: {failure}")
            if best.rate(precision):
                self.products_by[precision] = best.data.get("products_by", "not told")
            for part in self.options.parts:
                shape = (described.shape(part), part, precision)
                if part in PARTS and shape not in self.told:
                    self.told.add(shape)
                    self.run_part(deck, described, part, precision, best.rate(precision))
        if attention.PART in self.options.parts and not self.cells:
            self.run_attention(deck, described)

    def task(self, deck, described, part, precision):
        data = described.data
        dataset = pathlib.Path(data["dataset"])
        if not dataset.exists():
            dataset = deck.parent / dataset
        return {"part": part, "precision": precision, "threads": described.threads,
                "dataset": str(dataset.resolve()), "chains": described.chains,
                "sizes": self.options.batch_sizes, "sequence": data["sequence"],
                "structure": data["structure"], "joint": data["joint"]}

    def start(self, peer, task, described):
        """(worker or None, its results to be filled)."""
        measured = Measured(peer.name, same_precision=peer.same_precision)
        task = dict(task, module=peer.module, **{key: True for key in peer.options})
        name = f"{peer.name} {task['part']} {task['precision']}"
        try:
            worker = Worker(self.python, task, self.folder / "peers", name, self.options.patience)
        except Failed as failure:
            measured.failure = str(failure)
            say(f"    {peer.name}: {failure}")
            return None, measured
        first = worker.first
        measured.batch_size = first["batch_size"]
        measured.remark = first.get("remark", "")
        say(f"    {peer.name}: batches of {measured.batch_size}")
        if first["residues"] != described.residues:
            sys.exit(f"compare.py: {described.residues} residues in our benchmark, "
                     f"{first['residues']} in the dataset: crops cannot be compared")
        edges = described.data["edges"]
        if "edges" in first and abs(first["edges"] - edges) > EDGES_MAY_DIFFER * edges:
            measured.remark = f"{first['edges']} edges, ours {edges:.0f}"
        return worker, measured

    def measure_ours(self, deck, part, precision, ours):
        """One turn of ours, added to `ours`; the benchmark, or None after a failure."""
        is_long = bool(ours.seconds) and ours.seconds[-1] > LONG_PASS
        try:
            benchmark = self.run_ours(deck, precision, [part],
                                      repeats=1 if is_long else self.options.repeats,
                                      warmup=0 if is_long else 1)
            ours.seconds.append(benchmark.part(part)["seconds"]["median"])
        except (Failed, BadBenchmark) as failure:
            ours.failure = str(failure)
            say(f"    ours: {failure}")
            return None
        ours.resident_bytes = benchmark.data.get("resident_bytes", 0)
        return benchmark

    def measure_peer(self, worker, measured):
        """One turn of a peer, added to `measured`; the worker, or None after its end."""
        try:
            answer = worker.measure(self.options.repeats)
        except Failed as failure:
            measured.failure, measured.seconds = str(failure), []
            worker.end()
            return None
        measured.seconds.append(statistics.median(answer["seconds"]))
        measured.resident_bytes = answer["resident_bytes"]
        return worker

    def run_part(self, deck, described, part, precision, rate):
        """One row: rounds of ours and of each peer in turn."""
        say(f"  {part}, {precision}")
        task = self.task(deck, described, part, precision)
        started = [self.start(peer, task, described)
                   for peer in peers_of(part, precision, self.options.without)]
        workers = [worker for worker, _ in started]
        peers = [measured for _, measured in started]
        ours = Measured("JESPR")
        latest = None
        for turn in range(self.options.rounds):
            if not ours.failure:
                latest = self.measure_ours(deck, part, precision, ours) or latest
            workers = [worker and self.measure_peer(worker, measured)
                       for worker, measured in zip(workers, peers)]
            say(f"    round {turn + 1}: " + ", ".join(
                f"{m.name} {m.seconds[-1]:.3f} s" for m in (ours, *peers) if m.seconds))
        for worker in filter(None, workers):
            worker.end()
        # Of a precision that ours lacks: as many operations as in f32.
        latest = latest or self.run_ours(deck, "f32", [part], repeats=1, warmup=0)
        self.rows.append(Row(part, precision, described.shape(part),
                             latest.part(part)["operations"],
                             max(rate, latest.rate(precision)), ours, peers))
        self.write()

    def run_attention(self, deck, described):
        """The table of attention, which knows no proteins and so is made once."""
        for precision in self.options.precisions:
            say(f"  attention, {precision}")
            try:
                worker, rounds = None, []
                for turn in range(self.options.rounds):
                    cells = self.run_ours(deck, precision, [attention.PART],
                                          self.options.repeats).data["attention"]
                    if worker is None:
                        task = {"module": "sdpa", "cells": cells, "precision": precision,
                                "threads": described.threads}
                        worker = Worker(self.python, task, self.folder / "peers",
                                        f"sdpa {precision}", self.options.patience)
                    rounds.append((cells, worker.measure(self.options.repeats)["seconds"]))
                    say(f"    round {turn + 1}")
                self.cells.append((precision, attention.cells_of(rounds)))
            except Failed as failure:
                say(f"    {failure}")
            finally:
                if worker is not None:
                    worker.end()
            self.write()

    def heading(self):
        what = processes.versions(self.python)
        return (f"{processes.cpu_model()}, {self.options.rounds} rounds of {self.options.repeats} "
                f"repeats in turn; GFLOP/s of the published formulation on real residues, medians; "
                f"the ratio is the median over rounds (least to most).\nPeers: {what}.")

    def text(self):
        tables = [attention.table_of(cells, precision) for precision, cells in self.cells]
        products = [f"Our products, {precision}: {by}." for precision, by in
                    self.products_by.items()]
        heading = "\n".join([self.described, *products])
        return "\n".join([report(self.rows, heading), *tables])

    def write(self):
        """After every row, so that a long comparison may be stopped."""
        self.described = getattr(self, "described", None) or self.heading()
        (self.folder / "comparison.md").write_text(self.text())
        (self.folder / "comparison.json").write_text(json.dumps({
            "heading": self.described, "rows": [row.as_json() for row in self.rows],
            "attention": [{"precision": precision, "cells": cells}
                          for precision, cells in self.cells]}, indent=1))


def parse():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("deck", type=pathlib.Path, nargs="+")
    parser.add_argument("--parts", nargs="+", default=list(PARTS), metavar="PART",
                        choices=[*PARTS, attention.PART],
                        help="of: " + ", ".join((*PARTS, attention.PART)))
    parser.add_argument("--precisions", nargs="+", default=["f32", "bf16"],
                        choices=["f32", "bf16"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=3,
                        help="in a round; of passes that take 20 s and more a single one")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=list(BATCH_SIZES),
                        help="of the peers, of which each takes its fastest")
    parser.add_argument("--without", nargs="+", default=[], metavar="WORD",
                        help="leave out peers whose name contains this, as in: compiled")
    parser.add_argument("--set", nargs="+", default=[], metavar="GROUP.KEY=VALUE",
                        help="for our program, as on its own command line")
    parser.add_argument("--patience", type=float, default=1800, help="seconds for one answer")
    parser.add_argument("-o", "--output", type=pathlib.Path, default=ROOT / "run/compare")
    parser.add_argument("--program", default=os.environ.get(
        "JESPR_PROGRAM", ROOT / "build/cpu-release/bin/jespr"))
    return parser.parse_args()


def main():
    options = parse()
    for path in (pathlib.Path(options.program), *options.deck):
        if not path.is_file():
            sys.exit(f"compare.py: {path}: no such file")
    options.output.mkdir(parents=True, exist_ok=True)
    comparison = Comparison(options, processes.prepared_python())
    for deck in options.deck:
        comparison.run_deck(deck.resolve())
    print(comparison.text(), end="")


if __name__ == "__main__":
    main()
