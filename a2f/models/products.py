"""Products by the matrix W, which is as wide as a face: block by block, so that nothing of that size is read twice."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

BLOCK = 1024  # columns that are finished before the next ones: they stay in a core's cache
DRAWN = 16_384  # the same where faces are drawn by NumPy: some frames of them stay in the last cache


def products(weight: Tensor, *rows: Tensor) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
    """Return W W^T, ||W||_1 and the readings W d of some displacements, for a weight (K, 3N), that is W transposed.

    Gradients reach W alone, and only once. By themselves the terms would each write a gradient as large as W, to be
    added up later.

    Parameters
    ----------
    weight : Tensor, (K, 3N)
    rows : Tensor, (..., 3N)
        Displacements d; data, so that they get no gradient.

    Returns
    -------
    Tensor, (K, K)
    Tensor, ()
    tuple of Tensor, (..., K)
        One for each of `rows`.
    """
    gram, total, *read = _Products.apply(weight, *(row.flatten(0, -2) for row in rows))
    return gram, total, tuple(found.unflatten(0, row.shape[:-1]) for found, row in zip(read, rows, strict=True))


class _Products(torch.autograd.Function):
    @staticmethod
    def forward(ctx, weight: Tensor, *rows: Tensor) -> tuple[Tensor, ...]:
        ctx.save_for_backward(weight, *rows)
        ctx.set_materialize_grads(False)
        if weight.device.type == "cpu":
            total = torch.stack([row.abs().sum() for row in weight]).sum()  # no copy of W
        else:
            total = torch.linalg.vector_norm(weight, 1)
        return weight @ weight.T, total, *(row @ weight.T for row in rows)

    @staticmethod
    @once_differentiable
    def backward(ctx, to_gram: Tensor | None, to_total: Tensor | None, *to_read: Tensor | None):
        weight, *rows = ctx.saved_tensors
        pairs = [(to.T, row) for to, row in zip(to_read, rows, strict=True) if to is not None]
        if to_gram is not None:
            pairs.append((to_gram + to_gram.T, weight))
        gradient = torch.empty_like(weight)
        size = BLOCK if weight.device.type == "cpu" else weight.shape[1]  # a GPU has no use for blocks
        for start in range(0, weight.shape[1], size):
            here = slice(start, start + size)
            block = gradient[:, here]
            if to_total is None:
                block.zero_()
            else:
                torch.mul(weight[:, here].sign(), to_total, out=block)
            for left, right in pairs:
                block.addmm_(left, right[:, here])
        return gradient, *(None for _ in rows)


def draw(features: Tensor, weight: Tensor, start: Tensor, out: Tensor | None = None) -> Tensor:
    """Return start + z W^T for every frame, (B, T, 3N); without gradients.

    Parameters
    ----------
    features : Tensor, (B, T, K)
        z.
    weight : Tensor, (K, 3N)
    start : Tensor, (B, 3N)
        What every frame of a sequence starts from.
    out : Tensor, (B, T, 3N), optional
        Where to write.
    """
    faces = _room(features, weight.shape[1]) if out is None else out
    by_sequence = zip(features.detach(), start.detach(), faces, strict=True)
    if _in_numpy(faces):
        matrix = weight.detach().numpy()
        for sequence, first, written in by_sequence:
            _draw_by_numpy(sequence.numpy(), matrix, first.numpy(), written.numpy())
    else:
        for sequence, first, written in by_sequence:
            torch.addmm(first, sequence, weight.detach(), out=written)
    return faces


def _draw_by_numpy(sequence: np.ndarray, weight: np.ndarray, first: np.ndarray, written: np.ndarray) -> None:
    """Draw one sequence, a block of vertices after another.

    By NumPy's OpenBLAS, at so wide a product quicker than torch's MKL on an AMD EPYC, and up to a fifth slower on an
    Intel Xeon of the fourth generation.
    """
    with np.errstate(all="ignore"):  # torch does not warn of a NaN either
        for begin in range(0, weight.shape[1], DRAWN):
            here = slice(begin, begin + DRAWN)
            np.matmul(sequence, weight[:, here], out=written[:, here])
            written[:, here] += first[here]


def _in_numpy(tensor: Tensor) -> bool:
    return tensor.device.type == "cpu" and tensor.dtype in (torch.float32, torch.float64)


def _room(features: Tensor, width: int) -> Tensor:
    """Return memory for the faces of some features, not yet set.

    NumPy asks Linux for large pages. In small ones, to be given memory takes about as long as to fill it.
    """
    shape = (*features.shape[:2], width)
    if _in_numpy(features):
        return torch.from_numpy(np.empty(shape, np.float32 if features.dtype == torch.float32 else np.float64))
    return features.new_empty(shape)
