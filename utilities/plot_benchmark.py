#!/usr/bin/env python3
"""Draws a benchmark: how near each part is to what the machine can do, and what a step consists of.

    plot_benchmark.py benchmark.json [-o FILE.png]

The plot goes beside the file unless -o names another. Left: the roofline (Williams et al. 2009).
Right: the time of a training step, by its matrix products and loops.
"""
import argparse
import pathlib

import numpy as np

import plot_style as style
import script_errors
from plot_style import AMBER, BLUE, GREEN, GREY, INK, ORANGE


LABELS_AT = 256  # operations per byte: right of all points


def rate(amount, seconds):
    return amount / seconds if seconds > 0 else 0.0


def spread(values, least):
    """Falling values, moved down until neighbours differ by the factor `least`."""
    out = []
    for value in values:
        out.append(min(value, out[-1] / least) if out else value)
    return out


def draw_roofline(axis, found):
    """GFLOP/s over operations per byte; roofs: the best product, the fastest stream of a kernel."""
    precision = found["precision"]
    roof = found["rate"][precision]
    kernels = [k for k in found["kernels"] if k["bytes"] > 0 and k["operations"] > 0]
    streams = [k["gigabytes_per_second"] for k in kernels]
    bandwidth = max(streams, default=0)
    axis.set_title("Roofline")
    axis.set_xscale("log", base=2)
    axis.set_yscale("log")
    axis.set_xlabel("operations per byte, each array moved once")
    axis.set_ylabel("GFLOP/s")
    intensity = np.geomspace(0.1, 1024, 200)
    if bandwidth:
        axis.plot(intensity, np.minimum(roof, bandwidth * intensity), color=INK, linewidth=1)
        axis.annotate(f"{bandwidth:.0f} GB/s, the best of these kernels", (0.08, 3), fontsize=7,
                      color=INK)
    axis.annotate(f"{roof:.0f} GFLOP/s {precision}, the best product", (4, roof * 1.1), fontsize=7,
                  color=INK)
    def rate_of(kernel):
        return rate(kernel["operations"], kernel["seconds"]) * 1e-9

    kernels.sort(key=rate_of, reverse=True)
    for kernel, label_y in zip(kernels, spread([rate_of(k) for k in kernels], 1.22)):
        x, y = kernel["operations"] / kernel["bytes"], rate_of(kernel)
        colour = GREEN if kernel["name"].startswith("attention") else BLUE
        axis.plot(x, y, "o", color=colour, markersize=4)
        axis.annotate(kernel["name"], (x, y), fontsize=5.5, color=colour, va="center",
                      xytext=(LABELS_AT, label_y), textcoords="data",
                      arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.3})
    for part in found["parts"]:
        if part["product_seconds"] <= 0:
            continue
        x = part["product_operations"] / part["product_bytes"]
        y = rate(part["product_operations"], part["product_seconds"]) * 1e-9
        axis.plot(x, y, "s", color=ORANGE, markersize=4)
        if part["operations"] > 0:  # the part as a whole, by the published count
            axis.plot(x, part["gflops"], "^", color=AMBER, markersize=5)
    axis.plot([], [], "o", color=BLUE, label="kernels")
    axis.plot([], [], "o", color=GREEN, label="attention")
    axis.plot([], [], "s", color=ORANGE, label="products of a part alone")
    axis.plot([], [], "^", color=AMBER, label="the whole part, published count")
    axis.set_xlim(0.06, 64 * LABELS_AT)
    axis.legend(loc=(0.55, 0.08), fontsize=6)


def draw_step(axis, found, most=14):
    """The largest shares of a step."""
    axis.set_title("A step")
    products = sum(p["library_seconds"] for p in found["parts"] if p["name"] == "step")
    shares = [("matrix products", products)]
    shares += [(loop["name"], loop["seconds"]) for loop in found["step_loops"]]
    shares.sort(key=lambda share: -share[1])
    total = sum(seconds for _, seconds in shares)
    rest = sum(seconds for _, seconds in shares[most:])
    rows = shares[:most] + ([("everything else", rest)] if rest else [])
    names = [name for name, _ in rows]
    percent = [100 * rate(seconds, total) for _, seconds in rows]
    colours = [ORANGE if name == "matrix products" else GREY if name == "everything else" else BLUE
               for name in names]
    axis.barh(range(len(rows)), percent, color=colours, height=0.7)
    axis.set_yticks(range(len(rows)), names, fontsize=6)
    axis.invert_yaxis()
    axis.set_xlabel("share of the time, %")
    axis.grid(axis="y", visible=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=pathlib.Path)
    parser.add_argument("-o", "--output", type=pathlib.Path)
    options = parser.parse_args()
    found = script_errors.read_json(options.file, "program", "threads", "chains", "precision",
                                    "sequence", "structure", "rate", "kernels", "parts",
                                    "step_loops")
    title = f"{found['program']} on {found['threads']} threads"
    about = (f"{found['sequence']['layers']} x {found['sequence']['width']} sequence encoder, "
             f"{found['structure']['graph_layers']} graph layers of "
             f"{found['structure']['node_scalars']}/{found['structure']['node_vectors']}; "
             f"{len(found['chains'])} proteins, {found['precision']}")
    fig, (roofline, step) = style.figure(1, 2, title, about)
    draw_roofline(roofline, found)
    draw_step(step, found)
    style.save(fig, options.output or options.file.with_suffix(".png"))


if __name__ == "__main__":
    script_errors.run(main)
