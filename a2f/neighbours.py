"""How far points with one label lie together: the purity of their nearest neighbours, and what chance gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from a2f.errors import BadInput


@dataclass(frozen=True)
class Purity:
    """Share of nearest neighbours that carry a point's own label, and the share expected if labels were dealt anew."""

    value: float
    chance: float


def neighbour_purity(points: np.ndarray, labels: Sequence, k: int = 1) -> Purity:
    """Measure how far points with one label lie together.

    Parameters
    ----------
    points : ndarray, (C, D)
    labels : sequence of C hashable values
    k : int
        How many nearest neighbours of each point count (Euclidean, the point itself left out).

    Returns
    -------
    Purity
        `chance` is exact: the expected share over all ways to deal the same labels to the points.
    """
    from scipy.spatial.distance import cdist

    points = np.asarray(points, dtype=np.float64)
    if points.ndim != 2 or len(points) != len(labels):
        raise BadInput(f"points have shape {points.shape}, expected (C, D) for {len(labels)} labels")
    if not 1 <= k < len(points):
        raise BadInput(f"k is {k}, expected 1 to {len(points) - 1} for {len(points)} points")
    _, own = np.unique(np.array([str(label) for label in labels]), return_inverse=True)
    distances = cdist(points, points)
    np.fill_diagonal(distances, np.inf)
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :k]
    counts = np.bincount(own)
    chance = float((counts * (counts - 1)).sum() / (len(own) * (len(own) - 1)))
    return Purity(float((own[nearest] == own[:, None]).mean()), chance)
