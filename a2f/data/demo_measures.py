"""What can be measured on a talking face with known phones: gaps, areas, speeds, contacts, leads.

Everything is linear in the face units until the last step, so no vertices are made: a clip's landmarks are
its coefficients times the landmarks' rows of the basis.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from a2f.data.clip import Clip, Phone
from a2f.errors import BadInput

FINE_RATE = 240.0  # contacts are timed on the 60 fps curves, interpolated linearly
CONTACT = 0.6  # mm, the largest height along the rim that still counts as closed
SLIT = 0.5  # mm between the lips, from which a point of the rim counts as open
LEAD = 0.02  # s, by which a mouth leads the middle of its sound
VOWELS = {"aa", "ae", "ah", "ao", "aw", "ay", "eh", "er", "ey", "ih", "iy", "ow", "oy", "uh", "uw"}


@dataclass(frozen=True, eq=False)
class Mouth:
    """The measurements of one clip, each sampled at the clip's rate.

    Parameters
    ----------
    gap : ndarray, (T, K)
        Height between the paired points of the lips' inner rims, mm; negative where the lips overlap.
    area : ndarray, (T,)
        Opening seen from the front, mm^2.
    width : ndarray, (T,)
        Distance between the mouth corners, mm.
    slit : ndarray, (T,)
        Width of what stands open between them: the lips are more than `SLIT` apart, mm.
    jaw : ndarray, (T,)
        Drop of the lower incisors' edge, mm.
    aside : ndarray, (T,)
        Sideways position of the lower incisors, mm from their first frame.
    lip, upper_lip : ndarray, (T, 3)
        Mid-points of the lower and the upper lip, mm.
    tuck : ndarray, (T,)
        Height of the lower lip's top over the upper incisors' edge, mm; 0 is touching.
    brow : ndarray, (T,)
        Mean height of both brows over the clip's median, mm.
    lids : ndarray, (T,)
        Mean of the two blink units.
    """

    clip: Clip
    gap: np.ndarray
    area: np.ndarray
    width: np.ndarray
    slit: np.ndarray
    jaw: np.ndarray
    aside: np.ndarray
    lip: np.ndarray
    upper_lip: np.ndarray
    tuck: np.ndarray
    brow: np.ndarray
    lids: np.ndarray

    @property
    def times(self) -> np.ndarray:
        """(T,) s."""
        return np.arange(len(self.jaw)) / self.clip.fps

    @property
    def centre(self) -> np.ndarray:
        """(T,) height between the lips at the mid-line, mm."""
        return self.gap[:, self.gap.shape[1] // 2]

    def at(self, signal: np.ndarray, time: float) -> float:
        """`signal` at one moment, interpolated linearly."""
        return float(np.interp(time, self.times, signal))

    def spoken(self) -> list[tuple[Phone | None, Phone, Phone | None]]:
        """Every phone but the pauses, with its neighbours."""
        phones = self.clip.phones
        around = zip((None, *phones[:-1]), phones, (*phones[1:], None), strict=True)
        return [trio for trio in around if trio[1].symbol != "_"]


def measure(clip: Clip, unit_names: tuple[str, ...]) -> Mouth:
    """Measure one clip.

    Raises
    ------
    BadInput
        If the clip has no coefficients, or its topology lacks a landmark.
    """
    marks = clip.topology.landmarks
    needed = (
        "upper_lip_inner",
        "lower_lip_inner",
        "upper_incisor",
        "lower_incisor",
        "lower_lip_top",
        "brow_left",
        "brow_right",
    )
    if clip.coefficients is None or any(name not in marks for name in needed):
        raise BadInput(
            f"clip {clip.name} cannot be measured: it needs coefficients and the landmarks {', '.join(needed)}"
        )
    weights = clip.coefficients.astype(np.float64)

    def place(ids: np.ndarray, axis: int) -> np.ndarray:
        return clip.template[ids, axis].astype(np.float64) + weights @ clip.basis[:, ids, axis].astype(
            np.float64
        )

    upper, lower = marks["upper_lip_inner"], marks["lower_lip_inner"]
    gap = place(upper, 1) - place(lower, 1)
    across = 0.5 * (place(upper, 0) + place(lower, 0))
    opening = np.maximum(gap, 0.0)
    area = np.sum(0.5 * (opening[:, 1:] + opening[:, :-1]) * np.diff(across, axis=1), axis=1)
    incisor, middle = marks["lower_incisor"], lower[len(lower) // 2 : len(lower) // 2 + 1]
    upper_middle = upper[len(upper) // 2 : len(upper) // 2 + 1]
    brow = place(np.concatenate([marks["brow_left"], marks["brow_right"]]), 1).mean(axis=1)
    aside = place(incisor, 0).mean(axis=1)
    lids = [unit_names.index(f"eyeBlink{side}") for side in ("Left", "Right")]
    return Mouth(
        clip=clip,
        gap=gap,
        area=area,
        width=across[:, -1] - across[:, 0],
        slit=open_width(gap, across),
        jaw=clip.template[incisor, 1].mean() - place(incisor, 1).mean(axis=1),
        aside=aside - aside[0],
        lip=np.concatenate([place(middle, axis) for axis in range(3)], axis=1),
        upper_lip=np.concatenate([place(upper_middle, axis) for axis in range(3)], axis=1),
        tuck=place(marks["lower_lip_top"], 1).mean(axis=1) - place(marks["upper_incisor"], 1).mean(axis=1),
        brow=brow - np.median(brow),
        lids=weights[:, lids].mean(axis=1),
    )


def open_width(gap: np.ndarray, across: np.ndarray) -> np.ndarray:
    """(T,) summed width of the rim's stretches that are more than `SLIT` apart, their ends interpolated, mm."""
    above, below = gap[:, 1:] - SLIT, gap[:, :-1] - SLIT
    # of a stretch between two points: all of it, none, or the part on the open side of the crossing
    both = np.abs(above) + np.abs(below)
    share = (np.maximum(above, 0.0) + np.maximum(below, 0.0)) / np.maximum(both, 1e-9)
    return np.sum(share * np.diff(across, axis=1), axis=1)


@dataclass(frozen=True)
class Closure:
    """How the lips closed for one p, b or m.

    Parameters
    ----------
    contact : float
        How long they touched, s.
    onset : float
        When they met, s after the closure began to be heard.
    press : float
        Speed at which they met over the fastest speed of closing.
    aperture : float
        Mean height along the rim in the middle of the contact, mm; negative where lips press into each other.
    beside_pause : bool
        Whether a pause comes before or after, where lips may stay together.
    """

    contact: float
    onset: float
    press: float
    aperture: float
    beside_pause: bool


def closures(mouth: Mouth) -> list[Closure]:
    """Find the contact of every /p b m/ of a clip, at `FINE_RATE`."""
    times = np.arange(0.0, mouth.times[-1], 1.0 / FINE_RATE)
    # the rim's corners cannot part and its largest height is what decides
    height = np.max(np.stack([np.interp(times, mouth.times, column) for column in mouth.gap.T[1:-1]]), axis=0)
    closed = height < CONTACT
    edges = np.flatnonzero(np.diff(np.concatenate([[0], closed.astype(np.int8), [0]])))
    runs = [
        (times[a], times[b - 1] + 1.0 / FINE_RATE, a) for a, b in zip(edges[::2], edges[1::2], strict=True)
    ]
    speed = np.maximum(-np.gradient(height, 1.0 / FINE_RATE), 0.0)
    found = []
    for before, phone, after in mouth.spoken():
        if phone.symbol not in ("p", "b", "m"):
            continue
        touching = [run for run in runs if run[0] < phone.end - 0.005 and run[1] > phone.start - 0.03]
        pause = before is None or before.symbol == "_" or after is None or after.symbol == "_"
        if not touching:
            found.append(Closure(0.0, np.nan, np.nan, np.nan, pause))
            continue
        start, end, index = max(touching, key=lambda run: run[1] - run[0])
        peak = speed[max(index - int(0.12 * FINE_RATE), 0) : index + 1].max()
        press = speed[index] / peak if peak > 5.0 else np.nan
        aperture = mouth.at(mouth.gap[:, 1:-1].mean(axis=1), 0.5 * (start + end))
        found.append(Closure(end - start, start - phone.start, press, aperture, pause))
    return found


def vertex_deviation(clip: Clip, ids: np.ndarray) -> np.ndarray:
    """(len(ids),) standard deviation over time of each vertex, mm: root of its summed variance in x, y, z."""
    spread = np.cov(clip.coefficients.astype(np.float64), rowvar=False)
    rows = clip.basis[:, ids].reshape(len(clip.basis), -1).astype(np.float64)
    return np.sqrt(np.maximum(np.sum(rows * (spread @ rows), axis=0), 0.0).reshape(len(ids), 3).sum(axis=1))


def envelope(waveform: np.ndarray, rate: int, times: np.ndarray) -> np.ndarray:
    """(len(times),) root-mean-square level of the sound in 50 ms around each moment."""
    sums = np.concatenate([[0.0], np.cumsum(waveform.astype(np.float64) ** 2)])
    first = np.clip(((times - 0.025) * rate).astype(int), 0, len(waveform) - 1)
    last = np.clip(((times + 0.025) * rate).astype(int), 1, len(waveform))
    return np.sqrt((sums[last] - sums[first]) / np.maximum(last - first, 1))
