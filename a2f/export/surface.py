"""How a face's surface is lit and coloured in other programs: unit normals and linear colours."""

from __future__ import annotations

import numpy as np

from a2f.export.render import vertex_colours
from a2f.mesh import Topology


def vertex_normals(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Return unit normals of vertices (N, 3), (N, 3) float32; a vertex without a triangle looks forward."""
    import trimesh

    normals = np.array(trimesh.Trimesh(points, faces, process=False).vertex_normals, dtype=np.float32)
    normals[np.linalg.norm(normals, axis=1) < 0.5] = (0, 0, 1)
    return normals


def linear_colours(topology: Topology) -> np.ndarray:
    """Return the vertices' colours as glTF and USD want them, linear instead of sRGB: (N, 3) float32 in [0, 1]."""
    colours = vertex_colours(topology)
    # the curve of IEC 61966-2-1
    return np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4).astype(np.float32)
