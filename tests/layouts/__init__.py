"""Made-up heads, motion and speech of any size, from which the layouts of real data sets are written for tests.

Nothing here is recorded: the heads are ellipsoids with a nose, brows and a mouth that is cut open, so that a mesh of
exactly as many vertices as the real one has can be had without it.
"""

from __future__ import annotations

import numpy as np

SIZE = np.array([75.0, 110.0, 90.0])  # mm; half the width, height and depth
MOUTH = -0.42  # height of the mouth's line, in half heights of the head
MOUTH_WIDTH = 0.34  # from the middle to a corner, in half widths
LIP = 0.07  # how far a lip reaches from the mouth's line, in half heights
SYLLABLES = 3.5  # a second


def head(num_vertices: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a neutral face and its triangles; the seed changes the shape and never the triangles.

    Parameters
    ----------
    num_vertices : int
        N, 500 at least.
    seed : int

    Returns
    -------
    template : ndarray, (N, 3) float32
        Millimetres; x to the face's left, y up, z to the front. Open at the neck and between the lips.
    faces : ndarray, (F, 3) int32
        Counter-clockwise seen from outside.
    """
    columns = int(np.sqrt(0.9 * num_vertices)) // 2 * 2
    rows = (num_vertices - 1) // columns - 1
    # finer in front than behind, and finer at the mouth than elsewhere
    turn = np.arange(columns) / columns * 2 * np.pi - np.pi
    azimuth = turn - 0.75 * np.sin(turn)
    # rows are numbered from the crown down, and one of them lies on the mouth's line
    mouth_row = round(rows * 0.66)
    upper = np.arcsin(MOUTH) + (np.pi / 2 - np.arcsin(MOUTH)) * np.linspace(1, 0, mouth_row + 2)[1:] ** 1.25
    lower = np.linspace(np.arcsin(MOUTH), np.arcsin(-0.97), rows - mouth_row)[1:]
    elevation = np.concatenate([upper, lower])
    grid = np.stack(np.meshgrid(elevation, azimuth, indexing="ij"), axis=-1)
    across = np.cos(grid[..., :1])
    sphere = np.concatenate(
        [across * np.sin(grid[..., 1:]), np.sin(grid[..., :1]), across * np.cos(grid[..., 1:])], axis=-1
    ).reshape(-1, 3)
    number = 1 + np.arange(rows * columns).reshape(rows, columns)
    right, below = np.roll(number, -1, axis=1), number[1:]
    quads = [number[:-1], below, right[1:], right[:-1]]
    crown = np.stack([np.zeros(columns, dtype=int), number[0], right[0]], axis=-1)
    a, b, c, d = (corner.ravel() for corner in quads)
    faces = np.concatenate([crown, np.stack([a, b, c], axis=-1), np.stack([a, c, d], axis=-1)])
    points = np.concatenate([[[0.0, 1.0, 0.0]], sphere])
    # the mouth: inner vertices of its row exist twice, the triangles below hang on the second ones
    slit = number[mouth_row, np.abs(azimuth) < np.arcsin(MOUTH_WIDTH)]
    twin = np.arange(len(points))
    twin[slit] = len(points) + np.arange(len(slit))
    points = np.concatenate([points, points[slit]])
    under = np.flatnonzero((faces > number[mouth_row].max()).any(axis=1))
    faces[under] = twin[faces[under]]
    gap = np.zeros(len(points))
    gap[slit], gap[twin[slit]] = 1, -1
    # what is still wanted are the middles of triangles at the back
    wanted = num_vertices - len(points)
    behind = np.argsort(points[faces].mean(axis=1)[:, 2], kind="stable")[:wanted]
    middles = points[faces[behind]].mean(axis=1)
    new = len(points) + np.arange(wanted)
    a, b, c = faces[behind].T
    thirds = [np.stack(corners, axis=-1) for corners in ((a, b, new), (b, c, new), (c, a, new))]
    faces = np.concatenate([np.delete(faces, behind, axis=0), *thirds])
    points = np.concatenate([points, middles])
    gap = np.concatenate([gap, np.zeros(wanted)])
    return _sculpt(points, gap, np.random.default_rng(seed)).astype(np.float32), faces.astype(np.int32)


def _sculpt(points: np.ndarray, gap: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Make a face of a unit sphere."""
    x, y, z = points.T
    front = np.clip(z, 0, None)

    def bump(cx: float, cy: float, wide: float, high: float) -> np.ndarray:
        return front * np.exp(-(((x - cx) / wide) ** 2) - ((y - cy) / high) ** 2)

    strength = rng.uniform(0.85, 1.15, size=5)
    depth = 0.30 * strength[0] * bump(0, -0.1, 0.14, 0.16) + 0.10 * strength[1] * bump(0, 0.1, 0.10, 0.16)  # nose
    depth += 0.05 * strength[2] * (bump(-0.3, 0.3, 0.22, 0.06) + bump(0.3, 0.3, 0.22, 0.06))  # brows
    depth -= 0.06 * (bump(-0.33, 0.14, 0.15, 0.08) + bump(0.33, 0.14, 0.15, 0.08))  # sockets
    depth += 0.09 * strength[3] * bump(0, -0.75, 0.25, 0.14)  # chin
    for side in (1, -1):  # two ridges with the mouth's line between
        depth += 0.07 * strength[4] * bump(0, MOUTH + side * LIP / 2, MOUTH_WIDTH * 0.8, LIP / 2.5)
    shaped = np.stack([x, y + 0.004 * gap, z + depth], axis=-1)
    return shaped * SIZE * rng.uniform(0.95, 1.05, size=3)


def opening(times: np.ndarray, seed: int) -> np.ndarray:
    """Return how far the mouth is open at some times in seconds, 0..1; speech of the same seed is as loud."""
    rng = np.random.default_rng([seed, 1])
    phase, slow = rng.uniform(0, 2 * np.pi, size=2)
    return np.sin(np.pi * SYLLABLES * times + phase) ** 2 * (0.6 + 0.4 * np.sin(2 * np.pi * 0.7 * times + slow))


def motion(template: np.ndarray, frames: int, seed: int, fps: float = 30.0) -> np.ndarray:
    """Return a face that speaks: jaw and lips follow `opening`, brows drift.

    Parameters
    ----------
    template : ndarray, (N, 3)
        Of `head`, in any unit.
    frames : int
        T.
    seed : int
        As that of the speech.
    fps : float

    Returns
    -------
    ndarray, (T, N, 3) float32
    """
    middle, half = (template.max(axis=0) + template.min(axis=0)) / 2, np.ptp(template, axis=0) / 2
    x, y, z = ((template - middle) / half).T
    line = (MOUTH - 0.015) / 0.985  # the head ends at -0.97 below
    front = np.clip(z, 0, None)
    below = y < line
    near = np.exp(-((x / (0.65 * MOUTH_WIDTH)) ** 2)) * front  # next to nothing at the corners
    jaw = np.where(below, near * np.exp(-(((y - line) / 0.35) ** 2)), 0)
    lip = np.where(below, 0, near * np.exp(-(((y - line) / LIP) ** 2)))
    brows = front * np.exp(-(((y - 0.3) / 0.1) ** 2))
    shapes = np.zeros((3, len(template), 3))
    shapes[0, :, 1], shapes[0, :, 2] = -0.10 * jaw + 0.02 * lip, -0.03 * jaw
    shapes[1, :, 0] = -0.15 * x * (lip + jaw)
    shapes[2, :, 1] = 0.02 * brows
    times = np.arange(frames) / fps
    rounding, drift = np.sin(2 * np.pi * 1.3 * times + seed) ** 2, np.sin(times + seed)
    weights = np.stack([opening(times, seed), rounding, drift], axis=1)
    return (template + np.tensordot(weights, shapes * half[1], axes=1)).astype(np.float32)


def speech(seconds: float, rate: int, seed: int) -> np.ndarray:
    """Return a hum whose loudness is `opening` of the same seed, (S,) float32 in [-1, 1]."""
    rng = np.random.default_rng([seed, 2])
    times = np.arange(round(seconds * rate)) / rate
    hum = sum(np.sin(2 * np.pi * 120 * harmonic * times) / harmonic for harmonic in range(1, 9)) / 3
    loud = 0.05 + 0.95 * np.clip(opening(times, seed), 0, 1)
    return (0.5 * loud * (hum + 0.05 * rng.normal(size=len(times)))).clip(-1, 1).astype(np.float32)
