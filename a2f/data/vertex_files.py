"""Faces over time in one .npy file, of which only the frames asked for are read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from a2f.arrays import map_npy
from a2f.data.clip import ReadVertices
from a2f.errors import BadInput, MissingData


def vertex_file(path: Path, num_vertices: int, factor: float = 1.0) -> tuple[int, ReadVertices]:
    """Look into a file of faces; only its header is read.

    Parameters
    ----------
    path : Path
        An .npy file of (T, N, 3) or (T, 3 N) floats.
    num_vertices : int
        N, which the file has to have.
    factor : float
        What coordinates are multiplied by as they are read.

    Returns
    -------
    num_frames : int
        T.
    read_vertices : callable
        As of `Clip`.

    Raises
    ------
    MissingData
        If the file is not there.
    BadInput
        If it is cut, something else, or has another number of vertices; `read_vertices` raises it too.
    """
    path = Path(path)
    num_frames = len(_mapped(path, num_vertices))

    def read_vertices(frames: slice | np.ndarray) -> np.ndarray:
        # mapped anew at each call, so that the pages that were read are given back
        mapped = _mapped(path, num_vertices)
        if len(mapped) != num_frames:
            raise BadInput(f"{path} held {num_frames} frames when the data set was opened and now holds {len(mapped)}")
        faces = np.array(mapped[frames], dtype=np.float32).reshape(-1, num_vertices, 3)
        return faces if factor == 1.0 else faces * np.float32(factor)

    return num_frames, read_vertices


def _mapped(path: Path, num_vertices: int) -> np.ndarray:
    if not path.is_file():
        raise MissingData(f"vertex file {path} is not there")
    mapped = map_npy(path)
    if mapped.shape[1:] not in ((num_vertices, 3), (num_vertices * 3,)) or mapped.dtype.kind != "f":
        found = f"{mapped.dtype} of shape {mapped.shape}"
        raise BadInput(f"{path} holds {found}, expected floats of (frames, {num_vertices}, 3) or as many in a row")
    if len(mapped) == 0:
        raise BadInput(f"{path} holds no frame")
    return mapped
