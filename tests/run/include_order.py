#!/usr/bin/env python3
# The order of the source folders: a file includes its own folder or folders to its left, vendor
# headers stay in the backend, HDF5 in io, and nothing is included by a relative path.
# labels: quick
# processors: 1
# timeout: 60
"""Prints one line for each include that breaks the order; exit code 1 if there is one."""
import os
import pathlib
import re
import sys

ORDER = ["base", "deck", "backend", "tensor", "io", "data", "kernels", "layers", "model", "optim",
         "driver"]
VENDOR = re.compile(r"mpi|cblas|dnnl|nccl|cuda|cublas|nvml|openblas")
HDF5_FOLDERS = {"io", "backend"}  # the backend gives HDF5 the communicator
GENERATED = {"build_configuration.hpp", "git_version.hpp"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def mistake(folder, quote, header):
    """Why a file of `folder` may not include `header`; None if it may."""
    first = header.split("/")[0]
    if quote == '"':
        if header in GENERATED:
            return None if folder == "backend" else "generated headers belong to backend"
        if first not in ORDER or "/" not in header:
            return "project headers are named from src/, as in base/error.hpp"
        if folder != "main" and ORDER.index(first) > ORDER.index(folder):
            return f"{first} is not to the left of {folder} ({' < '.join(ORDER)} < main)"
        return None
    if first in ORDER:
        return 'project headers are included with "..."'
    if VENDOR.match(header) and folder != "backend":
        return "vendor headers belong to backend"
    if re.match(r"hdf5|H5", header) and folder not in HDF5_FOLDERS:
        return "HDF5 belongs to io"
    return None


def violations(source):
    """All broken includes under `source` (the folder src) as 'file:line: reason'."""
    found = []
    for path in sorted(source.rglob("*.[ch]pp")):
        parts = path.relative_to(source).parts
        folder = parts[0] if len(parts) > 1 else "main"
        if folder != "main" and folder not in ORDER:
            found.append(f"{path}:1: folder {folder} is not in the order of doc/design.md")
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if match := INCLUDE.match(line):
                if why := mistake(folder, *match.groups()):
                    found.append(f"{path}:{number}: {line.strip()}: {why}")
    return found


def check_the_check():
    """The rules refuse what they must: else a green result means nothing."""
    refused = [("base", '"', "deck/reader.hpp"), ("kernels", "<", "mpi.h"),
               ("driver", "<", "hdf5.h"), ("io", '"', "files.hpp"),
               ("model", "<", "base/error.hpp"), ("optim", "<", "cblas.h")]
    allowed = [("deck", '"', "base/error.hpp"), ("backend", "<", "mpi.h"),
               ("io", "<", "hdf5.h"), ("main", '"', "driver/train.hpp"),
               ("data", "<", "vector"), ("io", '"', "io/files.hpp")]
    assert all(mistake(*case) for case in refused)
    assert not any(mistake(*case) for case in allowed)


check_the_check()
problems = violations(pathlib.Path(os.environ["JESPR_SOURCE_DIR"]) / "src")
print("\n".join(problems) or "every include keeps the order of the folders")
sys.exit(1 if problems else 0)
