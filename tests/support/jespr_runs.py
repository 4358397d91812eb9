# Support of the end-to-end tests: starts the program on ranks, watches, kills, compares runs.
"""A test imports this, makes a `Run` in its working directory and compares what runs leave behind.

The environment (tests/CMakeLists.txt) names the program, the launcher, the sources and the build
tree. Every failure of an expectation is an exception, so that the test ends with exit code 1.
"""
import contextlib
import csv
import fcntl
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tarfile
import time

import h5py
import numpy as np

PROGRAM = pathlib.Path(os.environ["JESPR_PROGRAM"])
LAUNCHER = os.environ["JESPR_MPIEXEC"]
SOURCES = pathlib.Path(os.environ["JESPR_SOURCE_DIR"])
BUILD = pathlib.Path(os.environ["JESPR_BINARY_DIR"])

SKIPPED = 77  # exit code of a test that cannot run here
OK, RUNTIME, DECK, DATA, STOPPED = range(5)  # exit codes of the program
SLOWNESS = 10 if "ASAN_OPTIONS" in os.environ else 1  # of a build with sanitizers
TIME_LIMIT = 240 * SLOWNESS  # seconds; a run takes a few where the machine is not busy otherwise

# Columns of a history that are measured and so differ between runs that are otherwise the same.
MEASURED = {"seconds", "proteins_per_second", "residues_per_second", "gflops", "fraction_of_peak",
            "loader_wait_fraction"}

# A model small enough for hundreds of steps in seconds that has every kind of layer, and every
# kind of chance: dropout, masks, noise, crops.
SMALL = {
    "run": {"task": "train", "seed": 11, "log_every": 10},
    "data": {"max_length": 40, "independent_crops": True},
    "batch": {"proteins": 16, "shards": 4, "masked_fraction": 0.1},
    "sequence": {"preset": "esm2_tiny", "layers": 2, "width": 32, "heads": 2, "dropout": 0.1,
                 "pooling": "mean"},
    "structure": {"preset": "gvpt_tiny", "node_scalars": 16, "node_vectors": 4, "edge_scalars": 8,
                  "neighbours": 8, "layers": 1, "width": 32, "heads": 2, "feed_forward": 64,
                  "dropout": 0.1, "coordinate_noise": 0.1, "pooling": "mean"},
    "joint": {"width": 32, "dropout": 0.1},
    "optim": {"steps": 50, "lr_peak": 2e-3, "warmup_steps": 2, "clip_norm": 1.0},
    "validate": {"every": 25, "recall": [1, 5], "equal_length": 40, "bootstrap": 20},
    "checkpoint": {"every": 10, "keep": 2},
}

# Keys of &validate that an objective of the sequence encoder alone does not read.
OF_PARTNERS = ("recall", "equal_length", "bootstrap")


# ---- Expectations

class Unexpected(Exception):
    """What was found is not what the program promises."""


def expect(condition, message):
    if not condition:
        raise Unexpected(message)


def skip(reason):
    print(f"SKIPPED: {reason}", flush=True)
    raise SystemExit(SKIPPED)


def say(text):
    """Progress of the test, with the time since its start."""
    print(f"[{time.monotonic() - BEGIN:6.1f} s] {text}", flush=True)


BEGIN = time.monotonic()


# ---- Decks

def literal(value):
    if isinstance(value, bool):
        return ".true." if value else ".false."
    if isinstance(value, (list, tuple)):
        return ", ".join(map(literal, value))
    if isinstance(value, (int, float)):
        return repr(value)
    return "'" + str(value).replace("'", "''") + "'"


def write_deck(path, groups):
    """A namelist deck of {group: {key: value}}."""
    lines = []
    for group, keys in groups.items():
        lines += [f"&{group}", *(f"  {key} = {literal(v)}" for key, v in keys.items()), "/", ""]
    path.write_text("\n".join(lines))
    return path


# ---- Running the program

class Result:
    """What a run said and how it ended."""

    def __init__(self, command, code, out, err):
        self.command, self.code, self.out, self.err = command, code, out, err

    @property
    def text(self):
        return (f"$ {' '.join(map(str, self.command))}\nexit code {self.code}\n"
                f"--- standard output\n{self.out}\n--- standard error\n{self.err}")


def command_line(ranks, arguments):
    """Without a launcher for ranks = 0."""
    launcher = [LAUNCHER, "-n", str(ranks)] if ranks else []
    return [*launcher, str(PROGRAM), *map(str, arguments)]


def start(ranks, *arguments, folder=".", **options):
    """Starts the program and returns at once; it writes out.txt and err.txt into `folder`."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    command = command_line(ranks, arguments)
    with open(folder / "out.txt", "wb") as out, open(folder / "err.txt", "wb") as err:
        job = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out,
                               stderr=err, start_new_session=True, **options)
    job.folder = folder
    return job


def finish(job, code=None, limit=None):
    """Waits for the end of a started job and checks its exit code, if one is given."""
    limit = limit or TIME_LIMIT
    try:
        job.wait(limit)
    except subprocess.TimeoutExpired:
        kill_job(job)
        limit_text = f"hangs: no end within {limit} s"
    else:
        limit_text = ""
    result = Result(job.args, job.returncode, (job.folder / "out.txt").read_text(errors="replace"),
                    (job.folder / "err.txt").read_text(errors="replace"))
    expect(not limit_text, f"{limit_text}\n{result.text}")
    expect(code is None or result.code == code, f"expected exit code {code}\n{result.text}")
    return result


def run(ranks, *arguments, code=OK, limit=None, **options):
    return finish(start(ranks, *arguments, **options), code, limit)


def bytes_after(pattern, text):
    """The first "PATTERN 12.3 MB" of a text, in bytes."""
    match = re.search(pattern + r" ([\d.]+) (\w+)", text)
    expect(match, f"no '{pattern}' in\n{text}")
    return float(match[1]) * {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}[match[2]]


def error_lines(result):
    """What the program itself said on standard error, without the words of the launcher."""
    return [line for line in result.err.splitlines()
            if line.startswith(("rank ", "warning", "/", "command line")) or ".h5" in line
            or ".deck" in line]


# ---- Processes

def children(pid):
    try:
        tasks = pathlib.Path(f"/proc/{pid}/task").iterdir()
        found = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return []
    return found + [grandchild for child in found for grandchild in children(child)]


def ranks_of(job):
    """Process ids of the ranks of a job, in the order they were started."""
    def is_rank(pid):
        with contextlib.suppress(OSError):
            return os.path.samefile(f"/proc/{pid}/exe", PROGRAM)
        return False
    return [pid for pid in sorted([job.pid, *children(job.pid)]) if is_rank(pid)]


def kill_job(job):
    """kill -9 of the launcher and all its ranks at once."""
    for pid in [job.pid, *children(job.pid)]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    job.wait()


def wait_until(condition, what, job=None, limit=None, pause=0.005):
    """Polls until the condition holds; fails when it takes too long or the job ends before."""
    end = time.monotonic() + (limit or TIME_LIMIT)
    while not condition():
        if job is not None and job.poll() is not None:
            raise Unexpected(f"the job ended before: {what}\n{finish(job).text}")
        if time.monotonic() > end:
            if job is not None:
                kill_job(job)
            raise Unexpected(f"waited too long for: {what}")
        time.sleep(pause)


# ---- The dataset

@contextlib.contextmanager
def locked(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def chosen_chains(table):
    """The shortest training and validation chains of the sample: 40 to 55 residues."""
    with open(SOURCES / "input/sample/sample_sha256.tsv", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t")
        lengths = {row["name"]: int(row["residues"]) for row in rows}
    rows = sorted(table, key=lambda row: (lengths[row["name"]], row["name"]))
    return [row for split, most in (("train", 96), ("validation", 24))
            for row in [row for row in rows if row["split"] == split][:most]]


def dataset():
    """A dataset of 120 short chains of the sample, made by task 'prepare' once per build."""
    folder = BUILD / "tests/run/dataset"
    path = folder / "small.h5"
    sample = SOURCES / "input/sample"
    with locked(folder / "lock"):
        newest = max(file.stat().st_mtime for file in (PROGRAM, *sample.iterdir()))
        if path.exists() and path.stat().st_mtime > newest:
            return path
        with open(sample / "sample.tsv", newline="") as file:
            reader = csv.DictReader(file, delimiter="\t")
            rows = chosen_chains(list(reader))
        with open(folder / "small.tsv", "w", newline="") as file:
            writer = csv.DictWriter(file, reader.fieldnames, delimiter="\t", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        structures = folder / "structures"
        shutil.rmtree(structures, ignore_errors=True)
        structures.mkdir()
        wanted = {f"{row['name']}.cif" for row in rows}
        with tarfile.open(sample / "sample.tar.xz") as archive:
            for entry in archive:
                if entry.name in wanted:
                    (structures / entry.name).write_bytes(archive.extractfile(entry).read())
        deck = write_deck(folder / "prepare.deck", {
            "run": {"task": "prepare"},
            "prepare": {"sources": "structures", "table": "small.tsv", "dataset": path.name,
                        "chain_names": "file", "overwrite": True}})
        run(1, deck, folder=folder)
        os.utime(path)
    return path


# ---- Runs of the small model

class Run:
    """A training run in a folder of its own below the working directory, which it empties first."""

    def __init__(self, name, changes=None):
        self.folder = pathlib.Path(name).resolve()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.output = self.folder / "results"
        groups = {group: dict(keys) for group, keys in SMALL.items()}
        groups["run"] |= {"name": name, "output": self.output}
        groups["data"]["dataset"] = dataset()
        if (changes or {}).get("loss.kind") in ("mlm", "causal"):
            for name in OF_PARTNERS:
                del groups["validate"][name]
        for key, value in (changes or {}).items():
            group, name = key.split(".")
            groups.setdefault(group, {})[name] = value
        self.deck = write_deck(self.folder / "run.deck", groups)

    def start(self, ranks, *overrides, **options):
        return start(ranks, *options.pop("flags", []), self.deck, *overrides, folder=self.folder,
                     **options)

    def run(self, ranks, *overrides, code=OK, limit=None, **options):
        return finish(self.start(ranks, *overrides, **options), code, limit)

    def checkpoint(self, step):
        return self.output / f"step_{step:06}.h5"

    def checkpoints(self):
        return sorted(path.name for path in self.output.glob("step_*.h5"))

    def rows(self):
        """Rows of the history so far."""
        try:
            return max(0, (self.output / "history.csv").read_bytes().count(b"\n") - 1)
        except OSError:
            return 0

    def unfinished(self):
        return [path.name for path in self.output.glob("*.part")]


# ---- Comparisons

def datasets(path, group="/"):
    """All datasets below a group as {name: array}."""
    found = {}
    with h5py.File(path, "r") as file:
        file[group].visititems(lambda name, item: found.update({name: item[()]})
                               if isinstance(item, h5py.Dataset) else None)
    expect(found, f"{path}: nothing in {group}")
    return found


def state(path):
    return datasets(path, "/state")


def trained(path):
    """The state but for the search for the best model, which each folder begins anew."""
    return {name: value for name, value in state(path).items()
            if not name.startswith(("best_", "validations_"))}


def difference(one, other):
    """The first dataset of two {name: array} that differs in a bit, "" if none does."""
    if one.keys() != other.keys():
        return f"datasets {sorted(one.keys() ^ other.keys())} are in one of them only"
    for name in one:
        a, b = np.asarray(one[name]), np.asarray(other[name])
        if a.dtype != b.dtype or a.shape != b.shape:
            return f"{name}: {a.dtype} {a.shape} and {b.dtype} {b.shape}"
        if a.tobytes() != b.tobytes():
            return f"{name}: {np.count_nonzero(a != b)} of {a.size} elements differ"
    return ""


def history(folder, name="history.csv"):
    """Columns of a history that a repetition must reproduce, as the texts that stand there."""
    with open(pathlib.Path(folder) / name, newline="") as file:
        rows = list(csv.DictReader(file))
    expect(rows, f"{folder}/{name} is empty")
    return [{key: row[key] for key in row if key not in MEASURED} for row in rows]


def expect_same_run(run_, reference, step):
    """Two runs ended in the same bits: final state, both histories as CSV and as HDF5."""
    found = difference(state(run_.checkpoint(step)), state(reference.checkpoint(step)))
    expect(not found, f"{run_.checkpoint(step)} is not {reference.checkpoint(step)}: {found}")
    for name in ("history.csv", "validation.csv"):
        rows, wanted = history(run_.output, name), history(reference.output, name)
        expect(len(rows) == len(wanted), f"{run_.output}/{name}: {len(rows)} rows, expected "
               f"{len(wanted)}")
        for row, wanted_row in zip(rows, wanted):
            expect(row == wanted_row, f"{run_.output}/{name}: {row}, expected {wanted_row}")
    for group in ("history", "validation"):
        one, other = (datasets(r.output / "history.h5", group) for r in (run_, reference))
        found = difference(*({key: value for key, value in d.items() if key not in MEASURED}
                             for d in (one, other)))
        expect(not found, f"{run_.output}/history.h5: {group} is not the same: {found}")
