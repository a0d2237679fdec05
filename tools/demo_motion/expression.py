"""Four ways to say it: what a mode adds to the resting face and how it changes the movement."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import gaussian_filter1d

from demo_motion.gestures import TimeLine

MODES = ("neutral", "happy", "angry", "sad")


@dataclass(frozen=True)
class Mode:
    """Static offset of a mode and its factors on movement.

    Parameters
    ----------
    face : dict of str to float
        Unit values held through the whole clip. A name without Left/Right stands for both sides.
    gain, jaw, rounding, spread, upper_lip, smoothness : float
        Factors on the speech movement.
    accents : float
        Chance that a phrase carries a brow accent (D22: not automatic; about 3-15 a minute).
    accent : dict of str to float
        Units of that accent at full size.
    """

    face: dict[str, float] = field(default_factory=dict)
    gain: float = 1.0
    jaw: float = 1.0
    rounding: float = 1.0
    spread: float = 1.0
    upper_lip: float = 1.0
    smoothness: float = 1.0
    accents: float = 0.28
    accent: dict[str, float] = field(default_factory=dict)


_RAISE = {"browInnerUp": 0.8, "browOuterUp": 1.0}
TABLE: dict[str, Mode] = {
    "neutral": Mode(accents=0.28, accent=_RAISE),
    "happy": Mode(
        face={"mouthSmile": 0.50, "cheekSquint": 0.50, "eyeSquint": 0.22, "mouthDimple": 0.10,
        "browOuterUp": 0.10,
              "browInnerUp": 0.06},
        gain=1.06, jaw=1.02, rounding=0.94, spread=1.25, upper_lip=1.15, smoothness=0.97, accents=0.55,
        accent=_RAISE),
    "angry": Mode(
        face={"browDown": 0.85, "noseSneer": 0.45, "eyeSquint": 0.30, "mouthPress": 0.20, "mouthFrown": 0.14,
              "mouthUpperUp": 0.10, "jawForward": 0.10, "eyeWide": 0.10, "mouthShrugLower": 0.08},
        gain=1.05, jaw=1.10, rounding=1.05, spread=1.10, upper_lip=1.20, smoothness=0.88, accents=0.45,
        accent={"browDown": 0.8, "noseSneer": 0.3}),
    "sad": Mode(
        face={"browInnerUp": 0.80, "mouthFrown": 0.52, "eyeBlink": 0.13, "mouthShrugLower": 0.12,
        "eyeSquint": 0.06,
              "browDown": 0.10, "eyeLookDown": 0.08},
        gain=0.80, jaw=0.82, rounding=0.95, spread=0.80, upper_lip=0.85, smoothness=1.18, accents=0.30,
        accent={"browInnerUp": 0.8}),
}


def spread_names(values: dict[str, float], unit_names) -> np.ndarray:
    """(52,) vector from a dict whose names may leave out Left/Right.

    Raises
    ------
    ValueError
        If a name is no unit.
    """
    out = np.zeros(len(unit_names))
    for name, value in values.items():
        hits = [i for i, unit in enumerate(unit_names) if unit in (name, name + "Left", name + "Right")]
        if not hits:
            raise ValueError(f"{name!r} is not one of the face units {', '.join(unit_names)}")
        out[hits] += value
    return out


def effort(line: TimeLine, times: np.ndarray, pace: float) -> np.ndarray:
    """How hard the utterance works at each moment, 0..1: a bump on each vowel, larger where it is
    stressed."""
    level = np.zeros_like(times)
    for start, end in line.stressed:
        width = 0.075 * pace + 0.25 * (end - start)
        level += np.exp(-0.5 * ((times - 0.5 * (start + end) + 0.03) / width) ** 2)
    return level / (1.0 + 0.35 * level)


def accents(line: TimeLine, times: np.ndarray, chance: float, size: float,
            rng: np.random.Generator) -> np.ndarray:
    """(T,) brow accents: at most one a phrase, on its longest stressed vowel, 150 ms ahead of it (D22)."""
    out = np.zeros_like(times)
    for start, end in line.phrases:
        inside = [(a, b) for a, b in line.stressed if start <= a < end]
        draw, amount, lead = rng.random(), rng.uniform(0.16, 0.36), rng.uniform(0.11, 0.19)
        if not inside or draw >= chance:
            continue
        # the earlier of two like vowels: accents are bigger early in the utterance
        length = max(end - start, 1e-6)
        weight = [(b - a) * (1.15 - 0.3 * (a - start) / length) for a, b in inside]
        vowel = inside[int(np.argmax(weight))]
        peak = 0.5 * (vowel[0] + vowel[1])
        rise, fall = (peak - vowel[0]) + lead, 0.34
        x = times - peak
        shape = np.where(x < 0, np.clip(1 + x / rise, 0, 1), np.clip(1 - x / fall, 0, 1))
        out = np.maximum(out, amount * size * (3 * shape**2 - 2 * shape**3))
    return gaussian_filter1d(out, 0.02 / (times[1] - times[0]), mode="nearest")
