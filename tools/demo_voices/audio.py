"""A synthesiser's utterance becomes a clip: one level, short silences around the speech, faded, at 16 kHz."""

from __future__ import annotations

import numpy as np
from demo_speech.phones import PAUSE, Phone

RATE = 16000
LEVEL = 10 ** (-26 / 20)  # root mean square of the speech without its pauses
HIGHEST_PEAK = 0.97
SILENCE = (0.10, 0.20)  # seconds kept before and after the speech
FADE = 0.05  # seconds
GRID = 320  # clips are whole 20 ms steps long


def resampled(waveform: np.ndarray, rate: int, warp: float = 1.0) -> np.ndarray:
    """A waveform at 16 kHz; `warp` multiplies pitch and formants and divides the duration, as a tape does."""
    import soxr

    if warp == 1.0 and rate == RATE:
        return waveform.astype(np.float32)
    return soxr.resample(waveform, rate * warp, RATE, quality="VHQ").astype(np.float32)


def clip_of(
    waveform: np.ndarray, phones: list[Phone], rng: np.random.Generator
) -> tuple[np.ndarray, list[tuple[str, float, float, int]]]:
    """Cuts, levels and fades an utterance.

    Parameters
    ----------
    waveform : ndarray, float32, shape (S,)
        16 kHz.
    phones : list of Phone
        From the first sound to the last, seconds from the waveform's first sample; the first may start before it.
    rng : numpy Generator
        For the lengths of the silences.

    Returns
    -------
    waveform : ndarray, float32, shape (S',), S' a multiple of 320
    phones : list of (symbol, start, end, stress)
        Rounded to 0.1 ms, first and last one a pause, no gaps.

    Raises
    ------
    ValueError
        If the clip would have to be quieter than -28 dB not to overflow.
    """
    lead = round(rng.uniform(*SILENCE) * RATE)
    first = round(phones[0].start * RATE) - lead
    wanted = (phones[-1].end + rng.uniform(*SILENCE)) * RATE - first
    samples = round(wanted / GRID) * GRID
    clip = np.zeros(samples, np.float32)
    piece = waveform[max(first, 0) : max(first + samples, 0)]
    clip[max(-first, 0) : max(-first, 0) + len(piece)] = piece
    times = [round(phone.start - first / RATE, 4) for phone in phones] + [round(phones[-1].end - first / RATE, 4)]
    rows = [(PAUSE, 0.0, times[0], 0)]
    rows += [(p.symbol, start, end, p.stress) for p, start, end in zip(phones, times[:-1], times[1:], strict=True)]
    rows.append((PAUSE, times[-1], samples / RATE, 0))
    fade = np.sin(0.5 * np.pi * np.arange(1, round(FADE * RATE) + 1) / round(FADE * RATE)).astype(np.float32) ** 2
    clip[: len(fade)] *= fade
    clip[-len(fade) :] *= fade[::-1]
    return levelled(clip, rows), rows


def levelled(clip: np.ndarray, rows: list[tuple[str, float, float, int]]) -> np.ndarray:
    """The clip with its speech at -26 dB, or at most 2 dB below that where its peaks would overflow."""
    spoken = [clip[round(start * RATE) : round(end * RATE)] for symbol, start, end, _ in rows if symbol != PAUSE]
    power = np.mean(np.concatenate(spoken).astype(np.float64) ** 2)
    gain = LEVEL / np.sqrt(power)
    peak = np.abs(clip).max()
    if gain * peak > HIGHEST_PEAK:
        gain = HIGHEST_PEAK / peak
        if gain * np.sqrt(power) < LEVEL * 10 ** (-2 / 20):
            raise ValueError(f"a clip's peak is {20 * np.log10(peak / np.sqrt(power)):.1f} dB above its level")
    return (gain * clip).astype(np.float32)
