"""Lips and upper face drawn from the shape of a neutral head, where no file says which vertices they are.

All sizes are relative to the head. The nose is what protrudes most about the middle of the face. Below it lies the
mouth: on the profile, the sharpest valley between two ridges, be it a crease or an open slit. The valley is followed
to both sides, to the corners of the mouth. A drawn region is a guess that stands in for a list of vertices; results
that were measured on it say so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from a2f.errors import BadInput

# Lengths in widths of the head, measured at the nose.
WINDOW = (0.05, 0.36)  # how far below the tip of the nose a mouth is looked for
SIDE = 0.24  # how far to either side
STEP = 0.0016  # of the depth map, upwards
COLUMNS = 81
REACH = 0.015  # a valley rises on both sides within this
RISE = 0.002  # at least this
HIDDEN = 0.012  # deeper than this behind what is seen from the front: the inside of the mouth
# Lengths in the distance from the tip of the nose to the line of the mouth.
MOUTH_WIDTH = (0.6, 0.85, 1.1)  # half of it: at least, where it cannot be told, at most
UPPER_FROM, UPPER_TO = 0.45, 4.0  # of the upper face, above the tip of the nose
UPPER_SIDE, UPPER_DEPTH = 2.4, 3.2
UPPER_FRONT = 0.1  # cosine of a normal with the front: the lids' insides and the back of the head turn away
NOSE_SIDE, NOSE_TOP = 0.45, 1.05  # the nose itself is not upper face


@dataclass(frozen=True, eq=False)
class _Mouth:
    """The mouth as seen from the front, in the template's unit."""

    middle: float
    left: float  # x of the corners
    right: float
    xs: np.ndarray  # (K,), where the line is known
    line: np.ndarray  # (K,) y of the line between the lips
    above: float  # from the line to the upper lip's edge, at the middle
    below: float


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
    tip = _nose_tip(points, skin)
    width = np.ptp(points[skin & (np.abs(points[:, 1] - tip[1]) < 0.03 * np.ptp(points[skin, 1])), 0])
    columns = tip[0] + np.linspace(-SIDE, SIDE, COLUMNS) * width
    rows = tip[1] - np.arange(WINDOW[1], -0.02, -STEP) * width  # upwards
    depth = _depth_map(points, triangles, columns, rows, floor=tip[2] - width)
    mouth = _find_mouth(depth, columns, rows, tip, width)
    drawn = {
        "lips": _lips(points, skin, mouth, depth, columns, rows, width),
        "upper_face": _upper_face(points, triangles, skin, tip, tip[1] - np.interp(tip[0], mouth.xs, mouth.line)),
    }
    for name, chosen in drawn.items():
        if not chosen.any():
            raise BadInput(f"no vertex of the template lies where its {name} should be; {_HINT}")
    return {name: np.flatnonzero(chosen[back.ravel()]).astype(np.int32) for name, chosen in drawn.items()}


_HINT = "name the vertices of lips and upper_face in a file (--regions; see a2f.data.region_files)"


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


def _nose_tip(points: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """Return the most protruding point about the middle of the head, (3,)."""
    low, high = points[skin].min(axis=0), points[skin].max(axis=0)
    place = (points - low) / np.maximum(high - low, 1e-12)
    band = skin & (np.abs(place[:, 0] - 0.5) < 0.15) & (place[:, 1] > 0.25) & (place[:, 1] < 0.8)
    if not band.any():
        raise BadInput(f"the template has no vertex about the middle of its front; {_HINT}")
    return points[np.flatnonzero(band)[points[band, 2].argmax()]]


def _depth_map(
    points: np.ndarray, triangles: np.ndarray, columns: np.ndarray, rows: np.ndarray, floor: float
) -> np.ndarray:
    """Return how far the front of the mesh protrudes, (columns, rows); `floor` where there is nothing."""
    from trimesh import Trimesh
    from trimesh.intersections import mesh_plane

    corners = points[triangles]
    near = (corners[..., 0].max(axis=1) >= columns[0]) & (corners[..., 0].min(axis=1) <= columns[-1])
    near &= (corners[..., 1].max(axis=1) >= rows[0]) & (corners[..., 1].min(axis=1) <= rows[-1])
    mesh = Trimesh(points, triangles[near], process=False)
    depth = np.full((len(columns), len(rows)), floor)
    # a plane just beside the vertices cuts each triangle in one segment
    for column, x in enumerate(columns + 1e-5 * (columns[-1] - columns[0])):
        segments = mesh_plane(mesh, plane_normal=[1, 0, 0], plane_origin=[x, 0, 0])
        if len(segments) == 0:
            continue
        segments = np.take_along_axis(segments, segments[..., 1].argsort(axis=1)[..., None], axis=1)
        (low, low_z), (high, high_z) = segments[:, 0, 1:].T, segments[:, 1, 1:].T
        share = (rows[:, None] - low) / np.maximum(high - low, 1e-12)
        z = np.where((share >= 0) & (share <= 1), low_z + share * (high_z - low_z), floor)
        depth[column] = np.maximum(z.max(axis=1), floor)
    return depth


def _valleys(profile: np.ndarray, reach: int, rise: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the valleys of a profile and by how much both sides rise within `reach`."""
    from scipy.signal import find_peaks

    found = find_peaks(-profile)[0]  # the middle of a flat one
    found = found[(found >= reach) & (found < len(profile) - reach)]
    rises = np.array(
        [min(profile[v - reach : v].max(), profile[v + 1 : v + 1 + reach].max()) - profile[v] for v in found]
    )
    return found[rises >= rise], rises[rises >= rise]


def _find_mouth(depth: np.ndarray, columns: np.ndarray, rows: np.ndarray, tip: np.ndarray, width: float) -> _Mouth:
    reach, rise = round(REACH / STEP), RISE * width
    middle = len(columns) // 2
    profile = depth[middle]
    valleys, rises = _valleys(profile, reach, rise)
    below_nose = rows[valleys] < tip[1] - WINDOW[0] * width
    valleys, rises = valleys[below_nose], rises[below_nose]
    if len(valleys) == 0:
        raise BadInput(f"no line between two lips was found below the nose of the template; {_HINT}")
    crease = int(valleys[rises.argmax()])
    lines = {middle: crease}
    for side in (-1, 1):
        column, last = middle + side, crease
        while 0 <= column < len(columns):
            near, _ = _valleys(depth[column], reach, rise / 4)
            near = near[np.abs(near - last) <= reach]
            if len(near) == 0:
                break
            last = lines[column] = int(near[np.abs(near - last).argmin()])
            column += side
    below_tip = tip[1] - rows[crease]
    at_least, usual, at_most = (share * below_tip for share in MOUTH_WIDTH)
    reached = [abs(columns[edge] - tip[0]) for edge in (min(lines), max(lines))]
    # a line that is lost before a mouth's least width was lost, not ended
    half = [usual if length < at_least else min(length, at_most) for length in reached]
    known = sorted(lines)
    above, below = _lip_heights(profile, rows, crease, tip, width)
    return _Mouth(
        tip[0], tip[0] + half[1], tip[0] - half[0], columns[known], rows[[lines[k] for k in known]], above, below
    )


def _lip_heights(
    profile: np.ndarray, rows: np.ndarray, crease: int, tip: np.ndarray, width: float
) -> tuple[float, float]:
    """Return how far the lips reach above and below the line between them.

    The upper lip's red ends near its ridge, the lower lip's about half-way from its ridge to the fold above the chin.
    """
    from scipy.signal import find_peaks

    ridges = find_peaks(profile)[0]
    hollows = find_peaks(-profile)[0]
    usual = 0.3 * (tip[1] - rows[crease])
    heights = []
    for side, share in ((1, 0.15), (-1, 0.45)):
        ridge = min(ridges[(ridges - crease) * side > 0], key=lambda r: abs(r - crease), default=None)
        if ridge is None:
            heights.append(usual)
            continue
        hollow = min(hollows[(hollows - ridge) * side > 0], key=lambda h: abs(h - ridge), default=None)
        slope = 0.0 if hollow is None else share * abs(rows[hollow] - rows[ridge])
        heights.append(float(np.clip(abs(rows[ridge] - rows[crease]) + slope, usual / 2, 2 * usual)))
    return heights[0], heights[1]


def _lips(
    points: np.ndarray,
    skin: np.ndarray,
    mouth: _Mouth,
    depth: np.ndarray,
    columns: np.ndarray,
    rows: np.ndarray,
    width: float,
) -> np.ndarray:
    """Return the vertices between the edges of the lips that are seen from the front, (N,) bool."""
    x, y, z = points.T
    reach = np.where(x > mouth.middle, mouth.left - mouth.middle, mouth.middle - mouth.right)
    share = (x - mouth.middle) / reach
    off = y - np.interp(x, mouth.xs, mouth.line)
    opening = np.sqrt(np.clip(1 - share**2, 0, None))
    inside = skin & (np.abs(share) <= 1) & (off <= mouth.above * opening) & (off >= -mouth.below * opening)
    # against the deepest of the cells around, since the surface is steep at the line
    column = np.clip(np.searchsorted(columns, x), 1, len(columns) - 2)
    row = np.clip(np.searchsorted(rows, y), 1, len(rows) - 2)
    around = np.stack([depth[column + i, row + j] for i in (-1, 0, 1) for j in (-1, 0, 1)]).min(axis=0)
    return inside & (z >= around - HIDDEN * width)


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
