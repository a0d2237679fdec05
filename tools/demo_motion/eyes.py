"""Blinks and gaze: the little of the face that does not follow the sound."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from demo_motion.gestures import TimeLine, smoothstep


def blink_times(line: TimeLine, per_minute: float, rng: np.random.Generator) -> list[float]:
    """Blink moments: log-normal intervals (D21), most of them drawn to the nearest pause or phrase edge."""
    edges = [t for phrase in line.phrases for t in (phrase[0] - 0.10, phrase[1] + 0.08)]
    edges += [0.5 * (a + b) for a, b in line.short_pauses]
    spread = 0.35
    median = 60.0 / per_minute * np.exp(-0.5 * spread**2)
    moment, out = -median * rng.random(), []
    while True:
        moment += median * np.exp(spread * rng.standard_normal())
        if moment > line.duration - 0.1:
            return out
        nearest = min(edges, key=lambda t: abs(t - moment), default=moment)
        drawn = rng.random() < 0.75 and abs(nearest - moment) < 0.6
        at = nearest if drawn else moment
        if 0.08 < at < line.duration - 0.1 and (not out or at - out[-1] > 0.5):
            out.append(float(at))


def blinks(line: TimeLine, times: np.ndarray, per_minute: float, rng: np.random.Generator) -> np.ndarray:
    """(T,) lid closure 0..1: shut in about 75 ms, open again in about 150 ms."""
    out = np.zeros_like(times)
    for at in blink_times(line, per_minute, rng):
        down, up = smoothstep((times - at + 0.085) / 0.085), smoothstep((times - at - 0.02) / 0.16)
        out = np.maximum(out, down * (1.0 - up))
    return out


def gaze(line: TimeLine, times: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Sideways and vertical gaze, -1..1, as fixations of about a second with small steps between them."""
    sideways, vertical = np.zeros_like(times), np.zeros_like(times)
    moment = 0.0
    while moment < line.duration:
        pause = 0.7 + rng.gamma(2.0, 0.4)
        inside = (times >= moment) & (times < moment + pause)
        sideways[inside], vertical[inside] = 0.07 * rng.standard_normal(), 0.04 * rng.standard_normal()
        moment += pause
    width = 0.016 / (times[1] - times[0])
    return gaussian_filter1d(sideways, width, mode="nearest"), gaussian_filter1d(vertical, width,
    mode="nearest")
