"""Levels of sound over time at 1 ms steps, and where they change."""

from __future__ import annotations

import numpy as np

from .corpus import RATE

MILLI = RATE // 1000
HALF = 5  # ms, half of the time over which a change is measured


def energy(waveform: np.ndarray, window: int = 10) -> np.ndarray:
    """Level in dB at 1 ms steps, over `window` ms, floored 60 dB below the loudest."""
    total = np.concatenate([[0.0], np.cumsum(waveform.astype(np.float64) ** 2)])
    centre = np.arange(0, len(waveform), MILLI)
    low, high = np.maximum(centre - window * MILLI // 2, 0), np.minimum(centre + window * MILLI // 2, len(waveform))
    power = (total[high] - total[low]) / np.maximum(high - low, 1)
    return 10 * np.log10(np.maximum(power, 1e-6 * power.max()) + 1e-12)


def band(waveform: np.ndarray, low: float, high: float) -> np.ndarray:
    """The part of a waveform between two frequencies in Hz, without delay."""
    spectrum = np.fft.rfft(waveform)
    frequency = np.fft.rfftfreq(len(waveform), 1 / RATE)
    spectrum[(frequency < low) | (frequency > high)] = 0
    return np.fft.irfft(spectrum, len(waveform))


def steepest(level: np.ndarray, seconds: float, reach: int, sign: int) -> tuple[float, float]:
    """The steepest rise (sign 1) or fall (-1) of a level near a time.

    Parameters
    ----------
    level : ndarray, shape (T,)
        dB at 1 ms steps.
    seconds : float
        The time, inside the level.
    reach : int
        How many ms before and after it are looked at.
    sign : {1, -1}

    Returns
    -------
    at, change : float
        ms from the first step, and how many dB the level changes there over 10 ms (negative: in the other direction).
    """
    near = round(1000 * seconds)
    centres = np.arange(max(near - reach, HALF), min(near + reach + 1, len(level) - HALF))
    change = sign * (level[centres + HALF] - level[centres - HALF])
    best = int(np.argmax(change))
    return float(centres[best]), float(change[best])
