"""A mouth as linear measurements: every distance needed is a row that multiplies the unit values."""

from __future__ import annotations

from pathlib import Path

import numpy as np


class FaceAsset:
    """The arrays of faces.npz, de-quantised.

    Parameters
    ----------
    path : path-like
        faces.npz: `mean` (N, 3) mm, quantised `identity_basis` and `unit_basis`, landmarks.

    Raises
    ------
    FileNotFoundError
        If the faces have not been built.
    """

    def __init__(self, path):
        if not Path(path).exists():
            raise FileNotFoundError(f"{path} is missing; build the faces first (tools/build_faces.py)")
        with np.load(path, allow_pickle=False) as data:
            self.mean = data["mean"].astype(np.float64)
            self.identity_basis = (data["identity_basis"].astype(np.float64)
                                   * data["identity_scale"].astype(np.float64)[:, None, None])
            self.unit_basis = (data["unit_basis"].astype(np.float64)
                               * data["unit_scale"].astype(np.float64)[:, None, None])
            self.unit_names = tuple(str(name) for name in data["unit_names"])
            self.triangles = data["faces"]
            self.part = data["part"]
            self.part_names = tuple(str(name) for name in data["part_names"])
            self.landmarks = {key[9:]: data[key] for key in data.files if key.startswith("landmark_")}
            self.regions = {key[7:]: data[key] for key in data.files if key.startswith("region_")}

    def head(self, identity) -> np.ndarray:
        """(N, 3) neutral head of one identity, mm."""
        return self.mean + np.tensordot(np.asarray(identity, float), self.identity_basis, axes=1)


class MouthGeometry:
    """Measurements of one identity's mouth, all linear in the 52 unit values.

    Parameters
    ----------
    face : FaceAsset
    identity : array_like, (R_id,), optional
        Zero (the mean head) if not given.

    Attributes
    ----------
    gap_rest, gap_units : ndarray, (K,) and (52, K)
        Height between the K paired points of the inner rims, subject's right corner to left corner, mm;
        negative where the lips overlap.
    across_rest, across_units : ndarray, (K,) and (52, K)
        Their sideways position, mm.
    tuck_rest, tuck_units : float and ndarray (52,)
        How far the lower lip's top stands above the upper incisors' edge at the mid-line, mm (0 = touching).
    jaw_units : ndarray, (52,)
        Drop of the lower incisors' edge, mm.
    lip_units : ndarray, (52, 3)
        Path of the lower lip's mid-point, mm.
    """

    def __init__(self, face: FaceAsset, identity=None):
        head = face.mean if identity is None else face.head(identity)
        self.unit_names = face.unit_names
        self._index = {name: i for i, name in enumerate(face.unit_names)}
        upper, lower = face.landmarks["upper_lip_inner"], face.landmarks["lower_lip_inner"]
        basis = face.unit_basis
        self.gap_rest = head[upper, 1] - head[lower, 1]
        self.gap_units = basis[:, upper, 1] - basis[:, lower, 1]
        self.across_rest = 0.5 * (head[upper, 0] + head[lower, 0])
        self.across_units = 0.5 * (basis[:, upper, 0] + basis[:, lower, 0])
        top, edge = face.landmarks["lower_lip_top"], face.landmarks["upper_incisor"]
        self.tuck_rest = float(head[top, 1].mean() - head[edge, 1].mean())
        self.tuck_units = basis[:, top, 1].mean(axis=1) - basis[:, edge, 1].mean(axis=1)
        self.jaw_units = -basis[:, face.landmarks["lower_incisor"], 1].mean(axis=1)
        self.lip_units = basis[:, lower[len(lower) // 2]]
        middle = len(upper) // 2
        self.centre = slice(middle - 1, middle + 2) if len(upper) % 2 else slice(middle - 1, middle + 1)
        self.jaw_drop_per_unit = float(self.jaw_units[self.id("jawOpen")])

    def id(self, name: str) -> int:
        """Index of one unit."""
        return self._index[name]

    def ids(self, *names: str) -> np.ndarray:
        """Indices of several units."""
        return np.array([self._index[name] for name in names])

    def centre_gap(self, values: np.ndarray) -> np.ndarray:
        """Height between the lips at the mid-line that `values` (..., 52) add to rest, mm."""
        return values @ self.gap_units[:, self.centre].mean(axis=1)

    def centre_gain(self, ids: np.ndarray) -> float:
        """Height at the mid-line per unit step of all of `ids` together, mm."""
        return float(self.gap_units[ids][:, self.centre].mean(axis=1).sum())

    def gaps(self, values: np.ndarray) -> np.ndarray:
        """(..., K) heights along the rim, mm."""
        return self.gap_rest + values @ self.gap_units

    def area(self, values: np.ndarray) -> np.ndarray:
        """Opening between the inner rims seen from the front, mm^2."""
        gap = np.maximum(self.gaps(values), 0.0)
        across = self.across_rest + values @ self.across_units
        return np.sum(0.5 * (gap[..., 1:] + gap[..., :-1]) * np.diff(across, axis=-1), axis=-1)
