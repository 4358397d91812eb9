"""ESM-2 of esm.cpp: C++, packed rows, forward only, f32 or INT8 (option int8).

It reads the safetensors that transformers saves, of random weights. Its forward pass ends with the
language-model head, which cannot be left out: an hundredth of the operations or less.
"""
import os
import pathlib
import tempfile

import numpy as np

FAST = ("avx512", "amx", "neon")  # instruction sets that it has kernels for


def save_weights(shape, folder):
    """Random weights under the names that esm.cpp knows: norms have weight and bias, and every
    layer has its rotary frequencies."""
    from safetensors.torch import load_file, save_file
    from transformers import EsmForMaskedLM

    from peers.transformers_esm import configuration
    EsmForMaskedLM(configuration(shape)).save_pretrained(folder)
    saved = load_file(folder / "model.safetensors")
    renamed = {name.replace(".gamma", ".weight").replace(".beta", ".bias"): tensor.contiguous()
               for name, tensor in saved.items()}
    import torch
    head_width = shape["width"] // shape["heads"]
    for layer in range(shape["layers"]):
        renamed[f"esm.encoder.layer.{layer}.attention.self.rotary_embeddings.inv_freq"] = (
            1.0 / 10000 ** (torch.arange(0, head_width, 2).float() / head_width))
    save_file(renamed, folder / "weights.safetensors", metadata={"format": "pt"})
    return folder / "weights.safetensors"


class EsmCpp:
    def __init__(self, task):
        os.environ["ESM_NUM_THREADS"] = str(task["threads"])  # read when the first model is loaded
        import esm_cpp
        self.isa = esm_cpp.current_isa()
        if not self.isa.startswith(FAST):
            raise RuntimeError(f"esm.cpp has plain loops only for {self.isa}")
        self.tokenizer = esm_cpp.Tokenizer()
        with tempfile.TemporaryDirectory() as folder:
            weights = save_weights(task["sequence"], pathlib.Path(folder))
            self.model = esm_cpp.Model.load_from_safetensors(str(weights))
            if task.get("int8"):
                self.model.quantize_weights()

    def prepare(self, groups):
        return [[np.asarray(self.tokenizer.encode(protein.sequence), dtype=np.int32)
                 for protein in group] for group in groups]

    def run(self, batches):
        for batch in batches:
            self.model.forward_scheduled(batch)

    def facts(self):
        return {"remark": f"esm.cpp with {self.isa}"}


def make(task):
    return EsmCpp(task)
