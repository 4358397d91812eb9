#!/usr/bin/env python3
"""Draws what task = 'evaluate' has measured.

    plot_retrieval.py FOLDER [-o FILE.png]

FOLDER holds evaluation.json and evaluation.h5. The plot goes to FOLDER/retrieval.png unless -o
names another file.
"""
import argparse
import pathlib

import numpy as np

import plot_style as style
import script_errors
from plot_style import AMBER, BLUE, GREY, INK, ORANGE, PINK, SKY

COLOURS = {"trained": BLUE, "untrained": AMBER, "length_only": PINK, "chance": GREY}
SHOWN_PAIRS = 60  # in the view of the joint space
BINS = 20


def title_of(gallery):
    if gallery["kept_residues"]:
        return f"{gallery['proteins']:,} chains cut to {gallery['kept_residues']} residues"
    return f"{gallery['proteins']:,} whole chains"


def method_of(gallery, name):
    return next((m for m in gallery["methods"] if m["name"] == name), None)


def interval_of(estimate):
    """The ends of an interval; the value itself where it has none, as without bootstrap."""
    return tuple(estimate["value"] if estimate[end] is None else estimate[end]
                 for end in ("lower", "upper"))


def draw_recall(axis, gallery, file):
    """Recall@k for every k as a curve, the asked-for ones with their intervals."""
    axis.set_title("Recall: " + title_of(gallery))
    proteins = gallery["proteins"]
    k = np.unique(np.round(np.geomspace(1, proteins, 200)).astype(int))
    for method in gallery["methods"]:
        name = method["name"]
        colour, label = COLOURS[name], name.replace("_", " ")
        if name == "chance":
            axis.plot(k, 100 * k / proteins, "--", color=INK, linewidth=1, label=label)
            continue
        ranks = file[f"{gallery['name']}/{name}/ranks"][:].ravel()
        tied = file[f"{gallery['name']}/{name}/tied"][:].ravel()
        best = ranks - tied / 2  # the rank if the partner came first of those tied with it
        found = [np.mean(np.clip((limit - best + 1) / (tied + 1), 0, 1)) for limit in k]
        axis.plot(k, 100 * np.array(found), color=colour, label=label)
        if name == "length_only":
            continue
        recall = method["pooled"]["recall"]
        value = 100 * np.array([r["value"] for r in recall])
        lower, upper = 100 * np.array([interval_of(r) for r in recall]).T
        axis.errorbar(gallery["recall_at"], value, (value - lower, upper - value), fmt="o",
                      color=colour, markersize=4, capsize=2, elinewidth=1)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlim(0.9, proteins)
    axis.set_ylim(50 / proteins, 110)
    for scale in (axis.xaxis, axis.yaxis):
        scale.set_major_formatter(lambda x, _: f"{x:g}")
    axis.set_xlabel("k, of the sorted gallery")
    axis.set_ylabel("partner among the first k, %")
    axis.legend()


def draw_percentiles(axis, gallery):
    """Mean percentile ranks with their intervals, one bar for each method and direction."""
    axis.set_title("Percentile: " + title_of(gallery))
    bars = []
    for name in ("trained", "untrained"):
        method = method_of(gallery, name)
        if method:
            for key, text in (("sequence_to_structure", "sequence to structure"),
                              ("structure_to_sequence", "structure to sequence"),
                              ("pooled", "both")):
                bars.append((f"{name}\n{text}" if key != "pooled" else f"{name}, {text}",
                             method[key]["percentile"], COLOURS[name], key == "pooled"))
    length = method_of(gallery, "length_only")
    if length:
        bars.append(("length only", length["pooled"]["percentile"], COLOURS["length_only"], True))
    for place, (label, estimate, colour, strong) in enumerate(reversed(bars)):
        value, (lower, upper) = estimate["value"], interval_of(estimate)
        axis.barh(place, value - 0.5, left=0.5, color=colour, alpha=1 if strong else 0.55,
                  height=0.68)
        if upper > lower:
            axis.plot([lower, upper], [place, place], color=INK, linewidth=1.4)
        axis.text(max(upper, 0.5) + 0.008, place, f"{value:.3f}", va="center",
                  fontsize=8, fontweight="bold" if strong else "normal")
    axis.set_yticks(range(len(bars)), [bar[0] for bar in reversed(bars)], fontsize=7.5)
    axis.axvline(0.5, color=GREY, linestyle="--", linewidth=1)
    axis.grid(False, axis="y")
    axis.set_xlim(min(0.45, min(interval_of(bar[1])[0] for bar in bars) - 0.02), 1.06)
    axis.set_xlabel("mean percentile rank of partners (0.5: chance)")


def draw_rank_histogram(axis, gallery, file):
    """How partners are spread over their galleries: flat is chance."""
    axis.set_title("Ranks: " + title_of(gallery))
    proteins = gallery["proteins"]
    edges = np.linspace(0, 1, BINS + 1)
    for name in ("untrained", "trained"):
        path = f"{gallery['name']}/{name}/ranks"
        if path not in file:
            continue
        percentile = (proteins - file[path][:].ravel()) / (proteins - 1)
        share, _ = np.histogram(percentile, edges)
        axis.stairs(100 * share / len(percentile), edges, color=COLOURS[name],
                    fill=name == "trained", alpha=0.75 if name == "trained" else 1,
                    linewidth=1.6, label=name)
    axis.axhline(100 / BINS, color=GREY, linestyle="--", linewidth=1, label="chance")
    axis.set_xlim(0, 1)
    axis.set_xlabel("percentile rank of the partner")
    axis.set_ylabel("queries, %")
    axis.legend(loc="upper left")


def draw_cosines(axis, gallery, file):
    """Cosines of partners against those of other pairs."""
    axis.set_title("Cosines: " + title_of(gallery))
    group = file[f"{gallery['name']}/trained"]
    sequence, structure = group["sequence"][:2000], group["structure"][:2000]
    cosine = sequence @ structure.T
    partner = np.eye(len(cosine), dtype=bool)
    edges = np.linspace(cosine.min(), cosine.max(), 50)
    for values, colour, label in ((cosine[~partner], GREY, "other pairs"),
                                  (cosine[partner], BLUE, "partners")):
        axis.hist(values, edges, density=True, color=colour, alpha=0.55, label=label)
        axis.axvline(values.mean(), color=colour, linewidth=1.2)
    axis.set_xlabel("cosine of sequence and structure (lines: means)")
    axis.set_ylabel("density")
    axis.legend()


def draw_space(axis, gallery, file):
    """First two principal components of both modalities; partners are joined."""
    axis.set_title("Joint space, two principal components")
    group = file[f"{gallery['name']}/trained"]
    sequence, structure = group["sequence"][:], group["structure"][:]
    both = np.concatenate([sequence, structure])
    centred = both - both.mean(axis=0)
    _, singular, axes = np.linalg.svd(centred, full_matrices=False)
    plane = centred @ axes[:2].T
    explained = singular[:2] ** 2 / np.sum(singular ** 2)
    n = len(sequence)
    axis.scatter(*plane[:n].T, s=5, color=SKY, alpha=0.35, linewidths=0)
    axis.scatter(*plane[n:].T, s=5, color=ORANGE, alpha=0.25, linewidths=0)
    chosen = np.random.default_rng(0).permutation(n)[:SHOWN_PAIRS]
    for i in chosen:
        axis.plot(*plane[[i, n + i]].T, color=GREY, linewidth=0.6, zorder=2)
    axis.scatter(*plane[chosen].T, s=16, color=BLUE, zorder=3, label="sequences")
    axis.scatter(*plane[n + chosen].T, s=18, color=ORANGE, marker="^", zorder=3,
                 label="structures")
    axis.set_xlabel(f"{100 * explained[0]:.0f} % of the variance")
    axis.set_ylabel(f"{100 * explained[1]:.0f} % of the variance")
    axis.legend(title=f"{len(chosen)} pairs joined", title_fontsize=8, frameon=True,
                framealpha=0.85, edgecolor="none")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("-o", "--output", type=pathlib.Path)
    arguments = parser.parse_args()
    folder = arguments.folder
    for name in ("evaluation.json", "evaluation.h5"):
        if not (folder / name).is_file():
            raise script_errors.ScriptError(
                f"{folder}: no {name} in it; name the folder of an evaluation")
    evaluation = script_errors.read_json(folder / "evaluation.json", "galleries", "checkpoint",
                                         "step", "split", "dataset")
    galleries = evaluation["galleries"]
    hardest = galleries[-1]  # the one of equal lengths, where there is one

    fig, axes = style.figure(
        2, 3, "Finding proteins across the modalities",
        f"{pathlib.Path(evaluation['checkpoint']).name} after {evaluation['step']:,} steps, split "
        f"'{evaluation['split']}' of {pathlib.Path(evaluation['dataset']).name}; thin bars: 95 % "
        "intervals over proteins")
    with script_errors.open_hdf5(folder / "evaluation.h5") as file:
        for gallery in galleries:
            if f"{gallery['name']}/trained/ranks" not in file:
                raise script_errors.ScriptError(
                    f"{folder}/evaluation.h5: no gallery '{gallery['name']}' in it, as there is in "
                    "evaluation.json: files of two evaluations")
        draw_recall(axes[0], hardest, file)
        draw_percentiles(axes[1], hardest)
        draw_rank_histogram(axes[2], hardest, file)
        if len(galleries) > 1:
            draw_recall(axes[3], galleries[0], file)
        else:
            draw_percentiles(axes[3], galleries[0])
        draw_cosines(axes[4], hardest, file)
        draw_space(axes[5], hardest, file)
    style.save(fig, arguments.output or folder / "retrieval.png")


if __name__ == "__main__":
    script_errors.run(main)
