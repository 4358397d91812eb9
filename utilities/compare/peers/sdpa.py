"""PyTorch's scaled_dot_product_attention at the head widths and lengths of our attention table.

All proteins of a cell have one length, so nothing is padded. forward is without gradients, backward
the gradients of q, k and v alone. Batches as of a model: [B, T, H, D], transposed without a copy.
"""
import time

import torch
import torch.nn.functional as functional

from peers.torch_setting import set_threads

ROWS_OF_A_BATCH = (256, 1024, 1 << 20)  # about as many rows; the fastest counts
TYPES = {"f32": torch.float32, "bf16": torch.bfloat16}


def timed(function, times):
    """Median seconds."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return sorted(seconds)[times // 2]


class Cell:
    """Attention of `proteins` of one length, in batches of at most `size`."""

    def __init__(self, cell, size, dtype):
        shape = (cell["length"], cell["heads"], cell["head_width"])
        sizes = [min(size, cell["proteins"] - i) for i in range(0, cell["proteins"], size)]
        self.batches = [[torch.randn(b, *shape).to(dtype).transpose(1, 2) for _ in range(4)]
                        for b in sizes]
        self.graphs = []

    def forward(self):
        with torch.no_grad():
            for q, k, v, _ in self.batches:
                functional.scaled_dot_product_attention(q, k, v)

    def record(self):
        """The forward pass that backward differentiates."""
        self.graphs = []
        for q, k, v, gradient in self.batches:
            inputs = [x.detach().requires_grad_() for x in (q, k, v)]
            output = functional.scaled_dot_product_attention(*inputs)
            self.graphs.append((output, inputs, gradient))

    def backward(self):
        for output, inputs, gradient in self.graphs:
            torch.autograd.grad(output, inputs, gradient, retain_graph=True)


class Sdpa:
    def __init__(self, task):
        dtype = TYPES[task["precision"]]
        self.best = []  # of each cell the fastest division, forward and backward
        for cell in task["cells"]:
            sizes = {max(1, min(cell["proteins"], rows // cell["length"]))
                     for rows in ROWS_OF_A_BATCH}
            divisions = [Cell(cell, size, dtype) for size in sorted(sizes)]
            self.best.append((min(divisions, key=lambda d: self.forward(d, 2)),
                              min(divisions, key=lambda d: self.backward(d, 2))))

    @staticmethod
    def forward(cell, repeats):
        cell.forward()
        return timed(cell.forward, repeats)

    @staticmethod
    def backward(cell, repeats):
        cell.record()
        cell.backward()
        return timed(cell.backward, repeats)

    def measure(self, repeats):
        """Median seconds of each cell: [forward, backward]."""
        return [[self.forward(forward, repeats), self.backward(backward, repeats)]
                for forward, backward in self.best]


def make(task):
    set_threads(task)
    return Sdpa(task)
