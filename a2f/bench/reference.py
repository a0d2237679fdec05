"""The plain path that the bench compares with: the same network, computed the way the released code computes it.

That is: the frozen audio encoder runs at every step, without gradient; the style branch runs at every call; a frame's
error is taken over its vertices, B x T x 3N numbers of them; Adam has its default form; faces are template + alpha z W.
One thing is ours in both paths: features are brought to the mesh's frames before the 1 x 1 convolution, not behind it,
which costs next to nothing and keeps the two paths' gradients the same.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from a2f.config import TrainingConfig
from a2f.models import Audio2Face, Batch, Motion, data_loss


def style(model: Audio2Face, motion: Motion) -> Tensor | None:
    """Return the style vector, (B, 2K), from the displacements of every vertex; None without the composite part."""
    if model.modulation is None:
        return None
    displacements = motion.dense()
    if model.config.style_normalisation == "mean":
        displacements = displacements - displacements.mean(dim=1, keepdim=True)
    return model.modulation.style(displacements @ model.embedding.weight.T)


def project(model: Audio2Face, features: Tensor, template: Tensor) -> Tensor:
    """Return S_bar + alpha W^T z, (B, T, 3N) in the model's units, from features (B, T, K) and templates (B, N, 3)."""
    neutral = model.normalise_template(template).flatten(1).unsqueeze(1)
    return neutral + model.embedding.output_scale * (features @ model.embedding.weight)


def loss(model: Audio2Face, batch: Batch, config: TrainingConfig) -> Tensor:
    """Return the objective of Eq. 4, every vertex of every frame formed and compared."""
    features = model.features(batch.audio, batch.template, style(model, batch.style))
    predicted = model.embedding.output_scale * (features @ model.embedding.weight)
    squared = (predicted - batch.target.dense()).square().sum(-1)
    sparsity = model.embedding.weight.abs().sum()
    return config.data_weight * data_loss(squared, config.loss) + config.sparsity_weight * sparsity


def optimizer(model: Audio2Face, config: TrainingConfig) -> torch.optim.Optimizer:
    """Return Adam as it is by default, with the learning rate of Eq. 4's run."""
    return torch.optim.Adam(model.parameters(), lr=config.learning_rate)


def step(
    model: Audio2Face,
    adam: torch.optim.Optimizer,
    batch: Batch,
    config: TrainingConfig,
    encode: Callable[[], Tensor] | None = None,
) -> None:
    """Take one step; `encode` gives the features (B, T, C) anew, or None where those of the batch were kept."""
    if encode is not None:
        with torch.no_grad():
            heard = encode()
        batch = Batch(heard, batch.template, batch.target, batch.style, batch.subject)
    objective = loss(model, batch, config)
    adam.zero_grad()
    objective.backward()
    adam.step()
