"""What all peers under PyTorch share: threads, precision, tokens, gradients of a representation."""
import contextlib

import esm
import torch

ALPHABET = esm.data.Alphabet.from_architecture("ESM-1b")


def set_threads(task):
    torch.set_num_threads(task["threads"])
    torch.manual_seed(1)


def autocast(task):
    """The precision of a task: f32 as it is, bf16 by autocast."""
    if task["precision"] == "bf16":
        return torch.autocast("cpu", dtype=torch.bfloat16)
    return contextlib.nullcontext()


def is_backward(task):
    return not task["part"].endswith(" forward")


def padded_tokens(proteins):
    """Start token, letters, end token of each, padded to the longest [B, T]."""
    convert = ALPHABET.get_batch_converter()
    return convert([("", protein.sequence) for protein in proteins])[2]


def maybe_compiled(model, task):
    """torch.compile, with sizes left open: batches have many lengths."""
    return torch.compile(model, dynamic=True) if task.get("compiled") else model


class EncoderPeer:
    """Passes of one encoder over batches; a file gives `model`, batch_of and represent."""

    def __init__(self, task, model):
        self.task = task
        self.backward = is_backward(task)
        self.graph = self.backward or task.get("graph", False)
        self.model = model.train(self.backward)
        for parameter in model.parameters():
            parameter.requires_grad_(self.graph)

    def prepare(self, groups):
        """Batches with the gradient of the representation, zero on padding."""
        prepared = []
        for proteins in groups:
            batch, real = self.batch_of(proteins)
            gradient = None
            if self.backward:
                gradient = torch.randn(*real.shape, self.task[self.modality]["width"])
                gradient *= real.unsqueeze(-1)
            prepared.append((batch, gradient))
        return prepared

    def run(self, batches):
        self.model.zero_grad(set_to_none=True)
        for batch, gradient in batches:
            with torch.set_grad_enabled(self.graph), autocast(self.task):
                representation = self.represent(batch)
            if self.backward:
                representation.backward(gradient.to(representation.dtype))
