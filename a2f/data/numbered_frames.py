"""Recordings of one file a frame: numbers become times, short holes are filled, long ones end the recording."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from a2f.data.clip import ReadVertices
from a2f.errors import BadInput, MissingData

FILLED = 2  # frames; a hole of at most so many is filled


@dataclass(frozen=True)
class FrameFile:
    """Where the vertices of one frame lie, as little-endian float32 triples.

    Parameters
    ----------
    path : Path
    offset : int
        Of the first coordinate, in bytes.
    """

    path: Path
    offset: int = 0


@dataclass(frozen=True, eq=False)
class Stretch:
    """The longest run of frames without a long hole.

    Parameters
    ----------
    files : tuple of FrameFile
        Those recorded, in order.
    before, after : ndarray, (T,) int64
        Which two files each frame lies between; one and the same where it was recorded.
    share : ndarray, (T,) float32
        Of the file after, 0..1.
    start : int
        Frames between the recording's first one and this stretch's.
    filled : tuple of int
        Numbers of the recorded frames that a hole follows which was filled.
    cut : tuple of (int, int)
        The longer holes of the whole recording: the number of the frame before, and how many are missing.
    total : int
        Frames from the recording's first to its last, holes included.
    """

    files: tuple[FrameFile, ...]
    before: np.ndarray
    after: np.ndarray
    share: np.ndarray
    start: int
    filled: tuple[int, ...]
    cut: tuple[tuple[int, int], ...]
    total: int

    def __len__(self) -> int:
        return len(self.before)


def longest_stretch(files: dict[int, FrameFile], fill: int = FILLED) -> Stretch:
    """Arrange numbered frames in time.

    Numbers may count by more than one (a camera that runs three times as fast as the frames were kept): the most
    common distance between two is one frame. A number between two frames goes to the nearer one.

    Parameters
    ----------
    files : dict of int to FrameFile
        By number, one at least.
    fill : int
        Holes of at most so many frames are filled.
    """
    numbers = np.array(sorted(files))
    distances, counts = np.unique(np.diff(numbers), return_counts=True)
    step = int(distances[counts.argmax()]) if len(distances) else 1
    places, first_of = np.unique(np.rint((numbers - numbers[0]) / step).astype(np.int64), return_index=True)
    numbers = numbers[first_of]
    holes = np.diff(places) - 1
    ends = np.append(np.flatnonzero(holes > fill), len(places) - 1)
    starts = np.append(0, ends[:-1] + 1)
    best = int((places[ends] - places[starts]).argmax())
    piece = slice(starts[best], ends[best] + 1)
    held, names = places[piece], numbers[piece]
    grid = np.arange(held[0], held[-1] + 1)
    after = np.searchsorted(held, grid)
    before = np.where(held[after] == grid, after, after - 1)
    share = (grid - held[before]) / np.maximum(held[after] - held[before], 1)
    return Stretch(
        files=tuple(files[int(number)] for number in names),
        before=before,
        after=after,
        share=share.astype(np.float32),
        start=int(held[0]),
        filled=tuple(int(number) for number in names[:-1][np.diff(held) > 1]),
        cut=tuple((int(numbers[i]), int(holes[i])) for i in np.flatnonzero(holes > fill)),
        total=int(places[-1]) + 1,
    )


def read_stretch(
    stretch: Stretch, num_vertices: int, adjust: Callable[[np.ndarray], np.ndarray] | None = None
) -> ReadVertices:
    """Return the reader of a stretch's frames.

    Parameters
    ----------
    stretch : Stretch
    num_vertices : int
        In the files.
    adjust : callable, optional
        Given the vertices of one file, (num_vertices, 3) float32, returns those wanted.
    """

    def read_vertices(frames: slice | np.ndarray) -> np.ndarray:
        rows = np.arange(len(stretch))[frames]
        if len(rows) == 0:
            return read_vertices(slice(0, 1))[:0]
        before, after, share = stretch.before[rows], stretch.after[rows], stretch.share[rows]
        needed, place = np.unique(np.concatenate([before, after]), return_inverse=True)
        faces = [read_frame(stretch.files[index], num_vertices) for index in needed]
        if adjust is not None:
            faces = [adjust(face) for face in faces]
        read = np.stack(faces)
        wanted = read[place[: len(rows)]]
        between = np.flatnonzero(share)
        if len(between):
            later = read[place[len(rows) :][between]]
            wanted[between] += share[between, None, None] * (later - wanted[between])
        return wanted

    return read_vertices


def read_frame(file: FrameFile, num_vertices: int) -> np.ndarray:
    """Read one frame, (num_vertices, 3) float32.

    Raises
    ------
    MissingData
        If the file is not there any more.
    BadInput
        If it is shorter than it was.
    """
    try:
        values = np.fromfile(file.path, dtype="<f4", count=num_vertices * 3, offset=file.offset)
    except FileNotFoundError:
        raise MissingData(f"frame {file.path} is not there any more; open the data set again") from None
    except OSError as error:
        raise BadInput(f"frame {file.path} cannot be read: {error}") from None
    if len(values) != num_vertices * 3:
        raise BadInput(f"{file.path} ends after {len(values) // 3} vertices, expected {num_vertices}")
    return values.reshape(num_vertices, 3).astype(np.float32, copy=False)


def shown(numbers: Sequence[int], most: int = 6) -> str:
    """Return numbers as text, the first few where there are many."""
    text = ", ".join(str(number) for number in numbers[:most])
    return text if len(numbers) <= most else f"{text} and {len(numbers) - most} more"
