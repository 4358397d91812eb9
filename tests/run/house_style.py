#!/usr/bin/env python3
# House style that a machine can check: a caption on the first line of every source, script and
# CMake file, lines of at most 100 columns, no tabs or trailing blanks, clang-format where present.
# labels: quick
# processors: 1
# timeout: 120
"""Prints one line for each departure; exit code 1 if there is one."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(os.environ["JESPR_SOURCE_DIR"])
COLUMNS = 100
CAPTION = {".hpp": r"// \S", ".cpp": r"// \S", ".cmake": r"# \S", ".sh": r"# \S",
           ".py": r"(# \S|\"\"\")"}
CLANG_FORMAT = "14"  # versions differ in taste; only the one that formatted the sources is asked


def files():
    for folder in ("src", "tests", "utilities", "jobscripts", ".ci"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and (path.suffix in CAPTION or path.name == "CMakeLists.txt"):
                yield path


def departures(path):
    """Caption, width (clang-format sees to that of C++) and blanks of one file."""
    lines = path.read_text().splitlines()
    caption = lines[1:2] if lines and lines[0].startswith("#!") else lines[:1]
    if not caption or not re.match(CAPTION.get(path.suffix, r"# \S"), caption[0]):
        yield f"{path}:1: no caption in plain words"
    for number, line in enumerate(lines, 1):
        wide = len(line) > COLUMNS and not line.startswith("|")  # a table's row has no choice
        if wide and path.suffix not in (".hpp", ".cpp"):
            yield f"{path}:{number}: {len(line)} columns, at most {COLUMNS}"
        if "\t" in line or line != line.rstrip():
            yield f"{path}:{number}: tab or trailing blank"


def badly_formatted(paths):
    tool = shutil.which("clang-format")
    version = subprocess.check_output([tool, "--version"], text=True) if tool else ""
    if f"version {CLANG_FORMAT}." not in version:
        print(f"clang-format {CLANG_FORMAT} is not here: the format was not checked")
        return
    done = subprocess.run([tool, "--dry-run", "--ferror-limit=1", *map(str, paths)], text=True,
                          stderr=subprocess.PIPE, check=True)
    for line in done.stderr.splitlines():
        if "-Wclang-format-violations" in line:
            yield line.split(" warning:")[0].split(" error:")[0] + " clang-format -i changes this"


everything = list(files())
problems = [line for path in everything for line in departures(path)]
problems += badly_formatted(path for path in everything if path.suffix in (".hpp", ".cpp"))
print("\n".join(problems) or f"{len(everything)} files keep the style")
sys.exit(1 if problems else 0)
