#!/usr/bin/env python3
# The plot utilities: a history of 40 real steps and a small made-up evaluation become pictures;
# folders without results are refused by name.
# labels: quick
# timeout: 300
import importlib
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import types

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


def draw(utility, *arguments):
    return subprocess.run([sys.executable, SOURCE / "utilities" / utility, *arguments],
                          capture_output=True, text=True)


def require_sentence(utility, *arguments, words=""):
    """The script refuses in one line that names the place: its main function is called here, as
    starting Python so often would take minutes."""
    source = SOURCE / "utilities" / utility
    assert source.read_text().endswith("    script_errors.run(main)\n"), source
    import script_errors
    sys.argv = [utility, *map(str, arguments)]
    try:
        script_errors.run(importlib.import_module(source.stem).main)
    except SystemExit as end:
        assert isinstance(end.code, str) and "\n" not in end.code, (sys.argv, end.code)
        assert words in end.code, (words, end.code)
    else:
        raise AssertionError(f"{sys.argv} is not refused")


def refuse_what_is_no_result(work):
    """Nothing, a folder in place of a file, an empty file, a text, another HDF5 file."""
    bad = work / "bad"
    (bad / "folder").mkdir(parents=True)
    (bad / "empty").touch()
    (bad / "text").write_text("once,upon\na,time\n")
    (bad / "json").write_text("{}\n")
    h5py.File(bad / "other.h5", "w").close()
    for name in ("nothing", "folder", "empty", "text", "json", "other.h5"):
        for utility, *more in (("plot_benchmark.py",), ("dataset_report.py",),
                               ("read_dataset.py",),
                               ("export_weights.py", "-o", work / "no.safetensors"),
                               ("import_weights.py", "-o", work / "no.h5")):
            require_sentence(utility, bad / name, *more, words=name)
        for utility in ("plot_history.py", "plot_statistics.py", "plot_retrieval.py",
                        "check_quickstart.py"):
            require_sentence(utility, bad / name, words=name)
        require_sentence("compare_runs.py", bad / name, bad / name, words=name)
    for name, words in (("empty", "it is empty"), ("text", "no column")):
        for utility, table in (("plot_history.py", "history.csv"),
                               ("plot_statistics.py", "statistics.csv")):
            shutil.copy(bad / name, bad / "folder" / table)
            require_sentence(utility, bad / "folder", words=words)
    for name, words in (("text", "JSON"), ("json", "no 'galleries'")):
        shutil.copy(bad / name, bad / "folder/evaluation.json")
        shutil.copy(bad / "other.h5", bad / "folder/evaluation.h5")
        require_sentence("plot_retrieval.py", bad / "folder", words=words)
    dataset = work / "some.h5"
    require_sentence("dataset_report.py", dataset, "--report", bad / "text", words="outcome")
    require_sentence("dataset_report.py", dataset, "--report", bad / "no.tsv", words="No such file")
    require_sentence("dataset_report.py", dataset, "-o", work / "some.xyz", words="xyz")
    assert draw("read_dataset.py").returncode != 0


def require_picture(path, least_width, least_height):
    head = path.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n", path
    width, height = struct.unpack(">II", head[16:24])
    assert width >= least_width and height >= least_height, (path, width, height)
    assert path.stat().st_size > 40_000, (path, path.stat().st_size)


def measures(ranks, recall_at, bootstrap):
    def estimate(values):
        mean = float(np.mean(values))
        return {"value": mean, "lower": mean - 0.01 if bootstrap else None,
                "upper": mean + 0.01 if bootstrap else None}
    proteins = len(ranks)
    return {"recall": [estimate(ranks <= k) for k in recall_at],
            "reciprocal_rank": estimate(1 / ranks), "median_rank": estimate(ranks),
            "percentile": estimate((proteins - ranks) / (proteins - 1))}


def write_evaluation(folder, galleries, bootstrap=True):
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
                                **{key: measures(ranks[:, column], recall_at, bootstrap)
                                   for key, column in (("sequence_to_structure", 0),
                                                       ("structure_to_sequence", 1),
                                                       ("pooled", 0))}})
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
    def panels_of():
        runs = [compare_runs.Run(folder, folder.name) for folder in folders]
        return compare_runs.picture(runs).axes

    panels = panels_of()
    assert len(panels[1].lines) == 2, panels[1].lines
    # Further sets have a line and a table of their own, and need no validation.csv beside them.
    shutil.move(folders[0] / "validation.csv", folders[0] / "validation_far.csv")
    labels = [[line.get_label() for line in axis.lines] for axis in panels_of()[1:4]]
    assert labels == [["slow: far", "fast"]] * 3, labels
    done = subprocess.run([*command, *folders, "-o", picture], capture_output=True, text=True)
    table = done.stdout.split("Validation on far\n")[1]
    assert "recall_1" in table and table.splitlines()[0].split() == ["slow", "fast"], table
    own = {"step": np.array([2.0, 4.0, 6.0]), "best": np.array([1.0, 1.0, 0.0])}
    run = types.SimpleNamespace(validations={"": own, "far": own | {"step": np.array([2.0, 6, 8])}})
    places = [compare_runs.validation_results(run, name)["validation, at step"]
              for name in ("", "far")]
    assert places == ["4 (best)", "8 (last)"], places
    # A reader that has seen enough.
    first = subprocess.Popen([*command, *folders, "-o", picture], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)
    first.stdout.close()
    assert first.stderr.read() == ""
    first.wait()
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


def require_report_panels(work):
    """Ticks of lengths that can be read; a dataset of sequences alone is called that."""
    import dataset_report
    from plot_style import plt
    for lengths in ([40, 41, 55, 47], [3, 60, 4], [1, 9000, 35000], [7, 7, 7]):
        fig, axis = plt.subplots()
        dataset_report.draw_lengths(axis, {"lengths": np.array(lengths),
                                           "split": np.zeros(len(lengths))})
        fig.canvas.draw()
        texts = [tick.get_text() for tick in axis.get_xticklabels(which="both")]
        texts = [text for text in texts if text]
        assert 2 <= len(texts) <= 10 and all(t.replace(",", "").isdecimal() for t in texts), texts
        boxes = [tick.get_window_extent() for tick in axis.get_xticklabels()]
        assert all(a.x1 < b.x0 for a, b in zip(boxes, boxes[1:])), texts
    shutil.copy(work / "some.h5", work / "alone.h5")
    with h5py.File(work / "alone.h5", "r+") as file:
        del file["residues/confidence"]
    fig, axis = plt.subplots()
    dataset_report.draw_resolution(axis, dataset_report.read(work / "alone.h5"))
    assert [text.get_text() for text in axis.texts] == ["sequences without structures"]


def require_statistics_panels(work):
    """Parameters have panels as gradients have, those of loss and class heads too."""
    import plot_statistics
    folder = work / "statistics"
    folder.mkdir()
    names = {"activation": ("seq/layer_01", "struct/rep")}
    for kind in ("parameter", "gradient"):
        names[kind] = ("seq_encoder.layers.0.fc1.weight", "struct_encoder.layers.0.fc1.bias",
                       "logit_scale", "class_heads.1.weight", "expander.0.bias")
    rows = [f"{step},{kind},{name},4,0.1,{0.1 * step},1,0" for step in (2, 4)
            for kind, all_of in names.items() for name in all_of]
    (folder / "statistics.csv").write_text("\n".join(
        ["step,kind,name,count,mean,rms,largest,not_finite", *rows, "6,parameter,cut_sho"]))
    found = plot_statistics.read_statistics(folder / "statistics.csv")
    assert len(found) == len(rows), "the row that is not finished"
    drawn = {(kind, name) for _, kind, beginnings in plot_statistics.PANELS
             for name in plot_statistics.panel_of(found, kind, beginnings)[0]}
    for kind in ("parameter", "gradient"):
        for name in ("seq_encoder.layers.0", "struct_encoder.layers.0", "logit_scale",
                     "class_heads.1", "expander.0"):
            assert (kind, name) in drawn, (kind, name, drawn)
    done = draw("plot_statistics.py", folder)
    assert done.returncode == 0, done.stderr
    require_picture(folder / "statistics.png", 1500, 1500)


def require_panels(table):
    """A panel for what has numbers, and none for the rest."""
    import plot_history
    history = plot_history.read_rows(table, plot_history.OF_STEPS)
    lacks = np.full(len(history["step"]), np.nan)
    halves = np.full(len(lacks), 0.5)

    def titles_of(columns, validations={}):
        fig = plot_history.picture("some", history | columns, validations)
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
    assert titles_of(not_joint | speaks, {"": told | of_mlm}) == ["Loss", *language, *common]
    wanted = ["Loss", partners, "Classes told from the sequence",
              "Classes told from the structure", "Validation: recall, all chains",
              "Validation: effective ranks", common[0], scale, *common[1:]]
    assert titles_of(classes, {"": told}) == wanted
    # Without bootstrap a percentile has no interval.
    bare = told | {"equal_length_percentile": halves[:2], "lower": lacks[:2], "upper": lacks[:2]}
    axes = plot_history.picture("some", history, {"": bare}).axes
    labels = [label for axis in axes for label in axis.get_legend_handles_labels()[1]]
    assert "mean" in labels and "mean and 95 % interval" not in labels, labels
    # Further validation sets alone, or beside that of the run's own dataset.
    far = told | {"equal_length_percentile": halves[:2], "lower": halves[:2], "upper": halves[:2],
                  "accuracy_sequence_to_structure": halves[:2]}
    percentile = "Validation: percentile at equal length"
    for own in ({}, {"": told}):
        titles = titles_of(classes, own | {"far": far})
        assert titles == wanted[:5] + [percentile] + wanted[5:], titles
        fig = plot_history.picture("some", history | classes, own | {"far": far})
        for axis in fig.axes:
            names = axis.get_legend_handles_labels()[1]
            if axis.get_title("left") in ("Loss", partners, *wanted[4:6], percentile):
                assert "far" in names, (axis.get_title("left"), names)


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
                                        [("whole", 40, 0)], [("whole", 30, 0)])):
        folder = work / f"evaluation_{number}"
        folder.mkdir()
        write_evaluation(folder, galleries, bootstrap=number < 2)
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
    require_report_panels(work)
    require_statistics_panels(work)
    refuse_what_is_no_result(work)
    print("plots: done")


if __name__ == "__main__":
    main()
