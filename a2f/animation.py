"""A face in motion with its sound: looked at in a notebook, written to files, whatever made it."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from a2f.arrays import read_npz
from a2f.errors import BadInput
from a2f.export.player import write_html
from a2f.export.render import render_faces
from a2f.export.shapes import face_size
from a2f.export.video import write_mp4
from a2f.exports import Exports
from a2f.files import atomic_path
from a2f.mesh import Topology
from a2f.side_by_side import SideBySide
from a2f.viewer import Still, Viewer, view

# How far what is left of two frames may differ when their blendshapes are taken away, as a part of the face's size.
AGREEMENT = 1e-5


class Animation(Exports):
    """Vertices over time on a topology, with sound, and with the blendshapes they came from where a model made them.

    Parameters
    ----------
    vertices : ndarray, (T, N, 3) float32
        In the topology's unit; frame i is at i / fps seconds.
    fps : float
    topology : Topology
    audio : ndarray, (S,) float32, optional
    sample_rate : int, optional
    name : str
        The label beside it in pictures and films.
    basis : ndarray, (K, N, 3) float32, optional
        Blendshapes such that vertices = template + weights @ basis.
    weights : ndarray, (T, K) float32, optional
    config : dict, optional
        The configuration of the model that made it.

    Raises
    ------
    BadInput
        If shapes do not fit together or numbers are not finite.
    """

    def __init__(
        self,
        vertices: np.ndarray,
        fps: float,
        topology: Topology,
        audio: np.ndarray | None = None,
        sample_rate: int | None = None,
        name: str = "",
        basis: np.ndarray | None = None,
        weights: np.ndarray | None = None,
        config: dict[str, Any] | None = None,
    ) -> None:
        self.vertices = topology.check_vertices(vertices, "an animation's vertices")
        if self.vertices.ndim != 3 or len(self.vertices) == 0:
            raise BadInput(
                f"an animation's vertices have shape {self.vertices.shape}, expected (T, N, 3) with T of at least 1"
            )
        if not 0 < fps < np.inf:
            raise BadInput(f"fps is {fps}, expected a positive number")
        if (audio is None) != (sample_rate is None):
            raise BadInput("audio and sample_rate must be given together")
        if audio is not None:
            audio = _finite(audio, "audio")
            if audio.ndim != 1 or len(audio) == 0:
                raise BadInput(f"audio has shape {audio.shape}, expected one channel (S,)")
            if not sample_rate > 0:
                raise BadInput(f"sample_rate is {sample_rate}, expected a positive number of Hz")
        if (basis is None) != (weights is None):
            raise BadInput("basis and weights must be given together")
        if weights is not None:
            basis, weights = _finite(basis, "basis"), _finite(weights, "weights")
            if basis.shape[1:] != self.vertices.shape[1:] or weights.shape != (len(self.vertices), len(basis)):
                raise BadInput(
                    f"basis {basis.shape} and weights {weights.shape} do not fit vertices {self.vertices.shape}; "
                    "expected (K, N, 3) and (T, K)"
                )
        self.fps, self.topology, self.name = float(fps), topology, name
        self.audio, self.sample_rate = audio, sample_rate
        self.basis, self.weights, self.config = basis, weights, config or {}
        self._picture: bytes | None = None

    @property
    def num_frames(self) -> int:
        """T."""
        return len(self.vertices)

    @property
    def duration(self) -> float:
        """T / fps, in seconds."""
        return self.num_frames / self.fps

    def __repr__(self) -> str:
        sound = "with sound" if self.audio is not None else "without sound"
        return f"Animation({self.name or 'unnamed'}: {self.num_frames} frames at {self.fps:g} fps, {sound})"

    def side_by_side(self, others: Sequence[Animation]) -> SideBySide:
        """Return this animation beside others, labelled by their names."""
        return SideBySide([self, *others])

    def frames(self, size: int = 512, view: str = "front") -> Iterator[np.ndarray]:
        """Draw every frame; yields (size, size, 3) uint8."""
        return render_faces(self.vertices, self.topology, size, view)

    def to_mp4(self, path: str | os.PathLike, size: int = 512, view: str = "front", progress: bool = True) -> None:
        """Write a film, with the sound where there is some."""
        write_mp4(
            path,
            self.frames(size, view),
            self.fps,
            self.audio,
            self.sample_rate,
            total=self.num_frames,
            progress=progress,
        )

    def to_html(self, path: str | os.PathLike, size: int = 480, view: str = "front") -> float:
        """Write a page that plays it with its sound, offline; returns the largest error in the topology's unit."""
        return write_html(path, self, size=size, view=view)

    def show(self, **options: Any) -> Viewer | Still:
        """Return a viewer in a live notebook, else a still picture; `options` are those of `a2f.viewer.view`."""
        return view(self, **options)

    @property
    def template(self) -> np.ndarray:
        """The face at rest, (N, 3) float32: what basis and weights move, or the first frame where there are none.

        Raises
        ------
        BadInput
            If vertices, basis and weights name different templates in different frames.
        """
        if self.basis is None:
            return self.vertices[0]
        found = self.vertices - np.tensordot(self.weights, self.basis, axes=1)
        apart = float(np.linalg.norm(found - found[0], axis=-1).max())
        if apart > AGREEMENT * face_size(found[0]):
            raise BadInput(
                f"vertices are not one template + weights @ basis: what is left of two frames differs by {apart:.3g} "
                f"{self.topology.unit}; give the weights of these vertices, or neither basis nor weights"
            )
        return found.mean(axis=0, dtype=np.float64).astype(np.float32)

    def to_npz(self, path: str | os.PathLike) -> None:
        """Write everything to an ``.npz`` without pickles; `from_npz` reads it back exactly.

        It holds ``vertices`` (T, N, 3) float32, ``faces`` (F, 3) int32, ``fps``, ``unit``, ``name``, ``config`` (JSON)
        and, where known, ``audio``, ``sample_rate``, ``basis``, ``weights``; regions, landmarks and parts of the
        topology too.
        """
        arrays: dict[str, Any] = {}
        for key in ("audio", "sample_rate", "basis", "weights"):
            if getattr(self, key) is not None:
                arrays[key] = getattr(self, key)
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            vertices=self.vertices,
            fps=self.fps,
            name=self.name,
            config=json.dumps(self.config),
            topology_name=self.topology.name,
            **self.topology.to_arrays(),
            **arrays,
        )
        with atomic_path(path) as temporary:
            temporary.write_bytes(buffer.getvalue())

    @classmethod
    def from_npz(cls, path: str | os.PathLike) -> Animation:
        """Read an animation that `to_npz` wrote.

        Raises
        ------
        MissingData, BadInput
            If the file is not there, is cut short, or is not such a file; pickled arrays are refused.
        """
        arrays = read_npz(path)
        try:
            topology = Topology.from_arrays(str(arrays["topology_name"]), arrays["vertices"].shape[1], arrays)
            return cls(
                vertices=arrays["vertices"],
                fps=float(arrays["fps"]),
                topology=topology,
                audio=arrays.get("audio"),
                sample_rate=int(arrays["sample_rate"]) if "sample_rate" in arrays else None,
                name=str(arrays["name"]),
                basis=arrays.get("basis"),
                weights=arrays.get("weights"),
                config=json.loads(str(arrays["config"])),
            )
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise BadInput(f"{path} is not an animation written by a2f: {error}") from None

    def export(
        self, formats: Sequence[str], folder: str | os.PathLike, stem: str, progress: bool = False
    ) -> list[Path]:
        """Write ``<folder>/<stem>.<format>`` for each format; sequences of meshes go to ``<folder>/<stem>-<format>/``.

        Raises
        ------
        BadInput
            Before anything is written, if a format is unknown.
        """
        unknown = [name for name in formats if name not in FORMATS]
        if unknown or not formats:
            raise BadInput(f"format {unknown[0] if unknown else ''!r} is unknown; there are {', '.join(FORMATS)}")
        paths = [Path(folder) / f"{stem}{'-' if name in FOLDERS else '.'}{name}" for name in formats]
        for name, path in zip(formats, paths, strict=True):
            FORMATS[name](self, path, progress)
        return paths

    def contact_sheet(self, times: Sequence[float] | None = None, count: int = 6, size: int = 220) -> np.ndarray:
        """Return frames side by side, (size, count * size, 3) uint8.

        Parameters
        ----------
        times : sequence of float, optional
            In seconds, the nearest frame is drawn; spread evenly by default.
        count : int
        size : int
            Of each face, in pixels.
        """
        if times is None:
            indices = np.linspace(0, self.num_frames - 1, min(count, self.num_frames)).round().astype(int)
        else:
            times = np.asarray(times, dtype=np.float64)
            if times.ndim != 1 or not ((times >= 0) & (times <= self.duration)).all():
                raise BadInput(f"times are {times}, expected seconds within 0 and {self.duration:g}")
            indices = np.minimum(np.round(times * self.fps).astype(int), self.num_frames - 1)
        return np.concatenate(list(render_faces(self.vertices[indices], self.topology, size)), axis=1)

    def _repr_png_(self) -> bytes:
        """Return the contact sheet as PNG, which notebooks show; drawn once."""
        if self._picture is None:
            from PIL import Image

            buffer = io.BytesIO()
            Image.fromarray(self.contact_sheet()).save(buffer, "PNG", optimize=True)
            self._picture = buffer.getvalue()
        return self._picture


# How an animation is written to a file, by the format's name: called with it, the path, and whether to show progress.
FORMATS: dict[str, Callable[[Animation, Path, bool], Any]] = {
    "mp4": lambda animation, path, progress: animation.to_mp4(path, progress=progress),
    "npz": lambda animation, path, progress: animation.to_npz(path),
    "glb": lambda animation, path, progress: animation.to_glb(path),
    "usd": lambda animation, path, progress: animation.to_usd(path, progress=progress),
    "pc2": lambda animation, path, progress: animation.to_pc2(path),
    "ply": lambda animation, path, progress: animation.to_ply_sequence(path, progress=progress),
    "obj": lambda animation, path, progress: animation.to_obj_sequence(path, progress=progress),
    "csv": lambda animation, path, progress: animation.to_arkit_csv(path),
    "html": lambda animation, path, progress: animation.to_html(path),
}
# Formats that write a folder, <stem>-<format>; the others write <stem>.<format>.
FOLDERS = {"ply", "obj"}


def _finite(values: np.ndarray, what: str) -> np.ndarray:
    """Return numbers as float32, or say that some are not finite."""
    values = np.asarray(values, dtype=np.float32)
    if not np.isfinite(values).all():
        raise BadInput(f"{what} holds numbers that are not finite")
    return values
