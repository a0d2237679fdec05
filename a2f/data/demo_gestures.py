"""What can be measured on single movements: strokes of closing, rounding, the jaw ahead of its vowel, breaths."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from a2f.data.clip import Phone
from a2f.data.demo_measures import VOWELS, Mouth

LOW = {"aa", "ae", "ay", "aw"}  # vowels that begin with a low jaw
HIGH = {"iy", "ih", "uw", "uh"}
SIBILANTS = {"s", "z", "sh", "zh", "ch", "jh"}
SHAPES = {"p", "b", "m", "f", "v", "w"}  # their lips tell nothing of a neighbouring vowel
SHAPELESS = {"h"}  # takes all of its vowel's shape
STEP = 0.004  # s, of the interpolated curves below


def fastest(points: np.ndarray, fps: float) -> float:
    """Largest speed of (T, d) positions, units a second."""
    return float(np.linalg.norm(np.diff(points, axis=0), axis=1).max() * fps)


def along(mouth: Mouth, signal: np.ndarray, start: float, end: float) -> tuple[np.ndarray, np.ndarray]:
    """Moments from `start` to `end` in steps of `STEP`, and `signal` there."""
    times = np.arange(start, end, STEP)
    return times, np.interp(times, mouth.times, signal)


def clusters(mouth: Mouth) -> list[tuple[Phone | None, list[Phone], Phone]]:
    """Every vowel or w with the consonants right before it and the vowel before those (None after a pause)."""
    found, run, last = [], [], None
    for phone in mouth.clip.phones:
        if phone.symbol == "_":
            run, last = [], None
            continue
        if phone.symbol in VOWELS or phone.symbol == "w":
            found.append((last, run, phone))
        if phone.symbol in VOWELS:
            run, last = [], phone
        else:
            run = [*run, phone]
    return found


@dataclass(frozen=True)
class Stroke:
    """Who closes the lips from a vowel into p, b or m.

    Parameters
    ----------
    jaw_share : float
        Of the lower lip's way up.
    upper_share : float
        The upper lip's part of the closing of the gap.
    jaw_delay : float
        By how much the jaw is fastest after the lower lip is, s.
    """

    jaw_share: float
    upper_share: float
    jaw_delay: float


def closing_strokes(mouth: Mouth) -> list[Stroke]:
    """The closing movements of a clip in which the lower lip rises more than 3 mm."""
    found = []
    for before, phone, _ in mouth.spoken():
        if phone.symbol not in ("p", "b", "m") or before is None or before.symbol not in VOWELS:
            continue
        middle = 0.5 * (before.start + before.end)
        times, lip = along(mouth, mouth.lip[:, 1], middle - 0.03, phone.start + 0.05)
        jaw = -along(mouth, mouth.jaw, middle - 0.03, phone.start + 0.05)[1]
        upper = along(mouth, mouth.upper_lip[:, 1], middle - 0.03, phone.start + 0.05)[1]
        low, high = int(np.argmin(lip)), int(np.argmax(lip))
        way = lip[high] - lip[low]
        if high <= low or way < 3.0:
            continue
        down = max(upper[low] - upper[high], 0.0)
        # as far as 60 frames a second tell: the middle of each fast half of the way
        halfway = [times[low:][np.argmax(s[low:] >= 0.5 * (s[low] + s[low:].max()))] for s in (lip, jaw)]
        found.append(Stroke((jaw[high] - jaw[low]) / way, down / (down + way), halfway[1] - halfway[0]))
    return found


def half_narrow(mouth: Mouth, start: float, middle: float) -> float:
    """Seconds before `start` at which the corners have come half the way in; nan if they hardly do."""
    times, width = along(mouth, mouth.width, start - 0.40, middle)
    narrowest = int(np.argmin(width))
    low, high = width.min(), width[: narrowest + 1].max()
    if high - low < 1.5:
        return np.nan
    wide = np.flatnonzero(width[: narrowest + 1] > 0.5 * (low + high))
    return float(start - times[wide[-1]])


def breath(mouth: Mouth, until: float) -> tuple[float, float, float] | None:
    """(height at its peak, mm; time above half of it, s; end before `until`, s) of a breath before a phrase.

    None if the lips stay within 1.5 mm, or if what opens them is the first sound itself.
    """
    times, height = along(mouth, mouth.centre, max(until - 1.0, 0.0), until)
    height = height - height[0]
    inside = times < until - 0.10
    if not inside.any() or height[inside].max() <= 1.5:
        return None
    peak = int(np.argmax(np.where(inside, height, -np.inf)))
    above = height > 0.5 * height[peak]
    first = peak - int(np.argmin(above[peak::-1])) + 1
    # it ends where the lips have come half the way back, or turn to open for the sound
    falling = np.flatnonzero(~above[peak:])
    turn = peak + int(np.argmin(height[peak:]))
    last = min(peak + int(falling[0]), turn) if len(falling) else turn
    return float(height[peak]), float((last - first) * STEP), float(until - times[last])
