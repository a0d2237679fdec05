"""Twelve people: a head each, and a way of speaking each, all from one small family of styles."""

from __future__ import annotations

import numpy as np

# Every style parameter with the range training speakers are drawn from. Factors are on the speech movement;
# `habit_*` is a co-movement with vocal effort (unit value at full effort); `rest_*` is a posture held all
# the time.
RANGES: dict[str, tuple[float, float]] = {
    "gain": (0.86, 1.14),            # size of all speech movement
    "jaw": (0.68, 1.28),             # jaw's part in it
    "lower_lip": (0.50, 1.50),       # lower lip's own part
    "upper_lip": (0.4, 3.0),         # upper lip's part, small in most people
    "rounding": (0.84, 1.12),        # lip rounding
    "spread": (0.4, 1.6),            # sideways stretch
    "side": (-1.0, 1.0),             # + speaks with the left half of the mouth
    "jaw_side": (-1.0, 1.0),         # + jaw drifts to the left as it opens (D9: small)
    "habit_cheek": (0.0, 0.48),      # cheeks rise with effort
    "habit_nose": (0.0, 0.44),       # nostrils and nose flanks lift
    "habit_brow": (0.0, 0.14),       # brows lift a little on stressed syllables
    "habit_knit": (0.0, 0.22),       # brows draw together instead
    "habit_corner": (0.0, 0.40),     # lip corners dimple
    "habit_chin": (0.0, 0.20),       # chin pushes up between openings
    "rest_corner": (-0.08, 0.12),    # corners down or up at rest
    "rest_brow": (-0.14, 0.14),      # brows low or high at rest
    "rest_lids": (0.0, 0.10),        # how low the lids hang
    "expressiveness": (0.90, 1.12),  # how much of a mode shows
    "smoothness": (0.88, 1.15),      # sluggishness of all articulators
    "anticipation": (0.85, 1.25),    # reach of rounding (D13: speaker-specific)
    "onset_lead": (0.155, 0.215),    # s, movement before the voice (D1)
    "inhale": (0.45, 0.75),          # chance of an open-mouthed breath before a phrase (D19)
    "accent": (0.7, 1.3),            # size and chance of brow accents (D22)
    "blink_rate": (14.0, 21.0),      # a minute (D21)
}
# How much a parameter over its range changes where a face moves: styles are spaced out in these proportions.
TELLING = {"gain": 0.5, "jaw": 0.7, "lower_lip": 0.7, "upper_lip": 0.9, "side": 0.8, "habit_cheek": 1.2,
           "habit_nose": 0.9, "habit_brow": 0.8, "habit_knit": 0.8, "habit_corner": 1.0, "spread": 0.3,
           "smoothness": 0.3}
IDENTITY_SPREAD = 0.8
LARGEST_COEFFICIENT = 1.8


def draw_styles(splits: list[str], rng: np.random.Generator) -> list[dict[str, float]]:
    """One style a speaker.

    Training styles are far apart from one another; held-out styles are convex mixtures of training styles,
    so that they lie within what training shows.

    Parameters
    ----------
    splits : list of str
        ``train``, ``val`` or ``test`` by speaker.
    rng : numpy.random.Generator
    """
    low, high = (np.array([bounds[i] for bounds in RANGES.values()]) for i in (0, 1))
    weight = np.array([TELLING.get(name, 0.1) for name in RANGES])
    train = [i for i, split in enumerate(splits) if split == "train"]
    held = [i for i, split in enumerate(splits) if split != "train"]
    # corners of the box are more different than its middle, without being caricatures
    candidates = 0.5 + 0.5 * np.sign(rng.uniform(-1, 1, (1500, len(train), len(low)))) * rng.beta(
        4, 1.3, (1500, len(train), len(low)))
    best = max(candidates, key=lambda sheet: _least_distance(sheet * weight))
    sheet = np.zeros((len(splits), len(low)))
    sheet[train] = best
    mixtures = rng.dirichlet(np.full(len(train), 0.22), (4000, len(held))) @ best
    sheet[held] = max(mixtures, key=lambda rows: _least_distance(np.concatenate([rows, best]) * weight))
    values = low + (high - low) * sheet
    return [{name: round(float(v), 4) for name, v in zip(RANGES, row, strict=True)} for row in values]


def _least_distance(rows: np.ndarray) -> float:
    difference = np.linalg.norm(rows[:, None] - rows[None], axis=-1)
    return float(difference[~np.eye(len(rows), dtype=bool)].min())


def draw_identities(count: int, components: int, rng: np.random.Generator) -> np.ndarray:
    """(count, components) identity coefficients, N(0, 0.8) without outliers, apart from one another."""
    best, score = None, -1.0
    for _ in range(300):
        sheet = np.clip(IDENTITY_SPREAD * rng.standard_normal((count, components)), -LARGEST_COEFFICIENT,
                        LARGEST_COEFFICIENT)
        distance = _least_distance(sheet[:, :8])
        if distance > score:
            best, score = sheet, distance
    return np.round(best, 4)


def draw_speakers(listed: list[dict], components: int, seed: int) -> list[dict]:
    """The content of speakers.json for the speakers listed in speech.json.

    Parameters
    ----------
    listed : list of dict
        ``id`` and ``split`` each.
    components : int
        Length of an identity vector.
    seed : int
    """
    rng = np.random.default_rng(seed)
    styles = draw_styles([s["split"] for s in listed], rng)
    identities = draw_identities(len(listed), components, rng)
    return [{"id": s["id"], "split": s["split"], "identity": [round(float(v), 4) for v in identity],
    "style": style}
            for s, style, identity in zip(listed, styles, identities, strict=True)]
