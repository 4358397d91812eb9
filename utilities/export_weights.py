#!/usr/bin/env python3
# Trained weights of a checkpoint for other programs, as safetensors.
"""usage: export_weights.py CHECKPOINT.h5 -o model.safetensors [--all] [--averaged] [--overwrite]

The sequence encoder under HuggingFace's names, with a config.json beside it from which transformers
makes the model: EsmModel.from_pretrained(FOLDER), or EsmForMaskedLM where the run predicted
residues; what has no place there is named. With --all both encoders, heads and what the loss
learned, under the names of fair-esm and the Python program JESPR, without a config, for
import_weights.py too. --averaged takes the moving averages (&optim ema_decay).
"""
import argparse
import json
import pathlib
import re

import script_errors
from esm2_names import TO_HUGGINGFACE, renamed
from weight_files import FORM_KEY, WeightError, write_safetensors

PREFIX = "seq_encoder."
OF_ENCODER = re.compile(r"(embed_tokens|emb_layer_norm_after|layers|lm_head)\..+")
CONFIG = {"model_type": "esm", "position_embedding_type": "rotary", "token_dropout": True,
          "emb_layer_norm_before": False, "layer_norm_eps": 1e-5, "hidden_act": "gelu",
          "pad_token_id": 1, "mask_token_id": 32, "max_position_embeddings": 1026,
          "attention_probs_dropout_prob": 0.0, "hidden_dropout_prob": 0.0,
          "is_folding_model": False}

# Beginnings of the names of tensors that HuggingFace's model has no place for, and what that means.
LEFT_OUT = {
    "seq_encoder.layer_weights": "transformers' last_hidden_state is of the last block alone; this "
                                 "run pools a sum of several blocks by these weights",
    "seq_encoder.attention_pooling": "this run pools residues by this query; a mean of the rows is "
                                     "another embedding",
    "seq_encoder.": "the head into the joint space; the exported model gives the encoder's rows",
    "struct_encoder.": "transformers has no such encoder",
    "": "class heads and what the loss learned",
}


def read_checkpoint(path, group):
    """({name: array}, {key: number} of /state/form)"""
    with script_errors.open_hdf5(path, "checkpoint") as file:
        if "state/form/sequence.heads" not in file:
            raise WeightError(f"{path}: does not say its number of attention heads (/state/form): "
                              "of an older version of the program")
        if group not in file["state"]:
            raise WeightError(f"{path}: no averaged weights in it (&optim ema_decay keeps them)")
        form = file["state/form"]
        return ({name: tensor[:] for name, tensor in file["state"][group].items()},
                {key: int(form[key][0]) for key in form})


def tell_left_out(names, form):
    """Prints what HuggingFace's model lacks of this run's."""
    if form.get("loss.causal"):
        print("note: this encoder was trained with causal attention, which ESM-2 of transformers "
              "has not")
    if form.get("sequence.pooled_layers", 1) > 1 and PREFIX + "layer_weights" not in names:
        print(f"note: this run pools the sum of the last {form['sequence.pooled_layers']} blocks; "
              "transformers' last_hidden_state is the last alone")
    counts = dict.fromkeys(LEFT_OUT, 0)
    for name in names:
        counts[next(start for start in LEFT_OUT if name.startswith(start))] += 1
    for start, meaning in LEFT_OUT.items():
        if counts[start]:
            what = f"{start}*" if start.endswith(".") else start or "tensors of neither encoder"
            print(f"left out: {what} ({counts[start]}): {meaning}")
    print("--all writes every tensor")


def for_huggingface(weights, form):
    """({name: array}, config) of the sequence encoder, and names of what is none of it."""
    mine = {name: array for name, array in weights.items() if name.startswith(PREFIX)
            and OF_ENCODER.fullmatch(name.removeprefix(PREFIX))}
    tensors = renamed({name.removeprefix(PREFIX): array for name, array in mine.items()},
                      TO_HUGGINGFACE)
    table = weights[PREFIX + "embed_tokens.weight"]
    predicts = "lm_head.bias" in tensors
    if predicts:
        tensors["lm_head.decoder.weight"] = table
    return tensors, CONFIG | {
        "architectures": ["EsmForMaskedLM" if predicts else "EsmModel"],
        "vocab_size": table.shape[0], "hidden_size": table.shape[1],
        "intermediate_size": len(weights[PREFIX + "layers.0.fc1.bias"]),
        "num_hidden_layers": form["sequence.layers"],
        "num_attention_heads": form["sequence.heads"]}, weights.keys() - mine.keys()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=pathlib.Path)
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True)
    for flag in ("all", "averaged", "overwrite"):
        parser.add_argument("--" + flag, action="store_true")
    options = parser.parse_args()
    config_file = options.output.with_name("config.json")
    taken = [options.output] if options.all else [options.output, config_file]
    for path in taken:
        if path.exists() and not options.overwrite:
            raise WeightError(f"{path}: is there already; --overwrite replaces it")
    weights, form = read_checkpoint(options.checkpoint,
                                    "average" if options.averaged else "parameters")
    tensors, config, left_out = ((weights, None, ()) if options.all else
                                 for_huggingface(weights, form))
    told = {FORM_KEY: json.dumps(form)} if options.all else {}
    options.output.parent.mkdir(parents=True, exist_ok=True)
    write_safetensors(options.output, tensors, {"format": "pt"} | told)
    if config:
        config_file.write_text(json.dumps(config, indent=2) + "\n")
    print(f"{options.output}: {len(tensors)} tensors of {options.checkpoint}")
    if config:
        tell_left_out(left_out, form)


if __name__ == "__main__":
    script_errors.run(main)
