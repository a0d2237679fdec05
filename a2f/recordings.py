"""Which sound files a call means: files and folders of them, and the share that one of several processes takes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from a2f.errors import BadInput
from a2f.processes import launched

# What libsndfile reads, by the ends of the files' names; in a folder nothing else is taken for sound.
SUFFIXES = (".aif", ".aiff", ".au", ".caf", ".flac", ".mp3", ".oga", ".ogg", ".opus", ".rf64", ".w64", ".wav")
BLOCK = 10.0  # seconds of sound that are read at once

Thing = TypeVar("Thing")


def find(sources: Sequence[str | os.PathLike]) -> list[tuple[Path, Path]]:
    """Return each sound file with the folder, relative to all results, that its results belong in.

    Parameters
    ----------
    sources : sequence of path-like
        A file's results belong in ``.``. A folder is searched through with all folders in it, in the order of their
        names and without hidden ones; what is made of ``folder/a/b.wav`` belongs in ``a``.

    Raises
    ------
    BadInput
        If a folder holds no sound file.
    """
    found: list[tuple[Path, Path]] = []
    for source in map(Path, sources):
        if not source.is_dir():
            found.append((source, Path(".")))
            continue
        inside = []
        for place, folders, names in os.walk(source):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            named = sorted(n for n in names if not n.startswith(".") and n.lower().endswith(SUFFIXES))
            inside += [(Path(place, name), Path(place).relative_to(source)) for name in named]
        if not inside:
            raise BadInput(f"folder {source} holds no sound file; their names end in {', '.join(SUFFIXES)}")
        found += inside
    return found


@dataclass(frozen=True)
class Shard:
    """One of several equal shares.

    Parameters
    ----------
    number : int
        From one.
    count : int
    """

    number: int = 1
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read ``"3/16"``, the third of sixteen.

        Raises
        ------
        BadInput
            If it is something else.
        """
        number, slash, count = text.partition("/")
        if not (slash and number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
            raise BadInput(f"shard is {text!r}, expected a number and a count such as 3/16, numbers from 1")
        return cls(int(number), int(count))

    def within(self) -> Shard:
        """Return this process' share of this one, where torchrun or `accelerate launch` started several."""
        place, count = launched()
        return Shard(self.number + self.count * place, self.count * count)

    def of(self, things: Sequence[Thing]) -> list[Thing]:
        """Return every `count`-th thing; no two shares of one list have one in common, and all together have all."""
        return list(things[self.number - 1 :: self.count])


class SoundPieces:
    """A sound file's samples piece by piece, (n, channels) float32, as often as they are asked for.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __iter__(self) -> Iterator[np.ndarray]:
        import soundfile

        read = 0
        with soundfile.SoundFile(self.path) as file:
            expected, step = file.frames, round(BLOCK * file.samplerate)
            for piece in file.blocks(step, dtype="float32", always_2d=True):
                read += len(piece)
                yield piece
        if read != expected:
            raise BadInput(f"{self.path} ends after {read} of {expected} samples: it is cut or damaged; write it anew")
