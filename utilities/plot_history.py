#!/usr/bin/env python3
"""Draws the history of a training run.

    plot_history.py RUN_FOLDER [-o FILE.png]

RUN_FOLDER holds history.csv and, where there were validations, validation.csv. The plot goes to
RUN_FOLDER/history.png unless -o names another file. Faint lines are steps, strong ones means over
the steps around them. What a run does not have, such as accuracies of partners without a joint
loss, has no panel.
"""
import argparse
import csv
import pathlib
import sys

import numpy as np

import plot_style as style
from plot_style import AMBER, BLUE, GREEN, GREY, ORANGE, PINK, SKY

COLOURS = (BLUE, GREEN, AMBER, PINK, SKY, ORANGE)  # of the columns of one panel


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


def measured(table, start):
    """Columns of a table (or None) whose names begin so and that have a number."""
    return [name for name, values in (table or {}).items()
            if name.startswith(start) and np.isfinite(values).any()]


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
    axis.set_ylabel("loss")
    axis.legend()


def draw_columns(axis, history, validation, columns, factor=1.0):
    """Of (name, colour, label): the steps as curves, validations as circles."""
    drawn = False
    for name, colour, label in columns:
        curve(axis, history["step"], factor * history[name], colour, label)
        if measured(validation, name):
            axis.plot(validation["step"], factor * validation[name], "o", color=colour,
                      markersize=4, markerfacecolor="white")
            drawn = True
    if drawn:
        axis.plot([], [], "o", color=GREY, markersize=4, markerfacecolor="white",
                  label="validation")
    axis.legend()


def draw_shares(axis, history, validation, columns):
    draw_columns(axis, history, validation, columns, 100.0)
    axis.set_ylim(bottom=0)
    axis.set_ylabel("%")


def draw_accuracy(axis, history, validation):
    axis.set_title("Partners found within the batch")
    draw_shares(axis, history, validation,
                (("accuracy_sequence_to_structure", BLUE, "sequence to structure"),
                 ("accuracy_structure_to_sequence", ORANGE, "structure to sequence")))


def draw_language_loss(axis, history, validation):
    axis.set_title("Residues predicted: loss")
    draw_columns(axis, history, validation, [("language_loss", BLUE, "training batches")])
    axis.set_ylabel("mean of -log p, nats")


def draw_language_accuracy(axis, history, validation):
    axis.set_title("Residues predicted right")
    draw_shares(axis, history, validation, [("language_accuracy", BLUE, "training batches")])


def draw_classes(axis, history, validation, modality):
    axis.set_title(f"Classes told from the {modality}")
    start = f"class_accuracy_{modality}_"
    draw_shares(axis, history, validation,
                [(name, colour, "level " + name.removeprefix(start))
                 for name, colour in zip(measured(history, start), COLOURS)])


def draw_recall(axis, validation):
    axis.set_title("Validation: recall, whole gallery")
    for name, colour in zip(measured(validation, "recall_"), COLOURS):
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


def draw_ranks(axis, validation):
    axis.set_title("Validation: effective ranks")
    for name, colour in (("rank_sequence", BLUE), ("rank_structure", ORANGE)):
        axis.plot(validation["step"], validation[name], "o-", color=colour, markersize=4,
                  label=name.removeprefix("rank_") + " embeddings")
    axis.set_ylabel("dimensions")
    axis.set_ylim(0, 1.1 * max(1.0, axis.dataLim.ymax))  # room above a single validation
    axis.legend()


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


def panels(history, validation):
    """What draws a panel of this run, and its tables: those of which the run has numbers."""
    both, steps, told = (history, validation), (history,), (validation,)
    choice = [
        (measured(history, "loss"), draw_loss, both),
        (measured(history, "accuracy_"), draw_accuracy, both),
        (measured(history, "language_loss"), draw_language_loss, both),
        (measured(history, "language_accuracy"), draw_language_accuracy, both),
        *((measured(history, f"class_accuracy_{modality}_"), draw_classes, (*both, modality))
          for modality in ("sequence", "structure")),
        (measured(validation, "recall_"), draw_recall, told),
        (measured(validation, "equal_length_percentile"), draw_percentile, told),
        (measured(validation, "rank_"), draw_ranks, told),
        (measured(history, "learning_rate"), draw_rate_of_learning, steps),
        (measured(history, "logit_scale"), draw_scale, steps),
        (measured(history, "gradient_norm"), draw_gradient, steps),
        (measured(history, "proteins_per_second"), draw_speed, steps)]
    return [(draw, tables) for columns, draw, tables in choice if columns]


def picture(name, history, validation):
    """The figure of a run: a panel for everything that it measured."""
    chosen = panels(history, validation)
    columns = min((4, 3), key=lambda count: -len(chosen) % count)  # the fewest empty places
    steps, epochs = int(history["step"][-1]), history["epoch"][-1]
    fig, axes = style.figure(-(-len(chosen) // columns), columns, f"Training {name}",
                             f"{steps:,} steps, {epochs:.2f} epochs, "
                             f"{history['seconds'].sum() / 60:.1f} minutes of steps")
    for axis, (draw, tables) in zip(axes, chosen):
        draw(axis, *tables)
        axis.set_xlabel("step")
        axis.set_xlim(0, steps * 1.02)
    for axis in axes[len(chosen):]:
        axis.remove()
    return fig


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
    fig = picture(folder.resolve().name, history, read_validation(folder))
    style.save(fig, arguments.output or folder / "history.png")


if __name__ == "__main__":
    main()
