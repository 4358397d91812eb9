# Files of model weights: PyTorch's .pt and .bin, safetensors, and the program's own HDF5; without
# PyTorch, and without running a line of what stands in them.
"""Tensors come as `Tensor` objects, whose numbers are read when they are asked for.

    tensors, options = read_weights("esm2_t6_8M_UR50D.pt")      # {name: Tensor}, {name: value}
    write_weights("esm2.h5", {"seq_encoder.a": array}, {"sequence.heads": 20}, "where from")

Every failure is a WeightError of one line. PyTorch's files are pickles, which can name any function
of Python to be called: here a pickle may name tensors, dictionaries and argparse's Namespace, and
whatever else it names is refused.
"""
import argparse
import collections
import json
import os
import pathlib
import pickle
import struct
import zipfile

import h5py
import numpy as np

import script_errors

FORMAT, VERSION = "jespr weights", 1  # src/io/checkpoint.cpp
FORM_KEY = "jespr.form"    # of a safetensors header: /state/form of the checkpoint, as JSON
MOST_HEADER = 100_000_000  # bytes of a safetensors header, the format's own limit
BFLOAT16 = "bfloat16"      # which numpy does not know: the upper half of a float32
SAFE_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": BFLOAT16, "I64": "<i8",
              "I32": "<i4", "I16": "<i2", "I8": "i1", "U8": "u1", "BOOL": "?"}
TORCH_TYPES = {"DoubleStorage": "<f8", "FloatStorage": "<f4", "HalfStorage": "<f2",
               "BFloat16Storage": BFLOAT16, "LongStorage": "<i8", "IntStorage": "<i4",
               "ShortStorage": "<i2", "CharStorage": "i1", "ByteStorage": "u1",
               "BoolStorage": "?"}


class WeightError(script_errors.ScriptError):
    """What is wrong with a file, in one line."""


class Tensor:
    """Shape and type of a tensor, and where its numbers lie."""

    def __init__(self, shape, kind, read):
        self.shape, self.kind, self._read = tuple(shape), kind, read

    def array(self):
        """The numbers: halves and bfloat16 as float32, which holds them exactly."""
        values = self._read()
        if self.kind == BFLOAT16:
            return (values.astype(np.uint32) << 16).view(np.float32)
        return values.astype(np.float32) if self.kind == "<f2" else values


def stored_type(kind):
    return np.dtype("<u2" if kind == BFLOAT16 else kind)


# ---- safetensors: a length, a JSON header, the numbers end to end

def read_safetensors(path):
    """({name: Tensor}, metadata)"""
    size = path.stat().st_size
    with open(path, "rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else size
        if length > min(MOST_HEADER, size - 8):
            raise WeightError(f"{path}: no safetensors file, or cut short: its header would have "
                              f"{length} bytes, the file has {size}")
        try:
            header = json.loads(file.read(length))
            options = header.pop("__metadata__", {})
        except (ValueError, AttributeError) as error:
            raise WeightError(f"{path}: its header is no JSON: {error}") from None
    begin, tensors, end = 8 + length, {}, 0
    try:
        entries = sorted((*entry["data_offsets"], name, entry["dtype"], entry["shape"])
                         for name, entry in header.items())
        for first, last, name, kind, shape in entries:
            if kind not in SAFE_TYPES:
                raise WeightError(f"{path}: {name} is of type {kind}; real numbers are F64, F32, "
                                  "F16 or BF16")
            count = int(np.prod(shape, dtype=np.int64))
            dtype = stored_type(SAFE_TYPES[kind])
            if first != end or last - first != count * dtype.itemsize:
                raise WeightError(f"{path}: {name} of shape {shape} has the bytes {first} to "
                                  f"{last}, expected {count * dtype.itemsize} from {end} on: the "
                                  "file is damaged")
            end = last
            tensors[name] = Tensor(shape, SAFE_TYPES[kind], reader(path, dtype, begin + first,
                                                                   count, shape))
    except (KeyError, TypeError, ValueError) as error:
        raise WeightError(f"{path}: its header lacks what describes a tensor: {error!r}") from None
    if begin + end != size:
        raise WeightError(f"{path}: {size} bytes, expected {begin + end}: the file is cut or has "
                          "something behind its end")
    return tensors, options


def reader(path, dtype, begin, count, shape):
    return lambda: np.fromfile(path, dtype, count, offset=begin).reshape(shape)


def write_safetensors(path, tensors, options):
    """Arrays by name; the file appears whole or not at all."""
    names = {np.dtype(kind).str.lstrip("<|"): name for name, kind in SAFE_TYPES.items()
             if kind != BFLOAT16}
    header, end = {"__metadata__": options}, 0
    for name, array in tensors.items():
        header[name] = {"dtype": names[array.dtype.str.lstrip("<|")], "shape": list(array.shape),
                        "data_offsets": [end, end + array.nbytes]}
        end += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # numbers start aligned
    path = pathlib.Path(path)
    part = path.with_name(path.name + ".part")
    try:
        with open(part, "wb") as file:
            file.write(struct.pack("<Q", len(text)) + text)
            for array in tensors.values():
                file.write(np.ascontiguousarray(array).tobytes())
        os.replace(part, path)
    except OSError as error:
        raise WeightError(f"{path}: cannot be written: {error}") from None
    finally:
        part.unlink(missing_ok=True)


# ---- PyTorch: a zip of a pickle and of one member for each piece of memory

class Storage:
    """A member of the archive with the numbers of one or more tensors."""

    def __init__(self, archive, member, kind, count):
        self.archive, self.member, self.kind, self.count = archive, member, kind, count

    def read(self):
        if self.archive.newest[0] != self.member:  # tensors of one storage come in a row
            self.archive.newest = (self.member, self.archive.numbers(self))
        return self.archive.newest[1]


class TensorUnpickler(pickle.Unpickler):
    """Knows tensors and their containers, and calls nothing else."""

    def __init__(self, file, archive):
        super().__init__(file, encoding="utf-8")
        self.archive = archive

    def persistent_load(self, saved):
        known = isinstance(saved, tuple) and len(saved) == 5 and saved[0] == "storage"
        if not known or saved[1] not in TORCH_TYPES.values():
            raise WeightError(f"{self.archive.path}: its pickle asks for {saved!r}, which is no "
                              "storage of numbers")
        _, kind, key, _, count = saved
        return Storage(self.archive, f"data/{key}", kind, int(count))

    def find_class(self, module, name):
        if module == "torch" and name in TORCH_TYPES:
            return TORCH_TYPES[name]
        known = {("collections", "OrderedDict"): collections.OrderedDict,
                 ("argparse", "Namespace"): argparse.Namespace,
                 ("torch", "Size"): tuple,
                 ("torch._utils", "_rebuild_tensor_v2"): rebuild_tensor,
                 ("torch._utils", "_rebuild_parameter"): lambda tensor, *_: tensor}
        if (module, name) not in known:
            raise WeightError(
                f"{self.archive.path}: its pickle names {module}.{name}, which is no tensor and is "
                "refused, as a pickle can run code; save the weights alone, by torch.save("
                "model.state_dict(), FILE) or as safetensors")
        return known[module, name]


def rebuild_tensor(storage, offset, shape, stride, *_):
    """What torch._utils._rebuild_tensor_v2 describes: a view of a storage."""
    last = offset + sum((n - 1) * s for n, s in zip(shape, stride))
    empty = 0 in shape
    if not isinstance(storage, Storage) or len(shape) != len(stride) or offset < 0 or \
            min((*shape, *stride, 0)) < 0 or (not empty and last >= storage.count):
        raise WeightError(f"a tensor of shape {tuple(shape)} does not fit into its storage: the "
                          "file is damaged")

    def read():
        numbers = storage.read()
        size = numbers.itemsize
        view = np.lib.stride_tricks.as_strided(numbers[offset:], shape, [s * size for s in stride])
        return np.ascontiguousarray(view).reshape(shape)
    return Tensor(shape, storage.kind, read)


class TorchArchive:
    """An open .pt file."""

    def __init__(self, path):
        self.path, self.newest = path, ("", None)
        try:
            self.zip = zipfile.ZipFile(path)
        except zipfile.BadZipFile:
            raise WeightError(f"{path}: no zip archive: cut short, or of PyTorch before 1.6; a "
                              "newer one writes it anew by torch.save(torch.load(FILE), FILE)"
                              ) from None
        pickles = [name for name in self.zip.namelist() if name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise WeightError(f"{path}: a zip archive, but not of PyTorch: {len(pickles)} members "
                              "data.pkl in it")
        self.folder = pickles[0].removesuffix("data.pkl")
        if self.has("byteorder") and self.member("byteorder") != b"little":
            raise WeightError(f"{path}: its numbers are not little-endian")

    def has(self, name):
        return self.folder + name in self.zip.namelist()

    def member(self, name):
        """All bytes, whose checksum has been compared."""
        try:
            return self.zip.read(self.folder + name)
        except (KeyError, OSError, zipfile.BadZipFile, zipfile.zlib.error) as error:
            raise WeightError(f"{self.path}: member {name}: {error}: the file is damaged") from None

    def numbers(self, storage):
        content, dtype = self.member(storage.member), stored_type(storage.kind)
        if len(content) != storage.count * dtype.itemsize:
            raise WeightError(f"{self.path}: member {storage.member} has {len(content)} bytes, "
                              f"expected {storage.count * dtype.itemsize}: the file is damaged")
        return np.frombuffer(content, dtype)

    def load(self):
        with self.zip.open(self.folder + "data.pkl") as file:
            try:
                return TensorUnpickler(file, self).load()
            except WeightError:
                raise
            except Exception as error:  # whatever a damaged pickle leads to
                raise WeightError(f"{self.path}: its pickle cannot be read: {error!r}") from None


def read_torch(path):
    """({name: Tensor}, options): the dictionary of tensors, and what the model was made with."""
    found = TorchArchive(path).load()
    if not isinstance(found, dict):
        raise WeightError(f"{path}: holds a {type(found).__name__}, expected a dictionary of "
                          "tensors")
    options = found.get("args", {})
    if isinstance(found.get("cfg"), dict):
        options = found["cfg"].get("model", {})
    for key in ("model", "state_dict"):
        if isinstance(found.get(key), dict):
            found = found[key]
    tensors = {name: value for name, value in found.items() if isinstance(value, Tensor)}
    if not tensors:
        raise WeightError(f"{path}: no tensors in it; its keys are "
                          f"{', '.join(map(str, list(found)[:9]))}")
    return tensors, vars(options) if isinstance(options, argparse.Namespace) else options


def read_index(path):
    """The tensors of all safetensors files that an index names, which lie beside it."""
    try:
        shards = sorted(set(json.loads(path.read_text())["weight_map"].values()))
    except (KeyError, ValueError, AttributeError, TypeError) as error:
        raise WeightError(f"{path}: no index of safetensors files: {error!r}") from None
    tensors = {}
    for shard in shards:
        tensors |= read_safetensors(path.parent / shard)[0]
    return tensors, {}


def read_weights(path):
    """({name: Tensor}, options) of a file, by what it is."""
    path = pathlib.Path(path)
    try:
        if path.name.endswith(".index.json"):
            tensors, options = read_index(path)
        elif path.suffix == ".safetensors":
            tensors, options = read_safetensors(path)
        else:
            tensors, options = read_torch(path)
    except OSError as error:
        raise WeightError(f"{error.filename or path}: {error.strerror}") from None
    return tensors, options if isinstance(options, dict) else {}


# ---- The program's HDF5 files

P1, P2, P3, P4, P5 = (np.uint64(p) for p in (
    0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63,
    0x27D4EB2F165667C5))


def rotated(x, bits):
    return x << np.uint64(bits) | x >> np.uint64(64 - bits)


def mix(accumulator, lane):
    return rotated(accumulator + lane * P2, 31) * P1


def hash_rows(rows, seeds):
    """XXH64 (src/base/hash.cpp) of each row of bytes [n, width] with its seed, all at once."""
    n, width = rows.shape
    whole = width // 8
    lanes = np.ascontiguousarray(rows[:, :8 * whole]).view("<u8")
    hashes, done = seeds + P5, 0
    if width >= 32:
        sums = [seeds + P1 + P2, seeds + P2, seeds.copy(), seeds - P1]
        while done + 4 <= whole:
            sums = [mix(s, lanes[:, done + i]) for i, s in enumerate(sums)]
            done += 4
        hashes = sum(rotated(s, bits) for s, bits in zip(sums, (1, 7, 12, 18)))
        for s in sums:
            hashes = (hashes ^ mix(np.uint64(0), s)) * P1 + P4
    hashes = hashes + np.uint64(width)
    for lane in range(done, whole):
        hashes = rotated(hashes ^ mix(np.uint64(0), lanes[:, lane]), 27) * P1 + P4
    done = 8 * whole
    if width - done >= 4:
        word = np.ascontiguousarray(rows[:, done:done + 4]).view("<u4")[:, 0].astype(np.uint64)
        hashes = rotated(hashes ^ word * P1, 23) * P2 + P3
        done += 4
    for i in range(done, width):
        hashes = rotated(hashes ^ rows[:, i].astype(np.uint64) * P5, 11) * P1
    hashes = (hashes ^ hashes >> np.uint64(33)) * P2
    hashes = (hashes ^ hashes >> np.uint64(29)) * P3
    return hashes ^ hashes >> np.uint64(32)


def digest(array):
    """Attribute `digest` of a dataset: the sum of its rows' hashes, seeded by their numbers."""
    with np.errstate(over="ignore"):
        array = np.ascontiguousarray(array)
        rows = array.reshape(len(array), -1).view(np.uint8)
        total, step = np.uint64(0), max(1, (1 << 24) // max(1, rows.shape[1]))
        for begin in range(0, len(rows), step):
            piece = rows[begin:begin + step]
            seeds = np.arange(begin, begin + len(piece), dtype=np.uint64)
            total = total + hash_rows(piece, seeds).sum(dtype=np.uint64)
        return total


def add_dataset(file, name, array):
    """A dataset with its digest, as the program writes them; a text is one row of bytes."""
    if isinstance(array, str):
        array = np.array([array.encode()], dtype=f"S{max(1, len(array.encode()))}")
    dataset = file.create_dataset(name, data=np.atleast_1d(array))
    dataset.attrs["digest"] = digest(np.atleast_1d(array))


def write_weights(path, tensors, form, source, overwrite=False):
    """Tensors by the program's names, numbers of /state/form and where all came from: the file
    appears whole or not at all. `tensors` is a dictionary, or pairs that are made one by one."""
    path = pathlib.Path(path)
    if path.exists() and not overwrite:
        raise WeightError(f"{path}: is there already; --overwrite replaces it")
    part = path.with_name(path.name + ".part")
    try:
        with h5py.File(part, "w") as file:
            file.attrs["format"] = np.bytes_(FORMAT)
            file.attrs["format_version"] = np.int64(VERSION)
            for name, array in tensors.items() if isinstance(tensors, dict) else tensors:
                add_dataset(file, "/state/parameters/" + name, array)
            for name, number in form.items():
                add_dataset(file, "/state/form/" + name, np.array([number], np.int64))
            add_dataset(file, "/info/source", source)
        os.replace(part, path)
    except OSError as error:
        raise WeightError(f"{path}: cannot be written: {error}") from None
    finally:
        part.unlink(missing_ok=True)
