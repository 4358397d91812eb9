"""The table of attention: ours against PyTorch's, by head width and length."""
import math
import statistics

from comparison import GIGA, markdown_table

PART = "attention"
DIRECTIONS = ("forward", "backward")
PRODUCTS = {"forward": 2, "backward": 5}  # of T x T x D for each head


def operations(cell, direction):
    product = 2.0 * cell["proteins"] * cell["heads"] * cell["head_width"] * cell["length"] ** 2
    return PRODUCTS[direction] * product


def cells_of(rounds):
    """One entry for each cell and direction from rounds of (our cells, seconds of the peer's):
    ratio is the median over rounds of the peer's time / ours."""
    result = []
    for i, cell in enumerate(rounds[0][0]):
        for j, direction in enumerate(DIRECTIONS):
            ours = [cells[i][direction] for cells, _ in rounds]
            theirs = [seconds[i][j] for _, seconds in rounds]
            ratios = [t / o for t, o in zip(theirs, ours)]
            work = operations(cell, direction) / GIGA
            result.append({
                "head_width": cell["head_width"], "length": cell["length"],
                "direction": direction, "gflops": work / statistics.median(ours),
                "peer_gflops": work / statistics.median(theirs),
                "ratio": statistics.median(ratios), "least": min(ratios), "most": max(ratios)})
    return result


def geometric_mean(values):
    return math.exp(statistics.fmean(math.log(value) for value in values))


def table_of(cells, precision):
    """Ratios by length (columns) and head width (lines), with their geometric mean and least."""
    lengths = sorted({cell["length"] for cell in cells})
    widths = sorted({cell["head_width"] for cell in cells})
    blocks = []
    for direction in DIRECTIONS:
        found = {(cell["head_width"], cell["length"]): cell["ratio"]
                 for cell in cells if cell["direction"] == direction}
        lines = [[str(width), *(f"{found[width, length]:.2f}" if (width, length) in found else "-"
                                for length in lengths)] for width in widths]
        ratios = found.values()
        blocks.append(
            f"Attention {direction}, {precision}, time of PyTorch's sdpa / ours by head width and "
            f"length: geometric mean {geometric_mean(ratios):.2f}, least {min(ratios):.2f}\n\n"
            + markdown_table(["head width", *map(str, lengths)], lines))
    return "\n\n".join(blocks) + "\n"
