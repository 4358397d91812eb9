# Weight files as other programs write them, made without those programs: PyTorch's zip of a pickle,
# safetensors; and tensors by the recorded names, shapes and rule of tests/data/golden.
import argparse
import collections
import json
import pickle
import struct
import sys
import types
import zipfile

import h5py
import numpy as np

MASK = (1 << 64) - 1


# ---- Values by the rule of tests/data/golden/FORMAT.md

def hash_of(text):
    value = 0xcbf29ce484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001b3 & MASK
    return value


def values_by_rule(name, shape, offset, scale, seed):
    count = int(np.prod(shape, dtype=np.int64))
    with np.errstate(over="ignore"):
        z = np.uint64(hash_of(name) ^ seed) + \
            np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
        z = z ^ z >> np.uint64(31)
    u = (z >> np.uint64(11)).astype(np.float64) * 2.0 ** -53
    return (offset + scale * np.sqrt(3.0) * (2 * u - 1)).astype(np.float32).reshape(shape)


def golden_tensors(path):
    """{name: float32 array} of a golden file, by the reference's names."""
    with h5py.File(path) as file:
        table, seed = file["param_table"], int(file["params"].attrs["seed"])
        return {name: values_by_rule(name, tuple(int(n) for n in table["shape"][i][:ndim]),
                                     table["offset"][i], table["scale"][i], seed)
                for i, (name, ndim) in enumerate(zip(table["name"].asstr()[:], table["ndim"][:]))}


# ---- PyTorch's files: the modules that their pickles name are stood in for while one is written

class Storage:
    def __init__(self, key, array):
        self.key, self.array = key, array


class Pickler(pickle.Pickler):
    def __init__(self, file, storages, torch):
        super().__init__(file, protocol=2)
        self.storages, self.torch = storages, torch

    def persistent_id(self, item):
        if not isinstance(item, Storage):
            return None
        kind = {"<f4": "FloatStorage", "<f2": "HalfStorage", "<f8": "DoubleStorage",
                "<i8": "LongStorage"}[item.array.dtype.str]
        return ("storage", getattr(self.torch, kind), item.key, "cpu", item.array.size)

    def reducer_override(self, item):
        if not isinstance(item, np.ndarray):
            return NotImplemented
        storage = Storage(str(len(self.storages)), np.ascontiguousarray(item))
        self.storages.append(storage)
        stride = tuple(int(np.prod(item.shape[i + 1:])) for i in range(item.ndim))
        return (self.torch._utils._rebuild_tensor_v2,
                (storage, 0, item.shape, stride, False, collections.OrderedDict()))


def stand_ins():
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    torch._utils = utils
    for name in ("FloatStorage", "HalfStorage", "DoubleStorage", "LongStorage"):
        setattr(torch, name, type(name, (), {"__module__": "torch"}))

    def _rebuild_tensor_v2():
        pass
    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = utils.__name__, \
        "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    return {"torch": torch, "torch._utils": utils}


def write_torch(path, content, folder="archive"):
    """As torch.save writes a dictionary with arrays in it."""
    import io
    modules, storages, text = stand_ins(), [], io.BytesIO()
    kept = {name: sys.modules.get(name) for name in modules}
    sys.modules.update(modules)
    try:
        Pickler(text, storages, modules["torch"]).dump(content)
    finally:
        for name, module in kept.items():
            del sys.modules[name]
            if module:
                sys.modules[name] = module
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{folder}/data.pkl", text.getvalue())
        archive.writestr(f"{folder}/byteorder", "little")
        for storage in storages:
            archive.writestr(f"{folder}/data/{storage.key}", storage.array.tobytes())
        archive.writestr(f"{folder}/version", "3\n")
    return path


def write_safetensors(path, tensors, kind="F32"):
    """float32 arrays as F32, or rounded to F16 or, by cutting, to BF16."""
    stored = {"F32": lambda a: a.astype("<f4"), "F16": lambda a: a.astype("<f2"),
              "BF16": lambda a: (a.view("<u4") >> 16).astype("<u2")}[kind]
    header, numbers = {"__metadata__": {"format": "pt"}}, b""
    for name, array in tensors.items():
        piece = stored(np.ascontiguousarray(array)).tobytes()
        header[name] = {"dtype": kind, "shape": list(array.shape),
                        "data_offsets": [len(numbers), len(numbers) + len(piece)]}
        numbers += piece
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + numbers)
    return path


# ---- The published files

HEAD = ("joint_embedding_projection.", "after_proj_ln.")


def encoder_of(tensors):
    """Without the projection head, which no published file has."""
    return {name: array for name, array in tensors.items() if not name.startswith(HEAD)}


def frequencies(heads, width):
    """Rotary frequencies as released: rounded to half precision on the way."""
    half = width // heads // 2
    return (10000.0 ** (-np.arange(half) / half)).astype(np.float16).astype(np.float32)


def language_head(width, seed=5):
    chance = np.random.default_rng(seed)
    shapes = {"dense.weight": (width, width), "dense.bias": (width,), "layer_norm.weight": (width,),
              "layer_norm.bias": (width,), "bias": (33,)}
    return {name: chance.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def fair_esm(tensors, heads):
    """What esm2_*.pt holds: {"cfg": ..., "model": ...}, tensors by the names of fairseq."""
    width = tensors["embed_tokens.weight"].shape[1]
    layers = len([name for name in tensors if name.endswith(".fc1.bias")])
    stem = "encoder.sentence_encoder."
    model = collections.OrderedDict((stem + name, array) for name, array in tensors.items())
    for layer in range(layers):
        model[f"{stem}layers.{layer}.self_attn.rot_emb.inv_freq"] = frequencies(heads, width)
    model |= {"encoder.lm_head." + name: a for name, a in language_head(width).items()}
    model["encoder.lm_head.weight"] = tensors["embed_tokens.weight"]
    settings = argparse.Namespace(encoder_layers=layers, encoder_embed_dim=width,
                                  encoder_attention_heads=heads, token_dropout=True)
    return {"cfg": {"model": settings}, "model": model}


def huggingface(tensors, heads):
    """What model.safetensors of an ESM-2 holds."""
    width = tensors["embed_tokens.weight"].shape[1]
    parts = {"self_attn.q_proj": "attention.self.query", "self_attn.k_proj": "attention.self.key",
             "self_attn.v_proj": "attention.self.value",
             "self_attn.out_proj": "attention.output.dense",
             "self_attn_layer_norm": "attention.LayerNorm", "fc1": "intermediate.dense",
             "fc2": "output.dense", "final_layer_norm": "LayerNorm"}
    model = {"esm.embeddings.position_embeddings.weight": np.zeros((1026, width), np.float32)}
    for name, array in tensors.items():
        if name == "embed_tokens.weight":
            model["esm.embeddings.word_embeddings.weight"] = array
        elif name.startswith("layers."):
            _, layer, *middle, last = name.split(".")
            model[f"esm.encoder.layer.{layer}.{parts['.'.join(middle)]}.{last}"] = array
            model[f"esm.encoder.layer.{layer}.attention.self.rotary_embeddings.inv_freq"] = \
                frequencies(heads, width)
        else:
            model["esm.encoder." + name] = array
    model |= {"lm_head." + name: array for name, array in language_head(width).items()}
    model["lm_head.decoder.weight"] = tensors["embed_tokens.weight"]
    model["esm.contact_head.regression.bias"] = np.zeros(1, np.float32)
    return model


def inverse_folding(tensors, heads, neighbours):
    """What esm_if1_*.pt holds, by the names of the code that trained it."""
    older = (("gvp_encoder.embed_graph.embed_node", "gvp_encoder.W_v"),
             ("gvp_encoder.embed_graph.embed_edge", "gvp_encoder.W_e"),
             ("gvp_encoder.embed_graph.embed_confidence", "gvp_encoder.embed_score"),
             ("embed_confidence", "embed_scores.0"),
             ("embed_dihedrals", "embed_ingraham_features"),
             ("embed_gvp_output", "embed_gvp_in_local_frame.0"),
             ("embed_gvp_input_features", "embed_features_in_local_frame.0"))
    model = collections.OrderedDict({"encoder.version": np.zeros(1, np.float32)})
    for name, array in tensors.items():
        target = next((name.replace(new, old) for new, old in older if name.startswith(new)), name)
        model["encoder." + target] = array
    model["encoder.embed_positions._float_tensor"] = np.zeros(1, np.float32)
    model["decoder.layers.0.fc1.bias"] = np.ones(4, np.float32)
    settings = argparse.Namespace(arch="vt_medium_with_invariant_gvp",
                                  encoder_attention_heads=heads, gvp_top_k_neighbors=neighbours)
    return {"args": settings, "model": model}
