#!/usr/bin/env python3
"""Draws a dataset on one page: lengths, completeness, resolution, clusters, letters, refusals.

    dataset_report.py mine.h5 [--report mine.h5.report.tsv] [-o FILE.png]

The page goes beside the dataset unless -o names another place; the report of task 'prepare' is
looked for beside it unless --report names it. Numbers that a picture hides are printed.
"""
import argparse
import collections
import pathlib
import re

import numpy as np

import plot_style as style
from matplotlib import ticker
import script_errors
from plot_style import AMBER, BLUE, GREEN, GREY, ORANGE, PINK

SPLITS = ("train", "validation", "test")
COLOURS = (BLUE, ORANGE, GREEN)
FEWEST_TICKS = 3
MOST_REASONS = 8  # that fit a panel
PIECE = 1 << 24  # residues read at once: a dataset may be larger than memory


def pieces(offsets):
    """Ranges of whole chains, (first, last): PIECE residues at most, or one chain."""
    first = 0
    while first < len(offsets) - 1:
        fitting = np.searchsorted(offsets, offsets[first] + PIECE, side="right") - 1
        last = max(first + 1, int(fitting))
        yield first, last
        first = last


def read(path):
    """Columns of the dataset by name, those that it lacks are None; of its residues the shares."""
    with script_errors.open_hdf5(path, "dataset") as file:
        for name in ("offsets", "split", "cluster", "residues/sequence"):
            if name not in file or not len(file[name]):
                raise script_errors.ScriptError(f"{path}: {name} is missing or empty")
        found = {name: file[name][:] if name in file else None
                 for name in ("offsets", "split", "cluster", "resolution", "twins/chain")}
        offsets = found["offsets"]
        found["lengths"] = np.diff(offsets)
        found["letters"] = np.zeros(256, dtype=np.int64)
        complete = []
        for first, last in pieces(offsets):
            begin, end = offsets[first], offsets[last]
            found["letters"] += np.bincount(file["residues/sequence"][begin:end], minlength=256)
            if "residues/confidence" in file:
                there = file["residues/confidence"][begin:end] > 0
                complete.append(np.add.reduceat(there, offsets[first:last] - begin, dtype=np.int64))
    if complete:
        found["completeness"] = np.concatenate(complete) / found["lengths"]
    return found


def reasons_of(report):
    """How often each reason is given; numbers and names in it stand for one another."""
    rows = script_errors.read_columns(report, ("outcome", "remark"), "\t")
    return collections.Counter(
        "left out: the sequence of another" if row["outcome"] == "twin" else
        re.sub(r"'[^']*'", "'...'", re.sub(r"-?\d+(\.\d+)?", "n", row["remark"]))
        for row in rows if row["outcome"] != "read")


def by_split(axis, values, splits, bins):
    shown = [(name, colour, values[splits == i]) for i, (name, colour)
             in enumerate(zip(SPLITS, COLOURS)) if (splits == i).any()]
    axis.hist([v for *_, v in shown], bins=bins, stacked=True, color=[c for _, c, _ in shown],
              label=[f"{n}: {len(v):,}" for n, _, v in shown])
    axis.set_ylabel("chains")


def plain_ticks(scale):
    """Few ticks on a logarithmic axis, at plain numbers."""
    low, high = scale.get_view_interval()
    for factors in ((1,), (1, 2, 5), range(1, 10)):
        ticks = [factor * 10 ** decade for decade in range(12) for factor in factors
                 if low <= factor * 10 ** decade <= high]
        if len(ticks) >= FEWEST_TICKS:
            break
    else:
        ticks = [tick for tick in ticker.MaxNLocator(5, integer=True).tick_values(low, high)
                 if low <= tick <= high]
    scale.set_ticks(ticks, [f"{tick:,.0f}" for tick in ticks])
    scale.set_minor_locator(ticker.NullLocator())


def say_nothing(axis, text):
    axis.text(0.5, 0.5, text, ha="center", va="center", color=GREY, transform=axis.transAxes)
    axis.set_xticks([])
    axis.set_yticks([])


def draw_lengths(axis, found):
    axis.set_title("Lengths")
    lengths = found["lengths"]
    by_split(axis, lengths, found["split"], np.geomspace(max(1, lengths.min()),
                                                         lengths.max() + 1, 40))
    axis.set_xscale("log")
    plain_ticks(axis.xaxis)
    axis.set_xlabel("residues, those without coordinates too")
    axis.legend()


def draw_completeness(axis, found):
    axis.set_title("Completeness")
    if "completeness" not in found:
        return say_nothing(axis, "sequences without structures")
    by_split(axis, 100 * found["completeness"], found["split"], np.linspace(0, 100, 41))
    axis.set_yscale("log")
    axis.set_ylim(bottom=0.7)  # one chain can be seen
    plain_ticks(axis.yaxis)
    axis.set_xlabel("residues with N, CA and C, %")


def draw_resolution(axis, found):
    axis.set_title("Resolution")
    if "completeness" not in found:
        return say_nothing(axis, "sequences without structures")
    resolution = found["resolution"]
    known = resolution is not None and np.isfinite(resolution)
    if resolution is None or not known.any():
        return say_nothing(axis, "no file gives one")
    by_split(axis, resolution[known], found["split"][known],
             np.linspace(0, max(4, resolution[known].max()), 41))
    axis.set_xlabel(f"Angstrom; unknown for {np.count_nonzero(~known):,} chains")


def draw_clusters(axis, found):
    axis.set_title("Clusters")
    cluster = found["cluster"]
    if (cluster < 0).all():
        return say_nothing(axis, "no cluster is known")
    sizes = np.sort(np.unique(cluster[cluster >= 0], return_counts=True)[1])[::-1]
    axis.loglog(np.arange(1, len(sizes) + 1), sizes, color=PINK)
    plain_ticks(axis.xaxis)
    plain_ticks(axis.yaxis)
    axis.set_xlabel(f"rank among {len(sizes):,} clusters")
    axis.set_ylabel(f"chains; {np.count_nonzero(cluster < 0):,} have no cluster")


def draw_letters(axis, found):
    axis.set_title("Residues")
    counts = found["letters"]
    order = np.argsort(-counts, kind="stable")[:np.count_nonzero(counts)]
    share = 100 * counts[order] / counts.sum()
    names = [chr(letter) for letter in order]
    axis.bar(names, share, color=[BLUE if name not in "XBZUO" else ORANGE for name in names])
    axis.set_ylabel("%")
    axis.grid(axis="x", visible=False)


def draw_refused(axis, reasons):
    axis.set_title("Refused or left out")
    if reasons is None:
        return say_nothing(axis, "there is no report beside the dataset")
    if not reasons:
        return say_nothing(axis, "nothing")
    most = reasons.most_common(MOST_REASONS)
    if (rest := reasons.total() - sum(count for _, count in most)) > 0:
        most.append(("other reasons", rest))
    axis.barh(range(len(most)), [count for _, count in most], color=AMBER)
    for i, (reason, count) in enumerate(most):
        axis.annotate(f" {reason[:52]}: {count:,}", (0, i), va="center", fontsize=7)
    axis.invert_yaxis()
    axis.set_yticks([])
    axis.set_xlabel("chains and files")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=pathlib.Path)
    parser.add_argument("--report", type=pathlib.Path)
    parser.add_argument("-o", "--output", type=pathlib.Path)
    options = parser.parse_args()
    beside = options.dataset.with_name(options.dataset.name + ".report.tsv")
    report = options.report or (beside if beside.exists() else None)
    found, reasons = read(options.dataset), reasons_of(report) if report else None
    lengths, twins = found["lengths"], found["twins/chain"]
    subtitle = (f"{len(lengths):,} chains, {lengths.sum():,} residues, "
                f"{0 if twins is None else len(twins):,} twins left out; lengths {lengths.min()} "
                f"to {lengths.max()}, median {np.median(lengths):.0f}")
    figure, panels = style.figure(2, 3, options.dataset.name, subtitle)
    draw_lengths(panels[0], found)
    draw_completeness(panels[1], found)
    draw_resolution(panels[2], found)
    draw_clusters(panels[3], found)
    draw_letters(panels[4], found)
    draw_refused(panels[5], reasons)
    print(subtitle)
    for reason, count in (reasons or {}).items():
        print(f"{count:8,}  {reason}")
    style.save(figure, options.output or options.dataset.with_suffix(".png"))


if __name__ == "__main__":
    script_errors.run(main)
