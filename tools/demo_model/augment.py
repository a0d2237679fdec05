"""What happens to speech between a mouth and a file: rooms, noise, microphones, codecs, sample rates, whispering.

Every function keeps the sound in time to the sample it was given, so that the phone times stay true.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import soundfile
import soxr
from scipy.signal import fftconvolve, istft, stft

RATE = 16000
NOISES = ("white", "pink", "brown", "hum", "babble", "music")


def level(waveform: np.ndarray) -> float:
    """Root mean square of what is within 40 dB of the loudest 20 ms: the level of the speech, not of its pauses."""
    blocks = waveform[: len(waveform) // 320 * 320].reshape(-1, 320).astype(np.float64)
    power = np.mean(blocks**2, axis=1)
    if not len(power) or power.max() <= 0:
        return 0.0
    return float(np.sqrt(power[power > 1e-4 * power.max()].mean()))


def tilt(waveform: np.ndarray, slope: float) -> np.ndarray:
    """Change the spectrum by `slope` dB an octave around 1 kHz, between 125 Hz and 8 kHz."""
    spectrum = np.fft.rfft(waveform)
    octaves = np.log2(np.clip(np.fft.rfftfreq(len(waveform), 1 / RATE), 125.0, 8000.0) / 1000.0)
    return np.fft.irfft(spectrum * 10 ** (slope * octaves / 20), len(waveform)).astype(np.float32)


def band_limited(waveform: np.ndarray, rate: int) -> np.ndarray:
    """Go through another sample rate, 8000 to 48000, and back."""
    back = soxr.resample(soxr.resample(waveform, RATE, rate), rate, RATE)
    return np.pad(back, (0, max(0, len(waveform) - len(back))))[: len(waveform)].astype(np.float32)


def reverberant(waveform: np.ndarray, decay: float, direct: float, rng: np.random.Generator) -> np.ndarray:
    """Put the sound into a room.

    Parameters
    ----------
    decay : float
        Seconds until the echo has fallen by 60 dB.
    direct : float
        Level of the direct sound over that of all echoes, dB.
    """
    times = np.arange(int(decay * RATE)) / RATE
    echo = rng.standard_normal(len(times)) * 10 ** (-3 * times / decay)
    echo[: int(0.004 * RATE)] = 0.0  # the first reflection comes a metre later
    echo *= 10 ** (-direct / 20) / np.sqrt(np.sum(echo**2))
    echo[0] = 1.0  # the direct sound stays where it is
    return fftconvolve(waveform, echo)[: len(waveform)].astype(np.float32)


def noise(kind: str, samples: int, rng: np.random.Generator, voices: Callable[[], np.ndarray] | None = None):
    """Make noise of unit level, (samples,) float32.

    Parameters
    ----------
    kind : str
        One of `NOISES`.
    voices : callable
        Gives another recording at each call; needed for ``babble``.
    """
    if kind == "babble":
        total = np.zeros(samples)
        for _ in range(6):
            other = np.resize(voices(), samples)
            total += np.roll(other, rng.integers(samples)) * rng.uniform(0.5, 1.0)
    elif kind == "music":
        total = _music(samples, rng)
    elif kind == "hum":
        base, times = rng.choice([50.0, 60.0]), np.arange(samples) / RATE
        total = sum(np.sin(2 * np.pi * base * k * times + rng.uniform(0, 6.3)) / k for k in range(1, 12))
        total = total + 0.1 * rng.standard_normal(samples)
    else:
        slope = {"white": 0.0, "pink": -3.01, "brown": -6.02}[kind]
        total = tilt(rng.standard_normal(samples).astype(np.float32), slope)
    return (total / np.sqrt(np.mean(np.square(total)) + 1e-20)).astype(np.float32)


def _music(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Chords of plucked and held tones over a beat, made up note by note."""
    total, beat = np.zeros(samples), rng.uniform(0.28, 0.6)
    scale = 110 * 2 ** (np.array([0, 2, 4, 5, 7, 9, 11]) / 12) * 2 ** (rng.integers(12) / 12)
    for index, start in enumerate(np.arange(0, samples / RATE, beat)):
        first = int(start * RATE)
        times = np.arange(min(samples - first, int(rng.choice([1, 2, 4]) * beat * RATE))) / RATE
        root = rng.integers(7)
        for step in (0, 2, 4, 7):
            pitch = scale[(root + step) % 7] * 2 ** rng.integers(0, 3)
            fade = np.exp(-times / rng.uniform(0.15, 1.2)) * np.minimum(1, times / 0.008)
            tone = sum(np.sin(2 * np.pi * pitch * k * times) * 0.7**k for k in range(1, 7))
            total[first : first + len(times)] += rng.uniform(0.2, 1) * fade * tone
        if index % 2:  # a drum
            hit = rng.standard_normal(min(samples - first, RATE // 8))
            total[first : first + len(hit)] += 1.5 * hit * np.exp(-np.arange(len(hit)) / (0.02 * RATE))
    return total


def with_noise(waveform: np.ndarray, sound: np.ndarray, ratio: float) -> np.ndarray:
    """Add noise of unit level at a ratio of speech to noise in dB."""
    return (waveform + sound * level(waveform) * 10 ** (-ratio / 20)).astype(np.float32)


def coded(waveform: np.ndarray, codec: str) -> np.ndarray:
    """Go through a codec: ``ulaw`` and ``gsm`` at 8 kHz (telephone), ``vorbis`` and ``opus`` at their smallest."""
    peak = max(float(np.abs(waveform).max()), 1e-6)
    scaled, rate = waveform * (0.7 / peak), 8000 if codec in ("ulaw", "gsm") else RATE
    if rate != RATE:
        scaled = soxr.resample(scaled, RATE, rate)
    form, subtype = {
        "ulaw": ("WAV", "ULAW"), "gsm": ("WAV", "GSM610"), "vorbis": ("OGG", "VORBIS"), "opus": ("OGG", "OPUS")
    }[codec]  # fmt: skip
    buffer = io.BytesIO()
    smallest = {"compression_level": 1.0} if form == "OGG" else {}
    with soundfile.SoundFile(buffer, "w", rate, 1, format=form, subtype=subtype, **smallest) as file:
        for start in range(0, len(scaled), 16384):
            file.write(scaled[start : start + 16384])
    buffer.seek(0)
    back, found = soundfile.read(buffer, dtype="float32")
    if found != RATE:
        back = soxr.resample(back, found, RATE)
    back = np.pad(back, (0, max(0, len(waveform) - len(back))))[: len(waveform)]
    return (back * (peak / 0.7)).astype(np.float32)


def overdriven(waveform: np.ndarray, drive: float) -> np.ndarray:
    """Bend peaks as a microphone that is shouted at does; `drive` is the level of speech over full scale."""
    size = max(level(waveform), 1e-6)
    return (np.tanh(drive * waveform / size) * size / drive).astype(np.float32)


def whispered(waveform: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Take the voice out: the spectral envelope stays, noise instead of pitch, less low frequency."""
    size = 512
    _, _, spectrum = stft(waveform, RATE, nperseg=size, noverlap=size - 128)
    logarithm = np.log(np.abs(spectrum) + 1e-7)
    cepstrum = np.fft.irfft(logarithm, axis=0)
    cepstrum[30:-29] = 0.0  # below 1.9 ms: the vocal tract; above: the pitch
    envelope = np.exp(np.fft.rfft(cepstrum, axis=0).real)
    _, _, carrier = stft(rng.standard_normal(len(waveform)), RATE, nperseg=size, noverlap=size - 128)
    carrier = carrier[:, : envelope.shape[1]]
    _, sound = istft(envelope * carrier / (np.abs(carrier).mean() + 1e-9), RATE, nperseg=size, noverlap=size - 128)
    sound = np.pad(sound, (0, max(0, len(waveform) - len(sound))))[: len(waveform)].astype(np.float32)
    return tilt(sound, 3.0) * np.float32(0.5)


def degrade(waveform: np.ndarray, rng: np.random.Generator, voices: Callable[[], np.ndarray]) -> np.ndarray:
    """Apply a random few of the above, as training does to half of its sound."""
    if rng.random() < 0.08:
        waveform = whispered(waveform, rng)
    if rng.random() < 0.7:
        waveform = tilt(waveform, rng.uniform(-4, 4))
    if rng.random() < 0.15:
        waveform = overdriven(waveform, rng.uniform(0.5, 2.5))
    if rng.random() < 0.5:
        waveform = reverberant(waveform, rng.uniform(0.12, 0.7), rng.uniform(-2, 15), rng)
    if rng.random() < 0.75:
        kind = NOISES[rng.integers(len(NOISES))]
        waveform = with_noise(waveform, noise(kind, len(waveform), rng, voices), rng.uniform(4, 30))
    if rng.random() < 0.35:
        waveform = band_limited(waveform, int(rng.choice([8000, 8000, 11025, 12000])))
    if rng.random() < 0.3:
        waveform = coded(waveform, str(rng.choice(["ulaw", "gsm", "vorbis", "opus"])))
    return waveform
