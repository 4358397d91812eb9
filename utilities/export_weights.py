#!/usr/bin/env python3
# Trained weights of a checkpoint for other programs, as safetensors.
"""usage: export_weights.py CHECKPOINT.h5 -o model.safetensors [--all] [--averaged] [--overwrite]

The sequence encoder under HuggingFace's names, with a config.json beside it from which transformers
makes the model: EsmModel.from_pretrained(FOLDER), or EsmForMaskedLM where the run predicted
residues. With --all both encoders, heads and what the loss learned, under the names of fair-esm and
the Python program JESPR, without a config. --averaged takes the moving averages (&optim ema_decay).
"""
import argparse
import json
import pathlib
import re
import sys

import h5py

from weight_files import WeightError, write_safetensors

# Names here (fair-esm's) and HuggingFace's; import_weights.py has the way back.
HUGGINGFACE = [
    (r"^embed_tokens\.", "esm.embeddings.word_embeddings."),
    (r"^emb_layer_norm_after\.", "esm.encoder.emb_layer_norm_after."),
    (r"^layers\.", "esm.encoder.layer."),
    (r"\.self_attn\.q_proj\.", ".attention.self.query."),
    (r"\.self_attn\.k_proj\.", ".attention.self.key."),
    (r"\.self_attn\.v_proj\.", ".attention.self.value."),
    (r"\.self_attn\.out_proj\.", ".attention.output.dense."),
    (r"\.self_attn_layer_norm\.", ".attention.LayerNorm."),
    (r"\.fc1\.", ".intermediate.dense."),
    (r"\.fc2\.", ".output.dense."),
    (r"\.final_layer_norm\.", ".LayerNorm."),
]
PREFIX = "seq_encoder."
OF_ENCODER = re.compile(r"(embed_tokens|emb_layer_norm_after|layers|lm_head)\..+")
CONFIG = {"model_type": "esm", "position_embedding_type": "rotary", "token_dropout": True,
          "emb_layer_norm_before": False, "layer_norm_eps": 1e-5, "hidden_act": "gelu",
          "pad_token_id": 1, "mask_token_id": 32, "max_position_embeddings": 1026,
          "attention_probs_dropout_prob": 0.0, "hidden_dropout_prob": 0.0,
          "is_folding_model": False}


def read_checkpoint(path, group):
    """({name: array}, {key: number} of /state/form)"""
    try:
        file = h5py.File(path)
    except OSError as error:
        raise WeightError(f"{path}: cannot be read as HDF5: {error}") from None
    with file:
        if file.attrs.get("format") not in ("jespr checkpoint", b"jespr checkpoint"):
            raise WeightError(f"{path}: no checkpoint of this program (attribute format of /)")
        if group not in file["state"]:
            raise WeightError(f"{path}: no averaged weights in it (&optim ema_decay keeps them)")
        form = file["state/form"]
        return ({name: tensor[:] for name, tensor in file["state"][group].items()},
                {key: int(form[key][0]) for key in form})


def for_huggingface(weights, form):
    """({name: array}, config) of the sequence encoder."""
    if form.get("loss.causal"):
        print("note: this encoder was trained with causal attention, which ESM-2 of transformers "
              "has not", file=sys.stderr)
    tensors = {}
    for name, array in weights.items():
        if not OF_ENCODER.fullmatch(name.removeprefix(PREFIX)) or not name.startswith(PREFIX):
            continue
        target = name.removeprefix(PREFIX)
        for pattern, replacement in HUGGINGFACE:
            target = re.sub(pattern, replacement, target)
        tensors[target] = array
    table = weights[PREFIX + "embed_tokens.weight"]
    predicts = "lm_head.bias" in tensors
    if predicts:
        tensors["lm_head.decoder.weight"] = table
    return tensors, CONFIG | {
        "architectures": ["EsmForMaskedLM" if predicts else "EsmModel"],
        "vocab_size": table.shape[0], "hidden_size": table.shape[1],
        "intermediate_size": len(weights[PREFIX + "layers.0.fc1.bias"]),
        "num_hidden_layers": form["sequence.layers"],
        "num_attention_heads": form["sequence.heads"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=pathlib.Path)
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True)
    for flag in ("all", "averaged", "overwrite"):
        parser.add_argument("--" + flag, action="store_true")
    options = parser.parse_args()
    config_file = options.output.with_name("config.json")
    try:
        taken = [options.output] if options.all else [options.output, config_file]
        for path in taken:
            if path.exists() and not options.overwrite:
                raise WeightError(f"{path}: is there already; --overwrite replaces it")
        weights, form = read_checkpoint(options.checkpoint,
                                        "average" if options.averaged else "parameters")
        tensors, config = (weights, None) if options.all else for_huggingface(weights, form)
        options.output.parent.mkdir(parents=True, exist_ok=True)
        write_safetensors(options.output, tensors, {"format": "pt"})
        if config:
            config_file.write_text(json.dumps(config, indent=2) + "\n")
    except WeightError as error:
        sys.exit(str(error))
    print(f"{options.output}: {len(tensors)} tensors of {options.checkpoint}")


if __name__ == "__main__":
    main()
