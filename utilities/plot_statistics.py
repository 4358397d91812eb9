#!/usr/bin/env python3
"""Draws the statistics of a training run, layer by layer.

    plot_statistics.py RUN_FOLDER [-o FILE.png]

RUN_FOLDER holds statistics.csv, which a run writes with `&run statistics_every`. The plot goes to
RUN_FOLDER/statistics.png unless -o names another file. Rows are layers from the input downwards,
columns are steps, colours the decimal logarithm of the root mean square; crosses mark numbers that
are not finite.
"""
import argparse
import pathlib
import re

import numpy as np

import plot_style as style
import script_errors
from plot_style import GREY, PINK, plt

NUMBERS = ("count", "rms", "not_finite")
MOST_NAMES = 22  # that can be read beside a panel

OF_LOSS = ("logit_", "expander", "class_heads.")  # parameters of neither encoder
PANELS = [  # title, kind, beginnings of the names
    ("Activations, sequence", "activation", "seq/"),
    ("Activations, structure", "activation", "struct/"),
    ("Gradients of activations, sequence", "activation_gradient", "seq/"),
    ("Gradients of activations, structure", "activation_gradient", "struct/"),
    ("Parameters, sequence", "parameter", "seq_"),
    ("Parameters, structure", "parameter", "struct_"),
    ("Gradients of parameters, sequence", "gradient", "seq_"),
    ("Gradients of parameters, structure", "gradient", "struct_"),
    ("Parameters of loss and class heads", "parameter", OF_LOSS),
    ("Gradients of loss and class heads", "gradient", OF_LOSS),
]


def read_statistics(path):
    """Rows of statistics.csv with their numbers."""
    rows = script_errors.read_columns(path, ("step", "kind", "name", *NUMBERS))
    if not rows:
        raise script_errors.ScriptError(f"{path}: no rows")
    try:
        return [row | {"step": int(row["step"])} | {key: float(row[key]) for key in NUMBERS}
                for row in rows]
    except ValueError as error:
        raise script_errors.ScriptError(f"{path}: not a table of numbers: {error}") from None


def layer_of(name):
    """Parameters of one layer are drawn together: ....layers.3.fc1.weight -> ....layers.3."""
    found = re.match(r"(.*?layers\.\d+)\.", name)
    return found[1] if found else re.sub(r"\.(weight|bias|gain)$", "", name)


def panel_of(rows, kind, beginnings):
    """Names, steps, rms [names, steps] and where something was not finite."""
    chosen = [row for row in rows if row["kind"] == kind and row["name"].startswith(beginnings)]
    merge = layer_of if kind in ("parameter", "gradient") else str
    names = list(dict.fromkeys(merge(row["name"]) for row in chosen))
    steps = sorted({row["step"] for row in chosen})
    count, squares, bad = (np.zeros((len(names), len(steps))) for _ in range(3))
    place = {name: i for i, name in enumerate(names)}, {step: i for i, step in enumerate(steps)}
    for row in chosen:
        at = place[0][merge(row["name"])], place[1][row["step"]]
        finite = row["count"] - row["not_finite"]
        count[at] += finite
        squares[at] += finite * row["rms"] ** 2
        bad[at] += row["not_finite"]
    return names, steps, np.sqrt(squares / np.maximum(count, 1)), bad


def draw(fig, axis, title, rows, kind, beginnings):
    names, steps, rms, bad = panel_of(rows, kind, beginnings)
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
    axis.set_yticks(range(0, len(names), every),
                    [re.sub(r"^(seq|struct)_encoder\.", "", name) for name in names[::every]],
                    fontsize=6)
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
        raise script_errors.ScriptError(
            f"{folder}: no statistics.csv in it; a run with &run statistics_every writes one")
    rows = read_statistics(folder / "statistics.csv")
    steps = sorted({row["step"] for row in rows})
    fig, axes = style.figure(len(PANELS) // 2, 2, f"Layers of {folder.resolve().name}",
                             f"{len(steps)} steps from {steps[0]:,} to {steps[-1]:,}")
    fig.set_size_inches(14, fig.get_size_inches()[1])
    for axis, (title, kind, beginnings) in zip(axes, PANELS):
        draw(fig, axis, title, rows, kind, beginnings)
    style.save(fig, arguments.output or folder / "statistics.png")
    plt.close("all")


if __name__ == "__main__":
    script_errors.run(main)
