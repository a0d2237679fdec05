"""The regional part: one sparse matrix W that reads faces and, transposed, draws them (section 4.3, Eq. 3 and 4)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from a2f.models.motion import Motion, squared_error


class MotionEmbedding(nn.Module):
    """The embedding matrix W, 3N x K, used in both directions.

    The rows of `weight` (W transposed, K x 3N) are a blendshape basis: feature k moves the face by alpha times row k.

    Parameters
    ----------
    num_vertices : int
        N.
    motion_dim : int
        K.
    output_scale : float
        alpha of Eq. 3.
    """

    def __init__(self, num_vertices: int, motion_dim: int, output_scale: float) -> None:
        super().__init__()
        self.output_scale = output_scale  # alpha, Eq. 3
        self.weight = nn.Parameter(torch.empty(motion_dim, 3 * num_vertices))  # W^T
        bound = 1 / math.sqrt(3 * num_vertices)  # as torch.nn.Linear starts
        nn.init.uniform_(self.weight, -bound, bound)

    def embed(self, motion: Motion) -> Tensor:
        """Return W d of every frame, (B, T, K)."""
        return motion.embed(self.weight)

    def embed_template(self, template: Tensor) -> Tensor:
        """Return W S_bar, (B, K), of normalised templates (B, N, 3)."""
        return F.linear(template.flatten(1), self.weight)

    def synthesise(self, features: Tensor, vertex_ids: Tensor | None = None) -> Tensor:
        """Return the displacements alpha W^T z of Eq. 3.

        Parameters
        ----------
        features : Tensor, (B, T, K)
            Z_pred.
        vertex_ids : Tensor of int64, optional
            Only these vertices, where the others are not needed.

        Returns
        -------
        Tensor, (B, T, N, 3)
        """
        weight = self.weight.view(self.weight.shape[0], -1, 3)
        if vertex_ids is not None:
            weight = weight[:, vertex_ids]
        return self.output_scale * torch.einsum("btk,knc->btnc", features, weight)

    def frame_error(self, features: Tensor, target: Motion, known: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """Return || alpha W^T z_t - d_t ||^2 of every frame, (B, T), by `motion.squared_error`."""
        return squared_error(self.output_scale * features, self.weight, target, known)

    def sparsity(self) -> Tensor:
        """Return ||W||_1, the regulariser of Eq. 4: the plain sum, so it grows with N and K."""
        return self.weight.abs().sum()
