"""An animation in the files of other programs: GLB, USD, caches, meshes, ARKit's strengths."""

from __future__ import annotations

import os

import numpy as np

from a2f.errors import BadInput
from a2f.export.arkit import fit_blendshapes, read_units, write_arkit_csv
from a2f.export.caches import write_obj_sequence, write_pc2, write_ply_sequence
from a2f.export.gltf import write_glb
from a2f.export.shapes import reduce_basis
from a2f.export.usd import write_usd
from a2f.mesh import Topology


class Exports:
    """What an `Animation` can be written to beside films and its own ``.npz``."""

    vertices: np.ndarray
    template: np.ndarray
    basis: np.ndarray | None
    weights: np.ndarray | None
    fps: float
    topology: Topology
    name: str

    def to_glb(self, path: str | os.PathLike, basis: str = "exact", k: int | None = 32) -> float:
        """Write template, morph targets and animated weights as GLB, in metres; see `a2f.export.gltf`.

        Parameters
        ----------
        path : path-like
        basis : {"exact", "svd"}
            The model's own blendshapes, or the leading singular vectors of the motion, where few targets are wanted.
            An animation without blendshapes takes as many singular vectors as the error asks for.
        k : int or None
            How many of those, for "svd"; None for as few as keep the error within 1e-4 of the face's size. Where
            weights have both signs, the file has one target more (`a2f.export.shapes.to_sliders`).

        Returns
        -------
        float
            The largest distance of a vertex from where the file puts it, over all frames, in the topology's unit.
        """
        if basis not in ("exact", "svd"):
            raise BadInput(f"basis is {basis!r}, expected 'exact' or 'svd'")
        template = self.template
        if basis == "exact" and self.basis is not None:
            shapes, weights = self.basis, self.weights
        else:
            shapes, weights, _ = reduce_basis(self.vertices, template, k if basis == "svd" else None)
        return write_glb(
            path, template, shapes, weights, self.fps, self.topology, vertices=self.vertices, name=self.name
        )

    def to_usd(self, path: str | os.PathLike, progress: bool = True) -> None:
        """Write every frame's points as USD, exactly; needs ``pip install "a2f[usd]"``."""
        write_usd(path, self.vertices, self.fps, self.topology, name=self.name, progress=progress)

    def to_pc2(self, path: str | os.PathLike) -> None:
        """Write a point cache for Blender's Mesh Cache modifier, exactly; its mesh is a frame of `to_obj_sequence`."""
        write_pc2(path, self.vertices)

    def to_ply_sequence(self, folder: str | os.PathLike, progress: bool = True) -> None:
        """Write ``frame_0001.ply`` and so on into a folder, exactly."""
        write_ply_sequence(folder, self.vertices, self.topology, progress=progress)

    def to_obj_sequence(self, folder: str | os.PathLike, progress: bool = True) -> None:
        """Write ``frame_0001.obj`` and so on into a folder, with eight decimals."""
        write_obj_sequence(folder, self.vertices, self.topology, progress=progress)

    def to_arkit_csv(
        self,
        path: str | os.PathLike,
        units: str | os.PathLike | None = None,
        template: np.ndarray | None = None,
    ) -> float:
        """Write ARKit's 52 strengths a frame as the Live Link Face app does, solved by bounded least squares.

        Parameters
        ----------
        path : path-like
        units : path-like, optional
            An ``.npz`` with face units on this topology, ``basis`` (R, N, 3) and ``names``; the demo faces' own units
            by default, which only fit the demo topology.
        template : ndarray, (N, 3), optional
            The face at rest; by default what the blendshapes move, or without blendshapes the first frame.

        Returns
        -------
        float
            The largest distance of a vertex from where these strengths put it, in the topology's unit.
        """
        if units is not None:
            basis, names = read_units(units)
        else:
            from a2f.data.faces import load_faces

            faces = load_faces()
            if not np.array_equal(faces.topology.faces, self.topology.faces):
                raise BadInput(
                    f"topology {self.topology.name} is not that of the demo faces, whose units are the default; give "
                    "units, an npz with basis (R, N, 3) and names"
                )
            basis, names = faces.unit_basis, faces.unit_names
        template = self.template if template is None else self.topology.check_vertices(template, "the template")
        weights, residual = fit_blendshapes(self.vertices, template, basis, names)
        write_arkit_csv(path, weights, names, self.fps)
        return float(residual.max())
