"""Do phone times lie where the sound changes: lags of whole classes, spread of single boundaries.

Nothing here uses the aligner: classes are compared with energies of bands, boundaries with the steepest change near
them. Plus means that the sound comes later than its label.
"""

from __future__ import annotations

import collections

import numpy as np
from demo_speech.phones import PAUSE, VOWELS

from .corpus import RATE
from .levels import band, energy, steepest

SIBILANTS, STOPS = ("s", "z", "sh", "zh"), ("p", "t", "k", "b", "d", "g", "ch", "jh")
LAGS = np.arange(-120, 121, 5)  # ms
REACH = 80  # ms, how far from a boundary its change of energy is sought
HIGHEST_SPREAD, HIGHEST_LAG = 25.0, 15.0  # ms, of an utterance that is kept
FEWEST_EVENTS = 5  # fewer boundaries say nothing about an utterance
Rows = list[tuple[str, float, float, int]]


def class_lag(pairs: list[tuple[np.ndarray, np.ndarray]]) -> int | None:
    """Lag in ms at which masks and levels of the same clips agree best; None where a class does not occur."""
    mask = np.concatenate([m for m, _ in pairs])
    if not 0 < mask.mean() < 1:
        return None
    level = np.concatenate([v for _, v in pairs])
    fit = [np.corrcoef(np.roll(mask, lag), level)[0, 1] for lag in LAGS]
    return int(LAGS[int(np.argmax(fit))])


def class_tracks(waveform: np.ndarray, rows: Rows) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Label mask and energy of three classes at 1 ms steps: sibilants, stops and vowels."""
    total, high, low = energy(waveform), energy(band(waveform, 3500, 7500)), energy(band(waveform, 200, 2500))
    levels = {"sibilants": high - 0.5 * np.maximum(total, total.max() - 40), "stops": -total, "vowels": low}
    tracks = {}
    for name, members in (("sibilants", SIBILANTS), ("stops", STOPS), ("vowels", VOWELS)):
        mask = np.zeros(len(total))
        for symbol, start, end, _ in rows:
            if symbol in members:
                mask[round(start * 1000) : round(end * 1000)] = 1
        tracks[name] = (mask, levels[name])
    return tracks


def boundary_errors(waveform: np.ndarray, rows: Rows) -> list[tuple[str, float]]:
    """(kind, ms) of boundaries whose place in the sound is plain.

    These are stops after vowels (energy falls) and sibilants next to vowels (high band rises or falls).
    """
    # voicing goes on behind a closure of b d g, so what lies below 600 Hz is left out
    mouth, high = energy(band(waveform, 600, 7500)), energy(band(waveform, 3500, 7500))
    found = []
    for (before, *_), (after, start, _, _) in zip(rows[:-1], rows[1:], strict=True):
        if before in VOWELS and after in "p t k b d g".split():
            kind, level, sign = "closure " + ("ptk" if after in "ptk" else "bdg"), mouth, -1
        elif before in VOWELS and after in SIBILANTS:
            kind, level, sign = "sibilant start", high, 1
        elif before in SIBILANTS and after in VOWELS:
            kind, level, sign = "sibilant end", high, -1
        else:
            continue
        found.append((kind, steepest(level, start, REACH, sign)[0] - 1000 * start))
    return found


def spread(errors: list[tuple[str, float]], medians: dict[str, float]) -> float:
    """Robust standard deviation (IQR / 1.35) in ms of boundary errors about the median of their kind."""
    values = [error - medians[kind] for kind, error in errors]
    return float(np.subtract(*np.percentile(values, [75, 25])) / 1.35)


def medians_of(errors: list[tuple[str, float]]) -> dict[str, float]:
    """Median error of every kind of boundary, ms."""
    kinds = collections.defaultdict(list)
    for kind, error in errors:
        kinds[kind].append(error)
    return {kind: float(np.median(values)) for kind, values in sorted(kinds.items())}


def faults(waveform: np.ndarray, rows: Rows, medians: dict[str, float]) -> list[str]:
    """What is wrong with one utterance's phone times, empty if nothing is.

    Parameters
    ----------
    waveform : ndarray, float32, shape (S,)
    rows : list of (symbol, start, end, stress)
    medians : dict of str to float
        Usual error of every kind of boundary in this voice, ms.
    """
    found = []
    errors = [(kind, error) for kind, error in boundary_errors(waveform, rows) if kind in medians]
    if len(errors) >= FEWEST_EVENTS and spread(errors, medians) > HIGHEST_SPREAD:
        found.append(f"boundaries spread by {spread(errors, medians):.0f} ms")
    lag = class_lag([class_tracks(waveform, rows)["sibilants"]])
    if lag is not None and abs(lag) > HIGHEST_LAG:
        found.append(f"sibilants {lag:+d} ms off")
    return found


def summary(clips: list[tuple[np.ndarray, Rows]]) -> dict[str, float | int | dict[str, float] | None]:
    """Figures of one voice over all its clips: lags of classes, spread and medians of boundaries, amount."""
    tracks = [class_tracks(wave, rows) for wave, rows in clips]
    errors = [error for wave, rows in clips for error in boundary_errors(wave, rows)]
    medians = medians_of(errors)
    seconds = [len(wave) / RATE for wave, _ in clips]
    phones = [end - start for _, rows in clips for symbol, start, end, _ in rows if symbol != PAUSE]
    return {
        "clips": len(clips),
        "minutes": round(sum(seconds) / 60, 2),
        "lag_ms": {name: class_lag([t[name] for t in tracks]) for name in ("sibilants", "stops", "vowels")},
        "boundary_spread_ms": round(spread(errors, medians), 1),
        "boundary_median_ms": {kind: round(value, 1) for kind, value in medians.items()},
        "boundaries": len(errors),
        "median_phone_ms": round(1000 * float(np.median(phones)), 1),
    }
