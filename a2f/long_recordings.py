"""Recordings whose faces do not fit in memory: formats that take them piece by piece, an error for the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from a2f.audio import sound_size
from a2f.errors import BadInput
from a2f.export.caches import write_obj_sequence, write_pc2, write_ply_sequence
from a2f.mesh import Topology

# Bytes of faces from which on they are made piece by piece: by length alone, so that the digits of a result, of which
# the last may differ, depend on no machine.
PIECEWISE = 2**28
COPIES = 3  # of all faces that making and writing a whole animation takes, at its peak

# Formats that are written from pieces (n, N, 3), by name.
WRITERS: dict[str, Callable] = {
    "pc2": lambda path, faces, topology, progress: write_pc2(path, faces),
    "ply": lambda path, faces, topology, progress: write_ply_sequence(path, faces, topology, progress=progress),
    "obj": lambda path, faces, topology, progress: write_obj_sequence(path, faces, topology, progress=progress),
}


@dataclass(frozen=True)
class InPieces:
    """A way to animate recordings piece by piece.

    Parameters
    ----------
    faces : callable
        Gives the faces of a sound file, pieces of (n, N, 3).
    topology : Topology
    fps : float
    """

    faces: Callable[[Path], Iterable[np.ndarray]]
    topology: Topology
    fps: float

    def size(self, wav: Path) -> int:
        """Return how many bytes the faces of a recording take."""
        samples, rate = sound_size(wav, longest=None)
        return int(samples / rate * self.fps) * self.topology.num_vertices * 12

    def takes(self, name: str, wav: Path) -> bool:
        """Return whether a recording is long enough, and a format such, that it is written piece by piece."""
        return name in WRITERS and self.size(wav) > PIECEWISE

    def write(self, name: str, wav: Path, path: Path, progress: bool) -> None:
        """Write a recording's animation as one of `WRITERS`."""
        WRITERS[name](path, self.faces(wav), self.topology, progress)

    def check_whole(self, wav: Path) -> None:
        """Refuse a recording whose whole animation does not fit in the memory that is free.

        Raises
        ------
        BadInput
            It names the formats that need no more of it for a longer recording.
        """
        import psutil

        size, free = self.size(wav), psutil.virtual_memory().available
        if COPIES * size > free:
            raise BadInput(
                f"its faces take {size / 1e9:.1f} GB and their animation about {COPIES} times that, of which "
                f"{free / 1e9:.1f} GB are free; cut it, or take a format that is written piece by piece: "
                f"{', '.join(WRITERS)}"
            )
