"""One clip of a user's own folder, its faces stored in one file, in an archive with their sound, or a mesh a frame."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from a2f.arrays import member_shape, npz_names, read_member
from a2f.audio import to_mono_float
from a2f.data.clip import ReadVertices
from a2f.data.mesh_files import read_mesh
from a2f.data.sound_files import SHORTEST, Sound
from a2f.data.vertex_files import vertex_file
from a2f.errors import BadInput

MESHES = (".obj", ".ply")


@dataclass(frozen=True, eq=False)
class FolderClip:
    """Faces over time.

    Parameters
    ----------
    num_frames : int
        T.
    read_vertices : callable
        As of `Clip`.
    fps : float, optional
        Where the file says it.
    sound : Sound, optional
        Where it lies in the same file.
    """

    num_frames: int
    read_vertices: ReadVertices
    fps: float | None = None
    sound: Sound | None = None


def open_clip(path: Path, num_vertices: int) -> FolderClip:
    """Look into a clip; no more is read than headers, or the first of many meshes.

    Parameters
    ----------
    path : Path
        An ``.npy`` of (T, N, 3) or (T, 3 N), an ``.npz`` with ``vertices`` and perhaps ``fps``, ``audio`` and
        ``sample_rate``, or a folder of one ``.obj`` or ``.ply`` a frame.
    num_vertices : int
        N.

    Raises
    ------
    BadInput
        If it is cut, something else, or has another number of vertices; so does `FolderClip.read_vertices`.
    """
    if path.is_dir():
        return _meshes(path, num_vertices)
    if path.suffix == ".npz":
        return _archive(path, num_vertices)
    return FolderClip(*vertex_file(path, num_vertices))


def _archive(path: Path, num_vertices: int) -> FolderClip:
    names = npz_names(path)
    if "vertices" not in names:
        raise BadInput(f"{path} holds {', '.join(sorted(names)) or 'nothing'}; expected vertices among them")
    shape, dtype = member_shape(path, "vertices")
    if shape[1:] not in ((num_vertices, 3), (num_vertices * 3,)) or shape[0] == 0 or dtype.kind != "f":
        raise BadInput(
            f"{path} holds vertices of {dtype} and shape {shape}, expected floats of (frames, {num_vertices}, 3)"
        )

    def read_vertices(frames: slice | np.ndarray) -> np.ndarray:
        vertices = read_member(path, "vertices")
        if vertices.shape != shape:
            raise BadInput(f"{path} held vertices of shape {shape} when it was opened and now {vertices.shape}")
        # astype copies, so that the whole is given back
        return vertices[frames].astype(np.float32).reshape(-1, num_vertices, 3)

    fps = _number(path, "fps") if "fps" in names else None
    return FolderClip(shape[0], read_vertices, fps, _sound(path, names) if "audio" in names else None)


def _number(path: Path, name: str) -> float:
    value = read_member(path, name)
    if value.size != 1 or value.dtype.kind not in "iuf" or not 0 < value.item() < np.inf:
        raise BadInput(f"{path} holds {name} {value!r}, expected one positive number")
    return float(value.item())


def _sound(path: Path, names: set[str]) -> Sound:
    if "sample_rate" not in names:
        raise BadInput(f"{path} holds audio but no sample_rate; give its Hz as a number beside it")
    rate = int(_number(path, "sample_rate"))
    shape, _ = member_shape(path, "audio")
    if shape == () or shape[0] < SHORTEST * rate:
        raise BadInput(f"{path} holds audio of shape {shape} at {rate} Hz; at least {SHORTEST:g} s of sound is needed")

    def read() -> np.ndarray:
        try:
            return to_mono_float(read_member(path, "audio"))
        except BadInput as error:
            raise BadInput(f"{path}: {error}") from None

    return Sound(rate, shape[0], read)


def _meshes(path: Path, num_vertices: int) -> FolderClip:
    files = sorted((file for file in path.iterdir() if file.suffix.lower() in MESHES), key=natural_order)
    if not files:
        raise BadInput(f"{path} holds no {' or '.join(MESHES)}")
    numbers = [re.findall(r"\d+", file.stem) for file in files]
    if len(files) > 1 and all(numbers):
        steps = np.diff([int(found[-1]) for found in numbers])
        if (steps != steps.min()).any() or steps.min() < 1:
            after = files[int((steps != steps.min()).argmax())].name
            raise BadInput(f"{path}: frames are not numbered evenly, see after {after}; sound and faces would drift")
    _frame(files[0], num_vertices)

    def read_vertices(frames: slice | np.ndarray) -> np.ndarray:
        wanted = np.arange(len(files))[frames]
        faces = np.empty((len(wanted), num_vertices, 3), dtype=np.float32)
        for face, index in zip(faces, wanted, strict=True):
            face[:] = _frame(files[index], num_vertices)
        return faces

    return FolderClip(len(files), read_vertices)


def _frame(path: Path, num_vertices: int) -> np.ndarray:
    vertices, _ = read_mesh(path)
    if len(vertices) != num_vertices:
        raise BadInput(f"{path} has {len(vertices)} vertices, but the template has {num_vertices}")
    return vertices


def natural_order(path: Path) -> list[str | int]:
    """Return a key that sorts frame2 before frame10."""
    # texts and numbers in turn
    return [int(part) if place % 2 else part for place, part in enumerate(re.split(r"(\d+)", path.name))]
