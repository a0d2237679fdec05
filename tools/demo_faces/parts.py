"""Eyes with an iris and separate teeth, made here because the base mesh's helpers are too coarse to show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# polar angle of each eye ring in degrees and its colour; close pairs keep the colour edges sharp
EYE_RINGS = (
    (8.5, "pupil"),
    (9.5, "iris"),
    (18.0, "iris"),
    (26.0, "iris"),
    (27.5, "eye_white"),
    (42.0, "eye_white"),
    (60.0, "eye_white"),
    (82.0, "eye_white"),
    (110.0, "eye_white"),
)
EYE_SEGMENTS = 16
CORNEA = 1.5  # mm of bulge at the pole
TOOTH_WIDTHS = {
    True: (8.5, 6.6, 7.6, 7.0, 6.8, 9.0),
    False: (5.4, 5.9, 6.9, 7.0, 7.0, 9.5),
}  # mm, mid-line outwards
TOOTH_ROWS = 6  # gum, gum line, belly, cutting edge, the same again, inner edge
COLUMNS = (0.0, 0.2, 0.8)  # position across a tooth; the next tooth's 0 closes it


@dataclass(frozen=True)
class Part:
    """A piece of mesh: vertices (P, 3) mm in base-mesh coordinates, faces (F, 3), one label per vertex."""

    vertices: np.ndarray
    faces: np.ndarray
    labels: tuple[str, ...]


def eye(helper: np.ndarray) -> Part:
    """An eyeball, open at the back, fitted to a helper eye (H, 3) mm."""
    low, high = helper.min(0), helper.max(0)
    radius = (high[0] - low[0] + high[1] - low[1]) / 4
    centre = np.array([*(low + high)[:2] / 2, low[2] + radius])
    angles = np.radians([angle for angle, _ in EYE_RINGS])
    iris = np.radians(27.0)
    reach = radius + CORNEA * np.clip(1 - (angles / iris) ** 2, 0, None)
    turn = 2 * np.pi * np.arange(EYE_SEGMENTS) / EYE_SEGMENTS
    rings = np.stack(
        [
            np.outer(reach * np.sin(angles), np.cos(turn)),
            np.outer(reach * np.sin(angles), np.sin(turn)),
            np.repeat((reach * np.cos(angles))[:, None], EYE_SEGMENTS, 1),
        ],
        axis=-1,
    )
    vertices = np.concatenate([[[0, 0, radius + CORNEA]], rings.reshape(-1, 3)]) + centre
    step = np.arange(EYE_SEGMENTS)
    after = (step + 1) % EYE_SEGMENTS
    faces = [np.stack([np.zeros_like(step), 1 + step, 1 + after], 1)]
    for ring in range(len(EYE_RINGS) - 1):
        near, far = 1 + ring * EYE_SEGMENTS, 1 + (ring + 1) * EYE_SEGMENTS
        faces += [
            np.stack([near + step, far + step, far + after], 1),
            np.stack([near + step, far + after, near + after], 1),
        ]
    labels = ("pupil",) + tuple(label for _, label in EYE_RINGS for _ in range(EYE_SEGMENTS))
    return Part(vertices, np.concatenate(faces), labels)


def _arch(
    distance: np.ndarray, half_width: float, depth: float, power: float = 2.8
) -> tuple[np.ndarray, np.ndarray]:
    """Points (x, z) and outward directions of a dental arch at signed arc lengths from the mid-line."""
    x = np.linspace(-half_width, half_width, 4001)
    z = -depth * np.abs(x / half_width) ** power
    length = np.concatenate([[0], np.cumsum(np.hypot(np.diff(x), np.diff(z)))])
    length -= length[len(length) // 2]
    points = np.stack([np.interp(distance, length, x), np.interp(distance, length, z)], 1)
    ahead = np.stack([np.interp(distance + 0.3, length, x), np.interp(distance + 0.3, length, z)], 1)
    behind = np.stack([np.interp(distance - 0.3, length, x), np.interp(distance - 0.3, length, z)], 1)
    tangent = (ahead - behind) / np.linalg.norm(ahead - behind, axis=1, keepdims=True)
    return points, np.stack([-tangent[:, 1], tangent[:, 0]], 1)


def teeth(upper: bool) -> Part:
    """Twelve teeth and a strip of gum as one band; heights and depth set for the base mesh's mouth (mm)."""
    widths = np.array(TOOTH_WIDTHS[upper])
    edges = np.concatenate([[0], np.cumsum(widths)])
    distance, across, tooth = [], [], []
    for index in range(-len(widths), len(widths)):
        left = -edges[-index] if index < 0 else edges[index]
        width = widths[-index - 1] if index < 0 else widths[index]
        for share in COLUMNS:
            distance.append(left + share * width)
            across.append(share)
            tooth.append(index if index >= 0 else -index - 1)
    distance.append(edges[-1])
    across.append(0.0)
    tooth.append(len(widths) - 1)
    distance, across, tooth = np.array(distance), np.array(across), np.array(tooth)

    front, half_width, depth = (148.8, 27.0, 45.0) if upper else (146.4, 25.5, 43.0)
    edge, gumline, gum = (659.2, 668.6, 674.5) if upper else (661.0, 652.4, 648.0)
    seam = across == 0.0
    centre = seam & (np.abs(distance) < 1e-9)
    points, outward = _arch(distance, half_width, depth)
    down = -1.0 if upper else 1.0  # from gum to edge
    size = np.array([1.0, 0.93, 1.0, 0.9, 0.85, 0.75])[tooth]
    rows = []
    for height, bulge, groove, label in (
        (gum, -1.2, 0.0, "gums"),
        (gumline, 0.2, 0.5, "teeth"),
        (0.5 * (gumline + edge), 0.55, 0.8, "teeth"),
        (edge, 0.3, 0.8, "teeth"),
        (edge, 0.3, 0.8, "teeth"),
        (edge, -1.8, 0.4, "teeth"),
    ):
        y = np.full(len(distance), float(height))
        if label == "teeth" and height == edge:
            y = (
                gumline
                + (edge - gumline) * size
                - np.where(seam & ~centre, 0.9, np.where(centre, 0.5, 0.0)) * down
            )
        elif height == gumline:
            y = y + np.where(seam, 1.2, 0.0) * down  # the gum reaches down between two teeth
        plane = points + outward * (bulge - np.where(seam, groove, 0.0))[:, None]
        rows.append((np.stack([plane[:, 0], y, plane[:, 1] + front], 1), label))
    count = len(distance)
    vertices = np.concatenate([row for row, _ in rows])
    labels = tuple(label for _, label in rows for _ in range(count))
    step = np.arange(count - 1)
    faces = []
    for row in (0, 1, 2, 4):  # row 4 repeats row 3, so that shading breaks at the cutting edge
        a, b = row * count + step, (row + 1) * count + step
        pair = [np.stack([a, b, b + 1], 1), np.stack([a, b + 1, a + 1], 1)]
        faces += pair if upper else [face[:, ::-1] for face in pair]
    return Part(vertices, np.concatenate(faces), labels)
