"""What a clip is, one sentence of one subject as sound and as a mesh in motion, and what a data set of clips offers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from a2f.determinism import one_product_thread
from a2f.errors import BadInput
from a2f.mesh import Topology

SPLITS = ("train", "val", "test")
ReadVertices = Callable[[slice | np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Phone:
    """A phone and when it sounds, in seconds from the clip's start; ``_`` is silence."""

    symbol: str
    start: float
    end: float
    stress: int = 0


@dataclass(frozen=True, eq=False)
class Clip:
    """One recording. Sound and vertices are read or made when they are asked for.

    Parameters
    ----------
    name : str
        Unique in its data set.
    subject, sentence : str
        Who, and which text (two clips with one `sentence` say the same words).
    split : {"train", "val", "test"}
    topology : Topology
    template : ndarray, (N, 3) float32
        The subject's neutral face S_bar, in the topology's unit.
    fps : float
    num_frames : int
        T; frame i is at i / fps seconds.
    sample_rate : int
    read_waveform : callable
        Returns the sound, (S,) float32.
    read_vertices : callable, optional
        Given a slice or an array of frames, returns their faces, (frames, N, 3) float32, and reads no others where
        the file allows; where no coefficients are given.
    coefficients : ndarray, (T, R) float32, optional
        The motion in `basis`.
    basis : ndarray, (R, N, 3) float32, optional
    style : str, optional
        A label such as the expressive mode.
    text : str
    phones : tuple of Phone
    """

    name: str
    subject: str
    sentence: str
    split: str
    topology: Topology
    template: np.ndarray
    fps: float
    num_frames: int
    sample_rate: int
    read_waveform: Callable[[], np.ndarray]
    read_vertices: ReadVertices | None = None
    coefficients: np.ndarray | None = None
    basis: np.ndarray | None = None
    style: str | None = None
    text: str = ""
    phones: tuple[Phone, ...] = ()

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise BadInput(f"clip {self.name}: split is {self.split!r}, expected one of {SPLITS}")
        if (self.read_vertices is None) == (self.coefficients is None) or (self.coefficients is None) != (
            self.basis is None
        ):
            raise BadInput(f"clip {self.name}: give either read_vertices, or coefficients with their basis")
        if self.coefficients is not None and self.coefficients.shape != (self.num_frames, len(self.basis)):
            raise BadInput(
                f"clip {self.name}: coefficients have shape {self.coefficients.shape}, "
                f"expected ({self.num_frames}, {len(self.basis)})"
            )

    @property
    def duration(self) -> float:
        """T / fps, in seconds."""
        return self.num_frames / self.fps

    @property
    def waveform(self) -> np.ndarray:
        """The sound, (S,) float32 at `sample_rate`."""
        return self.read_waveform()

    @property
    def vertices(self) -> np.ndarray:
        """The faces S, (T, N, 3) float32, in the topology's unit; made anew at each call."""
        return self.vertices_at(slice(None))

    def vertices_at(self, frames: slice | np.ndarray) -> np.ndarray:
        """Return the faces of some frames, (frames, N, 3) float32, without making or reading the others."""
        if self.coefficients is None:
            return self.read_vertices(frames)
        with one_product_thread():
            return self.template + np.tensordot(self.coefficients[frames], self.basis, axes=1)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Clips of one topology in three splits.

    Parameters
    ----------
    name : str
    topology : Topology
    fps : float
    clips : tuple of Clip
    synthetic : bool
        True where the motion was generated, which every figure and table then says.
    unit_names : tuple of str
        Names of the rows of `basis`.
    rotation : int
        How often the subjects' roles have moved on (`a2f.data.rotate`).
    split_source : str
        Who divides the data set so.
    """

    name: str
    topology: Topology
    fps: float
    clips: tuple[Clip, ...]
    synthetic: bool
    unit_names: tuple[str, ...] = field(default=())
    rotation: int = 0
    split_source: str = "its own"

    def split(self, name: str) -> list[Clip]:
        """Return the clips of a split, in order."""
        if name not in SPLITS:
            raise BadInput(f"split is {name!r}, expected one of {SPLITS}")
        return [clip for clip in self.clips if clip.split == name]

    def clip(self, name: str) -> Clip:
        """Return the clip of that name."""
        if name not in self._by_name:
            raise BadInput(f"data set {self.name} has no clip {name!r}; the first is {self.clips[0].name!r}")
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, Clip]:
        return {clip.name: clip for clip in self.clips}

    @property
    def basis(self) -> np.ndarray | None:
        """The linear basis that all motion lies in, (R, N, 3) float32, or None."""
        return self.clips[0].basis

    @property
    def subjects(self) -> list[str]:
        """All subjects, in the order of their first clip."""
        return list(dict.fromkeys(clip.subject for clip in self.clips))

    def style_partner(self, clip: Clip, seed: int) -> Clip:
        """Return another clip of the same subject and style that says another sentence.

        It is the style motion of the headline protocol: nothing of the target is in it but who speaks and how.

        Raises
        ------
        BadInput
            If the subject has no such clip.
        """
        others = [
            c
            for c in self.clips
            if c.subject == clip.subject
            and c.style == clip.style
            and c.sentence != clip.sentence
            and c.split == clip.split
        ]
        if not others:
            raise BadInput(f"clip {clip.name}: subject {clip.subject} has no other sentence in style {clip.style!r}")
        rng = np.random.default_rng([seed, *clip.name.encode()])
        return others[rng.integers(len(others))]
