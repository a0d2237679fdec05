"""The sound of a recording: its rate and length at once, its samples when they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from a2f.audio import read_audio
from a2f.errors import BadInput, MissingData

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
        If it cannot be read as sound, or is empty.
    """
    import soundfile

    path = Path(path)
    if not path.is_file():
        raise MissingData(f"sound file {path} is not there")
    try:
        info = soundfile.info(path)
    except (soundfile.LibsndfileError, RuntimeError, ValueError) as error:
        raise BadInput(f"{path} cannot be read as a sound file ({error})") from None
    if info.frames < SHORTEST * info.samplerate:
        raise BadInput(f"{path} is empty: {info.frames} samples at {info.samplerate} Hz")
    return Sound(info.samplerate, info.frames, lambda: read_audio(path, info.samplerate)[0])
