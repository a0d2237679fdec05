"""A motion as blendshapes: few of them where few are wanted, and no displacement that nobody would miss."""

from __future__ import annotations

import numpy as np

from a2f.errors import BadInput

TOLERANCE = 5e-5  # of the face's size, for each of the two cuts made here: together 0.03 mm on a head
_CHUNK = 64  # frames compared at once


def face_size(template: np.ndarray) -> float:
    """Return the longest side of the box around a face (N, 3), in its unit."""
    return float(np.ptp(np.asarray(template, dtype=np.float64), axis=0).max())


def reduce_basis(
    vertices: np.ndarray, template: np.ndarray, k: int | None = 32, *, tolerance: float = TOLERANCE
) -> tuple[np.ndarray, np.ndarray, float]:
    """Write a motion as few blendshapes: the leading singular vectors of vertices - template.

    Parameters
    ----------
    vertices : ndarray, (T, N, 3)
    template : ndarray, (N, 3)
    k : int or None
        How many shapes at most, 32 being what engines like; None takes as few as `tolerance` allows.
    tolerance : float
        The error allowed where k is None, as a part of the face's size.

    Returns
    -------
    basis : ndarray, (k, N, 3) float32
    weights : ndarray, (T, k) float32
        The largest absolute weight of each shape is 1.
    error : float
        The largest distance of a vertex from where it was, in the unit of the vertices.
    """
    from sklearn.utils.extmath import randomized_svd

    template = np.asarray(template, dtype=np.float32)
    vertices = np.asarray(vertices, dtype=np.float32)
    if vertices.ndim != 3 or vertices.shape[1:] != template.shape:
        raise BadInput(f"vertices {vertices.shape} do not fit the template {template.shape}; expected (T, N, 3)")
    if k is not None and k < 1:
        raise BadInput(f"k is {k}, expected at least one blendshape")
    motion = (vertices - template).reshape(len(vertices), -1)
    largest = min(motion.shape)

    def shapes(count: int) -> tuple[np.ndarray, np.ndarray]:
        left, values, right = randomized_svd(motion, count, n_iter=6, random_state=0)
        scores = left * values
        scale = np.maximum(np.abs(scores).max(axis=0), np.finfo(np.float32).tiny)
        return (right * scale[:, None]).reshape(count, *template.shape), scores / scale

    def error(basis: np.ndarray, weights: np.ndarray) -> float:
        return largest_error(vertices, template, basis, weights)

    if k is not None:
        basis, weights = shapes(min(k, largest))
        return basis, weights, error(basis, weights)
    allowed = tolerance * face_size(template)
    count = min(16, largest)
    basis, weights = shapes(count)
    while error(basis, weights) > allowed and count < largest:
        count = min(2 * count, largest)
        basis, weights = shapes(count)
    low, high = 1, count  # singular vectors are nested, so fewer are a cut of more
    while low < high:
        middle = (low + high) // 2
        if error(basis[:middle], weights[:, :middle]) <= allowed:
            high = middle
        else:
            low = middle + 1
    basis, weights = basis[:low], weights[:, :low]
    return basis, weights, error(basis, weights)


def largest_error(vertices: np.ndarray, template: np.ndarray, basis: np.ndarray, weights: np.ndarray) -> float:
    """Return the largest distance between vertices (T, N, 3) and template + weights @ basis, in their unit."""
    found = 0.0
    for start in range(0, len(vertices), _CHUNK):
        frames = slice(start, start + _CHUNK)
        drawn = template + np.tensordot(weights[frames], basis, axes=1)
        found = max(found, float(np.linalg.norm(vertices[frames] - drawn, axis=-1).max()))
    return found


def to_sliders(basis: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
    """Say the same motion with weights within 0 and 1, which programs clamp at (Blender and Unity do).

    Shapes whose weights lie there already are kept. Others are scaled, and turned round where their weights are never
    positive. Where weights have both signs they start from their smallest, and one more shape, the last, always at 1,
    holds what all of these together add.

    Parameters
    ----------
    basis : ndarray, (K, N, 3)
    weights : ndarray, (T, K)

    Returns
    -------
    basis : ndarray, (K, N, 3) or (K + 1, N, 3) float32
    weights : ndarray, (T, K) or (T, K + 1) float32
    has_offset : bool
        Whether there is that last shape.
    """
    basis, weights = basis.astype(np.float64), weights.astype(np.float64)
    sign = np.where(weights.max(axis=0) <= 0, -1.0, 1.0)
    basis, weights = sign[:, None, None] * basis, sign * weights + 0.0  # + 0.0: no negative zeros
    low = np.minimum(weights.min(axis=0), 0)
    reach = np.maximum(weights.max(axis=0) - low, 1)
    offset = np.tensordot(low, basis, axes=1)
    basis, weights = reach[:, None, None] * basis, np.clip((weights - low) / reach, 0, 1)
    has_offset = bool((low < 0).any())
    if has_offset:
        basis = np.concatenate([basis, offset[None]])
        weights = np.concatenate([weights, np.ones((len(weights), 1))], axis=1)
    return basis.astype(np.float32), weights.astype(np.float32), has_offset


def thin_basis(basis: np.ndarray, weights: np.ndarray, allowed: float) -> np.ndarray:
    """Return which displacements matter, (K, N) bool.

    At each vertex the smallest contributions are left out as long as, with every weight at its largest, they add up to
    no more than `allowed`. So no frame, and no moment between frames, is further off than that.
    """
    contribution = np.linalg.norm(basis, axis=-1) * np.abs(weights).max(axis=0)[:, None]
    order = np.argsort(contribution, axis=0)
    sums = np.cumsum(np.take_along_axis(contribution, order, axis=0), axis=0)
    kept = np.empty(contribution.shape, dtype=bool)
    np.put_along_axis(kept, order, sums > allowed, axis=0)
    return kept
