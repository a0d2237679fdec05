"""What every audio encoder is: waveform in, features at its own rate out; and how these reach the mesh's frames."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

import torch
from torch import Tensor, nn

from a2f.errors import BadInput

BUNDLED = "whisper-tiny-2"  # needs nothing beyond the package


class AudioEncoder(nn.Module):
    """What the model needs to know of an audio encoder.

    Attributes
    ----------
    identity : str
        Names weights and settings; two encoders with one identity give the same features.
    feature_dim : int
        C_audio.
    feature_rate : float
        Features a second.
    first_centre : float
        The time in seconds that the first feature is centred on.
    max_seconds : float
        The longest waveform that one call takes.
    """

    identity: str
    feature_dim: int
    feature_rate: float = 50.0
    first_centre: float = 0.0
    max_seconds: float = 60.0

    def forward(self, waveform: Tensor) -> Tensor:
        """Map waveforms (B, S) at 16 kHz to features (B, T_a, C_audio)."""
        raise TypeError(f"{type(self).__name__} has to define forward")

    @property
    def device(self) -> torch.device:
        """Where its weights lie."""
        return next(chain(self.parameters(), self.buffers()), torch.empty(0)).device

    def freeze(self, frozen: bool = True) -> None:
        """Let no gradient, or every gradient, into the pretrained weights.

        Either way the encoder stays in evaluation mode: the released code fine-tunes without dropout, and transformers
        would drop layers and mask spans of time at random, from a generator that no seed of a run decides.
        """
        for parameter in self.parameters():
            parameter.requires_grad_(not frozen)
        self.eval()


@contextmanager
def without_progress_bar() -> Iterator[None]:
    """Keep transformers' bar over a fraction of a second out of notebooks, without touching its setting elsewhere."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def unit_level(waveform: Tensor) -> Tensor:
    """Bring each waveform (B, S) to zero mean and unit root mean square; silence stays silence."""
    waveform = waveform - waveform.mean(-1, keepdim=True)
    return waveform / waveform.square().mean(-1, keepdim=True).sqrt().clamp_min(1e-4)


def resample_features(
    features: Tensor, num_frames: int, fps: float, rate: float, first_centre: float = 0.0, start: int = 0
) -> Tensor:
    """Resample features to the times of mesh frames by linear interpolation.

    Parameters
    ----------
    features : Tensor, (B, T_a, C)
        Feature j is centred on ``first_centre + j / rate`` seconds.
    num_frames : int
        T; frame i is at i / fps seconds. Frames beyond the last feature repeat it.
    fps, rate : float
    first_centre : float
    start : int
        The first of the T frames.

    Returns
    -------
    Tensor, (B, T, C)
    """
    if features.shape[1] < 1:
        raise BadInput("the audio is too short for a single feature of the audio encoder")
    position = (torch.arange(start, start + num_frames, dtype=torch.float64) / fps - first_centre) * rate
    position = position.clamp(0, features.shape[1] - 1)
    below = position.floor().long().clamp(max=max(features.shape[1] - 2, 0))
    share = (position - below).to(features.dtype).to(features.device).view(1, -1, 1)
    above = (below + 1).clamp(max=features.shape[1] - 1)
    return torch.lerp(features[:, below], features[:, above], share)
