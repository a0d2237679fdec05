"""The errors of MeshTalk's last layer with their gradients, block by block: no face is ever whole."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from a2f.models.meshtalk_prior import SLOPE
from a2f.models.motion import Motion

BLOCK = 1024  # coordinates that are finished before the next ones: they stay in a core's cache


def output_error(
    hidden: Tensor, weight: Tensor, bias: Tensor, constant: Tensor, scale: Tensor, target: Motion, shares: Tensor
) -> tuple[Tensor, Tensor]:
    """Return a weighted sum of the mean squared errors of C coordinates, and these errors.

    A coordinate is LeakyReLU(h W^T + b) + c, times its scale. Its error's gradient is made along with it, so that what
    all coordinates of all frames would take need neither be kept nor read again.

    Parameters
    ----------
    hidden : Tensor, (M, T, wide)
        h.
    weight, bias, constant : Tensor, (C, wide), (C,) and (C,)
        W, b and c.
    scale : Tensor, (C,)
        The deviation of each coordinate, in the target's unit.
    target : Motion
        Displacements of the C coordinates in M sequences of T frames.
    shares : Tensor, (C,)
        What each coordinate counts in the sum.

    Returns
    -------
    Tensor, ()
    Tensor, (C,)
        The mean over items and frames of each coordinate's squared error, without a gradient.
    """
    rows, values = hidden.flatten(0, 1), target.values.flatten(0, 1)
    return _OutputError.apply(rows, weight, bias, constant, scale, values, target.basis, shares)


class _OutputError(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx,
        rows: Tensor,
        weight: Tensor,
        bias: Tensor,
        constant: Tensor,
        scale: Tensor,
        values: Tensor,
        basis: Tensor | None,
        shares: Tensor,
    ) -> tuple[Tensor, Tensor]:
        learns = any(ctx.needs_input_grad[:4])
        to_rows, to_weight = torch.zeros_like(rows), torch.empty_like(weight)
        to_bias, to_constant = torch.empty_like(bias), torch.empty_like(constant)
        errors = torch.empty_like(bias)
        size = BLOCK if rows.device.type == "cpu" else len(bias)  # a GPU has no use for blocks
        for start in range(0, len(bias), size):
            here = slice(start, start + size)
            found = torch.addmm(bias[here], rows, weight[here].T)
            error = F.leaky_relu(found, SLOPE).add_(constant[here]).mul_(scale[here])
            error -= values[:, here] if basis is None else values @ basis[:, here]
            errors[here] = error.square().mean(0)
            if not learns:
                continue
            error *= shares[here] * scale[here] * (2 / len(rows))
            to_constant[here] = error.sum(0)
            error = torch.ops.aten.leaky_relu_backward(error, found, SLOPE, False)
            to_bias[here] = error.sum(0)
            to_rows.addmm_(error, weight[here])
            torch.mm(error.T, rows, out=to_weight[here])
        ctx.save_for_backward(to_rows, to_weight, to_bias, to_constant)
        ctx.mark_non_differentiable(errors)
        return errors @ shares, errors

    @staticmethod
    @once_differentiable
    def backward(ctx, to_sum: Tensor, _: Tensor):
        return *(to_sum * gradient for gradient in ctx.saved_tensors), None, None, None, None
