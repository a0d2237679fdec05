"""The demo corpus' faces: one topology, a mean head, an identity basis and 52 face units."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from a2f.data.assets import asset
from a2f.determinism import one_product_thread
from a2f.errors import BadInput
from a2f.mesh import Topology


@dataclass(frozen=True, eq=False)
class Faces:
    """A linear face model; everything in millimetres.

    Parameters
    ----------
    topology : Topology
    mean : ndarray, (N, 3) float32
    identity_basis : ndarray, (R_id, N, 3) float32
        Scaled so that coefficients are standard normal.
    unit_basis : ndarray, (52, N, 3) float32
        Displacement of each face unit at full strength, shared by all identities.
    unit_names : tuple of str
        The ARKit names, ``"jawOpen"`` and so on.
    """

    topology: Topology
    mean: np.ndarray
    identity_basis: np.ndarray
    unit_basis: np.ndarray
    unit_names: tuple[str, ...]

    def identity(self, coefficients: np.ndarray) -> np.ndarray:
        """Return the neutral face of an identity, (N, 3) float32.

        Parameters
        ----------
        coefficients : array_like, at most (R_id,)
            Missing ones count as zero.
        """
        coefficients = np.asarray(coefficients, dtype=np.float32)
        if coefficients.ndim != 1 or len(coefficients) > len(self.identity_basis):
            raise BadInput(
                f"identity coefficients have shape {coefficients.shape}, expected at most ({len(self.identity_basis)},)"
            )
        with one_product_thread():
            return self.mean + np.tensordot(coefficients, self.identity_basis[: len(coefficients)], axes=1)

    def unit(self, name: str) -> int:
        """Return the row of a face unit."""
        if name not in self.unit_names:
            raise BadInput(f"no face unit is called {name!r}; there are {', '.join(self.unit_names)}")
        return self.unit_names.index(name)


@lru_cache(maxsize=1)
def load_faces() -> Faces:
    """Return the demo corpus' faces."""
    with np.load(asset("demo/faces.npz"), allow_pickle=False) as stored:
        arrays = dict(stored)
    mean = arrays["mean"].astype(np.float32)
    topology = Topology(
        name="demo",
        num_vertices=len(mean),
        faces=arrays["faces"],
        regions={k.removeprefix("region_"): v for k, v in arrays.items() if k.startswith("region_")},
        region_source="vertex groups of the MakeHuman base mesh and the support of the face units",
        landmarks={k.removeprefix("landmark_"): v for k, v in arrays.items() if k.startswith("landmark_")},
        parts=arrays["part"],
        part_names=tuple(str(name) for name in arrays["part_names"]),
    )
    return Faces(
        topology=topology,
        mean=mean,
        identity_basis=arrays["identity_basis"] * arrays["identity_scale"][:, None, None].astype(np.float32),
        unit_basis=arrays["unit_basis"] * arrays["unit_scale"][:, None, None].astype(np.float32),
        unit_names=tuple(str(name) for name in arrays["unit_names"]),
    )
