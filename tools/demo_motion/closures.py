"""Contacts are solved, not hoped for: lips close on every identity in every mode, f and v reach the incisors.

Each frame asks for a height profile along the inner rims; a small bounded least-squares problem finds the
least change of a few closing units that yields it. All distances are linear in the units, so the problem is
convex and its answer smooth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from demo_motion.gestures import Contact, smoothstep
from demo_motion.mouth import MouthGeometry


@dataclass(frozen=True)
class Helper:
    """A unit the solver may move: its stride (a large one makes it cheap) and the range of its value."""

    unit: str
    stride: float
    low: float = 0.0
    high: float = 1.0


# The lower lip does most of a closure, the upper lip a fifth (D12); opening units give way before closing
# units act.
LIP_HELPERS = (
    Helper("mouthClose", 0.30), Helper("mouthLowerDownLeft", 0.30), Helper("mouthLowerDownRight", 0.30),
    Helper("mouthUpperUpLeft", 0.20), Helper("mouthUpperUpRight", 0.20),
    Helper("mouthShrugLower", 0.10, high=0.55), Helper("mouthShrugUpper", 0.05, high=0.35),
    Helper("mouthPressLeft", 0.10, high=0.5), Helper("mouthPressRight", 0.10, high=0.5),
    Helper("mouthRollUpper", 0.07, high=0.35), Helper("mouthRollLower", 0.07, high=0.35),
    Helper("mouthFunnel", 0.30),
)
INCISOR_HELPERS = (
    Helper("mouthClose", 0.12), Helper("mouthShrugLower", 0.15, high=0.5), Helper("jawOpen", 0.20, high=0.22),
    Helper("mouthLowerDownLeft", 0.12), Helper("mouthLowerDownRight", 0.12),
    Helper("mouthUpperUpLeft", 0.3), Helper("mouthUpperUpRight", 0.3), Helper("mouthFunnel", 0.3),
)
OVERLAP = -0.22  # mm: lips are soft and press into each other a little; never deeper
SOFTNESS = 0.22  # mm: width of the bend between free movement and contact
TOUCH = -0.14    # mm: aim of the lips at rest; `soft_floor` turns it into no opening at all
TUCK = 0.22      # mm: the lower lip covers this much of the incisors' edge in f and v
PRESS = 2.6      # mm: the lips aim past each other, hence still move fast at contact (D4)
REACH = {"lips": (0.078, 0.070), "incisors": (0.075, 0.070)}  # approach and release, s
# Since the lips aim past each other they meet before the aim is reached: the aim is reached this long after
# contact.
INSIDE = {"lips": (0.026, 0.024), "incisors": (0.0, 0.0)}  # s, at the start and at the end


def activation(contacts: tuple[Contact, ...], where: str, times: np.ndarray) -> np.ndarray:
    """How strongly a contact is asked for, 0..1; 1 throughout each contact's interval."""
    (approach, release), (early, late) = REACH[where], INSIDE[where]
    open_share = np.ones_like(times)
    for contact in contacts:
        if contact.where != where:
            continue
        pace = contact.pace
        rise = smoothstep((times - contact.start - early * pace + approach * pace) / (approach * pace))
        fall = 1.0 - smoothstep((times - contact.end + late * pace) / (release * pace))
        open_share *= 1.0 - rise * fall
    return 1.0 - open_share


def soft_floor(x: np.ndarray, floor: float, softness: float = SOFTNESS) -> np.ndarray:
    """`x` where it is well above `floor`, bending smoothly into it."""
    return floor + softness * np.logaddexp(0.0, (x - floor) / softness)


def bounded_step(values: np.ndarray, residual: np.ndarray, rows: np.ndarray, weights: np.ndarray,
                 ids: np.ndarray, strides: np.ndarray, low: np.ndarray, high: np.ndarray,
                 firmness: float = 0.05, sweeps: int = 24) -> np.ndarray:
    """Least change of `values[:, ids]` that moves the measurements by `residual`, within bounds.

    Coordinate descent on the normal equations; every frame is solved at once.

    Parameters
    ----------
    values : ndarray, (T, 52)
    residual : ndarray, (T, K)
        Wanted change of K measurements, mm.
    rows : ndarray, (n, K)
        Their change per unit of each helper.
    weights : ndarray, (K,)
    ids, strides, low : ndarray, (n,)
    high : ndarray, (T, n)
    firmness : float
        Price of one stride, mm^2.

    Returns
    -------
    ndarray, (T, n)
        The change of the helpers.
    """
    normal = (rows * weights) @ rows.T + np.diag(firmness / strides**2)
    aim = residual @ (rows * weights).T
    lowest, highest = np.minimum(low - values[:, ids], 0.0), np.maximum(high - values[:, ids], 0.0)
    change = np.zeros((len(values), len(ids)))
    for _ in range(sweeps):
        for k in range(len(ids)):
            pull = aim[:, k] - change @ normal[:, k] + change[:, k] * normal[k, k]
            change[:, k] = np.clip(pull / normal[k, k], lowest[:, k], highest[:, k])
    return change


class ContactSolver:
    """Bends unit curves of one identity so that its lips touch when they must and never cross.

    Parameters
    ----------
    mouth : MouthGeometry
        Of the identity.
    """

    def __init__(self, mouth: MouthGeometry):
        self.mouth = mouth
        self._lips = self._prepare(LIP_HELPERS)
        self._incisors = self._prepare(INCISOR_HELPERS)
        # every rim point counts alike but the corners, which cannot part
        travel = np.abs(mouth.gap_units[mouth.id("jawOpen")])
        self.weights = np.where(travel > 0.02 * travel.max(), 1.0, 0.0)
        self.weights /= self.weights.sum()

    def _prepare(self, helpers):
        return (self.mouth.ids(*(h.unit for h in helpers)), np.array([h.stride for h in helpers]),
                np.array([h.low for h in helpers]), np.array([h.high for h in helpers]))

    def touch_incisors(self, values: np.ndarray, level: np.ndarray) -> np.ndarray:
        """Bring the lower lip's top to the incisors' edge without lifting the upper lip (D17)."""
        mouth, (ids, strides, low, high) = self.mouth, self._incisors
        middle = mouth.gap_units[:, mouth.centre].mean(axis=1)
        height = mouth.tuck_rest + values @ mouth.tuck_units
        gap = mouth.gap_rest[mouth.centre].mean() + values @ middle
        # with the lip at the edge, what remains between the lips is what the upper lip leaves free of the
        # incisors
        narrow = np.minimum(gap, max(mouth.tuck_rest - TUCK, 0.0) + 0.05)
        residual = np.stack([level * (TUCK - height), level * (narrow - gap)], axis=1)
        rows = np.stack([mouth.tuck_units[ids], middle[ids]], axis=1)
        highest = np.maximum(np.broadcast_to(high, (len(values), len(ids))), values[:, ids])
        highest[:, 0] = values[:, mouth.id("jawOpen")]
        change = bounded_step(values, residual, rows, np.array([1.0, 0.35]), ids, strides, low, highest,
                              firmness=0.004, sweeps=60)
        out = values.copy()
        out[:, ids] += change
        return out

    def rest(self, posture: np.ndarray) -> np.ndarray:
        """(52,) the posture with lips that touch: what a face does when it says nothing (D18)."""
        mouth, (ids, strides, low, high) = self.mouth, self._lips
        high = np.where(ids == mouth.id("mouthClose"), 0.0, high)[None]
        out = posture.copy()
        out[ids] += bounded_step(posture[None], TOUCH - mouth.gaps(posture)[None], mouth.gap_units[ids],
                                 self.weights, ids, strides, low, high, firmness=0.004)[0]
        return out

    def close_lips(self, values: np.ndarray, level: np.ndarray) -> np.ndarray:
        """Close the lips by `level` (T,) of the way, and keep them from crossing everywhere."""
        mouth, (ids, strides, low, high) = self.mouth, self._lips
        gaps = mouth.gaps(values)
        aim = soft_floor((1.0 - level[:, None]) * gaps - level[:, None] * PRESS, OVERLAP)
        highest = np.broadcast_to(high, (len(values), len(ids))).copy()
        # mouthClose is a corrective of jawOpen and breaks the face beyond it
        highest[:, 0] = np.clip(values[:, mouth.id("jawOpen")], 0.0, 1.0)
        rows = mouth.gap_units[ids]
        change = bounded_step(values, aim - gaps, rows, self.weights, ids, strides, low, highest)
        out = values.copy()
        out[:, ids] += change
        return out
