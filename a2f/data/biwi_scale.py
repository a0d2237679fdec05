"""BIWI's unit: a head is as large as the root of its surface, and a thousandth of that is 1."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from a2f.data.region_files import regions_for
from a2f.errors import BadInput
from a2f.mesh import Topology

UNIT = "1e-3 head"
PER_HEAD = 1000.0


def root_area(vertices: np.ndarray, faces: np.ndarray) -> float:
    """Return the square root of a mesh's surface, in the unit of its vertices.

    Raises
    ------
    BadInput
        If it has none, so that nothing can be scaled by it.
    """
    a, b, c = (np.asarray(vertices, dtype=np.float64)[faces[:, corner]] for corner in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2
    if area == 0:
        raise BadInput(f"a mesh of {len(vertices)} vertices has no surface; all of them lie in one place or line")
    return float(np.sqrt(area))


def in_heads(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Return a mesh about its own middle, the mean of its vertices, and in its own size: (N, 3) float32 in `UNIT`."""
    middle = np.asarray(vertices, dtype=np.float64)
    middle = middle - middle.mean(axis=0)
    return (middle * (PER_HEAD / root_area(middle, faces))).astype(np.float32)


def biwi_topology(
    template: np.ndarray, faces: np.ndarray, regions: Path | None, defaults: Sequence[tuple[str, Path]]
) -> Topology:
    """Return the topology of scaled faces; regions as for `a2f.data.region_files.regions_for`."""
    named, source = regions_for(template, faces, regions, defaults)
    return Topology(
        name="biwi",
        num_vertices=len(template),
        faces=faces,
        regions=named,
        unit=UNIT,
        metres_per_unit=None,
        region_source=source,
    )
