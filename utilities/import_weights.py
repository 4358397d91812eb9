#!/usr/bin/env python3
# Published weights of ESM-2 and ESM-IF1 as initial weights of a run.
"""usage: import_weights.py FILE -o WEIGHTS.h5 [--overwrite]

FILE is one of: esm2_*.pt or esm_if1_*.pt of fair-esm; model.safetensors, its index where it comes
in parts, or pytorch_model.bin of an ESM-2 from HuggingFace; a dictionary of such tensors that
torch.save wrote; or the state_dict of the Python program JESPR, with both encoders and heads. The
deck takes the result as &sequence weights (ESM-2), &structure weights (ESM-IF1) or &joint weights
(heads). doc/weights.md says what becomes of each tensor.
"""
import argparse
import hashlib
import json
import pathlib
import re

import numpy as np

import script_errors
from esm2_names import FROM_HUGGINGFACE, renamed
from weight_files import FORM_KEY, WeightError, read_weights, write_weights

MODES = ("reference", "invariant")      # GeometryMode of src/kernels/geometry.hpp
POOLINGS = ("bos", "mean", "attention")  # Pooling of src/kernels/pooling.hpp
# What files of fair-esm and a config.json of HuggingFace say of /state/form.
OPTIONS = {"encoder_attention_heads": ("sequence.heads", "structure.heads"),
           "num_attention_heads": ("sequence.heads",),
           "gvp_top_k_neighbors": ("structure.neighbours",)}
GRAPH = "gvp_encoder.embed_graph."
# Tensors of the structure encoder whose rows are sizes of the deck; those of the released model.
STRUCTURE_SIZES = {"node_scalars": GRAPH + "embed_confidence.weight",
                   "node_vectors": GRAPH + "embed_node.0.wv.weight",
                   "edge_scalars": GRAPH + "embed_edge.0.ws.weight",
                   "edge_vectors": GRAPH + "embed_edge.0.wv.weight",
                   "width": "layer_norm.weight", "feed_forward": "layers.0.fc1.weight"}
ESM_IF1 = {"node_scalars": 1024, "node_vectors": 256, "edge_scalars": 32, "edge_vectors": 1,
           "width": 512, "feed_forward": 2048}
# Released rotary frequencies have been rounded to float16; a file in bfloat16 rounds them more.
FREQUENCY_ERROR = {"bfloat16": 2.0 ** -7}
OTHER_FREQUENCY_ERROR = 2.0 ** -10
ROTARY_BASE = 10000.0

BLOCK = r"layers\.\d+\.(self_attn\.(k_proj|v_proj|q_proj|out_proj)|self_attn_layer_norm|fc1|fc2|" \
        r"final_layer_norm)\.(weight|bias)"
SEQUENCE = re.compile(r"embed_tokens\.weight|" + BLOCK + r"|emb_layer_norm_after\.(weight|bias)|"
                      r"lm_head\.((dense|layer_norm)\.(weight|bias)|bias)|layer_weights")
STRUCTURE = re.compile(r"embed_tokens\.weight|" + BLOCK + r"|layer_norm\.(weight|bias)|"
                       r"(embed_gvp_input_features|embed_confidence|embed_gvp_output)\."
                       r"(weight|bias)|embed_dihedrals\..+|gvp_encoder\.(embed_graph|"
                       r"encoder_layers)\..+|layer_weights")
LEFT_OUT_OF_SEQUENCE = re.compile(r"contact_head\..+|pooler\..+|classifier\..+|"
                                  r"embeddings\.position_ids|"
                                  r"embeddings\.position_embeddings\.weight")
LEFT_OUT_OF_STRUCTURE = re.compile(r"decoder\..+|.*version|.*embed_positions\._float_tensor")
HEADS = re.compile(r"(seq|struct)_encoder\.(joint_embedding_projection|after_proj_ln|"
                   r"attention_pooling)\..+|logit_scale|logit_bias|expander\..+|"
                   r"class_heads\.\d+\.(weight|bias)")
OLDER_MODELS = re.compile(r"emb_layer_norm_before\..+|embed_positions\.weight|"
                          r"embeddings\.layer_norm\..+")

# ESM-IF1 was trained by older code: fair-esm renames what it loads (esm/pretrained.py).
INVERSE_FOLDING = [
    ("^encoder\\.", ""), ("W_v", "embed_graph.embed_node"), ("W_e", "embed_graph.embed_edge"),
    ("embed_scores\\.0", "embed_confidence"), ("embed_score\\.", "embed_graph.embed_confidence."),
    ("embed_ingraham_features", "embed_dihedrals"),
    ("embed_gvp_in_local_frame\\.0", "embed_gvp_output"),
    ("embed_features_in_local_frame\\.0", "embed_gvp_input_features")]
FAIR_ESM = [(r"^encoder\.sentence_encoder\.|^encoder\.", "")]


def split(tensors, wanted, left_out, path, model):
    """The tensors that are taken, and names of those left out; others are refused."""
    taken, dropped = {}, []
    for name, tensor in tensors.items():
        if wanted.fullmatch(name):
            if tensor.kind not in ("<f8", "<f4", "<f2", "bfloat16"):
                raise WeightError(f"{path}: {name} holds {tensor.kind}, expected real numbers")
            taken[name] = tensor
        elif left_out.fullmatch(name):
            dropped.append(name)
        elif OLDER_MODELS.fullmatch(name):
            raise WeightError(f"{path}: {name}: a model before ESM-2, with learned positions or a "
                              "norm before the blocks; the sequence encoder is ESM-2")
        else:
            raise WeightError(f"{path}: {name} is no tensor of {model} that is known here; take "
                              "it out of the file, or a file as it was published")
    return taken, dropped


def layers_of(tensors, pattern):
    return 1 + max((int(found[1]) for name in tensors if (found := re.match(pattern, name))),
                   default=-1)


def check_tied(tensors, path):
    """The table of outputs is that of inputs, which is what this program computes with."""
    output = tensors.pop("lm_head.weight", None)
    if output is None:
        return []
    if "embed_tokens.weight" not in tensors or not np.array_equal(
            output.array(), tensors["embed_tokens.weight"].array()):
        raise WeightError(f"{path}: lm_head.weight is not embed_tokens.weight: in ESM-2 both are "
                          "one; these outputs cannot be represented")
    return ["lm_head.weight"]


def check_frequencies(tensors, path):
    """Rotary frequencies are a formula: the file's must follow it. (names, 2 d, largest error)"""
    names = [name for name in tensors if name.endswith(".rot_emb.inv_freq")]
    pairs, worst = 0, 0.0
    for name in names:
        tensor = tensors.pop(name)
        found = tensor.array().astype(np.float64)
        pairs = len(found)
        wanted = ROTARY_BASE ** (-np.arange(pairs) / pairs)
        error = np.abs(found / wanted - 1).max() if pairs else 0
        worst = max(worst, error)
        if not error <= FREQUENCY_ERROR.get(tensor.kind, OTHER_FREQUENCY_ERROR):
            raise WeightError(f"{path}: {name} differs from 10000^(-2 i / D) by a share of "
                              f"{error:.2g}: another rotary embedding than ESM-2's")
    return names, pairs, worst


class Imported:
    """Tensors by the program's names, numbers of /state/form, and what to tell about them."""

    def __init__(self, prefix="", tensors=(), form=(), left_out=(), notes=(), deck=""):
        self.tensors = {prefix + name: tensor for name, tensor in dict(tensors).items()}
        self.form, self.left_out, self.notes = dict(form), list(left_out), list(notes)
        self.deck = [deck] if deck else []

    def add(self, other):
        self.tensors |= other.tensors
        self.form |= other.form
        self.left_out += other.left_out
        self.notes += other.notes
        self.deck += other.deck
        return self


def form_told(options, path):
    """Numbers of /state/form that the file tells beside its tensors."""
    if FORM_KEY in options:  # export_weights.py wrote it
        try:
            return {key: int(number) for key, number in json.loads(options[FORM_KEY]).items()}
        except (AttributeError, TypeError, ValueError) as error:
            raise WeightError(f"{path}: {FORM_KEY} of its header is no dictionary of whole "
                              f"numbers: {error}") from None
    return {key: options[option] for option, keys in OPTIONS.items() for key in keys
            if isinstance(options.get(option), int)}


def of_group(told, group):
    return {key: number for key, number in told.items() if key.startswith(group + ".")}


def note_heads(form, group):
    return [] if group + ".heads" in form else ["the number of attention heads is not in the file: "
                                                "the deck must say it right"]


def deck_line(group, keys):
    return f"&{group} " + ", ".join(f"{key} = {value}" for key, value in keys.items())


def pooling_keys(told, group):
    """What the deck must say of pooling, where the file tells it."""
    keys = {}
    if (pooling := told.get(group + ".pooling", -1)) in range(len(POOLINGS)):
        keys["pooling"] = f"'{POOLINGS[pooling]}'"
    if told.get(group + ".pooled_layers", 1) > 1:
        keys["pooled_layers"] = told[group + ".pooled_layers"]
    if told.get(group + ".layer_weights", 0):
        keys["layer_weights"] = "'learned'"
    return keys


def sequence_encoder(tensors, told, path):
    """ESM-2."""
    dropped = check_tied(tensors, path)
    frequencies, pairs, worst = check_frequencies(tensors, path)
    taken, others = split(tensors, SEQUENCE, LEFT_OUT_OF_SEQUENCE, path, "ESM-2")
    width = taken["embed_tokens.weight"].shape[-1] if "embed_tokens.weight" in taken else 0
    form = of_group(told, "sequence") | {"sequence.layers": layers_of(taken, r"layers\.(\d+)\.")}
    if pairs:
        form["sequence.heads"] = width // (2 * pairs)
    notes = note_heads(form, "sequence")
    if frequencies:
        notes.append(f"rotary frequencies are computed; the file's differ by {worst:.1e} at most")
    deck = deck_line("sequence", {"layers": form["sequence.layers"], "width": width,
                                  "heads": form.get("sequence.heads", "?")} |
                     pooling_keys(told, "sequence"))
    return Imported("seq_encoder.", taken, form, dropped + frequencies + others, notes, deck)


def structure_encoder(tensors, told, path):
    """The encoder of ESM-IF1, or one of its form."""
    taken, dropped = split(tensors, STRUCTURE, LEFT_OUT_OF_STRUCTURE, path, "ESM-IF1")
    form = {"structure.mode": MODES.index("reference")} | of_group(told, "structure") | {
        "structure.layers": layers_of(taken, r"layers\.(\d+)\."),
        "structure.graph_layers": layers_of(taken, r"gvp_encoder\.encoder_layers\.(\d+)\.")}
    sizes = {key: taken[name].shape[0] for key, name in STRUCTURE_SIZES.items() if name in taken}
    keys = {"preset": "'esm_if1'"} if sizes == ESM_IF1 else sizes
    if form["structure.mode"] in range(len(MODES)):
        keys |= {"mode": f"'{MODES[form['structure.mode']]}'"}
    keys |= {key: form["structure." + key] for key in ("layers", "graph_layers", "heads",
                                                       "neighbours") if "structure." + key in form}
    return Imported("struct_encoder.", taken, form, dropped, note_heads(form, "structure"),
                    deck_line("structure", keys | pooling_keys(told, "structure")))


def joint_heads(tensors, told):
    """Projection heads and what a loss learned."""
    norm = tensors.get("seq_encoder.after_proj_ln.weight")
    hidden = "seq_encoder.joint_embedding_projection.2.weight" in tensors
    deck = "" if norm is None else deck_line("joint", {
        "width": norm.shape[0], "head": "'mlp_tanh'" if hidden else "'linear'"})
    notes = ["class heads are kept, but a run starts with its own: their rows are the classes of a "
             "dataset"] if any(name.startswith("class_heads.") for name in tensors) else []
    return Imported("", tensors, of_group(told, "loss"), notes=notes, deck=deck)


def joint_model(tensors, told, path):
    """Both encoders and heads, by the names of the Python program JESPR."""
    heads = {name: tensor for name, tensor in tensors.items() if HEADS.fullmatch(name)}
    found = joint_heads(heads, told)
    for prefix, encoder in (("seq_encoder.", sequence_encoder),
                            ("struct_encoder.", structure_encoder)):
        mine = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()
                if name.startswith(prefix) and name not in heads}
        if mine:
            found.add(encoder(mine, told, path))
    strange = [name for name in tensors if name not in heads
               and not name.startswith(("seq_encoder.", "struct_encoder."))]
    if strange:
        raise WeightError(f"{path}: {strange[0]} is of neither encoder and no head")
    return found


def read_config(path):
    """Options of config.json of HuggingFace."""
    try:
        options = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise WeightError(f"{path}: cannot be read as JSON: {error}") from None
    if not isinstance(options, dict):
        raise WeightError(f"{path}: no dictionary of options")
    if options.get("position_embedding_type", "rotary") != "rotary":
        raise WeightError(f"{path}: positions are not rotary: a model before ESM-2")
    return options


def convert(tensors, options, path):
    """What the file is, told by the names in it."""
    told = form_told(options, path)
    if any(name.startswith(("seq_encoder.", "struct_encoder.")) for name in tensors):
        return joint_model(tensors, told, path)
    if any("gvp_encoder." in name for name in tensors):
        return structure_encoder(renamed(tensors, INVERSE_FOLDING), told, path)
    if any(".attention.self.query." in name for name in tensors):
        config = path.with_name("config.json")
        if config.exists():
            told = form_told(read_config(config), config)
        return sequence_encoder(renamed(tensors, FROM_HUGGINGFACE), told, path)
    if any(name.endswith("layers.0.self_attn.k_proj.weight") for name in tensors):
        return sequence_encoder(renamed(tensors, FAIR_ESM), told, path)
    raise WeightError(f"{path}: neither ESM-2 nor ESM-IF1 by its names: "
                      f"{', '.join(list(tensors)[:5])} ...")


def fingerprint(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def grouped(names):
    """Names that differ in a number stand for one another."""
    counts = {}
    for name in names:
        key = re.sub(r"\d+", "N", name)
        counts[key] = counts.get(key, 0) + 1
    return ", ".join(f"{name} ({count})" if count > 1 else name for name, count in counts.items())


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=pathlib.Path)
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True)
    parser.add_argument("--overwrite", action="store_true")
    options = parser.parse_args()
    found = convert(*read_weights(options.file), options.file)
    write_weights(options.output, ((name, found.tensors[name].array())
                                   for name in sorted(found.tensors)), found.form,
                  f"{options.file.name}, sha256 {fingerprint(options.file)}", options.overwrite)
    print(f"{options.output}: {len(found.tensors)} tensors of {options.file}")
    if found.left_out:
        print("left out: " + grouped(found.left_out))
    for note in found.notes:
        print("note: " + note)
    for line in found.deck:
        print(f"in the deck: {line}, weights = '{options.output}' /")


if __name__ == "__main__":
    script_errors.run(main)
