"""A batch of motions as a model reads them: displacements from the template, dense or in a linear basis."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from a2f.errors import BadInput
from a2f.models.products import products


@dataclass(frozen=True, eq=False)
class Motion:
    """Displacements S_i - S_bar of T frames, in the model's normalised units.

    Where all motion of a data set lies in a known linear basis A (the demo corpus' face units), only the coefficients c
    are kept and d = c A is never formed: W d = c (A W^T) is exact and does not touch the N vertices of every frame.

    Parameters
    ----------
    values : Tensor, (B, T, 3N) or (B, T, R)
        The displacements themselves, or their coefficients.
    basis : Tensor, (R, 3N), or None
        A, when `values` are coefficients.
    """

    values: Tensor
    basis: Tensor | None = None

    def __post_init__(self) -> None:
        if self.values.ndim != 3:
            raise BadInput(f"a motion has shape {tuple(self.values.shape)}, expected (batch, frames, values)")
        if self.basis is not None and self.values.shape[-1] != self.basis.shape[0]:
            raise BadInput(
                f"{self.values.shape[-1]} coefficients a frame do not fit a basis of {self.basis.shape[0]} rows"
            )

    @property
    def num_frames(self) -> int:
        """T."""
        return self.values.shape[1]

    def minus_mean(self) -> Motion:
        """Subtract the mean over time, Eq. 1: the template drops out, so it is the mean face that is subtracted."""
        return Motion(self.values - self.values.mean(dim=1, keepdim=True), self.basis)

    def embed(self, weight: Tensor) -> Tensor:
        """Return W d for every frame, (B, T, K); `weight` is (K, 3N), that is W transposed."""
        if self.basis is None:
            return F.linear(self.values, weight)
        return F.linear(self.values, weight @ self.basis.T)

    def squared_norm(self) -> Tensor:
        """Return ||d||^2 of every frame, (B, T)."""
        # squares of all values would take as much memory as the values
        if self.basis is None and self.values.device.type != "cpu":
            return (self.values.unsqueeze(-2) @ self.values.unsqueeze(-1)).flatten(1)
        if self.basis is None:
            return torch.stack([frame.dot(frame) for frame in self.values.flatten(0, 1)]).view(self.values.shape[:2])
        return ((self.values @ (self.basis @ self.basis.T)) * self.values).sum(-1)

    def dense(self) -> Tensor:
        """Return the displacements, (B, T, 3N)."""
        return self.values if self.basis is None else self.values @ self.basis


def squared_error(
    features: Tensor, weight: Tensor, target: Motion, known: tuple[Tensor, Tensor] | None = None
) -> Tensor:
    """Return || W z_t - d_t ||^2 of every frame, (B, T), without forming a frame's vertices.

    Expanding the square leaves inner products only: z^T (W W^T) z - 2 z^T (W d) + ||d||^2. The gradient is that of the
    direct sum; the value loses digits to cancellation once the error is below about 1e-3 of the motion, hence the clamp
    at zero.

    Parameters
    ----------
    features : Tensor, (B, T, K)
        z.
    weight : Tensor, (K, 3N)
        W transposed.
    target : Motion
        d, T frames.
    known : tuple of Tensor, (K, K) and (B, T, K), optional
        W W^T and W d, where they were made already.
    """
    if known is not None:
        gram, embedded = known
    elif target.basis is None:
        gram, _, (embedded,) = products(weight, target.values)
    else:
        gram, embedded = weight @ weight.T, target.embed(weight)
    predicted = ((features @ gram) * features).sum(-1)
    crossed = (features * embedded).sum(-1)
    return (predicted - 2 * crossed + target.squared_norm()).clamp_min(0)
