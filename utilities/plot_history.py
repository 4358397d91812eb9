#!/usr/bin/env python3
"""Draws the history of a training run.

    plot_history.py RUN_FOLDER [-o FILE.png]

RUN_FOLDER holds history.csv and, where there were validations, validation.csv. The plot goes to
RUN_FOLDER/history.png unless -o names another file. Faint lines are steps, strong ones means over
the steps around them.
"""
import argparse
import csv
import pathlib
import sys

import numpy as np

import plot_style as style
from plot_style import AMBER, BLUE, GREEN, GREY, ORANGE, PINK, SKY


def read_rows(path):
    """Columns of a CSV file by name, as arrays of numbers; None where it holds no row."""
    with open(path, newline="") as file:
        reader = csv.reader(file)
        names = next(reader, None)
        rows = [row for row in reader if names and len(row) == len(names)]
    if not rows:
        return None
    values = np.array(rows, dtype=float)
    return {name: values[:, column] for column, name in enumerate(names)}


def read_table(path):
    """As read_rows, but a table without rows ends the program."""
    table = read_rows(path)
    if table is None:
        sys.exit(f"{path}: no rows")
    return table


def read_validation(folder):
    """validation.csv of a run; None where nothing was validated."""
    path = folder / "validation.csv"
    return read_rows(path) if path.is_file() else None


def smooth(values):
    """Mean over a window of a fortieth of the run around each step; NaN left out,
    and what comes of nothing else."""
    half = max(1, len(values) // 80)
    good = np.isfinite(values)
    sums = np.cumsum(np.concatenate([[0.0], np.where(good, values, 0.0)]))
    counts = np.cumsum(np.concatenate([[0], good]))
    first = np.maximum(np.arange(len(values)) - half, 0)
    last = np.minimum(np.arange(len(values)) + half + 1, len(values))
    count = counts[last] - counts[first]
    return np.where(count > 0, (sums[last] - sums[first]) / np.maximum(count, 1), np.nan)


def curve(axis, step, values, colour, label=None):
    """Steps in faint, their running mean in full colour."""
    axis.plot(step, values, color=colour, alpha=0.25, linewidth=0.8)
    axis.plot(step, smooth(values), color=colour, label=label)


def draw_loss(axis, history, validation):
    axis.set_title("Loss")
    curve(axis, history["step"], history["loss"], BLUE, "training batches")
    if validation:
        axis.plot(validation["step"], validation["loss"], "o-", color=ORANGE, markersize=4,
                  linewidth=1, label="validation")
    skipped = history["skipped"] > 0
    if skipped.any():
        for step in history["step"][skipped]:
            axis.axvline(step, color=PINK, linewidth=0.8, alpha=0.6)
        axis.plot([], [], color=PINK, linewidth=0.8, label=f"skipped steps: {skipped.sum()}")
    axis.set_ylabel("symmetric InfoNCE, nats")
    axis.legend()


def draw_accuracy(axis, history, validation):
    axis.set_title("Partners found within the batch")
    for name, colour, label in (
            ("accuracy_sequence_to_structure", BLUE, "sequence to structure"),
            ("accuracy_structure_to_sequence", ORANGE, "structure to sequence")):
        curve(axis, history["step"], 100 * history[name], colour, label)
        if validation and name in validation:
            axis.plot(validation["step"], 100 * validation[name], "o", color=colour, markersize=4,
                      markerfacecolor="white")
    if validation:
        axis.plot([], [], "o", color=GREY, markersize=4, markerfacecolor="white",
                  label="validation")
    axis.set_ylim(bottom=0)
    axis.set_ylabel("%")
    axis.legend()


def draw_recall(axis, validation):
    axis.set_title("Validation: recall, whole gallery")
    names = [name for name in validation if name.startswith("recall_")]
    for name, colour in zip(names, (BLUE, GREEN, AMBER, PINK, SKY, ORANGE)):
        axis.plot(validation["step"], 100 * validation[name], "o-", color=colour, markersize=4,
                  label="recall@" + name.removeprefix("recall_"))
    axis.set_ylim(bottom=0)
    axis.set_ylabel("%")
    axis.legend()


def draw_percentile(axis, validation):
    axis.set_title("Validation: percentile at equal length")
    step, value = validation["step"], validation["equal_length_percentile"]
    axis.errorbar(step, value, (value - validation["lower"], validation["upper"] - value),
                  fmt="o-", color=BLUE, ecolor=SKY, markersize=4, capsize=2,
                  label="mean and 95 % interval")
    best = validation["best"] > 0
    if best.any():
        axis.plot(step[best][-1], value[best][-1], "*", color=ORANGE, markersize=13, label="best")
    axis.axhline(0.5, color=GREY, linestyle="--", linewidth=1)
    axis.text(0.99, 0.5, "chance", transform=axis.get_yaxis_transform(), color=GREY, fontsize=8,
              ha="right", va="bottom")
    axis.set_ylim(top=axis.get_ylim()[1] + 0.06)  # room for the legend
    axis.legend(loc="upper left")


def draw_rate_of_learning(axis, history):
    axis.set_title("Learning rate")
    axis.plot(history["step"], history["learning_rate"], color=BLUE)
    axis.yaxis.set_major_formatter(lambda value, _: f"{value:.3g}")
    axis.set_ylim(bottom=0)


def draw_scale(axis, history):
    axis.set_title("Logit scale")
    axis.plot(history["step"], history["logit_scale"], color=GREEN)
    axis.set_ylabel("exp(logit scale) = 1 / temperature")


def draw_gradient(axis, history):
    axis.set_title("Gradient norm, before clipping")
    norm = np.where(np.isfinite(history["gradient_norm"]), history["gradient_norm"], np.nan)
    curve(axis, history["step"], norm, ORANGE)
    axis.set_yscale("log")
    axis.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    few_decades = np.nanmax(norm) < 10 * np.nanmin(norm)
    axis.yaxis.set_minor_formatter(lambda value, _: f"{value:.2g}" if few_decades else "")
    axis.tick_params(axis="y", which="minor", labelsize=7, labelcolor=GREY)


def draw_speed(axis, history):
    axis.set_title("Speed")
    curve(axis, history["step"], history["proteins_per_second"], BLUE)
    axis.set_ylabel("proteins / s")
    axis.set_ylim(bottom=0)
    median = {name: np.median(history[name])
              for name in ("residues_per_second", "gflops", "fraction_of_peak",
                           "loader_wait_fraction")}
    axis.text(0.97, 0.06,
              f"median: {median['residues_per_second']:,.0f} residues/s\n"
              f"{median['gflops']:.1f} GFLOP/s, {100 * median['fraction_of_peak']:.0f} % of the "
              f"measured peak\nwaiting for data {100 * median['loader_wait_fraction']:.2f} %",
              transform=axis.transAxes, ha="right", va="bottom", fontsize=8, linespacing=1.5,
              bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85})


def draw_empty(axis, text):
    axis.axis("off")
    axis.text(0.5, 0.5, text, color=GREY, ha="center", va="center", transform=axis.transAxes)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run_folder", type=pathlib.Path)
    parser.add_argument("-o", "--output", type=pathlib.Path)
    arguments = parser.parse_args()
    folder = arguments.run_folder
    if not (folder / "history.csv").is_file():
        sys.exit(f"{folder}: no history.csv in it; name the folder of a training run")
    history = read_table(folder / "history.csv")
    validation = read_validation(folder)

    steps, epochs = int(history["step"][-1]), history["epoch"][-1]
    fig, axes = style.figure(2, 4, f"Training {folder.resolve().name}",
                             f"{steps:,} steps, {epochs:.2f} epochs, "
                             f"{history['seconds'].sum() / 60:.1f} minutes of steps")
    draw_loss(axes[0], history, validation)
    draw_accuracy(axes[1], history, validation)
    if validation:
        draw_recall(axes[2], validation)
        draw_percentile(axes[3], validation)
    else:
        draw_empty(axes[2], "no validation")
        draw_empty(axes[3], "")
    draw_rate_of_learning(axes[4], history)
    draw_scale(axes[5], history)
    draw_gradient(axes[6], history)
    draw_speed(axes[7], history)
    for axis in axes:
        axis.set_xlabel("step")
        axis.set_xlim(0, steps * 1.02)
    style.save(fig, arguments.output or folder / "history.png")


if __name__ == "__main__":
    main()
