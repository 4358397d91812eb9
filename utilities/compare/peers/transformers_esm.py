"""ESM-2 of HuggingFace transformers with PyTorch's scaled_dot_product_attention.

Options: compiled (torch.compile), half (weights kept in bf16 instead of autocast: forward only).
"""
import torch
from transformers import EsmConfig, EsmModel

from peers.torch_setting import ALPHABET, EncoderPeer, maybe_compiled, padded_tokens, set_threads


def configuration(shape):
    """Of a model like the released ones, in the shape of a task."""
    return EsmConfig(
        vocab_size=len(ALPHABET), pad_token_id=ALPHABET.padding_idx,
        mask_token_id=ALPHABET.mask_idx, hidden_size=shape["width"],
        num_hidden_layers=shape["layers"], num_attention_heads=shape["heads"],
        intermediate_size=4 * shape["width"], position_embedding_type="rotary", token_dropout=True,
        emb_layer_norm_before=False, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
        layer_norm_eps=1e-5, max_position_embeddings=4098, attn_implementation="sdpa")


class TransformersEsm(EncoderPeer):
    modality = "sequence"

    def __init__(self, task):
        model = EsmModel(configuration(task["sequence"]), add_pooling_layer=False)
        if task.get("half"):
            model = model.to(torch.bfloat16)
            task = dict(task, precision="as the weights")
        super().__init__(task, model)
        self.call = maybe_compiled(self.model, task)

    def batch_of(self, proteins):
        tokens = padded_tokens(proteins)
        real = tokens != ALPHABET.padding_idx
        # Without padding there is nothing to mask, and attention is faster when not told so.
        return (tokens, None if bool(real.all()) else real.long()), real

    def represent(self, batch):
        tokens, mask = batch
        return self.call(input_ids=tokens, attention_mask=mask).last_hidden_state


def make(task):
    set_threads(task)
    return TransformersEsm(task)
