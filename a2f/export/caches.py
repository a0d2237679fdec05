"""Every frame's vertices as they are: a point cache, or a folder with a mesh for each frame."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import numpy as np

from a2f.errors import BadInput
from a2f.export.render import vertex_colours
from a2f.files import atomic_path, temporary_folder
from a2f.mesh import Topology

HEADER = struct.Struct("<12siiffi")  # magic, version, points, first frame, frames a sample, samples


def write_pc2(path: str | os.PathLike, vertices: np.ndarray | Iterable[np.ndarray]) -> None:
    """Write a PC2 point cache, which Blender's Mesh Cache modifier and 3ds Max play on a mesh of the same vertices.

    That mesh is any frame of `write_obj_sequence`, imported as it is; the modifier's axes stay as they are, too, since
    Blender turns the object and not its vertices.

    Parameters
    ----------
    path : path-like
    vertices : ndarray, (T, N, 3), or iterable of such
        Written as they are, in the topology's unit, piece by piece. Frame i of the cache is frame i of the scene.
    """
    pieces = iter([vertices] if isinstance(vertices, np.ndarray) else vertices)
    first = _points(next(pieces, np.zeros((0, 0, 3))))
    frames, points = 0, first.shape[1]
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        file.write(bytes(HEADER.size))
        for piece in chain([first], map(_points, pieces)):
            if piece.shape[1] != points:
                raise BadInput(f"the vertices to write have shape {piece.shape} after frames of {points} vertices")
            file.write(piece.data)
            frames += len(piece)
        file.seek(0)
        file.write(HEADER.pack(b"POINTCACHE2\0", 1, points, 0.0, 1.0, frames))


def _points(vertices: np.ndarray) -> np.ndarray:
    vertices = np.ascontiguousarray(vertices, dtype="<f4")
    if vertices.ndim != 3 or vertices.shape[2] != 3 or len(vertices) == 0:
        raise BadInput(f"the vertices to write have shape {vertices.shape}, expected (T, N, 3) with T of at least 1")
    if not np.isfinite(vertices).all():
        raise BadInput("the vertices to write hold coordinates that are not finite")
    return vertices


def write_ply_sequence(
    folder: str | os.PathLike,
    vertices: np.ndarray | Iterable[np.ndarray],
    topology: Topology,
    *,
    progress: bool = False,
) -> None:
    """Write ``frame_0001.ply`` and so on, coloured, one for each frame of vertices (T, N, 3), whole or in pieces.

    Raises
    ------
    BadInput
        If the vertices do not fit, or the folder holds something else than an earlier sequence.
    """
    _write_sequence(folder, ".ply", vertices, topology, progress)


def write_obj_sequence(
    folder: str | os.PathLike,
    vertices: np.ndarray | Iterable[np.ndarray],
    topology: Topology,
    *,
    progress: bool = False,
) -> None:
    """Write ``frame_0001.obj`` and so on, one for each frame of vertices (T, N, 3), whole or in pieces; eight decimals.

    Raises
    ------
    BadInput
        As for `write_ply_sequence`.
    """
    _write_sequence(folder, ".obj", vertices, topology, progress)


def _write_sequence(
    folder: str | os.PathLike,
    suffix: str,
    vertices: np.ndarray | Iterable[np.ndarray],
    topology: Topology,
    progress: bool,
) -> None:
    import trimesh
    from tqdm.auto import tqdm

    pieces = iter([vertices] if isinstance(vertices, np.ndarray) else vertices)
    first = _frames(next(pieces, np.zeros((0, topology.num_vertices, 3), np.float32)), topology)
    every = chain(first, chain.from_iterable(_frames(piece, topology) for piece in pieces))
    total = len(first) if isinstance(vertices, np.ndarray) else None
    colours = np.round(255 * vertex_colours(topology)).astype(np.uint8)
    with _whole_folder(folder, suffix) as temporary:
        bar = tqdm(every, total=total, desc=Path(folder).name, unit="frame", disable=not progress, leave=False)
        for number, frame in enumerate(bar, 1):
            # unprocessed, or vertices at one place become one
            mesh = trimesh.Trimesh(frame, topology.faces, vertex_colors=colours, process=False)
            mesh.export(temporary / f"frame_{number:04d}{suffix}")


def _frames(vertices: np.ndarray, topology: Topology) -> np.ndarray:
    vertices = topology.check_vertices(vertices, "the vertices to write")
    if vertices.ndim != 3 or len(vertices) == 0:
        raise BadInput(f"the vertices to write have shape {vertices.shape}, expected (T, N, 3) with T of at least 1")
    return vertices


@contextmanager
def _whole_folder(folder: str | os.PathLike, suffix: str) -> Iterator[Path]:
    """Give a temporary sibling to fill, and put it in `folder`'s place when the block ends without an error.

    A sequence that was there before is replaced; a folder with anything else in it is refused and left alone.
    """
    folder = Path(folder)
    if folder.is_file():
        raise BadInput(f"{folder} is a file; a sequence needs a folder")
    other = [item.name for item in folder.glob("*") if not item.match(f"frame_*{suffix}")]
    if other:
        raise BadInput(f"{folder} holds {other[0]}; name a new folder, or one that holds frames of a sequence only")
    with temporary_folder(folder.parent) as place:
        made, old = place / "new", place / "old"
        made.mkdir()
        yield made
        if folder.exists():
            os.replace(folder, old)
        os.replace(made, folder)
