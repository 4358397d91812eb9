# What is wrong with a file is said in one sentence: readers that check what they read, and the
# frame around the main function of each script.
import csv
import json
import os
import signal
import sys


class ScriptError(Exception):
    """What is wrong, in one line."""


def run(main):
    """Calls main; what goes wrong with files ends it with a sentence. A reader of the output that
    has seen enough, such as `head`, ends it quietly."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        main()
    except ScriptError as error:
        sys.exit(str(error))
    except OSError as error:
        sys.exit(f"{os.fspath(error.filename)}: {error.strerror}" if error.filename else str(error))


def read_json(path, *keys):
    """The dictionary of a JSON file, which has these keys."""
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except ValueError as error:
        raise ScriptError(f"{path}: cannot be read as JSON: {error}") from None
    missing = [key for key in keys if not isinstance(found, dict) or key not in found]
    if missing:
        raise ScriptError(f"{path}: no '{missing[0]}' in it: another file than this script reads")
    return found


def read_columns(path, columns, delimiter=","):
    """Rows of a table as dictionaries of texts; it has these columns. A last row that a running or
    killed program has not finished is left out."""
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file, delimiter=delimiter, quoting=csv.QUOTE_NONE)
        try:
            names = reader.fieldnames or []
            missing = [name for name in columns if name not in names]
            if missing:
                raise ScriptError(f"{path}: no column '{missing[0]}' in it: " + (
                    "another table than this script reads" if names else "it is empty"))
            return [row for row in reader if None not in row and None not in row.values()]
        except (csv.Error, UnicodeDecodeError) as error:
            raise ScriptError(f"{path}: no table of texts: {error}") from None


def open_hdf5(path, kind=None):
    """An open HDF5 file; of this program and of this kind ("dataset", "checkpoint"), if given."""
    import h5py  # only scripts that read such files need it
    open(path, "rb").close()  # that it is not there is better said by the system
    try:
        file = h5py.File(path)
    except OSError as error:
        words = " ".join(str(error).split())
        raise ScriptError(f"{path}: cannot be read as HDF5: {words}") from None
    if kind and file.attrs.get("format") not in (f"jespr {kind}", f"jespr {kind}".encode()):
        file.close()
        raise ScriptError(f"{path}: no {kind} of this program (attribute format of /)")
    return file
