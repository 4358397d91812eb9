# A missing, truncated or bit-flipped dataset or checkpoint: one clear error, exit code 3, no hang.
# labels: mpi
# processors: 2
# timeout: 900
#
# restart = 'auto' names a damaged checkpoint and continues from the one before it.
import os
import pathlib
import random
import shutil
import sys

sys.path.insert(0, os.path.join(os.environ["JESPR_SOURCE_DIR"], "tests/support"))
import h5py

from jespr_runs import (DATA, DECK, OK, Run, dataset, difference, error_lines, expect,
                        expect_same_run, run, say, state)

CHANGES = {"optim.steps": 9, "checkpoint.every": 3, "checkpoint.keep": 9, "validate.every": 3}
WHOLE_FILE_FLIPS = 6  # at random places; most of a file's bytes are data
draw = random.Random(7)


def damaged(whole, name, place=None, cut=None):
    """A copy of the file with one bit flipped at byte `place`, or cut down to `cut` bytes."""
    path = pathlib.Path(name).resolve()
    content = bytearray(whole.read_bytes())
    if place is not None:
        content[place] ^= 1 << draw.randrange(8)
    path.write_bytes(content[:cut])
    return path


def place_in(path, name):
    """A byte in the middle of a dataset's data."""
    with h5py.File(path, "r") as file:
        item = file[name].id
        return item.get_offset() + item.get_storage_size() // 2


def expect_refusal(run_, overrides, path, word):
    """Alone and on 2 ranks: exit code 3, and one line of error that names the file."""
    for ranks in (0, 2):
        result = run_.run(ranks, *overrides, code=DATA, limit=60)
        lines = error_lines(result)
        expect(len(lines) == 1 and str(path) in lines[0] and word in lines[0],
               f"{ranks} ranks: expected one line with '{word}' about {path}\n{result.text}")


def expect_no_description(path, word):
    """`jespr info` says the same instead of describing what is damaged."""
    result = run(0, "info", path, code=DATA)
    expect(str(path) in result.err and word.lower() in result.err.lower() and not result.out,
           f"info: expected '{word}' about {path}\n{result.text}")


def variants(whole, name, inner):
    """(damaged copy, word of the error) for every kind of damage."""
    size = whole.stat().st_size
    yield pathlib.Path(f"no_{name}").resolve(), "No such file"
    yield damaged(whole, f"empty_{name}", cut=0), ""
    yield damaged(whole, f"half_{name}", cut=size // 2), ""
    yield damaged(whole, f"short_{name}", cut=size - 1), ""
    yield damaged(whole, f"flipped_start_{name}", place=1), ""
    for dataset_name in inner:
        place = place_in(whole, dataset_name)
        yield damaged(whole, f"flipped_{dataset_name.strip('/').replace('/', '_')}_{name}",
                      place=place), dataset_name
    text = pathlib.Path(f"text_{name}").resolve()
    text.write_text("This is no HDF5 file.\n")
    yield text, ""


whole_dataset = dataset()
start = Run("start", CHANGES)
for path, word in variants(whole_dataset, "dataset.h5", ["/residues/coordinates", "/offsets"]):
    expect_refusal(start, [f"data.dataset={path}"], path, word)
    expect_no_description(path, word)
    shutil.rmtree(start.output, ignore_errors=True)
say("damaged datasets are refused")

reference = Run("reference", CHANGES)
reference.run(2)
whole = reference.checkpoint(6)
tensor = next(name for name in state(whole) if name.startswith("second_moment/"))
for path, word in variants(whole, "checkpoint.h5", [f"/state/{tensor}", "/info/deck"]):
    expect_refusal(Run("named"), ["checkpoint.restart=file", f"checkpoint.restart_file={path}"],
                   path, word)
    expect_no_description(path, word)
expect_refusal(Run("named"), ["checkpoint.restart=file",
                              f"checkpoint.restart_file={whole_dataset}"], whole_dataset, "")
say("damaged checkpoints are refused")

# Anywhere at all: refused, or a byte that nobody reads.
unread = 0
for i in range(WHOLE_FILE_FLIPS):
    place = draw.randrange(whole.stat().st_size)
    path = damaged(whole, "flipped_anywhere.h5", place=place)
    go_on = Run("go_on", CHANGES)
    result = go_on.run(1, "checkpoint.restart=file", f"checkpoint.restart_file={path}", code=None)
    expect(result.code in (OK, DATA), f"bit at byte {place}\n{result.text}")
    if result.code == OK:
        unread += 1
        found = difference(state(go_on.checkpoint(9)), state(reference.checkpoint(9)))
        expect(not found, f"bit at byte {place} went unnoticed and changed {found}")
say(f"{WHOLE_FILE_FLIPS} flips anywhere: {unread} in bytes without meaning")

# A sound checkpoint of another model, and of another precision.
result = reference.run(2, "checkpoint.restart=auto", "joint.width=24", code=DATA)
expect("another model" in result.err and len(error_lines(result)) == 1, result.text)
result = reference.run(1, "checkpoint.restart=auto", "run.precision=f64", code=DATA)
expect("another model" in result.err and len(error_lines(result)) == 1, result.text)
result = reference.run(1, "checkpoint.restart=auto", "sequence.layers=3", code=DECK)
expect("sequence.layers is not what" in result.err and len(error_lines(result)) == 1, result.text)

# The newest one, two damaged: named, passed over, and the end is the same.
for count in (1, 2):
    copy = Run("passed_over", CHANGES)
    shutil.copytree(reference.output, copy.output)
    paths = [copy.checkpoint(step) for step in (9, 6)[:count]]
    for path in paths:
        damaged(path, path, place=place_in(path, f"/state/{tensor}"))
    result = copy.run(2, "checkpoint.restart=auto")
    for path in paths:
        expect(any(str(path) in line and "digest" in line for line in result.out.splitlines()),
               f"{path} is not named\n{result.text}")
    expect(f"restart  from {copy.checkpoint(9 - 3 * count)}" in result.out, result.text)
    expect_same_run(copy, reference, 9)
say("damaged newest checkpoints are passed over")

# None is sound: that is no reason to start anew in silence.
for step in (3, 6, 9):
    damaged(copy.checkpoint(step), copy.checkpoint(step), cut=1000)
result = copy.run(2, "checkpoint.restart=auto", code=DATA)
expect("none of" in result.err, result.text)
