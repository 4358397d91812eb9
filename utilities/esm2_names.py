# Names of ESM-2's tensors: fair-esm's, which this program has too, and those of HuggingFace.
import re

from weight_files import WeightError

# (here, transformers' EsmForMaskedLM); {N} is the number of a block.
HUGGINGFACE = [
    ("embed_tokens.", "esm.embeddings.word_embeddings."),
    ("emb_layer_norm_after.", "esm.encoder.emb_layer_norm_after."),
    ("layers.{N}.self_attn.q_proj.", "esm.encoder.layer.{N}.attention.self.query."),
    ("layers.{N}.self_attn.k_proj.", "esm.encoder.layer.{N}.attention.self.key."),
    ("layers.{N}.self_attn.v_proj.", "esm.encoder.layer.{N}.attention.self.value."),
    ("layers.{N}.self_attn.rot_emb.", "esm.encoder.layer.{N}.attention.self.rotary_embeddings."),
    ("layers.{N}.self_attn.out_proj.", "esm.encoder.layer.{N}.attention.output.dense."),
    ("layers.{N}.self_attn_layer_norm.", "esm.encoder.layer.{N}.attention.LayerNorm."),
    ("layers.{N}.fc1.", "esm.encoder.layer.{N}.intermediate.dense."),
    ("layers.{N}.fc2.", "esm.encoder.layer.{N}.output.dense."),
    ("layers.{N}.final_layer_norm.", "esm.encoder.layer.{N}.LayerNorm."),
    ("lm_head.weight", "lm_head.decoder.weight"),
]


def rule(old, new):
    return "^" + re.escape(old).replace(r"\{N\}", r"(\d+)"), new.replace("{N}", r"\1")


TO_HUGGINGFACE = [rule(here, there) for here, there in HUGGINGFACE]
# An EsmModel that was saved alone has names without `esm.`.
FROM_HUGGINGFACE = [(r"^esm\.", "")] + [rule(there.removeprefix("esm."), here)
                                        for here, there in HUGGINGFACE]


def renamed(tensors, rules):
    """Tensors by their names after rules (pattern, replacement), one after the other."""
    found = {}
    for name, tensor in tensors.items():
        target = name
        for pattern, replacement in rules:
            target = re.sub(pattern, replacement, target)
        if target in found:
            raise WeightError(f"{name}: another tensor of the file has its place, {target}")
        found[target] = tensor
    return found
