"""A training step as one writes it in PyTorch: both encoders of fair-esm, projection heads, CLIP
loss over all proteins, AdamW.

The encoders take the proteins in batches sorted by length, so that less is padded; the loss sees
all of them.
"""
import math

import torch
import torch.nn.functional as functional

from peers import fair_esm, structure
from peers.torch_setting import autocast, maybe_compiled, padded_tokens, set_threads

TEMPERATURE = 0.07
HIDDEN_FACTOR = 4  # hidden units of a head for each of its outputs


def head(inputs, width):
    return torch.nn.Sequential(
        torch.nn.Linear(inputs, HIDDEN_FACTOR * width), torch.nn.Tanh(),
        torch.nn.Linear(HIDDEN_FACTOR * width, width), torch.nn.LayerNorm(width))


def mean_over_residues(rows, real):
    """Mean over the rows [B, T, C] that are residues: real ones, without first and last."""
    residues = real.clone()
    residues[:, 0] = False
    last = real.sum(1, keepdim=True) - 1
    residues.scatter_(1, last, False)
    weights = residues.unsqueeze(-1).to(rows.dtype)
    return (rows * weights).sum(1) / weights.sum(1)


class JointModel(torch.nn.Module):
    def __init__(self, task):
        super().__init__()
        self.layers = task["sequence"]["layers"]
        self.sequence = fair_esm.encoder(task["sequence"])
        self.structure = structure.encoder(task["structure"])
        width = task["joint"]["width"]
        self.sequence_head = head(task["sequence"]["width"], width)
        self.structure_head = head(task["structure"]["width"], width)
        self.logit_scale = torch.nn.Parameter(torch.tensor(math.log(1 / TEMPERATURE)))

    def forward(self, tokens, backbones):
        """Points of both modalities on the unit sphere, [B, J] each."""
        real = tokens != fair_esm.ALPHABET.padding_idx
        rows = self.sequence(tokens, repr_layers=[self.layers])["representations"][self.layers]
        sequence = self.sequence_head(mean_over_residues(rows, real))
        rows = self.structure(*backbones)["encoder_out"][0].transpose(0, 1)
        structure_points = self.structure_head(mean_over_residues(rows, ~backbones[1]))
        return functional.normalize(sequence), functional.normalize(structure_points)


class FullStep:
    def __init__(self, task):
        self.task = task
        self.model = JointModel(task).train()
        self.call = maybe_compiled(self.model, task)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4, weight_decay=0.01,
                                           fused=True)

    def prepare(self, groups):
        return [(padded_tokens(group), structure.padded_backbones(group)) for group in groups]

    def run(self, batches):
        self.optimizer.zero_grad(set_to_none=True)
        with autocast(self.task):
            points = [self.call(*batch) for batch in batches]
            sequence, backbone = (torch.cat(modality).float() for modality in zip(*points))
            logits = self.model.logit_scale.exp() * sequence @ backbone.T
            partners = torch.arange(len(logits))
            loss = (functional.cross_entropy(logits, partners)
                    + functional.cross_entropy(logits.T, partners)) / 2
        loss.backward()
        self.optimizer.step()
        return loss.item()


def make(task):
    set_threads(task)
    return FullStep(task)
