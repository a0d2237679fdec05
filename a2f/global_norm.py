"""Batch norm over a batch that several processes share: the statistics are those of all of it, on any device.

`torch.nn.SyncBatchNorm` does the same on GPUs and refuses CPUs.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class _Sum(torch.autograd.Function):
    """The sum over all processes. Each loss depends on it, so its gradient is a sum over all of them, too."""

    @staticmethod
    def forward(ctx, values: Tensor) -> Tensor:
        total = values.clone()
        torch.distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        total = gradient.clone(memory_format=torch.contiguous_format)
        torch.distributed.all_reduce(total)
        return total


class GlobalBatchNorm(nn.modules.batchnorm._BatchNorm):
    """`nn.BatchNorm1d` or `nn.BatchNorm2d` with the mean and variance of all processes' items, weights and names alike.

    Processes may have different numbers of items. Out of training it is what it replaces.
    """

    @classmethod
    def of(cls, norm: nn.modules.batchnorm._BatchNorm) -> GlobalBatchNorm:
        """Return one with the very weights and running statistics of another."""
        made = cls(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
        made.__dict__ |= {key: norm.__dict__[key] for key in ("_parameters", "_buffers", "training")}
        return made

    def _check_input_dim(self, values: Tensor) -> None:
        if values.dim() < 2:
            raise ValueError(f"expected values (B, C, ...), got shape {tuple(values.shape)}")

    def forward(self, values: Tensor) -> Tensor:
        """Normalise values (B, C, ...) by channel."""
        if not self.training:
            return super().forward(values)
        self._check_input_dim(values)
        axes = (0, *range(2, values.dim()))
        count = values.numel() // values.shape[1]
        variance, mean = torch.var_mean(values, dim=axes, correction=0)
        mean, variance = mean.double(), variance.double()  # sums of squares lose too many digits in single precision
        own = torch.cat([count * mean, count * (variance + mean.square()), mean.new_tensor([count])])
        summed = _Sum.apply(own)
        total = summed[-1].detach()
        mean, square = (summed[:-1] / total).chunk(2)
        variance = (square - mean.square()).clamp_min(0)
        if self.track_running_stats:
            self._track(mean.detach(), variance.detach() * total / (total - 1))
        shape = (1, -1, *[1] * (values.dim() - 2))
        scale = (variance + self.eps).rsqrt().to(values.dtype)
        if self.affine:
            scale = scale * self.weight
        found = (values - mean.to(values.dtype).view(shape)) * scale.view(shape)
        return found + self.bias.view(shape) if self.affine else found

    def _track(self, mean: Tensor, variance: Tensor) -> None:
        self.num_batches_tracked.add_(1)
        rate = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), rate)
        self.running_var.lerp_(variance.to(self.running_var.dtype), rate)


def share_statistics(module: nn.Module) -> None:
    """Put a `GlobalBatchNorm` in the place of every batch norm inside a module."""
    for name, child in module.named_children():
        if isinstance(child, (nn.BatchNorm1d, nn.BatchNorm2d)):
            setattr(module, name, GlobalBatchNorm.of(child))
        else:
            share_statistics(child)
