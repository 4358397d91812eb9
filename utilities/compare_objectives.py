#!/usr/bin/env python3
# Trains the same small model with each objective, on the same data, for the same steps, with
# several seeds, and prints the table of doc/results.md.
"""usage: compare_objectives.py PROGRAM DATASET FOLDER [--steps 200] [--seeds 1 2 3]

Every run is input/quickstart.deck with shorter crops, so that all of them take minutes on a few
cores; runs that are complete in FOLDER are not repeated. Measures, on the validation chains:

- equal-length retrieval: mean percentile rank of the partner, chains cut to 64 residues;
- nearest neighbour: share of the chains whose nearest other chain has the same CATH superfamily, by
  the cosine of the pooled rows of an encoder (their mean over the chains taken away), and by that
  of embeddings in the joint space. Chains of one homology cluster (30 % identity) are not asked
  about each other; only chains whose superfamily has a member in another cluster are counted.

mlm and causal train no head: for them there is neither retrieval nor a joint space.
"""
import argparse
import json
import pathlib
import subprocess
import sys

import h5py
import numpy as np

import script_errors

SOURCES = pathlib.Path(__file__).resolve().parent.parent
OBJECTIVES = {"clip": {}, "siglip": {"loss.initial_bias": -4},
              "vicreg": {"loss.expander_width": 512}, "distance": {}, "mlm": {}, "causal": {},
              "clip of crops": {"loss.kind": "clip", "data.sequence_crops": 3,
                                "data.crop_length": 40}}
SMALL = ["data.max_length=48", "batch.proteins=32", "batch.shards=2", "optim.warmup_steps=20",
         "checkpoint.every=100000", "validate.every=0"]
# Whose untrained models are measured: those of the others are the same, but for causal attention.
UNTRAINED = {"clip": "untrained", "causal": "untrained, causal"}
SEQUENCE_ALONE = ("mlm", "causal")
COLUMNS = ("retrieval", "sequences: encoder", "joint space", "structures: encoder", "joint space")


def is_measured(folder):
    try:
        with h5py.File(folder / "evaluation/evaluation.h5") as file:
            return "whole/trained/sequence_pooled" in file
    except OSError:
        return False


def train(options, objective, seed):
    """Folder of a complete run with its evaluation."""
    folder = options.folder / f"{objective.replace(' ', '_')}_{seed}"
    checkpoint = folder / f"step_{options.steps:06}.h5"
    changes = {"loss.kind": objective} | OBJECTIVES[objective]
    run = [options.program, SOURCES / "input/quickstart.deck", f"run.seed={seed}",
           f"run.output={folder}", f"data.dataset={options.dataset}",
           f"optim.steps={options.steps}", *SMALL, *(f"{k}={v}" for k, v in changes.items())]
    evaluate = [options.program, SOURCES / "input/quickstart_evaluate.deck",
                f"data.dataset={options.dataset}", f"evaluate.output={folder}/evaluation",
                f"evaluate.checkpoint={checkpoint}", "evaluate.pooled_rows=.true.",
                f"evaluate.untrained={objective in UNTRAINED}", "evaluate.bootstrap=0",
                "evaluate.overwrite=.true."]
    for command in ([] if checkpoint.exists() else [run]) + ([] if is_measured(folder) else
                                                             [evaluate]):
        done = subprocess.run([*map(str, command)], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return folder


def superfamily_accuracy(rows, superfamilies, clusters):
    """Share of countable chains whose nearest chain of another cluster has their superfamily."""
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    scores = rows @ rows.T
    labelled = superfamilies != ""
    allowed = (clusters[:, None] != clusters[None]) & labelled[None]
    np.fill_diagonal(allowed, False)
    same = superfamilies[:, None] == superfamilies[None]
    countable = labelled & (allowed & same).any(axis=1)
    nearest = np.where(allowed, scores, -np.inf).argmax(axis=1)
    return (superfamilies[nearest] == superfamilies)[countable].mean()


def measures(options, folder, method, is_joint):
    """Numbers of COLUMNS; not a number where there is none."""
    with script_errors.open_hdf5(options.dataset, "dataset") as file:
        place = {name: i for i, name in enumerate(file["names"].asstr()[:])}
        labels, clusters = file["labels/cath"].asstr()[:], file["cluster"][:]
    with h5py.File(folder / "evaluation/evaluation.h5") as file:
        report = json.loads(file["evaluation"].asstr()[()] if file["evaluation"].shape == ()
                            else file["evaluation"].asstr()[0])
        chains = [place[name] for name in file["whole/chains"].asstr()[:]]
        found = [file[f"whole/{method}/{kind}"][:].astype(np.float64) for kind in
                 ("sequence_pooled", "sequence", "structure_pooled", "structure")]
    for i in (0, 2):
        found[i] -= found[i].mean(axis=0)
    gallery = next(g for g in report["galleries"] if g["name"] == "equal_length")
    method_report = next(m for m in gallery["methods"] if m["name"] == method)
    values = np.array([method_report["pooled"]["percentile"]["value"], *(
        superfamily_accuracy(rows, labels[chains], clusters[chains]) for rows in found)])
    if not is_joint:
        values[[0, 2, 3, 4]] = np.nan
    return values


def losses(folder):
    rows = np.genfromtxt(folder / "history.csv", delimiter=",", names=True)
    return rows["loss"][:20].mean(), rows["loss"][-20:].mean()


def line(name, values, first_and_last):
    mean, spread = np.mean(values, axis=0), np.std(values, axis=0, ddof=1 if len(values) > 1 else 0)
    cells = [f"{m:.3f} +- {s:.3f}" if np.isfinite(m) else "" for m, s in zip(mean, spread)]
    change = " to ".join(f"{v:.2f}" for v in np.mean(first_and_last, axis=0)) \
        if first_and_last else ""
    return f"| {name} | {len(values)} | {change} | {' | '.join(cells)} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("program", "dataset", "folder"):
        parser.add_argument(name, type=lambda text: pathlib.Path(text).resolve())
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--objectives", nargs="+", default=list(OBJECTIVES), choices=OBJECTIVES)
    options = parser.parse_args()
    print("| objective | seeds | loss, first to last 20 steps | " + " | ".join(COLUMNS) + " |\n|" +
          "---|" * (3 + len(COLUMNS)))
    folders = {objective: [] for objective in options.objectives}
    for seed in options.seeds:
        for objective in options.objectives:
            folders[objective].append(train(options, objective, seed))
    for objective, runs in folders.items():
        is_joint = objective not in SEQUENCE_ALONE
        print(line(objective, [measures(options, run, "trained", is_joint) for run in runs],
                   [losses(run) for run in runs]))
    for objective, name in UNTRAINED.items():
        if objective in folders:
            print(line(name, [measures(options, run, "untrained", objective == "clip")
                              for run in folders[objective]], None))


if __name__ == "__main__":
    script_errors.run(main)
