"""Meshes from .obj and .ply files, with every vertex in its place."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from a2f.errors import BadInput, MissingData


def read_mesh(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read a mesh; vertices stay as many and in the order that the file has them, named by a face or not.

    Parameters
    ----------
    path : Path
        An .obj or .ply file.

    Returns
    -------
    vertices : ndarray, (N, 3) float32
    faces : ndarray, (F, 3) int32
        Faces of more corners are cut into triangles from their first corner.

    Raises
    ------
    MissingData
        If the file is not there.
    BadInput
        If it is not a whole file of that kind, or holds no faces, or coordinates that are not finite.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingData(f"mesh {path} is not there")
    if path.suffix.lower() not in (".obj", ".ply"):
        raise BadInput(f"{path} is not a mesh file; give an .obj or a .ply")
    vertices, faces = _read_obj(path) if path.suffix.lower() == ".obj" else _read_ply(path)
    if len(faces) == 0 or len(vertices) == 0:
        raise BadInput(f"{path} holds {len(vertices)} vertices and {len(faces)} triangles, expected some of both")
    if faces.min() < 0 or faces.max() >= len(vertices):
        wrong = faces.min() if faces.min() < 0 else faces.max()
        raise BadInput(f"{path}: a face names vertex {wrong}, but there are {len(vertices)}; the file may be cut")
    if not np.isfinite(vertices).all():
        raise BadInput(f"{path} holds coordinates that are not finite")
    return vertices.astype(np.float32), faces.astype(np.int32)


def _read_obj(path: Path) -> tuple[np.ndarray, np.ndarray]:
    # read here, since mesh libraries double vertices where the texture has a seam, and drop those without a face
    points, corners = [], []
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("v "):
                    points += line.split()[1:4]
                elif line.startswith("f "):
                    corners.append(line)
        vertices = np.array(points, dtype=np.float64).reshape(-1, 3)
        # what follows a slash names texture and normal
        polygons = [line.split()[1:] for line in re.sub(r"/\S*", "", "".join(corners)).splitlines()]
        triangles = [(face[0], face[i], face[i + 1]) for face in polygons for i in range(1, len(face) - 1)]
        faces = np.array(triangles, dtype=np.int64).reshape(-1, 3)
    except (ValueError, OverflowError) as error:
        raise BadInput(f"{path} is not a whole .obj file: {error}") from None
    # counted from 1, or from the end where below zero; 0 names nothing
    return vertices, np.where(faces > 0, faces - 1, np.where(faces < 0, faces + len(vertices), -1))


def _read_ply(path: Path) -> tuple[np.ndarray, np.ndarray]:
    import trimesh

    try:
        # without fix_texture, which doubles vertices at the seams of a texture
        mesh = trimesh.load(path, process=False, force="mesh", fix_texture=False, skip_materials=True)
        return np.asarray(mesh.vertices), np.asarray(mesh.faces)
    except Exception as error:  # trimesh raises whatever its parts raise
        raise BadInput(f"{path} is not a whole .ply file: {error}") from None
