"""Where the nose and the mouth of a neutral head are, told by how far its front protrudes.

All sizes are relative to the head. The nose is what protrudes most from its two sides. Below it lies the mouth: on the
profile, a sharp valley between two ridges, be it a crease or an open slit. The valley is followed to both sides, to the
corners of the mouth.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from a2f.errors import BadInput

NO_SHAPE = "name the vertices of lips and upper_face in a file (--regions; see a2f.data.region_files)"
NOSE_BAND = (0.25, 0.8)  # where a nose is looked for, from the lowest to the highest point
# Lengths in widths of the head.
NOSE_HALF = 0.12  # the sides of the nose are so far from its middle
NOSE_LEAST = 0.07  # and at least so far behind it; those of the lips are nearer
WINDOW = (0.05, 0.36)  # how far below the tip of the nose a mouth is looked for
USUAL, SPREAD = 0.2, 0.06  # where it is, and how surely
SIDE = 0.24  # how far to either side
STEP = 0.0016  # of the depth map, upwards
COLUMNS = 81
REACH = 0.015  # a valley rises on both sides within this
RISE = 0.002  # at least this
FLOOR = 0.4  # what lies deeper than this behind the tip of the nose is the inside of an open mouth
# Half a mouth's width, in the distance from the tip of the nose to the mouth.
HALF_WIDTH = (0.6, 0.85, 1.1)  # at least, where it cannot be told, at most


@dataclass(frozen=True, eq=False)
class Front:
    """How far the lower face protrudes, seen from the front; lengths in the template's unit.

    Parameters
    ----------
    tip : ndarray, (3,)
        Of the nose.
    width : float
        Of the head, at the nose.
    columns, rows : ndarray
        x and y of the map, both ascending.
    depth : ndarray, (columns, rows)
        z of the foremost skin.
    """

    tip: np.ndarray
    width: float
    columns: np.ndarray
    rows: np.ndarray
    depth: np.ndarray


@dataclass(frozen=True, eq=False)
class Mouth:
    """The mouth as seen from the front, in the template's unit.

    Parameters
    ----------
    right, left : float
        x of the subject's corners of the mouth.
    xs, line : ndarray, (K,)
        Points of the line between the lips.
    above, below : float
        From that line to the lips' edges, at the middle.
    """

    right: float
    left: float
    xs: np.ndarray
    line: np.ndarray
    above: float
    below: float


def find_front(points: np.ndarray, triangles: np.ndarray, skin: np.ndarray) -> Front:
    """Find the nose and look at what lies below it.

    Parameters
    ----------
    points : ndarray, (N, 3) float64
    triangles : ndarray, (F, 3) int
        Of the skin.
    skin : ndarray, (N,) bool

    Raises
    ------
    BadInput
        If there is no nose.
    """
    tip = _nose_tip(points, triangles, skin)
    width = np.ptp(points[skin & (np.abs(points[:, 1] - tip[1]) < 0.03 * np.ptp(points[skin, 1])), 0])
    columns = tip[0] + np.linspace(-SIDE, SIDE, COLUMNS) * width
    rows = tip[1] - np.arange(WINDOW[1], -0.02, -STEP) * width
    return Front(tip, width, columns, rows, _depth_map(points, triangles, columns, rows, tip[2] - FLOOR * width))


def find_mouth(front: Front) -> Mouth:
    """Find the line between the lips, its corners, and the lips' edges.

    Raises
    ------
    BadInput
        If there is no such line.
    """
    tip, columns, rows = front.tip, front.columns, front.rows
    reach, rise = round(REACH / STEP), RISE * front.width
    middle = len(columns) // 2
    valleys, rises = _valleys(front.depth[middle], reach, rise)
    below = (tip[1] - rows[valleys]) / front.width
    valleys, rises, below = (values[below > WINDOW[0]] for values in (valleys, rises, below))
    if len(valleys) == 0:
        raise BadInput(f"no line between two lips was found below the nose of the template; {NO_SHAPE}")
    # the fold above the chin is a valley as well, and at times a deeper one
    crease = int(valleys[(rises * np.exp(-(((below - USUAL) / SPREAD) ** 2) / 2)).argmax()])
    line = {middle: crease}
    for side in (-1, 1):
        column, last = middle + side, crease
        while 0 <= column < len(columns):
            near, _ = _valleys(front.depth[column], reach, rise / 4)
            near = near[np.abs(near - last) <= reach]
            if len(near) == 0:
                break
            last = line[column] = int(near[np.abs(near - last).argmin()])
            column += side
    least, usual, most = (share * (tip[1] - rows[crease]) for share in HALF_WIDTH)
    reached = [abs(columns[edge] - tip[0]) for edge in (min(line), max(line))]
    # a line that ends before a mouth's least width was lost
    right, left = (usual if length < least else min(length, most) for length in reached)
    known = sorted(line)
    above, below = _lip_heights(front.depth[middle], rows, crease, tip)
    return Mouth(tip[0] - right, tip[0] + left, columns[known], rows[[line[k] for k in known]], above, below)


def _nose_tip(points: np.ndarray, triangles: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """Return the tip of the nose, (3,): the most protruding point where the face protrudes most from its two sides.

    Thick lips, a forehead or a chin may lie farther in front, yet they are wide.
    """
    low, high = points[skin].min(axis=0), points[skin].max(axis=0)
    bounds = low[1] + np.linspace(*NOSE_BAND, 12) * (high[1] - low[1])
    slices = [points[skin & (points[:, 1] >= a) & (points[:, 1] < b), 0] for a, b in itertools.pairwise(bounds)]
    width = np.median([np.ptp(own) if len(own) else 0 for own in slices])  # neither neck nor shoulders
    columns = (low[0] + high[0]) / 2 + NOSE_HALF * width * np.array([-1, 0, 1])
    rows = np.linspace(bounds[0], bounds[-1], 300)
    right, middle, left = _depth_map(points, triangles, columns, rows, floor=low[2])
    beyond = middle - (left + right) / 2
    # of all that protrudes as a nose does, from the bridge between the sockets to the tip, the foremost
    nose = beyond >= min(NOSE_LEAST * width, beyond.max())
    height = rows[np.where(nose, middle, -np.inf).argmax()]
    across, up = np.abs(points[:, :2] - [columns[1], height]).T
    near = skin & (across < NOSE_HALF * width) & (up < NOSE_HALF * width / 2)
    if not near.any():
        raise BadInput(f"no nose was found about the middle of the template; {NO_SHAPE}")
    return points[np.flatnonzero(near)[points[near, 2].argmax()]]


def _depth_map(
    points: np.ndarray, triangles: np.ndarray, columns: np.ndarray, rows: np.ndarray, floor: float
) -> np.ndarray:
    """Return how far the front of the mesh protrudes, (columns, rows); `floor` where that is less or nothing."""
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
    """Return the middles of a profile's valleys and by how much both sides rise within `reach` of the bottom."""
    from scipy.signal import find_peaks

    found, bottom = find_peaks(-profile, plateau_size=1)
    left, right = bottom["left_edges"], bottom["right_edges"]
    whole = (left >= reach) & (right < len(profile) - reach)
    rises = np.array(
        [
            min(profile[a - reach : a].max(), profile[b + 1 : b + 1 + reach].max()) - profile[a]
            for a, b in zip(left[whole], right[whole], strict=True)
        ]
    )
    return found[whole][rises >= rise], rises[rises >= rise]


def _lip_heights(profile: np.ndarray, rows: np.ndarray, crease: int, tip: np.ndarray) -> tuple[float, float]:
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
