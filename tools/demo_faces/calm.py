"""Smooth identity displacements where the mesh is so dense that small differences would fold it."""

from __future__ import annotations

import numpy as np
from scipy.sparse import diags

from demo_faces.contact import edge_lengths
from demo_faces.cut import HeadCut

ROUNDS = 24
EVERYWHERE = 0.25  # strength of the first rounds on all skin
EVERYWHERE_ROUNDS = 4


class Calm:
    """Graph smoothing, strong round the mouth corners and the nostrils, slight elsewhere on the skin.

    Parameters
    ----------
    cut : the topology. upper : upper rim chain with the corners at its ends. mean : (N, 3) mm.
    """

    def __init__(self, cut: HeadCut, upper: np.ndarray, mean: np.ndarray) -> None:
        graph = edge_lengths(cut.faces, mean).astype(bool).astype(float)
        self.average = diags(1 / np.asarray(graph.sum(1)).ravel()) @ graph
        body = np.arange(len(mean)) < cut.body_count
        corners = np.linalg.norm(mean[:, None] - mean[upper[[0, -1]]], axis=-1).min(1)
        # the nostrils lie about 20 mm above the rim and a little behind it
        nose = np.linalg.norm((mean - mean[cut.rim[0]] - [0, 21, 2]) / [1.3, 0.8, 1.0], axis=-1)
        strong = np.maximum(_fade(corners, 5, 13), _fade(nose, 9, 15))
        self.strong = (strong * body)[:, None]
        self.slight = EVERYWHERE * body[:, None]

    def smooth(self, field: np.ndarray) -> np.ndarray:
        """Smoothed copy of a displacement field (N, 3); linear."""
        out = field
        for turn in range(ROUNDS):
            share = np.maximum(self.strong, self.slight) if turn < EVERYWHERE_ROUNDS else self.strong
            out = out + share * (self.average @ out - out)
        return out


def _fade(distance: np.ndarray, full: float, none: float) -> np.ndarray:
    """1 up to `full`, 0 from `none` on."""
    return np.clip((none - distance) / (none - full), 0, 1)
