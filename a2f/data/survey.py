"""What a reader finds in a folder of recordings: faces, sound, templates, and everything that is missing or wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from a2f.data.clip import ReadVertices
from a2f.mesh import Topology

PROBLEM = "problem"  # the data cannot be used as it is
GAP = "gap"  # something is missing or damaged and was left out
KNOWN = "known"  # missing in everybody's copy of the data set
NOTE = "note"
KINDS = (PROBLEM, GAP, KNOWN, NOTE)


@dataclass(frozen=True)
class Finding:
    """One thing that the owner of the data should know.

    Parameters
    ----------
    kind : {"problem", "gap", "known", "note"}
    what : str
        A sentence that names the file, subject or sentence.
    """

    kind: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.what}"


@dataclass(frozen=True, eq=False)
class Recording:
    """One sentence of one subject as it lies on disk; nothing is read before it is asked for.

    Parameters
    ----------
    subject, sentence : str
        As the data set's authors call them.
    num_frames : int
        Of the mesh, at the survey's frame rate.
    read_vertices : callable
        As of `Clip`: frames in, (frames, N, 3) float32 out, in the topology's unit.
    read_waveform : callable
        Returns the sound, (S,) float32, mono.
    sample_rate : int
    num_samples : int
        S, known without reading the sound.
    style, text : str
    key : str
        The name, where subject and sentence alone do not make one: BIWI's sentences are said in two styles.
    """

    subject: str
    sentence: str
    num_frames: int
    read_vertices: ReadVertices
    read_waveform: Callable[[], np.ndarray]
    sample_rate: int
    num_samples: int
    style: str | None = None
    text: str = ""
    key: str = ""

    @property
    def name(self) -> str:
        """Unique in the survey, and fit for a file's name."""
        return self.key or f"{self.subject}_{self.sentence}"


@dataclass(frozen=True, eq=False)
class Survey:
    """A whole data set as found.

    Parameters
    ----------
    name : str
        Of the data set: "vocaset", "biwi", "multiface" or "folder".
    layout : str
        Which of its layouts was recognised, in words.
    topology : Topology or None
        None where not even that could be read; `findings` say why.
    fps : float
        That the faces were recorded at.
    templates : dict of str to ndarray, (N, 3) float32
        The neutral face of each subject.
    recordings : tuple of Recording
        Those that are whole.
    findings : tuple of Finding
    splits : dict of str to sequence of str, optional
        Subjects by role, where the owner of the data says who is what; None where published splits apply.
    synthetic : bool
        True where the owner says that the motion was generated.
    """

    name: str
    layout: str
    topology: Topology | None
    fps: float
    templates: dict[str, np.ndarray] = field(default_factory=dict)
    recordings: tuple[Recording, ...] = ()
    findings: tuple[Finding, ...] = ()
    splits: dict[str, Sequence[str]] | None = None
    synthetic: bool = False

    @property
    def usable(self) -> bool:
        """True when there is something to train on and nothing found that forbids it."""
        return bool(self.recordings) and all(finding.kind != PROBLEM for finding in self.findings)

    def of(self, kind: str) -> list[str]:
        """Return the findings of a kind."""
        return [finding.what for finding in self.findings if finding.kind == kind]
