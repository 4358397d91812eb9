#!/usr/bin/env python3
"""Draws the statistics of a training run, layer by layer.

    plot_statistics.py RUN_FOLDER [-o FILE.png]

RUN_FOLDER holds statistics.csv, which a run writes with `&run statistics_every`. The plot goes to
RUN_FOLDER/statistics.png unless -o names another file. Rows are layers from the input downwards,
columns are steps, colours the decimal logarithm of the root mean square; crosses mark numbers that
are not finite.
"""
import argparse
import csv
import pathlib
import re
import sys

import numpy as np

import plot_style as style
from plot_style import GREY, PINK, plt

MOST_NAMES = 26  # that can be read beside a panel

PANELS = [  # title, kind, beginning of the names
    ("Activations, sequence", "activation", "seq/"),
    ("Activations, structure", "activation", "struct/"),
    ("Gradients of activations, sequence", "activation_gradient", "seq/"),
    ("Gradients of activations, structure", "activation_gradient", "struct/"),
    ("Gradients of parameters, sequence", "gradient", "seq_"),
    ("Gradients of parameters, structure", "gradient", "struct_"),
]


def read_statistics(path):
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        sys.exit(f"{path}: no rows")
    return rows


def layer_of(name):
    """Parameters of one layer are drawn together: ....layers.3.fc1.weight -> ....layers.3."""
    found = re.match(r"(.*?layers\.\d+)\.", name)
    return found[1] if found else name.rsplit(".", 1)[0]


def panel_of(rows, kind, beginning):
    """Names, steps, rms [names, steps] and where something was not finite."""
    chosen = [row for row in rows if row["kind"] == kind and row["name"].startswith(beginning)]
    merge = layer_of if kind == "gradient" else str
    names = list(dict.fromkeys(merge(row["name"]) for row in chosen))
    steps = sorted({int(row["step"]) for row in chosen})
    count, squares, bad = (np.zeros((len(names), len(steps))) for _ in range(3))
    place = {name: i for i, name in enumerate(names)}, {step: i for i, step in enumerate(steps)}
    for row in chosen:
        at = place[0][merge(row["name"])], place[1][int(row["step"])]
        finite = float(row["count"]) - float(row["not_finite"])
        count[at] += finite
        squares[at] += finite * float(row["rms"]) ** 2
        bad[at] += float(row["not_finite"])
    return names, steps, np.sqrt(squares / np.maximum(count, 1)), bad


def draw(fig, axis, title, rows, kind, beginning):
    names, steps, rms, bad = panel_of(rows, kind, beginning)
    axis.set_title(title)
    if not names:
        axis.axis("off")
        axis.text(0.5, 0.5, "none", color=GREY, ha="center", transform=axis.transAxes)
        return
    axis.grid(False)
    with np.errstate(divide="ignore"):
        shown = np.log10(rms)
    image = axis.imshow(np.ma.masked_invalid(shown), aspect="auto", interpolation="nearest",
                        cmap="viridis")
    fig.colorbar(image, ax=axis, label="log10 of rms")
    marked = np.argwhere(bad > 0)
    axis.plot(marked[:, 1], marked[:, 0], "x", color=PINK)
    every = max(1, -(-len(names) // MOST_NAMES))
    axis.set_yticks(range(0, len(names), every), names[::every], fontsize=6)
    ticks = np.unique(np.linspace(0, len(steps) - 1, min(6, len(steps))).astype(int))
    axis.set_xticks(ticks, [steps[i] for i in ticks])
    axis.set_xlabel("step")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run_folder", type=pathlib.Path)
    parser.add_argument("-o", "--output", type=pathlib.Path)
    arguments = parser.parse_args()
    folder = arguments.run_folder
    if not (folder / "statistics.csv").is_file():
        sys.exit(f"{folder}: no statistics.csv in it; a run with &run statistics_every writes one")
    rows = read_statistics(folder / "statistics.csv")
    steps = sorted({int(row["step"]) for row in rows})
    fig, axes = style.figure(3, 2, f"Layers of {folder.resolve().name}",
                             f"{len(steps)} steps from {steps[0]:,} to {steps[-1]:,}")
    fig.set_size_inches(14, fig.get_size_inches()[1])
    for axis, (title, kind, beginning) in zip(axes, PANELS):
        draw(fig, axis, title, rows, kind, beginning)
    style.save(fig, arguments.output or folder / "statistics.png")
    plt.close("all")


if __name__ == "__main__":
    main()
