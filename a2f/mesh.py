"""A mesh topology: triangles, named regions with their origin, and the unit every number is in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from a2f.arrays import read_npz
from a2f.errors import BadInput
from a2f.files import atomic_path


@dataclass(frozen=True, eq=False)
class Topology:
    """What all the meshes of one data set share.

    Parameters
    ----------
    name : str
        For example ``"demo"``, ``"vocaset"``.
    num_vertices : int
        N.
    faces : ndarray, (F, 3) int32
        Triangles, counter-clockwise seen from outside.
    regions : dict of str to ndarray of int32
        Sorted vertex ids by region name. Metrics read ``lips``, ``upper_face`` and ``face``.
    unit : str
        The unit of the coordinates as it is printed, for example ``"mm"``.
    metres_per_unit : float or None
        None where the data set's scale is arbitrary.
    region_source : str
        Where the regions come from, printed beside every result that used them.
    landmarks : dict of str to ndarray of int32
        Ordered vertex ids, for example the inner rims of the lips.
    parts : ndarray, (N,) uint8, optional
        Index into `part_names`, for drawing (skin, lips, teeth, ...).
    part_names : tuple of str
    """

    name: str
    num_vertices: int
    faces: np.ndarray
    regions: dict[str, np.ndarray]
    unit: str = "mm"
    metres_per_unit: float | None = 1e-3
    region_source: str = "not stated"
    landmarks: dict[str, np.ndarray] = field(default_factory=dict)
    parts: np.ndarray | None = None
    part_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        faces = np.ascontiguousarray(self.faces, dtype=np.int32)
        if faces.ndim != 2 or faces.shape[1] != 3:
            raise BadInput(f"topology {self.name}: faces has shape {faces.shape}, expected (F, 3) triangles")
        object.__setattr__(self, "faces", faces)
        # np.unique: a vertex that a region names twice would weigh twice in every error
        regions = {key: np.unique(self._ids("region", key, ids)) for key, ids in self.regions.items()}
        object.__setattr__(self, "regions", regions)
        landmarks = {key: self._ids("landmark", key, ids) for key, ids in self.landmarks.items()}
        object.__setattr__(self, "landmarks", landmarks)
        if faces.size and (faces.min() < 0 or faces.max() >= self.num_vertices):
            wrong = faces.min() if faces.min() < 0 else faces.max()
            raise BadInput(
                f"topology {self.name}: faces name vertex {wrong}, but there are {self.num_vertices} vertices"
            )
        if self.parts is not None and np.shape(self.parts) != (self.num_vertices,):
            raise BadInput(
                f"topology {self.name}: parts has shape {np.shape(self.parts)}, expected ({self.num_vertices},)"
            )

    def _ids(self, kind: str, key: str, ids: np.ndarray) -> np.ndarray:
        """Return vertex ids as int32; a mask of booleans, which would read as ids 0 and 1, is refused."""
        ids = np.asarray(ids)
        if ids.ndim != 1 or ids.dtype.kind not in "iu":
            raise BadInput(
                f"topology {self.name}: {kind} {key!r} is {ids.dtype} of shape {ids.shape}, expected vertex ids"
            )
        if ids.size == 0 or ids.min() < 0 or ids.max() >= self.num_vertices:
            raise BadInput(
                f"topology {self.name}: {kind} {key!r} holds {ids.size} ids in "
                f"[{ids.min(initial=0)}, {ids.max(initial=0)}], expected some within 0..{self.num_vertices - 1}"
            )
        return ids.astype(np.int32)

    def region(self, name: str) -> np.ndarray:
        """Return the sorted vertex ids of a region, int32.

        Raises
        ------
        BadInput
            If there is no such region; the text lists those there are.
        """
        if name not in self.regions:
            raise BadInput(f"topology {self.name} has no region {name!r}; it has {', '.join(sorted(self.regions))}")
        return self.regions[name]

    def check_vertices(self, vertices: np.ndarray, what: str) -> np.ndarray:
        """Return `vertices` as float32 after checking that its last axes are (N, 3) and that it is finite.

        Raises
        ------
        BadInput
            If the shape does not fit this topology or a coordinate is not finite.
        """
        vertices = np.asarray(vertices, dtype=np.float32)
        if vertices.shape[-2:] != (self.num_vertices, 3):
            raise BadInput(
                f"{what} has shape {vertices.shape}, expected (..., {self.num_vertices}, 3) for topology {self.name}"
            )
        if not np.isfinite(vertices).all():
            raise BadInput(f"{what} holds coordinates that are not finite")
        return vertices

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return everything but name and size as arrays, for an ``.npz``."""
        arrays = {f"region_{key}": ids for key, ids in self.regions.items()}
        arrays |= {f"landmark_{key}": ids for key, ids in self.landmarks.items()}
        arrays |= {
            "faces": self.faces,
            "unit": np.array(self.unit),
            "metres_per_unit": np.array(np.nan if self.metres_per_unit is None else self.metres_per_unit),
            "source_of_regions": np.array(self.region_source),
            "part_names": np.array(self.part_names, dtype=str),
        }
        return arrays if self.parts is None else arrays | {"parts": self.parts}

    @classmethod
    def from_arrays(cls, name: str, num_vertices: int, arrays: Mapping[str, np.ndarray]) -> Topology:
        """Rebuild a topology from what `to_arrays` gave; other keys are ignored.

        Raises
        ------
        KeyError
            If an array is missing.
        """

        def named(prefix: str) -> dict[str, np.ndarray]:
            return {key.removeprefix(prefix): ids for key, ids in arrays.items() if key.startswith(prefix)}

        scale = float(arrays["metres_per_unit"])
        return cls(
            name=name,
            num_vertices=num_vertices,
            faces=arrays["faces"],
            regions=named("region_"),
            unit=str(arrays["unit"]),
            metres_per_unit=None if np.isnan(scale) else scale,
            region_source=str(arrays["source_of_regions"]),
            landmarks=named("landmark_"),
            parts=arrays.get("parts"),
            part_names=tuple(str(part) for part in arrays["part_names"]),
        )

    def save(self, path: str | os.PathLike) -> None:
        """Write this topology to an ``.npz`` file without pickles."""
        with atomic_path(path) as temporary:
            np.savez_compressed(temporary, name=self.name, num_vertices=self.num_vertices, **self.to_arrays())

    @classmethod
    def load(cls, path: str | os.PathLike) -> Topology:
        """Read a topology that `save` wrote.

        Raises
        ------
        MissingData, BadInput
            If the file is not there, or is not such a file.
        """
        arrays = read_npz(path)
        try:
            return cls.from_arrays(str(arrays["name"]), int(arrays["num_vertices"]), arrays)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise BadInput(f"{path} is not a topology file written by a2f: {error}") from None
