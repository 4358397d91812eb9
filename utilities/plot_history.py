#!/usr/bin/env python3
"""Draws the history of a training run.

    plot_history.py RUN_FOLDER [-o FILE.png]

RUN_FOLDER holds history.csv and, where there were validations, validation.csv and, of further sets
(&validate datasets), validation_NAME.csv. The plot goes to RUN_FOLDER/history.png unless -o names
another file. Faint lines are steps, strong ones means over the steps around them; sets have a
marker each. What a run does not have, such as accuracies of partners without a joint loss, has no
panel.
"""
import argparse
import pathlib
from itertools import cycle

import numpy as np

import plot_style as style
import script_errors
from plot_style import AMBER, BLUE, GREEN, GREY, ORANGE, PINK, SKY

COLOURS = (BLUE, GREEN, AMBER, PINK, SKY, ORANGE)  # of the columns of one panel
MARKERS = "os^Dv*PX"  # of validation sets
OF_STEPS = ("step", "epoch", "loss", "learning_rate", "gradient_norm", "skipped", "seconds",
            "proteins_per_second", "residues_per_second", "gflops", "fraction_of_peak",
            "loader_wait_fraction")
OF_VALIDATIONS = ("step", "loss", "equal_length_percentile", "lower", "upper", "best")


def read_rows(path, columns):
    """Columns of a CSV file by name, as arrays of numbers; None where it holds no row."""
    rows = script_errors.read_columns(path, columns)
    if not rows:
        return None
    try:
        return {name: np.array([row[name] for row in rows], dtype=float) for name in rows[0]}
    except ValueError as error:
        raise script_errors.ScriptError(f"{path}: not a table of numbers: {error}") from None


def read_history(folder):
    """history.csv of a run."""
    path = folder / "history.csv"
    if not path.is_file():
        raise script_errors.ScriptError(
            f"{folder}: no history.csv in it; name the folder of a training run")
    table = read_rows(path, OF_STEPS)
    if table is None:
        raise script_errors.ScriptError(f"{path}: no rows")
    return table


def read_validations(folder):
    """{name of a set: table} of the validations of a run; the set of its own dataset is ""."""
    paths = [folder / "validation.csv", *sorted(folder.glob("validation_*.csv"))]
    tables = {path.stem.removeprefix("validation").removeprefix("_"):
              read_rows(path, OF_VALIDATIONS) for path in paths if path.is_file()}
    return {name: table for name, table in tables.items() if table}


def measured(table, start):
    """Columns of a table whose names begin so and that have a number."""
    return [name for name, values in table.items()
            if name.startswith(start) and np.isfinite(values).any()]


def validated(validations, start):
    """Such columns of any validation set."""
    return list(dict.fromkeys(name for table in validations.values()
                              for name in measured(table, start)))


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


def legend_on_top(axis):
    """A legend in room of its own above what is drawn."""
    share = 0.03 + 0.063 * len(axis.get_legend_handles_labels()[1])  # of the height
    bottom, top = axis.get_ylim()
    axis.set_ylim(top=top + (top - bottom) * share / (1 - min(share, 0.8)))
    axis.legend(loc="upper left")


def legend_of(axis, validations):
    """Several sets crowd a panel."""
    if len(validations) > 1:
        legend_on_top(axis)
    else:
        axis.legend()


def draw_sets(axis, validations, columns, factor=1.0, line="-"):
    """Validations: of columns (name, colour) each set, told apart by its marker in the legend."""
    for marker, (set_name, table) in zip(cycle(MARKERS), validations.items()):
        drawn = [column for column in columns if measured(table, column[0])]
        for name, colour in drawn:
            axis.plot(table["step"], factor * table[name], marker + line, color=colour,
                      markersize=4, linewidth=1, markerfacecolor=None if line else "white")
        if drawn and (len(validations) > 1 or set_name or not line):
            axis.plot([], [], marker, color=GREY, markersize=4, label=set_name or "validation",
                      markerfacecolor=None if line else "white")


def draw_loss(axis, history, validations):
    axis.set_title("Loss")
    curve(axis, history["step"], history["loss"], BLUE, "training batches")
    colours = cycle((ORANGE, GREEN, AMBER, SKY, GREY))
    for colour, marker, (name, table) in zip(colours, cycle(MARKERS), validations.items()):
        axis.plot(table["step"], table["loss"], marker + "-", color=colour, markersize=4,
                  linewidth=1, label=name or "validation")
    skipped = history["skipped"] > 0
    if skipped.any():
        for step in history["step"][skipped]:
            axis.axvline(step, color=PINK, linewidth=0.8, alpha=0.6)
        axis.plot([], [], color=PINK, linewidth=0.8, label=f"skipped steps: {skipped.sum()}")
    axis.set_ylabel("loss")
    legend_of(axis, validations)


def draw_columns(axis, history, validations, columns, factor=1.0):
    """Of (name, colour, label): the steps as curves, validations as open markers."""
    for name, colour, label in columns:
        curve(axis, history["step"], factor * history[name], colour, label)
    draw_sets(axis, validations, [column[:2] for column in columns], factor, line="")
    legend_of(axis, validations)


def draw_shares(axis, history, validations, columns):
    draw_columns(axis, history, validations, columns, 100.0)
    axis.set_ylim(bottom=0)
    axis.set_ylabel("%")


def draw_accuracy(axis, history, validations):
    axis.set_title("Partners found within the batch")
    draw_shares(axis, history, validations,
                (("accuracy_sequence_to_structure", BLUE, "sequence to structure"),
                 ("accuracy_structure_to_sequence", ORANGE, "structure to sequence")))


def draw_language_loss(axis, history, validations):
    axis.set_title("Residues predicted: loss")
    draw_columns(axis, history, validations, [("language_loss", BLUE, "training batches")])
    axis.set_ylabel("mean of -log p, nats")


def draw_language_accuracy(axis, history, validations):
    axis.set_title("Residues predicted right")
    draw_shares(axis, history, validations, [("language_accuracy", BLUE, "training batches")])


def draw_classes(axis, history, validations, modality):
    axis.set_title(f"Classes told from the {modality}")
    start = f"class_accuracy_{modality}_"
    draw_shares(axis, history, validations,
                [(name, colour, "level " + name.removeprefix(start))
                 for name, colour in zip(measured(history, start), COLOURS)])


def draw_recall(axis, validations):
    axis.set_title("Validation: recall, all chains")
    columns = list(zip(validated(validations, "recall_"), COLOURS))
    for name, colour in columns:
        axis.plot([], [], color=colour, label="recall@" + name.removeprefix("recall_"))
    draw_sets(axis, validations, columns, 100.0)
    axis.set_ylim(bottom=0)
    axis.set_ylabel("%")
    legend_of(axis, validations)


def draw_percentile(axis, validations):
    axis.set_title("Validation: percentile at equal length")
    colours = cycle((BLUE, GREEN, AMBER, PINK, SKY))
    for colour, marker, (name, table) in zip(colours, cycle(MARKERS), validations.items()):
        step, value = table["step"], table["equal_length_percentile"]
        if not np.isfinite(value).any():
            continue
        label = "validation" if len(validations) > 1 else \
            "mean and 95 % interval" if np.isfinite(table["lower"]).any() else "mean"
        axis.errorbar(step, value, (value - table["lower"], table["upper"] - value),
                      fmt=marker + "-", color=colour, elinewidth=0.8, markersize=4, capsize=2,
                      label=name or label)
        best = table["best"] > 0
        if best.any():
            axis.plot(step[best][-1], value[best][-1], "*", color=ORANGE, markersize=13,
                      label="best")
    axis.axhline(0.5, color=GREY, linestyle="--", linewidth=1)
    axis.text(0.99, 0.5, "chance", transform=axis.get_yaxis_transform(), color=GREY, fontsize=8,
              ha="right", va="bottom")
    legend_on_top(axis)


def draw_ranks(axis, validations):
    axis.set_title("Validation: effective ranks")
    columns = (("rank_sequence", BLUE), ("rank_structure", ORANGE))
    for name, colour in columns:
        axis.plot([], [], color=colour, label=name.removeprefix("rank_") + " embeddings")
    draw_sets(axis, validations, columns)
    axis.set_ylabel("dimensions")
    axis.set_ylim(0, 1.1 * max(1.0, axis.dataLim.ymax))  # room above a single validation
    legend_of(axis, validations)


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


def panels(history, validations):
    """What draws a panel of this run, and its tables: those of which the run has numbers."""
    both, steps, told = (history, validations), (history,), (validations,)
    choice = [
        (measured(history, "loss"), draw_loss, both),
        (measured(history, "accuracy_"), draw_accuracy, both),
        (measured(history, "language_loss"), draw_language_loss, both),
        (measured(history, "language_accuracy"), draw_language_accuracy, both),
        *((measured(history, f"class_accuracy_{modality}_"), draw_classes, (*both, modality))
          for modality in ("sequence", "structure")),
        (validated(validations, "recall_"), draw_recall, told),
        (validated(validations, "equal_length_percentile"), draw_percentile, told),
        (validated(validations, "rank_"), draw_ranks, told),
        (measured(history, "learning_rate"), draw_rate_of_learning, steps),
        (measured(history, "logit_scale"), draw_scale, steps),
        (measured(history, "gradient_norm"), draw_gradient, steps),
        (measured(history, "proteins_per_second"), draw_speed, steps)]
    return [(draw, tables) for columns, draw, tables in choice if columns]


def picture(name, history, validations):
    """The figure of a run: a panel for everything that it measured."""
    chosen = panels(history, validations)
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
    history = read_history(folder)
    fig = picture(folder.resolve().name, history, read_validations(folder))
    style.save(fig, arguments.output or folder / "history.png")


if __name__ == "__main__":
    script_errors.run(main)
