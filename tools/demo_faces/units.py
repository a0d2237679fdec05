"""Mend the face units: jaw parts move rigidly, closing units close, and no unit drags what it should not."""

from __future__ import annotations

import numpy as np
from demo_faces.contact import Contact
from demo_faces.cut import HeadCut
from demo_faces.source import UNIT_NAMES


def mend_units(units: np.ndarray, mean: np.ndarray, cut: HeadCut, contact: Contact) -> np.ndarray:
    """Return the corrected units (52, N, 3) mm; `mouthClose` undoes exactly the opening of `jawOpen` at the rim."""
    units = units.copy()
    index = {name: i for i, name in enumerate(UNIT_NAMES)}
    both = units[index["jawOpen"]] + units[index["mouthClose"]]
    units[index["mouthClose"]] += contact.mend(both) - both
    units[index["mouthFunnel"], np.concatenate([cut.spans["upper_teeth"], cut.spans["lower_teeth"]])] = 0.0
    return units
