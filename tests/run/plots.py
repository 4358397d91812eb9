#!/usr/bin/env python3
# The plot utilities: a history of 40 real steps and a small made-up evaluation become pictures;
# folders without results are refused by name.
# labels: quick
# timeout: 300
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys

try:
    import h5py
    import matplotlib  # noqa: F401  the utilities need it
    import numpy as np
except ImportError as missing:
    if os.environ.get("CI"):
        sys.exit(f"{missing}; utilities/setup.sh makes .venv with it")
    print(f"SKIPPED: {missing}; utilities/setup.sh makes .venv with it")
    sys.exit(77)

SOURCE = pathlib.Path(os.environ.get("JESPR_SOURCE_DIR", pathlib.Path(__file__).parents[2]))
WIDTH = 16
sys.path.insert(0, str(SOURCE / "utilities"))


def draw(utility, folder):
    return subprocess.run([sys.executable, SOURCE / "utilities" / utility, folder],
                          capture_output=True, text=True)


def require_picture(path, least_width, least_height):
    head = path.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n", path
    width, height = struct.unpack(">II", head[16:24])
    assert width >= least_width and height >= least_height, (path, width, height)
    assert path.stat().st_size > 40_000, (path, path.stat().st_size)


def measures(ranks, recall_at):
    def estimate(values):
        mean = float(np.mean(values))
        return {"value": mean, "lower": mean - 0.01, "upper": mean + 0.01}
    proteins = len(ranks)
    return {"recall": [estimate(ranks <= k) for k in recall_at],
            "reciprocal_rank": estimate(1 / ranks), "median_rank": estimate(ranks),
            "percentile": estimate((proteins - ranks) / (proteins - 1))}


def write_evaluation(folder, galleries):
    """An evaluation with the members that the task writes, of random embeddings."""
    random, recall_at = np.random.default_rng(1), [1, 10]
    described = []
    with h5py.File(folder / "evaluation.h5", "w") as file:
        for name, proteins, kept in galleries:
            sequence, structure = random.normal(size=(2, proteins, WIDTH))
            structure += sequence
            methods = []
            for method in ("trained", "untrained", "length_only", "chance"):
                ranks = random.integers(1, proteins + 1, (proteins, 2)).astype(float)
                if method != "chance":
                    file[f"{name}/{method}/ranks"] = ranks
                    file[f"{name}/{method}/tied"] = np.zeros((proteins, 2), np.int32)
                if method in ("trained", "untrained"):
                    for modality, points in (("sequence", sequence), ("structure", structure)):
                        length = np.linalg.norm(points, axis=1, keepdims=True)
                        file[f"{name}/{method}/{modality}"] = (points / length).astype(np.float32)
                methods.append({"name": method,
                                "sequence_to_structure": measures(ranks[:, 0], recall_at),
                                "structure_to_sequence": measures(ranks[:, 1], recall_at),
                                "pooled": measures(ranks[:, 0], recall_at)})
            described.append({"name": name, "proteins": proteins, "kept_residues": kept,
                              "recall_at": recall_at, "methods": methods})
    (folder / "evaluation.json").write_text(json.dumps({
        "checkpoint": "best.h5", "step": 250, "dataset": "sample.h5", "split": "validation",
        "galleries": described}))


def compare(work, history):
    """Two runs that differ in one parameter and in their losses."""
    decks = "&run\n  name = '{}'\n/\n&optim\n  lr_peak = {}\n  beta1 = 0.9\n/\n"
    folders = [work / "slow", work / "fast"]
    for folder, rate in zip(folders, ("0.001", "0.002")):
        shutil.copytree(history, folder)
        (folder / "deck.processed").write_text(decks.format(folder.name, rate))
    rows = (folders[1] / "history.csv").read_text().splitlines()
    last = rows[-1].split(",")
    loss = rows[0].split(",").index("loss")
    rows[-2:] = [",".join([*row.split(",")[:loss], "1.2345", *row.split(",")[loss + 1:]])
                 for row in rows[-2:]]
    (folders[1] / "history.csv").write_text("\n".join(rows) + "\n")
    for folder in folders:  # neither has this column's quantity
        table = folder / "validation.csv"
        header, *rows = table.read_text().splitlines()
        table.write_text("".join(f"{row},{end}\n" for row, end in
                                 [(header, "language_loss"), *((row, "nan") for row in rows)]))
    picture = work / "compared.png"
    command = [sys.executable, SOURCE / "utilities/compare_runs.py"]
    done = subprocess.run([*command, *folders, "-o", picture], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    require_picture(picture, 1500, 900)
    table = {line[:line.index("  ", 3)].strip(): line.split()[-2:]
             for line in done.stdout.splitlines()
             if line.startswith("  ") and "  " in line.strip()}
    assert table["optim.lr_peak"] == ["0.001", "0.002"], done.stdout
    assert "optim.beta1" not in done.stdout and "run.name" not in done.stdout, done.stdout
    assert table["steps"] == [f"{float(last[0]):.0f}"] * 2, done.stdout
    slow, fast = table["loss, mean of the last 5 % of steps"]
    assert fast == "1.2345" and slow != fast, done.stdout
    assert "recall_1" in table and "language_loss" not in done.stdout, done.stdout
    import compare_runs
    panels = compare_runs.picture([compare_runs.Run(folder, folder.name)
                                   for folder in folders]).axes
    assert compare_runs.short_names(folders) == ["slow", "fast"]
    assert compare_runs.short_names([work / "slow/run", work / "fast/run", work / "other"]) == \
        ["slow/run", "fast/run", "other"]
    assert [axis.get_ylabel() for axis in panels[:2]] == ["loss", "loss"], panels
    for folders_given, words in (([folders[0]], "two or more"), ([history, history], "deck.proc")):
        done = subprocess.run([*command, *folders_given], capture_output=True, text=True)
        assert done.returncode != 0 and words in done.stderr, done.stderr
        assert "Traceback" not in done.stderr, done.stderr


def write_dataset(path):
    """A dataset with the members that the report looks at, and its report."""
    random, lengths = np.random.default_rng(2), np.arange(20, 320, 3)
    chains, residues = len(lengths), lengths.sum()
    with h5py.File(path, "w") as file:
        file.attrs["format"] = "jespr dataset"
        file["offsets"] = np.concatenate([[0], np.cumsum(lengths)])
        file["split"] = (np.arange(chains) % 7 == 0).astype(np.int8)
        file["cluster"] = np.arange(chains, dtype=np.int32) // 4 - 1
        file["resolution"] = random.choice([1.5, 2.0, np.nan], chains).astype(np.float32)
        file["residues/sequence"] = random.choice(np.frombuffer(b"ACDEFGX", np.uint8), residues)
        file["residues/confidence"] = (random.random(residues) > 0.1).astype(np.float32)
    path.with_name(path.name + ".report.tsv").write_text(
        "source\tchain\toutcome\tname\tresidues\tcomplete\tremark\n"
        "a.cif\tA\tread\ta_A\t9\t9\t\n" +
        "".join(f"a.cif\t{i}\trefused\t\t0\t0\t{i} residues, min_length is 40\n"
                for i in (3, 12)))


def require_same_in_pieces(path):
    """A dataset is read in pieces of whole chains, and how many changes nothing."""
    import dataset_report
    whole = dataset_report.read(path)
    with h5py.File(path) as file:
        letters = np.bincount(file["residues/sequence"][:], minlength=256)
    assert (whole["letters"] == letters).all()
    dataset_report.PIECE = 100  # less than some chains
    assert len(list(dataset_report.pieces(whole["offsets"]))) > len(whole["lengths"]) // 2
    some = dataset_report.read(path)
    for name in ("letters", "completeness"):
        assert (some[name] == whole[name]).all(), name


def require_panels(table):
    """A panel for what has numbers, and none for the rest."""
    import plot_history
    history = plot_history.read_table(table)
    lacks = np.full(len(history["step"]), np.nan)
    halves = np.full(len(lacks), 0.5)

    def titles_of(columns, validation=None):
        fig = plot_history.picture("some", history | columns, validation)
        fig.canvas.draw()
        assert fig.axes[0].get_ylabel() == "loss", fig.axes[0].get_ylabel()
        for axis in fig.axes:
            values = np.concatenate([line.get_ydata() for line in axis.lines])
            assert np.isfinite(values.astype(float)).any(), axis.get_title("left")
        return [axis.get_title("left") for axis in fig.axes]

    common = ["Learning rate", "Gradient norm, before clipping", "Speed"]
    partners, scale = "Partners found within the batch", "Logit scale"
    language = ["Residues predicted: loss", "Residues predicted right"]
    not_joint = {"accuracy_sequence_to_structure": lacks, "accuracy_structure_to_sequence": lacks,
                 "logit_scale": lacks}
    speaks = {"language_loss": halves, "language_accuracy": halves}
    classes = {f"class_accuracy_{modality}_{level}": halves
               for modality in ("sequence", "structure") for level in (1, 2)}
    told = {"step": history["step"][-2:], "loss": halves[:2], "recall_1": halves[:2],
            "equal_length_percentile": lacks[:2], "rank_sequence": halves[:2],
            "rank_structure": halves[:2], "best": np.zeros(2)}
    of_mlm = {"recall_1": lacks[:2], "rank_sequence": lacks[:2], "rank_structure": lacks[:2],
              "language_accuracy": halves[:2]}

    assert titles_of({"language_loss": lacks, "language_accuracy": lacks}) == \
        ["Loss", partners, common[0], scale, *common[1:]]
    assert titles_of(not_joint | speaks, told | of_mlm) == ["Loss", *language, *common]
    assert titles_of(classes, told) == \
        ["Loss", partners, "Classes told from the sequence", "Classes told from the structure",
         "Validation: recall, whole gallery", "Validation: effective ranks", common[0], scale,
         *common[1:]]


def main():
    work = pathlib.Path.cwd() / "plots_scratch"
    shutil.rmtree(work, ignore_errors=True)

    history = work / "history"
    shutil.copytree(SOURCE / "tests/data/plots", history)
    done = draw("plot_history.py", history)
    assert done.returncode == 0, done.stderr
    require_picture(history / "history.png", 2000, 900)

    # A run without validations: a table without rows, or none.
    table = history / "validation.csv"
    table.write_text(table.read_text().splitlines()[0] + "\n")
    for remains in (True, False):
        if not remains:
            table.unlink()
        (history / "history.png").unlink()
        done = draw("plot_history.py", history)
        assert done.returncode == 0, done.stderr
        require_picture(history / "history.png", 1500, 900)
    require_panels(history / "history.csv")

    for number, galleries in enumerate(([("whole", 90, 0), ("equal_length", 70, 64)],
                                        [("whole", 40, 0)])):
        folder = work / f"evaluation_{number}"
        folder.mkdir()
        write_evaluation(folder, galleries)
        done = draw("plot_retrieval.py", folder)
        assert done.returncode == 0, done.stderr
        require_picture(folder / "retrieval.png", 1500, 900)

    shutil.copytree(SOURCE / "tests/data/plots", history, dirs_exist_ok=True)
    compare(work, history)

    write_dataset(work / "some.h5")
    done = draw("dataset_report.py", work / "some.h5")
    assert done.returncode == 0, done.stderr
    assert "       2  n residues, min_length is n" in done.stdout, done.stdout
    require_picture(work / "some.png", 1500, 900)
    require_same_in_pieces(work / "some.h5")
    h5py.File(work / "other.h5", "w").close()
    for name in ("other.h5", "none.h5"):
        done = draw("dataset_report.py", work / name)
        assert done.returncode != 0 and name in done.stderr, done.stderr
        assert "Traceback" not in done.stderr, done.stderr

    empty = work / "empty"
    empty.mkdir()
    for utility, name in (("plot_history.py", "history.csv"),
                          ("plot_statistics.py", "statistics.csv"),
                          ("plot_retrieval.py", "evaluation.json")):
        done = draw(utility, empty)
        assert done.returncode != 0 and name in done.stderr, done.stderr
        assert "Traceback" not in done.stderr, done.stderr
    print("plots: done")


if __name__ == "__main__":
    main()
