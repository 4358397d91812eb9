#!/usr/bin/env python3
"""Compares training runs: their decks and histories side by side, as a table and a picture.

    compare_runs.py RUN_FOLDER RUN_FOLDER ... [-o FILE.png]

Each folder holds history.csv and deck.processed, and where there were validations validation.csv
and, of further sets (&validate datasets), validation_NAME.csv.
The table lists the parameters in which the decks differ, then what came out. The picture goes to
compare_runs.png in the present folder unless -o names another file.
"""
import argparse
import pathlib
import re

import numpy as np

import plot_style as style
import script_errors
from plot_history import MARKERS, read_history, read_validations, smooth
from plot_style import AMBER, BLUE, GREEN, GREY, ORANGE, PINK, SKY

COLOURS = (BLUE, ORANGE, GREEN, PINK, SKY, AMBER, GREY)
LINES = ("-", "--", ":", "-.")  # of validation sets, and of runs beyond the colours
WHERE_RESULTS_LIE = {"run.name", "run.output"}


class Run:
    """What a folder tells of its run."""

    def __init__(self, folder, name):
        self.name = name
        self.history = read_history(folder)
        if not (folder / "deck.processed").is_file():
            raise script_errors.ScriptError(
                f"{folder}: no deck.processed in it; name folders of training runs")
        self.deck = read_processed(folder / "deck.processed")
        self.validations = read_validations(folder)


def short_names(folders):
    """As many last parts of each path as tell it from the others."""
    paths = [folder.resolve().parts for folder in folders]

    def name(parts):
        for depth in range(1, len(parts)):
            if sum(other[-depth:] == parts[-depth:] for other in paths) == 1:
                return "/".join(parts[-depth:])
        return str(pathlib.Path(*parts))

    return [name(parts) for parts in paths]


def read_processed(path):
    """{'group.key': value as written} of a processed deck: one assignment a line."""
    values, group = {}, ""
    for line in path.read_text(errors="replace").splitlines():
        if found := re.match(r"&(\w+)", line):
            group = found[1]
        elif found := re.match(r"\s+(\w+)\s*=\s*(.*)", line):
            values[f"{group}.{found[1]}"] = found[2].strip()
    return values


def differing_parameters(runs):
    keys = dict.fromkeys(key for run in runs for key in run.deck)
    return [key for key in keys if key not in WHERE_RESULTS_LIE
            and len({run.deck.get(key, "-") for run in runs}) > 1]


def validation_results(run, name):
    """{what: text} of a validation set at the best step, or the last where none is the best."""
    table = run.validations.get(name)
    if not table:
        return {}
    own = run.validations.get("", table)  # further sets are not judged
    best = own["step"][own["best"] > 0]
    at = np.flatnonzero(table["step"] == best[-1]) if best.size else []
    row, which = (at[-1], "best") if len(at) else (-1, "last")
    results = {"validation, at step": f"{table['step'][row]:.0f} ({which})"}
    for column, values in table.items():
        measured = not np.isnan(values).all()  # else the run does not have it
        if measured and column not in ("step", "best", "lower", "upper"):
            results[f"  {column}"] = f"{values[row]:.4f}"
    return results


def results_of(run):
    """{what: text} of a run's end, its speed and its best or last validation."""
    history = run.history
    last = max(1, len(history["step"]) // 20)
    results = {"steps": f"{history['step'][-1]:.0f}",
               "epochs": f"{history['epoch'][-1]:.2f}",
               "loss, mean of the last 5 % of steps": f"{np.nanmean(history['loss'][-last:]):.4f}",
               "steps skipped": f"{history['skipped'].sum():.0f}",
               "minutes of steps": f"{history['seconds'].sum() / 60:.1f}",
               "proteins/s, median": f"{np.median(history['proteins_per_second']):.1f}"}
    return results | validation_results(run, "")


def print_table(title, rows, names):
    """Rows are (label, one text for each run)."""
    print(title)
    labels = max((len(label) for label, _ in rows), default=0)
    widths = [max([len(name), *(len(texts[i]) for _, texts in rows)])
              for i, name in enumerate(names)]
    print("  " + " " * labels, *(f"{name:>{w}}" for name, w in zip(names, widths)), sep="  ")
    for label, texts in rows:
        print(f"  {label:<{labels}}", *(f"{t:>{w}}" for t, w in zip(texts, widths)), sep="  ")
    print()


def print_results(title, results, names):
    """A table of dictionaries, one for each run."""
    labels = dict.fromkeys(label for result in results for label in result)
    print_table(title, [(label, [result.get(label, "-") for result in results])
                        for label in labels], names)


def print_comparison(runs):
    names = [run.name for run in runs]
    keys = differing_parameters(runs)
    if keys:
        print_table("Parameters that differ", [(key, [run.deck.get(key, "-") for run in runs])
                                               for key in keys], names)
    else:
        print("The decks are the same, but for names and places.\n")
    print_results("Results", [results_of(run) for run in runs], names)
    for name in dict.fromkeys(name for run in runs for name in run.validations if name):
        print_results(f"Validation on {name}", [validation_results(run, name) for run in runs],
                      names)


def draw(axis, runs, title, lines_of, unit=""):
    """The lines of each run: lines_of(run) is pairs of their steps and values, by name of the
    validation set, "" for the run's own and for what is none."""
    axis.set_title(title)
    axis.set_xlabel("step")
    axis.set_ylabel(unit)
    sets = list(dict.fromkeys(name for run in runs for name in lines_of(run)))
    for i, run in enumerate(runs):
        for name, (steps, values) in lines_of(run).items():
            if not np.isfinite(values).any():
                continue
            style_of_set = sets.index(name)
            axis.plot(steps, values, LINES[(i // len(COLOURS) + style_of_set) % len(LINES)],
                      color=COLOURS[i % len(COLOURS)],
                      label=run.name + (f": {name}" if name else ""), markersize=3,
                      marker=MARKERS[style_of_set % len(MARKERS)] if len(steps) < 40 else None)
    if axis.lines:
        axis.legend()
    else:
        axis.text(0.5, 0.5, "none", color=GREY, ha="center", transform=axis.transAxes)


def of_steps(name):
    return lambda run: {"": (run.history["step"], smooth(run.history[name]))}


def of_validations(column, factor=1.0):
    return lambda run: {name: (table["step"], factor * table[column])
                        for name, table in run.validations.items() if column in table}


def picture(runs):
    """The figure of the runs: a line for each in every panel, and for each validation set."""
    fig, axes = style.figure(2, 3, "Comparison of runs", ", ".join(run.name for run in runs))
    draw(axes[0], runs, "Loss of training batches", of_steps("loss"), "loss")
    draw(axes[1], runs, "Loss of validation", of_validations("loss"), "loss")
    draw(axes[2], runs, "Percentile at equal length", of_validations("equal_length_percentile"))
    recalls = [name for run in runs for table in run.validations.values() for name in table
               if name.startswith("recall_")]
    recall = recalls[-1] if recalls else "recall_1"
    draw(axes[3], runs, "Validation: recall@" + recall.removeprefix("recall_"),
         of_validations(recall, 100.0), "%")
    draw(axes[4], runs, "Gradient norm", of_steps("gradient_norm"))
    axes[4].set_yscale("log")
    draw(axes[5], runs, "Speed", of_steps("proteins_per_second"), "proteins / s")
    return fig


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run_folders", type=pathlib.Path, nargs="+")
    parser.add_argument("-o", "--output", type=pathlib.Path, default="compare_runs.png")
    arguments = parser.parse_args()
    if len(arguments.run_folders) < 2:
        raise script_errors.ScriptError("name two or more run folders")
    names = short_names(arguments.run_folders)
    runs = [Run(folder, name) for folder, name in zip(arguments.run_folders, names)]
    style.save(picture(runs), arguments.output)
    print_comparison(runs)


if __name__ == "__main__":
    script_errors.run(main)
