"""ESM-2 of fair-esm under PyTorch: the released code, without its language-model head."""
import esm.model.esm2
import torch

from peers.torch_setting import ALPHABET, EncoderPeer, maybe_compiled, padded_tokens, set_threads


def encoder(shape):
    """ESM-2 with random weights; of its outputs only the last layer's rows are asked for."""
    model = esm.model.esm2.ESM2(num_layers=shape["layers"], embed_dim=shape["width"],
                                attention_heads=shape["heads"], alphabet=ALPHABET)
    model.lm_head = torch.nn.Identity()
    model.contact_head = torch.nn.Identity()
    return model


class FairEsm(EncoderPeer):
    modality = "sequence"

    def __init__(self, task):
        super().__init__(task, encoder(task["sequence"]))
        self.call = maybe_compiled(self.model, task)

    def batch_of(self, proteins):
        tokens = padded_tokens(proteins)
        return tokens, tokens != ALPHABET.padding_idx

    def represent(self, tokens):
        layers = self.task["sequence"]["layers"]
        return self.call(tokens, repr_layers=[layers])["representations"][layers]


def make(task):
    set_threads(task)
    return FairEsm(task)
