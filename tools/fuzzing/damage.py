"""Files spoiled byte by byte: flipped, cut, inserted, repeated, zeroed, or with a number that lies."""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

# Numbers at which readers stumble, as they stand in headers.
LIES = (0, 1, 2, 3, 127, 128, 255, 256, 300, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 10**9, 2**40, 2**63, 2**64 - 1)


def pick(rng: np.random.Generator, choices: Sequence[Any]) -> Any:
    """Return one of some things, as it is."""
    return choices[int(rng.integers(len(choices)))]


def damaged(rng: np.random.Generator, data: bytes, hits: int = 3) -> bytes:
    """Return bytes with one to `hits` faults."""
    for _ in range(int(rng.integers(1, hits + 1))):
        data = pick(rng, _FAULTS)(rng, data)
    return data


def _place(rng: np.random.Generator, data: bytes) -> int:
    """Return a position; half of the time one near the start, where headers are."""
    last = max(len(data), 1)
    return int(rng.integers(min(last, 64) if rng.random() < 0.5 else last))


def _flip(rng: np.random.Generator, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 9)) if data else 0):
        changed[_place(rng, data)] ^= int(rng.integers(1, 256))
    return bytes(changed)


def _cut(rng: np.random.Generator, data: bytes) -> bytes:
    return data[: int(rng.integers(len(data) + 1))]


def _cut_inside(rng: np.random.Generator, data: bytes) -> bytes:
    start = _place(rng, data)
    return data[:start] + data[start + int(rng.integers(1, 200)) :]


def _insert(rng: np.random.Generator, data: bytes) -> bytes:
    start = _place(rng, data)
    return data[:start] + rng.bytes(int(rng.integers(1, 60))) + data[start:]


def _repeat(rng: np.random.Generator, data: bytes) -> bytes:
    start = _place(rng, data)
    piece = data[start : start + int(rng.integers(1, 300))]
    return data[:start] + piece * int(rng.integers(2, 30)) + data[start:]


def _zero(rng: np.random.Generator, data: bytes) -> bytes:
    start, count = _place(rng, data), int(rng.integers(1, 200))
    return data[:start] + bytes(len(data[start : start + count])) + data[start + count :]


def _lie(rng: np.random.Generator, data: bytes) -> bytes:
    width = pick(rng, ("<H", "<I", "<Q", ">H", ">I", ">Q"))
    size = struct.calcsize(width)
    start = _place(rng, data)
    return data[:start] + struct.pack(width, pick(rng, LIES) % 256**size) + data[start + size :]


def _grow(rng: np.random.Generator, data: bytes) -> bytes:
    return data + rng.bytes(int(rng.integers(1, 400)))


_FAULTS = (_flip, _flip, _cut, _cut_inside, _insert, _repeat, _zero, _lie, _lie, _grow)


def replace(path: Path, data: bytes) -> None:
    """Write a file anew; other names of the old one keep its bytes."""
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def spoil(rng: np.random.Generator, path: Path) -> None:
    """Spoil a file where it lies: its bytes, or the file as such."""
    kind = int(rng.integers(12))
    if kind == 0:
        path.unlink()
    elif kind == 1:
        path.unlink()
        path.mkdir()
    elif kind == 2:
        path.unlink()
        os.symlink(path.name, path)  # a link to itself
    elif kind == 3:
        replace(path, b"")
    elif kind == 4:
        replace(path, rng.bytes(int(rng.integers(1, 2000))))
    elif kind == 5:
        others = [other for other in sorted(path.parent.iterdir()) if other.is_file() and other != path]
        replace(path, pick(rng, others).read_bytes() if others else b"")
    else:
        replace(path, damaged(rng, path.read_bytes()))


def linked_copy(source: Path, target: Path) -> Path:
    """Copy a tree without copying bytes; `replace` keeps the original whole."""
    shutil.copytree(source, target, copy_function=os.link, symlinks=True)
    return target


def files_of(root: Path) -> list[Path]:
    """Return all files below a folder, in order."""
    return sorted(path for path in root.rglob("*") if path.is_file())
