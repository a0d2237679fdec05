"""Coarticulation: overlapping sounds share each articulator in proportion to how firmly they claim it.

The scheme is that of Cohen & Massaro (1993), with one dominance per articulator group instead of one per
sound, and with time constants that shrink and stretch with the pace of speech (D11).
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from demo_motion.gestures import LEAD, ROUNDING_LEAD, TimeLine
from demo_motion.visemes import GROUPS, VISEMES

# Seconds in which a claim on the articulator rises and falls to 1/e outside the sound's core.
ATTACK = {"jaw": 0.062, "height": 0.052, "round": 0.070, "spread": 0.065}
RELEASE = {"jaw": 0.062, "height": 0.052, "round": 0.060, "spread": 0.065}
SHARPNESS = 1.6
CORE = 0.30  # share of the sound on either side of its centre at full claim
# Low-pass of the finished curves, s (standard deviation): the jaw is the heaviest articulator and moves
# last.
SMOOTH = {"jaw": 0.017, "height": 0.012, "round": 0.016, "spread": 0.018}
JAW_LAG, CLOSING_JAW_LAG = 0.006, 0.030  # s; it lags most where lips close: it moves last there (D12)

UNIT_GROUP = {"jawOpen": "jaw", "mouthLowerDownLeft": "height", "mouthLowerDownRight": "height",
              "mouthUpperUpLeft": "height", "mouthUpperUpRight": "height", "mouthClose": "height",
              "mouthPucker": "round", "mouthFunnel": "round", "mouthStretchLeft": "spread",
              "mouthStretchRight": "spread", "mouthRollLower": "height"}


def claims(line: TimeLine, times: np.ndarray, group: str, anticipation: float = 1.0) -> np.ndarray:
    """Logarithm of every gesture's dominance over one articulator group.

    Parameters
    ----------
    line : TimeLine
    times : ndarray, (T,)
    group : str
        One of `GROUPS`.
    anticipation : float
        The speaker's own stretch of rounding anticipation (D13: its growth is speaker-specific).

    Returns
    -------
    ndarray, (gestures, T)
    """
    out = np.empty((len(line.gestures), len(times)))
    for row, gesture in zip(out, line.gestures, strict=True):
        viseme = VISEMES[gesture.viseme]
        lead, attack, release = LEAD[viseme.kind], ATTACK[group], RELEASE[group]
        if group == "round" and viseme.rounded:
            # Rounding begins ahead of its vowel, the earlier the more consonants stand between (D13);
            # neighbours that insist on spread lips (/i s/: higher firmness) block part of it.
            lead = ROUNDING_LEAD * min(1.0, 0.6 + 0.4 * anticipation)
            attack = min(0.30, (0.080 + 0.038 * gesture.run_up) * anticipation)
        bilabial = viseme.kind == "bilabial"
        if bilabial:
            lead *= 0.5
        if group == "jaw":
            lead -= CLOSING_JAW_LAG if bilabial else JAW_LAG
        centre = 0.5 * (gesture.start + gesture.end) - lead
        # a rounded sound keeps its claim until its own end although it starts early
        late = lead - LEAD["vowel"] if group == "round" and viseme.rounded else 0.0
        core = CORE * (gesture.end - gesture.start)
        before = np.maximum(centre - core - times, 0.0) / (attack * gesture.pace)
        after = np.maximum(times - centre - core - late, 0.0) / (release * gesture.pace)
        row[:] = np.log(viseme.firmness(group)) - (before + after) ** SHARPNESS
    return out


def curves(line: TimeLine, times: np.ndarray, targets: dict[str, np.ndarray], unit_names, *,
           smoothness: float = 1.0, anticipation: float = 1.0) -> np.ndarray:
    """Unit curves of the running speech, without expression, contacts or rest.

    Parameters
    ----------
    line : TimeLine
    times : ndarray, (T,), evenly spaced, s
    targets : dict of str to ndarray, (52,)
        From `visemes.solve_targets`.
    unit_names : sequence of str
    smoothness : float
        Personal factor on the low-pass.

    Returns
    -------
    ndarray, (T, 52) float64
    """
    if not line.gestures:
        return np.zeros((len(times), len(unit_names)))
    wanted = np.stack([targets[g.viseme] for g in line.gestures])
    scales = np.array([g.scale for g in line.gestures])
    step = times[1] - times[0]
    out = np.zeros((len(times), len(unit_names)))
    for group in GROUPS:
        columns = np.array([i for i, name in enumerate(unit_names) if UNIT_GROUP.get(name) == group])
        claim = claims(line, times, group, anticipation)
        # shares are formed in the logarithm, so that far from any sound the nearest one still rules
        share = np.exp(claim - claim.max(axis=0))
        share /= share.sum(axis=0)
        values = wanted[:, columns] * (scales[:, None] if group in ("jaw", "height") else 1.0)
        width = SMOOTH[group] * line.pace * smoothness / step
        out[:, columns] = gaussian_filter1d(share.T @ values, width, axis=0, mode="nearest")
    return out
