"""The composite part: statistics of any facial motion scale and shift the audio features (section 4.2, Eq. 1 and 2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from a2f.model_config import ModelConfig
from a2f.models.resnet1d import ResNet1D

EPSILON = 1e-5  # under square roots; keeps a motionless face and a one-step latent finite


def temporal_statistics(latent: Tensor, names: tuple[str, ...]) -> Tensor:
    """Return statistics of Z_face over time, side by side.

    Parameters
    ----------
    latent : Tensor, (B, T'/4, C)
    names : tuple of {"mean", "std", "difference_std"}
        ``std`` divides by the count; ``difference_std`` is the std of the first temporal difference, zero where the
        latent has a single step.

    Returns
    -------
    Tensor, (B, C * len(names))
    """
    parts = []
    for name in names:
        if name == "mean":
            parts.append(latent.mean(1))
            continue
        values = latent
        if name == "difference_std":
            values = latent.diff(dim=1) if latent.shape[1] > 1 else torch.zeros_like(latent)
        parts.append((values.var(1, correction=0) + EPSILON).sqrt())
    return torch.cat(parts, dim=-1)


def instance_normalise(audio: Tensor) -> Tensor:
    """Return (Z_audio - mu(Z_audio)) / sigma(Z_audio), each channel over its own time axis; (B, T, C) to (B, T, C)."""
    variance, mean = torch.var_mean(audio, dim=1, keepdim=True, correction=0)
    return (audio - mean) / (variance + EPSILON).sqrt()


class AdaptiveModulation(nn.Module):
    """Style motion in, modulated audio features out.

    Parameters
    ----------
    config : ModelConfig
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.statistics = config.style_statistics
        self.scale_around_one = config.scale_around_one
        self.encoder = ResNet1D(config.motion_dim, config.style_stages)
        self.linear = nn.Linear(self.encoder.out_channels * len(self.statistics), 2 * config.motion_dim)

    def style(self, embedded_motion: Tensor) -> Tensor:
        """Return (sigma_predict, mu_predict) side by side, (B, 2K), from embedded style motion (B, T', K)."""
        latent = self.encoder(embedded_motion)  # Z_face, (B, T'/4, C_face)
        return self.linear(temporal_statistics(latent, self.statistics))

    def forward(self, audio: Tensor, style: Tensor) -> Tensor:
        """Return Z_fuse = sigma_predict * Z_audio + mu_predict (Eq. 2) for normalised Z_audio (B, T, K)."""
        sigma, mu = style.unsqueeze(1).chunk(2, dim=-1)
        if self.scale_around_one:
            sigma = 1 + sigma
        return sigma * audio + mu
