"""Stored arrays: read whole, never pickled, and never more than the file holds or a machine can take.

The header of an array, and that of a zip archive, may claim any size. What is claimed is compared with what is there
before memory is asked for; an archive may unfold to `LARGEST` bytes.
"""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from a2f.errors import BadInput, MissingData

LARGEST = 8 * 10**9  # bytes; 73 minutes of a face of 5,000 vertices at 30 frames a second
_SHOWN = 300  # characters of a library's own text


def read_npz(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Read all arrays of an ``.npz`` file; no pickles.

    Raises
    ------
    MissingData
        If the file is not there.
    BadInput
        If it is cut, damaged, something else, or unfolds to more than `LARGEST`.
    """
    with _archive(path) as archive:
        total = sum(info.file_size for info in archive.infolist())
        if total > LARGEST:
            raise _too_large(path, total)
        return {_array_name(path, name): _member(path, archive, name) for name in archive.namelist()}


def npz_names(path: str | os.PathLike) -> set[str]:
    """Return the names of the arrays in an ``.npz`` file, which are not read; errors are those of `read_npz`."""
    with _archive(path) as archive:
        return {name.removesuffix(".npy") for name in archive.namelist()}


def read_member(path: str | os.PathLike, name: str) -> np.ndarray:
    """Read one array of an ``.npz`` file; errors are those of `read_npz`."""
    with _archive(path) as archive:
        return _member(path, archive, f"{name}.npy")


def member_shape(path: str | os.PathLike, name: str) -> tuple[tuple[int, ...], np.dtype]:
    """Return shape and type of an array in an ``.npz`` file without reading it; errors are those of `read_npz`."""
    with _archive(path) as archive:
        return _checked(path, archive, f"{name}.npy")


def read_npy(path: str | os.PathLike) -> np.ndarray:
    """Read an ``.npy`` file; no pickles.

    Raises
    ------
    MissingData
        If the file is not there.
    BadInput
        If it is cut, damaged or something else.
    """
    check_npy(path)
    with _refusing(path, ".npy file of numbers"):
        return np.load(path, allow_pickle=False)


def map_npy(path: str | os.PathLike) -> np.ndarray:
    """Return the array of an ``.npy`` file, read as it is looked at; errors are those of `read_npy`."""
    check_npy(path)
    with _refusing(path, ".npy file of numbers"):
        return np.load(path, mmap_mode="r", allow_pickle=False)


def check_npy(path: str | os.PathLike) -> tuple[tuple[int, ...], np.dtype]:
    """Return what the header of an ``.npy`` file says, after comparing it with the file's size.

    Raises
    ------
    MissingData, BadInput
        As `read_npy`.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingData(f"{path} is not a file")
    with _refusing(path, ".npy file of numbers"), open(path, "rb") as file:
        return _header(file, path.stat().st_size)


@contextmanager
def _archive(path: str | os.PathLike) -> Iterator[zipfile.ZipFile]:
    path = Path(path)
    if not path.is_file():
        raise MissingData(f"{path} is not a file")
    with _refusing(path, "npz file"):
        with open(path, "rb") as file:
            if file.read(6) == b"\x93NUMPY":
                raise BadInput(f"{path} holds a single array, expected an npz archive")
        with zipfile.ZipFile(path) as archive:
            yield archive


@contextmanager
def _refusing(path: str | os.PathLike, kind: str) -> Iterator[None]:
    try:
        yield
    except BadInput:
        raise
    except Exception as error:  # numpy, zipfile and their decoders raise whatever a flipped bit leads to
        text = str(error).splitlines()[0][:_SHOWN] if str(error) else type(error).__name__
        raise BadInput(f"{path} is not a whole {kind}: {text}") from None


def _array_name(path: str | os.PathLike, name: str) -> str:
    if not name.endswith(".npy"):
        raise BadInput(f"{path} is not a whole npz file: {name[:_SHOWN]!r} in it is no array")
    return name.removesuffix(".npy")


def _member(path: str | os.PathLike, archive: zipfile.ZipFile, name: str) -> np.ndarray:
    _checked(path, archive, name)
    with archive.open(name) as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def _checked(path: str | os.PathLike, archive: zipfile.ZipFile, name: str) -> tuple[tuple[int, ...], np.dtype]:
    size = archive.getinfo(name).file_size
    if size > LARGEST:
        raise _too_large(path, size)
    with archive.open(name) as file:
        return _header(file, size)


def _header(file: IO[bytes], size: int) -> tuple[tuple[int, ...], np.dtype]:
    """Return shape and type from an array's header; what they need has to be there in `size` bytes."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    if dtype.hasobject:
        raise ValueError(f"it holds Python objects ({dtype}), expected numbers or texts")
    needed = math.prod(shape) * dtype.itemsize
    # what takes no room at all could be of any size
    if min(shape, default=0) < 0 or needed > size - file.tell() or (dtype.itemsize == 0 and math.prod(shape) > 1):
        raise ValueError(f"its header says {dtype} of shape {shape}, {size - file.tell()} bytes follow")
    return shape, dtype


def _too_large(path: str | os.PathLike, size: int) -> BadInput:
    return BadInput(
        f"{path} unfolds to {size / 1e9:.1f} GB, at most {LARGEST / 1e9:.0f} GB are read; cut it into shorter ones, or "
        "keep vertices in an .npy, of which a data set reads only the frames it needs"
    )
