"""Lips and upper face drawn from the shape of a neutral head, where no file says which vertices they are.

A drawn region is a guess that stands in for a list of vertices; results that were measured on it say so.
"""

from __future__ import annotations

import numpy as np

from a2f.data.face_profile import NO_SHAPE, Front, Mouth, find_front, find_mouth
from a2f.errors import BadInput

# In widths of the head: deeper than this behind what is seen from the front is the inside of a closed mouth.
HIDDEN = 0.012
# Lengths in the distance from the tip of the nose to the line of the mouth.
UPPER_FROM, UPPER_TO = 0.45, 4.0  # of the upper face, above the tip of the nose
UPPER_SIDE, UPPER_DEPTH = 2.4, 3.2
NOSE_SIDE, NOSE_TOP = 0.45, 1.05  # the nose itself is not upper face
UPPER_FRONT = 0.1  # cosine of a normal with the front: the lids' insides and the back of the head turn away


def geometric_regions(template: np.ndarray, faces: np.ndarray) -> dict[str, np.ndarray]:
    """Return the regions that the shape of a neutral face shows.

    Parameters
    ----------
    template : ndarray, (N, 3)
        One head or face mask; x to its left, y up, z to the front, any unit, the mouth closed or nearly.
    faces : ndarray, (F, 3) int
        Triangles.

    Returns
    -------
    dict of str to ndarray of int32
        Sorted ids of ``lips`` (as seen from the front, without the inside of the mouth) and ``upper_face`` (forehead,
        brows, and about the eyes; no eyeballs, no nose).

    Raises
    ------
    BadInput
        If the mesh has no nose with a mouth below it.
    """
    points = np.asarray(template, dtype=np.float64)
    if points.ndim != 2 or points.shape[1:] != (3,) or not np.isfinite(points).all():
        raise BadInput(f"template of shape {points.shape} is not (N, 3) finite coordinates")
    points, back = np.unique(points, axis=0, return_inverse=True)  # vertices doubled along a seam are one
    triangles = back.ravel()[np.asarray(faces)]
    skin = _largest_piece(triangles, np.ones(len(points), bool))
    triangles = triangles[skin[triangles].all(axis=1)]
    front = find_front(points, triangles, skin)
    mouth = find_mouth(front)
    size = front.tip[1] - np.interp(front.tip[0], mouth.xs, mouth.line)
    drawn = {
        "lips": _lips(points, skin, front, mouth),
        "upper_face": _upper_face(points, triangles, skin, front.tip, size),
    }
    for name, chosen in drawn.items():
        if not chosen.any():
            raise BadInput(f"no vertex of the template lies where its {name} should be; {NO_SHAPE}")
    return {name: np.flatnonzero(chosen[back.ravel()]).astype(np.int32) for name, chosen in drawn.items()}


def _largest_piece(triangles: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Return which of the vertices `among` belong to their largest connected piece, (N,) bool."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    edges = edges[among[edges].all(axis=1)]
    graph = coo_matrix((np.ones(len(edges)), edges.T), shape=(len(among),) * 2)
    labels = connected_components(graph, directed=False)[1]
    sizes = np.bincount(labels[among], minlength=1)
    return among & (labels == sizes.argmax())


def _lips(points: np.ndarray, skin: np.ndarray, front: Front, mouth: Mouth) -> np.ndarray:
    """Return the vertices between the edges of the lips that are seen from the front, (N,) bool."""
    x, y, z = points.T
    middle = front.tip[0]
    share = (x - middle) / np.where(x > middle, mouth.left - middle, middle - mouth.right)
    off = y - np.interp(x, mouth.xs, mouth.line)
    opening = np.sqrt(np.clip(1 - share**2, 0, None))
    inside = skin & (np.abs(share) <= 1) & (off <= mouth.above * opening) & (off >= -mouth.below * opening)
    column = np.interp(x, front.columns, np.arange(len(front.columns))).round().astype(int)
    row = np.interp(y, front.rows, np.arange(len(front.rows))).round().astype(int)
    return inside & (z >= front.depth[column, row] - HIDDEN * front.width)


def _upper_face(
    points: np.ndarray, triangles: np.ndarray, skin: np.ndarray, tip: np.ndarray, size: float
) -> np.ndarray:
    """Return the vertices above the cheeks, to the hairline and the temples, (N,) bool."""
    from trimesh import Trimesh

    x, y, z = ((points - tip) / size).T
    chosen = skin & (y >= UPPER_FROM) & (y <= UPPER_TO) & (np.abs(x) <= UPPER_SIDE) & (z >= -UPPER_DEPTH)
    chosen &= (np.abs(x) > NOSE_SIDE) | (y > NOSE_TOP)
    normals = Trimesh(points, triangles, process=False).vertex_normals[:, 2]
    # triangles may wind either way; the tip of the nose looks ahead
    chosen &= normals * np.sign(normals[(points == tip).all(axis=1)]) >= UPPER_FRONT
    return _largest_piece(triangles, chosen)
