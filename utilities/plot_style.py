# Look of the project's plots: colours that colour-blind readers can tell apart (Okabe & Ito 2008),
# thin axes, a figure with a title line and titled panels.
import sys

try:
    import matplotlib
except ImportError:
    sys.exit("matplotlib is missing: run utilities/setup.sh, then .venv/bin/python3 " + sys.argv[0])

matplotlib.use("Agg")  # files only, no display
import matplotlib.pyplot as plt

import script_errors

BLUE, ORANGE, GREEN, PINK = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
SKY, AMBER, GREY, INK = "#56B4E9", "#E69F00", "#8A8A8A", "#222222"


def use_style():
    """Sets matplotlib's defaults."""
    plt.rcParams.update({
        "font.size": 9, "font.family": "DejaVu Sans", "text.color": INK,
        "axes.titlesize": 10, "axes.titleweight": "bold", "axes.titlelocation": "left",
        "axes.labelcolor": INK, "axes.edgecolor": GREY, "axes.linewidth": 0.8,
        "axes.spines.top": False, "axes.spines.right": False,
        "axes.grid": True, "grid.color": "#E6E6E6", "grid.linewidth": 0.8, "axes.axisbelow": True,
        "xtick.color": INK, "ytick.color": INK, "xtick.labelsize": 8, "ytick.labelsize": 8,
        "xtick.major.size": 3, "ytick.major.size": 3,
        "legend.frameon": False, "legend.fontsize": 8, "lines.linewidth": 1.6,
        "figure.facecolor": "white", "savefig.facecolor": "white",
    })


def figure(rows, columns, title, subtitle):
    """A figure of rows x columns panels; returns it and the panels, row by row."""
    use_style()
    fig, axes = plt.subplots(rows, columns, figsize=(4.3 * columns, 3.3 * rows + 0.6),
                             layout="constrained", squeeze=False)
    panels_top = 1 - 0.55 / (3.3 * rows + 0.6)
    fig.get_layout_engine().set(w_pad=0.12, h_pad=0.10, rect=(0, 0, 1, panels_top))
    top = 1 - 0.12 / (3.3 * rows + 0.6)
    fig.text(0.012, top, title, fontsize=14, fontweight="bold", va="top")
    fig.text(0.012, top - 0.27 / (3.3 * rows + 0.6), subtitle, fontsize=9, color=GREY, va="top")
    return fig, list(axes.flat)


def save(fig, path):
    """Writes the PNG and says where it is."""
    try:
        fig.savefig(path, dpi=140)
    except ValueError as error:  # an ending that matplotlib does not know
        raise script_errors.ScriptError(f"{path}: {error}") from None
    plt.close(fig)
    print(path)
