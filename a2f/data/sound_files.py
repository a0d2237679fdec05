"""The sound of a recording: its rate and length at once, its samples when they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from a2f.audio import read_audio, sound_size
from a2f.errors import BadInput

SHORTEST = 0.05  # s, as `a2f.audio.read_audio` asks for


@dataclass(frozen=True)
class Sound:
    """A sound file.

    Parameters
    ----------
    sample_rate : int
        The file's own, in Hz.
    num_samples : int
        S.
    read : callable
        Returns the waveform, (S,) float32, mono.
    """

    sample_rate: int
    num_samples: int
    read: Callable[[], np.ndarray]

    def piece(self, start: float, stop: float) -> Sound:
        """Return the part from `start` to `stop`, in seconds; as much of it as there is."""
        first, last = (min(round(time * self.sample_rate), self.num_samples) for time in (start, stop))
        return Sound(self.sample_rate, last - first, lambda: self.read()[first:last])


def sound_file(path: Path) -> Sound:
    """Look into a sound file without reading it.

    Raises
    ------
    MissingData
        If it is not there.
    BadInput
        If it cannot be read as sound, is shorter than `SHORTEST`, or longer than `a2f.audio.LONGEST`.
    """
    frames, rate = sound_size(path)
    if frames < SHORTEST * rate:
        raise BadInput(f"{path} is empty: {frames} samples at {rate} Hz")
    return Sound(rate, frames, lambda: read_audio(path, rate)[0])
