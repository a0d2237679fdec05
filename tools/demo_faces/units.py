"""Mend the face units: closing units close exactly, rims stay in touch, coarse lip loops bend smoothly."""

from __future__ import annotations

import numpy as np

from demo_faces.contact import Contact, split_loop
from demo_faces.cut import HeadCut
from demo_faces.source import UNIT_NAMES

LID_OVERLAP = 0.4  # mm the upper lid passes the lower one at a full blink
# units that move the lips without parting them; left alone they push one lip through the other
TOUCHING = (
    "cheekPuff",
    "mouthDimple",
    "mouthFrown",
    "mouthLeft",
    "mouthRight",
    "mouthPress",
    "mouthPucker",
    "mouthSmile",
    "noseSneer",
    "cheekSquint",
)
SMOOTHED = (
    "jawOpen",
    "mouthClose",
    "mouthFunnel",
    "mouthLowerDown",
    "mouthPucker",
    "mouthRollLower",
    "mouthShrugLower",
)


def mend_units(units: np.ndarray, mean: np.ndarray, cut: HeadCut, lips: Contact) -> np.ndarray:
    """Return the corrected units (52, N, 3) mm.

    `mouthClose` undoes exactly the opening of `jawOpen` at the rim: equal amounts of both leave the rest gap.
    """
    units = units.copy()
    index = {name: i for i, name in enumerate(UNIT_NAMES)}
    for name, i in index.items():
        if name.startswith(SMOOTHED):
            units[i] = smooth_lower_lip(units[i], cut.lip_loops)
        if name.startswith(("brow", "eye")):
            units[i, cut.bag] = 0.0  # the source's blinks drag the roof of the mouth along
        if name.startswith(TOUCHING):
            units[i] = lips.mend(units[i], axes=(0.0, 1.0, 1.0))
    for name in (
        "mouthRollLower",
        "mouthShrugLower",
    ):  # they lift the lower lip: they shall not part the corners
        goal = lips.difference(units[index[name]])
        goal[:, 1] = np.minimum(goal[:, 1], 0.0)
        units[index[name]] = lips.mend(units[index[name]], goal)
    both = units[index["jawOpen"]] + units[index["mouthClose"]]
    units[index["mouthClose"]] += lips.mend(both) - both
    units[index["mouthFunnel"], np.concatenate([cut.spans["upper_teeth"], cut.spans["lower_teeth"]])] = 0.0
    for side in ("Left", "Right"):
        lid = Contact(*split_loop(cut.lids[side.lower()], mean), mean, cut.faces, reach=7.0, lower_share=0.1)
        goal = np.zeros((len(lid.upper), 3))
        goal[:, 1] = -LID_OVERLAP * lid.taper
        blink = index[f"eyeBlink{side}"]
        units[blink] = lid.mend(mean + units[blink], goal) - mean
    return units


def smooth_lower_lip(field: np.ndarray, loops: np.ndarray, rounds: int = 2, corner: int = 14) -> np.ndarray:
    """Average a unit along each loop on the lower lip, whose loops have few vertices (positions
    corner..38-corner)."""
    out = field.copy()
    inside = np.arange(corner, loops.shape[1] - corner + 1)
    for _ in range(rounds):
        here = out[loops]
        mixed = 0.25 * np.roll(here, 1, 1) + 0.5 * here + 0.25 * np.roll(here, -1, 1)
        out[loops[:, inside]] = mixed[:, inside]
    return out
