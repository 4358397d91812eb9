#!/usr/bin/env python3
"""Multiply-adds of the structure encoder: of the published formulation, and of what runs here.

    count_operations.py                      the released shape and gvpt_8M
    count_operations.py S U S_e U_e          node scalars and vectors, edge scalars and vectors

Letters as in src/layers/gvp_conv.cpp. A linear map of a concatenation of features of both ends of
an edge is a sum of maps; the parts of a residue are computed once per residue. What is linear
behind the last norm of a message is applied behind the mean over neighbours. Two maps that follow
one another are one. Forward pass; the backward pass has the same products twice.
"""
import sys

NODE_INPUTS = (7, 3)         # scalars and vectors that a residue enters with
EDGE_INPUTS = (34, 1)        # and an edge
TRANSFORMER_INPUTS = 6 + 15 + 16  # dihedrals, local geometry, confidence
CONFIDENCE = 16


def perceptron(scalars_in, vectors_in, scalars, vectors, gated):
    """Multiply-adds of one geometric vector perceptron as published: vh = Wh v, Ws [s, |vh|], Wv vh
    and the gate."""
    hidden = max(vectors_in, vectors)
    return (3 * hidden * (vectors_in + vectors) +
            scalars * (scalars_in + hidden + (vectors if gated else 0)))


def message_published(s, u, se, ue):
    """Per edge and layer: three perceptrons on [s_i, e_ij, s_j] and the vectors likewise."""
    return {"first perceptron": perceptron(2 * s + se, 2 * u + ue, s, u, True),
            "second perceptron": perceptron(s, u, s, u, True),
            "third perceptron": perceptron(s, u, s, u, False)}


def message_here(s, u, se, ue):
    """Per edge and layer: what depends on both ends at once."""
    h = 2 * u + ue
    return {"first: edge vectors": 3 * ue * (h + u),
            "first: edge scalars and norms": s * (se + h),
            "first: gate": u * s,
            "second: [Wh; Wv Wh]": 3 * 2 * u * u,
            "second: scalars and norms": s * (s + u),
            "second: gate": u * s,
            "third: Wh": 3 * u * u}


def node_here(s, u, se, ue):
    """Per residue and layer: the maps that were moved from the edges."""
    k = 3 * u + ue
    return {"as source": 3 * k * u + s * s, "as target": 3 * k * u + s * s,
            "behind the mean": s * (s + u) + 3 * u * u}


def feed_forward(s, u):
    """Per residue and layer, not changed: the two perceptrons behind the message."""
    return perceptron(s, u, 4 * s, 2 * u, True) + perceptron(4 * s, 2 * u, s, u, False)


def published_operations(shape, rows, edges, pairs):
    """Operations (2 x multiply-adds) of a forward pass of the whole encoder. shape: as `structure`
    in benchmark.json; residues, surviving edges, sum of squared lengths."""
    s, u, se, ue, width = (shape[key] for key in ("node_scalars", "node_vectors", "edge_scalars",
                                                  "edge_vectors", "width"))
    graph = (rows * (perceptron(*NODE_INPUTS, s, u, False) + CONFIDENCE * s) +
             edges * perceptron(*EDGE_INPUTS, se, ue, False) +
             shape["graph_layers"] * (rows * feed_forward(s, u) +
                                      edges * sum(message_published(s, u, se, ue).values())))
    embedding = rows * width * (TRANSFORMER_INPUTS + s + 3 * u)
    block = rows * (4 * width**2 + 2 * width * shape["feed_forward"]) + pairs * 2 * width
    return 2 * (graph + embedding + shape["layers"] * block)


def table(s, u, se, ue, neighbours=30):
    published, here = message_published(s, u, se, ue), message_here(s, u, se, ue)
    per_node = sum(node_here(s, u, se, ue).values())
    before, after = sum(published.values()), sum(here.values())
    lines = [f"nodes {s}/{u}, edges {se}/{ue}; multiply-adds per edge and layer, forward",
             "  published"]
    lines += [f"    {name:<32} {count:>12,}" for name, count in published.items()]
    lines += [f"    {'sum':<32} {before:>12,}", "  here, per edge"]
    lines += [f"    {name:<32} {count:>12,}" for name, count in here.items()]
    lines += [f"    {'sum':<32} {after:>12,}", "  here, per residue"]
    lines += [f"    {name:<32} {count:>12,}" for name, count in node_here(s, u, se, ue).items()]
    lines += [f"    {'sum':<32} {per_node:>12,}",
              f"  {before / after:.2f} times less per edge; with the residues' part, "
              f"{neighbours} edges each: {before / (after + per_node / neighbours):.2f} times less"]
    return lines


if __name__ == "__main__":
    if len(sys.argv) not in (1, 5) or not all(text.isdecimal() for text in sys.argv[1:]):
        sys.exit(__doc__)
    shapes = [tuple(map(int, sys.argv[1:]))] if len(sys.argv) == 5 else [(1024, 256, 32, 1),
                                                                         (128, 64, 32, 1)]
    print("\n\n".join("\n".join(table(*shape)) for shape in shapes))
