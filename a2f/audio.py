"""Waveforms: any sound file in, mono float32 at one rate out."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from a2f.errors import BadInput, MissingData
from a2f.files import atomic_path

SAMPLE_RATE = 16_000  # Hz; what HuBERT, wav2vec 2.0 and Whisper were trained on
RATES = (1_000, 1_000_000)  # Hz; other rates are damaged headers
LONGEST = 500_000_000  # samples of all channels that are read at once: 2.9 hours of one channel at 48 kHz
LOUDEST = 2.0**31  # largest float; what 32-bit integers that were never divided come to


def to_mono_float(samples: np.ndarray) -> np.ndarray:
    """Return samples as mono float32 in [-1, 1].

    Parameters
    ----------
    samples : ndarray, (S,) or (S, C), integer or float
        Integers are divided by their type's full scale (unsigned 8-bit sound is centred at 128).
    """
    samples = np.asarray(samples)
    if samples.ndim not in (1, 2):
        raise BadInput(f"audio has shape {samples.shape}, expected (samples,) or (samples, channels)")
    if samples.dtype.kind == "u":
        half = np.iinfo(samples.dtype).max // 2 + 1
        samples = (samples.astype(np.float64) - half) / half
    elif samples.dtype.kind == "i":
        samples = samples.astype(np.float64) / (np.iinfo(samples.dtype).max + 1)
    elif samples.dtype.kind != "f":
        raise BadInput(f"audio has dtype {samples.dtype}, expected integers or floats")
    if samples.ndim == 2:
        samples = samples.mean(axis=1)
    samples = samples.astype(np.float32)
    if not np.isfinite(samples).all():
        raise BadInput("audio holds samples that are not finite")
    if samples.size and max(-float(samples.min()), float(samples.max())) > LOUDEST:
        raise BadInput(f"audio holds samples of up to {float(np.abs(samples).max()):.3g}, expected about -1 to 1")
    return samples


def resample(waveform: np.ndarray, from_rate: float, to_rate: float) -> np.ndarray:
    """Resample a mono float32 waveform with soxr's high-quality filter."""
    if from_rate <= 0 or to_rate <= 0:
        raise BadInput(f"cannot resample from {from_rate} to {to_rate} Hz; both rates must be positive")
    if from_rate == to_rate:
        return waveform
    import soxr

    return soxr.resample(waveform, from_rate, to_rate, quality="HQ").astype(np.float32)


def sound_size(path: str | os.PathLike, longest: float | None = LONGEST) -> tuple[int, int]:
    """Return how many samples a sound file has and their rate in Hz, by its header.

    Raises
    ------
    MissingData
        If there is no such file.
    BadInput
        If it cannot be read as sound, its header cannot be true, or it is longer than `longest`, if that is given.
    """
    import soundfile

    path = Path(path)
    if not path.is_file():
        raise MissingData(f"sound file {path} is not there")
    try:
        info = soundfile.info(path)
    except (soundfile.LibsndfileError, RuntimeError, ValueError) as error:
        raise BadInput(f"{path} cannot be read as a sound file ({error}); give a wav, flac, ogg or mp3") from None
    frames, rate = info.frames, info.samplerate
    if not RATES[0] <= rate <= RATES[1]:
        raise BadInput(f"{path} says that its rate is {rate} Hz, expected {RATES[0]} to {RATES[1]}; write it anew")
    if longest is not None and frames * max(info.channels, SAMPLE_RATE / rate) > longest:
        raise BadInput(
            f"{path} says that it holds {frames} samples of {info.channels} channels, {frames / rate / 3600:.1f} h; "
            f"at most {longest} are read at once. Cut it into shorter files, or read it in pieces for Animator.frames"
        )
    return frames, rate


def read_audio(path: str | os.PathLike, sample_rate: int = SAMPLE_RATE) -> tuple[np.ndarray, int]:
    """Read a sound file (wav, flac, ogg, mp3, ...; any rate, any channels, integer or float).

    Parameters
    ----------
    path : path-like
    sample_rate : int
        The rate of the result in Hz.

    Returns
    -------
    waveform : ndarray, (S,) float32
        Mono, in [-1, 1] for integer files.
    sample_rate : int

    Raises
    ------
    MissingData
        If there is no such file.
    BadInput
        If it cannot be read as sound, is cut, is shorter than 50 ms, or longer than `LONGEST`.
    """
    import soundfile

    path = Path(path)
    frames, rate = sound_size(path)
    if frames < 0.05 * rate:
        raise BadInput(f"{path} holds {frames} samples at {rate} Hz; at least 0.05 s of sound is needed")
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError, ValueError) as error:
        raise BadInput(f"{path} cannot be read as a sound file ({error}); give a wav, flac, ogg or mp3") from None
    if len(samples) != frames:
        raise BadInput(f"{path} ends after {len(samples)} of {frames} samples: it is cut or damaged; write it anew")
    try:
        waveform = to_mono_float(samples)
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from None
    return resample(waveform, rate, sample_rate), sample_rate


def write_wav(path: str | os.PathLike, waveform: np.ndarray, sample_rate: int = SAMPLE_RATE) -> None:
    """Write a mono waveform as 16-bit wav, whole or not at all; values beyond [-1, 1] are clipped."""
    import soundfile

    with atomic_path(path) as temporary:
        soundfile.write(temporary, np.clip(waveform, -1, 1), sample_rate, format="WAV", subtype="PCM_16")
