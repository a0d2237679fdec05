"""How local the motion features are: Fig. 7 in numbers, to compare W with and without the sparsity regulariser."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from a2f.errors import BadInput

LIVE = 0.05  # features below this share of the strongest one's norm are left out
ENERGY = 0.9


@dataclass(frozen=True)
class Locality:
    """How much of the face each motion feature moves. Medians and means are over the live features.

    Parameters
    ----------
    features : int
        K, live or not.
    live_features : int
        Those whose norm exceeds 5 % of the largest one's.
    share_of_vertices_90 : float
        Smallest share of the vertices that holds 90 % of a feature's energy (squared displacement); median.
    radius_90 : float
        Radius around the feature's centre of energy that holds 90 % of it, over the diagonal of the box around the
        vertices; median. A symmetric pair of patches has a large radius, although it moves few vertices.
    gini : float
        Inequality of the vertices' displacements: 0 for one that moves all alike, towards 1 for a single vertex; mean.
    entries_below_1e_3, entries_below_1e_2 : float
        Share of all entries of W below that share of the largest one.
    """

    features: int
    live_features: int
    share_of_vertices_90: float
    radius_90: float
    gini: float
    entries_below_1e_3: float
    entries_below_1e_2: float


def activation(basis: np.ndarray) -> np.ndarray:
    """Return how far each motion feature moves each vertex, (K, N) float64, for a basis W of shape (K, N, 3)."""
    basis = np.asarray(basis, dtype=np.float64)
    if basis.ndim != 3 or basis.shape[-1] != 3:
        raise BadInput(f"basis has shape {basis.shape}, expected (K, N, 3)")
    if not np.isfinite(basis).all():
        raise BadInput("basis holds numbers that are not finite")
    return np.linalg.norm(basis, axis=-1)


def live_features(basis: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Return the features that move the vertices `ids` at all, strongest first, (L,) int.

    Raises
    ------
    BadInput
        If none does.
    """
    norms = np.linalg.norm(activation(basis)[:, ids], axis=1)
    if not norms.max(initial=0.0) > 0:
        raise BadInput("the basis is zero on these vertices: no feature moves them")
    order = np.argsort(-norms, kind="stable")
    return order[norms[order] > LIVE * norms.max()]


def share_holding(energy: np.ndarray) -> float:
    """Return the smallest share of the vertices that holds 90 % of an energy (V,)."""
    running = np.cumsum(np.sort(energy)[::-1])
    return float((np.searchsorted(running, ENERGY * running[-1] * (1 - 1e-12)) + 1) / len(energy))


def radius_holding(energy: np.ndarray, points: np.ndarray) -> float:
    """Return the radius around the centre of an energy (V,) at `points` (V, 3) that holds 90 % of it."""
    centre = energy @ points / energy.sum()
    distance = np.linalg.norm(points - centre, axis=1)
    order = np.argsort(distance)
    running = np.cumsum(energy[order])
    return float(distance[order][np.searchsorted(running, ENERGY * running[-1] * (1 - 1e-12))])


def gini(values: np.ndarray) -> float:
    """Return the Gini coefficient of non-negative numbers (V,) that are not all zero."""
    values = np.sort(values)
    count = len(values)
    return float(2 * (np.arange(1, count + 1) @ values) / (count * values.sum()) - (count + 1) / count)


def locality(basis: np.ndarray, neutral: np.ndarray, ids: np.ndarray) -> Locality:
    """Measure how local the features of a basis are.

    Parameters
    ----------
    basis : ndarray, (K, N, 3)
        W, the displacement of every vertex for each motion feature.
    neutral : ndarray, (N, 3)
        A face, for distances.
    ids : ndarray, (V,) int
        The vertices to look at, the region ``face`` for example.
    """
    moved = activation(basis)
    if np.shape(neutral) != np.shape(basis)[1:]:
        raise BadInput(f"neutral has shape {np.shape(neutral)}, expected {np.shape(basis)[1:]} as the basis has")
    moved = moved[:, ids]
    live = live_features(basis, ids)
    points = np.asarray(neutral, dtype=np.float64)[ids]
    diagonal = float(np.linalg.norm(np.ptp(points, axis=0)))
    if diagonal == 0:
        raise BadInput("the vertices of the neutral face all lie in one place")
    energies = np.square(moved[live])
    entries = np.abs(np.asarray(basis)[:, ids])
    return Locality(
        features=len(moved),
        live_features=len(live),
        share_of_vertices_90=float(np.median([share_holding(energy) for energy in energies])),
        radius_90=float(np.median([radius_holding(energy, points) for energy in energies]) / diagonal),
        gini=float(np.mean([gini(row) for row in moved[live]])),
        entries_below_1e_3=float((entries < 1e-3 * entries.max()).mean()),
        entries_below_1e_2=float((entries < 1e-2 * entries.max()).mean()),
    )


def top_features(basis: np.ndarray, ids: np.ndarray, count: int) -> np.ndarray:
    """Choose features to draw, equally spaced in the upper half of the live ones' energy ranking.

    The rule leaves nothing to taste: neither the prettiest features nor only the strongest are shown.

    Parameters
    ----------
    basis : ndarray, (K, N, 3)
    ids : ndarray, (V,) int
    count : int

    Returns
    -------
    ndarray, (min(count, live features),) int
        Different features, strongest first.
    """
    if count < 1:
        raise BadInput(f"count is {count}, expected at least 1 feature")
    live = live_features(basis, ids)
    # where the upper half is too small, it reaches as far down as is needed
    upper = live[: max((len(live) + 1) // 2, min(count, len(live)))]
    return upper[np.unique(np.linspace(0, len(upper) - 1, min(count, len(upper))).round().astype(int))]
