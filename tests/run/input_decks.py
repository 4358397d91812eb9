# Every deck of input/ reads with f90nml too, to the values that the program makes of it.
# labels: quick
# processors: 1
# timeout: 120
"""f90nml is an independent reader of namelists. What it finds in a deck must stand in the processed
deck of `jespr --check`, which it reads as well: same numbers, logicals and texts; paths count from
the deck's folder there, so of those the end is compared."""
import importlib.util
import os
import pathlib
import sys

sys.path.insert(0, os.path.join(os.environ["JESPR_SOURCE_DIR"], "tests/support"))
from jespr_runs import SOURCES, expect, run, say, skip

if not importlib.util.find_spec("f90nml"):
    expect(not os.environ.get("CI"), "no f90nml; utilities/setup.sh brings it")
    skip("this Python has no f90nml (utilities/requirements.txt)")
import f90nml


def same(value, processed):
    """A value of the deck and what the program made of it: equal, or a path that it completed."""
    if isinstance(value, list) != isinstance(processed, list):
        return same([value] if not isinstance(value, list) else value,
                    [processed] if not isinstance(processed, list) else processed)
    if isinstance(value, list):
        return len(value) == len(processed) and all(map(same, value, processed))
    if isinstance(value, str) and value != processed:
        return pathlib.Path(processed).is_absolute() \
            and processed.endswith("/" + value.lstrip("./").lstrip("/"))
    if type(value) is int and isinstance(processed, float):  # a real may be written so
        return value == processed
    return type(value) is type(processed) and value == processed


decks = sorted((SOURCES / "input").glob("*.deck"))
values = 0
for deck in decks:
    written = f90nml.read(deck)
    pathlib.Path("processed.deck").write_text(run(0, "--check", deck).out)
    processed = f90nml.read("processed.deck")
    for group, keys in written.items():
        for key, value in keys.items():
            found = processed[group].get(key)
            expect(same(value, found), f"{deck.name}: &{group} {key}: f90nml reads {value!r}, the "
                   f"program {found!r}")
            values += 1
expect(values > 10 * len(decks) > 0, f"{values} values in {len(decks)} decks")
say(f"{len(decks)} decks, {values} values")
