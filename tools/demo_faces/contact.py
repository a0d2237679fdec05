"""Keep two edges in touch: make any displacement field of the head carry both sides of a rim alike."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra


def edge_lengths(faces: np.ndarray, vertices: np.ndarray):
    """Symmetric sparse matrix (N, N) of edge lengths."""
    ends = np.unique(
        np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1), axis=0
    )
    length = np.linalg.norm(vertices[ends[:, 0]] - vertices[ends[:, 1]], axis=1)
    count = len(vertices)
    return coo_matrix(
        (np.r_[length, length], (np.r_[ends[:, 0], ends[:, 1]], np.r_[ends[:, 1], ends[:, 0]])),
        shape=(count, count),
    ).tocsr()


class Contact:
    """Two chains that share their end vertices and shall stay together, with a soft spread of each
    correction.

    Parameters
    ----------
    upper, lower : vertex ids from the subject's right corner to the left; first and last are the same
        vertices.
    vertices, faces : the head at rest, mm.
    reach : distance along the surface (mm) over which a correction fades out.
    lower_share : how much of a difference the lower side makes up (the upper side makes up the rest).
    """

    def __init__(self, upper, lower, vertices, faces, reach: float = 9.0, lower_share: float = 0.5) -> None:
        self.upper, self.lower = np.asarray(upper), np.asarray(lower)
        self.lower_share = lower_share
        place_upper, place_lower = (self._place(vertices[ids]) for ids in (self.upper, self.lower))
        self.on_lower = _interpolation(place_upper, place_lower)  # (U, L)
        self.on_upper = _interpolation(place_lower, place_upper)  # (L, U)
        self.taper = np.clip(np.minimum(place_upper, 1 - place_upper) / 0.12, 0, 1)
        chain = np.concatenate([self.upper[1:-1], self.lower[1:-1]])
        far = dijkstra(edge_lengths(faces, vertices), indices=chain, limit=reach * 1.5)  # (C, N)
        near = far.min(0)
        kernel = np.exp(-0.5 * (far / (reach * 0.35)) ** 2)
        fade = np.clip(1 - near / reach, 0, 1)
        weights = (kernel / np.maximum(kernel.sum(0), 1e-12)) * (fade * fade * (3 - 2 * fade))
        weights[:, np.isinf(near)] = 0.0
        self.spread = weights.T  # (N, C)
        self.chain = chain

    @staticmethod
    def _place(points: np.ndarray) -> np.ndarray:
        """Position of each chain vertex between the corners, 0..1, along x."""
        return (points[:, 0] - points[0, 0]) / (points[-1, 0] - points[0, 0])

    def difference(self, field: np.ndarray) -> np.ndarray:
        """Upper minus lower chain of a field or of positions, (U, 3)."""
        return field[self.upper] - self.on_lower @ field[self.lower]

    def mend(self, field: np.ndarray, goal: np.ndarray | float = 0.0, axes=(1.0, 1.0, 1.0)) -> np.ndarray:
        """Change a field (N, 3) so that `difference` becomes `goal` along the axes of weight 1; linear in
        the field."""
        excess = (self.difference(field) - goal) * np.asarray(axes)
        change = np.concatenate(
            [-(1 - self.lower_share) * excess[1:-1], self.lower_share * (self.on_upper @ excess)[1:-1]]
        )
        out = field + self.spread @ change
        # the smooth spread blurs the change: finish exactly on the two chains themselves
        out[self.lower[1:-1]] = field[self.lower[1:-1]] + change[len(self.upper) - 2 :]
        rest = (self.difference(out) - goal) * np.asarray(axes)
        out[self.upper[1:-1]] -= rest[1:-1]
        return out


def split_loop(loop: np.ndarray, vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split a closed loop at its two corners (extreme x) into upper and lower chain, subject's right to
    left."""
    loop = np.roll(loop, -int(vertices[loop, 0].argmin()))
    left = int(vertices[loop, 0].argmax())
    one, two = loop[: left + 1], np.r_[loop[left:], loop[:1]][::-1]
    return (one, two) if vertices[one, 1].mean() > vertices[two, 1].mean() else (two, one)


def _interpolation(at: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Matrix (A, K) of piecewise-linear interpolation from increasing knots to places."""
    return np.stack([np.interp(at, knots, row) for row in np.eye(len(knots))], axis=1)
