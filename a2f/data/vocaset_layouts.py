"""The three layouts in which VOCASET is found: where each has its templates, triangles, faces and sound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from a2f.audio import to_mono_float
from a2f.data.clip import ReadVertices
from a2f.data.sound_files import SHORTEST, Sound, sound_file
from a2f.data.survey import GAP, NOTE, PROBLEM, Finding
from a2f.data.vertex_files import vertex_file
from a2f.data.vocaset_templates import MILLIMETRES, mesh_templates, pickled_templates, stored_part, triangles
from a2f.errors import BadInput, MissingData

FEW = 3  # frames that a recording may lack: 50 ms, which nobody sees

Opened = tuple[int, ReadVertices, Sound]


@dataclass(frozen=True)
class Layout:
    """What a layout holds.

    Parameters
    ----------
    templates : dict of str to ndarray, (N, 3) float32
        In millimetres.
    faces : ndarray, (F, 3) int32
    recordings : dict of (str, str) to callable
        By subject and sentence; called, each gives the number of frames, the reader of faces and the sound, or
        raises what makes it unfit.
    """

    templates: dict[str, np.ndarray]
    faces: np.ndarray
    recordings: dict[tuple[str, str], Callable[[], Opened]]


@dataclass(frozen=True)
class Kind:
    """A layout's name, the files that tell it, and its reader, which gives None where its heart is damaged."""

    text: str
    telling: tuple[str, ...]
    read: Callable[[Path, list[Finding]], Layout | None]

    def there(self, root: Path) -> bool:
        """Return whether a folder has all the telling files."""
        return all((root / name).exists() for name in self.telling)


def _attempt(findings: list[Finding], read: Callable, *arguments: Any) -> Any:
    """Return what a reader gives; None, and a problem found, where it cannot."""
    try:
        return read(*arguments)
    except (BadInput, MissingData) as error:
        findings.append(Finding(PROBLEM, str(error)))
        return None


def _official(root: Path, findings: list[Finding]) -> Layout | None:
    templates = _attempt(findings, pickled_templates, root / "templates.pkl", findings)
    index = _attempt(findings, _pickled_names, root / "subj_seq_to_idx.pkl")
    sounds = _attempt(findings, _pickled_names, root / "raw_audio_fixed.pkl")
    faces = _attempt(findings, triangles, root, templates)
    if templates is None:
        return None
    num_vertices = len(next(iter(templates.values())))
    rows = _attempt(findings, vertex_file, root / "data_verts.npy", num_vertices, MILLIMETRES)
    if faces is None or index is None or sounds is None or rows is None:
        return None

    def opened(subject: str, sentence: str) -> Opened:
        own = _rows(index[subject][sentence], rows[0])
        lacking = max(index[subject][sentence]) + 1 - len(own)
        if lacking > FEW:
            raise BadInput(f"subj_seq_to_idx.pkl lacks {lacking} of its frames, so that sound and faces run apart")
        sound = _stored_sound(sounds.get(subject, {}).get(sentence))
        if lacking:
            text = f"subj_seq_to_idx.pkl lacks {lacking} frame(s) of {subject}_{sentence}; the others are read"
            findings.append(Finding(NOTE, text))
        return len(own), lambda frames: rows[1](_run(own[frames])), sound

    return Layout(templates, faces, _each(index, opened))


def _rows(frames: Any, num_rows: int) -> np.ndarray:
    """Return the rows of a sentence in the order of its frames."""
    whole = (int, np.integer)
    if not isinstance(frames, dict) or not all(isinstance(n, whole) for pair in frames.items() for n in pair):
        raise BadInput("subj_seq_to_idx.pkl has something else than {frame: row} there")
    if not frames:
        raise BadInput("subj_seq_to_idx.pkl has no frame of it")
    rows = np.array([frames[number] for number in sorted(frames)], dtype=np.int64)
    if min(frames) < 0 or rows.min() < 0 or rows.max() >= num_rows:
        raise BadInput(f"subj_seq_to_idx.pkl names rows {rows.min()} to {rows.max()}; data_verts.npy has {num_rows}")
    return rows


def _run(rows: np.ndarray) -> slice | np.ndarray:
    """Return rows that follow one another as a slice, which is read without a copy in between."""
    together = len(rows) > 0 and bool((np.diff(rows) == 1).all())
    return slice(int(rows[0]), int(rows[-1]) + 1) if together else rows


def _stored_sound(entry: Any) -> Sound:
    """Return a sound of raw_audio_fixed.pkl; it stays as it is stored, and each reading makes floats of it."""
    if entry is None:
        raise MissingData("raw_audio_fixed.pkl has no sound of it")
    samples = np.asarray(entry.get("audio")) if isinstance(entry, dict) else np.empty(0, dtype=object)
    rate = entry.get("sample_rate") if isinstance(entry, dict) else None
    if samples.dtype.kind not in "iuf" or samples.ndim != 1 or not isinstance(rate, (int, np.integer)) or rate <= 0:
        raise BadInput("raw_audio_fixed.pkl has something else than {'audio': samples, 'sample_rate': Hz} there")
    if len(samples) < SHORTEST * rate:
        raise BadInput(f"its sound in raw_audio_fixed.pkl is empty: {len(samples)} samples at {rate} Hz")
    return Sound(int(rate), len(samples), lambda: to_mono_float(samples))


def _export(root: Path, findings: list[Finding]) -> Layout | None:
    templates = _attempt(findings, pickled_templates, root / "templates.pkl", findings)
    faces = _attempt(findings, triangles, root, templates)
    if templates is None or faces is None:
        return None

    def opened(subject: str, sentence: str) -> Opened:
        name = f"{subject}_{sentence}"
        frames, read = vertex_file(root / "vertices_npy" / f"{name}.npy", len(templates[subject]), MILLIMETRES)
        return frames, read, sound_file(root / "wav" / f"{name}.wav")

    names: dict[str, dict[str, Path]] = {}
    for path in sorted((root / "vertices_npy").glob("*.npy")):
        subject, _, sentence = path.stem.rpartition("_")
        if subject:
            names.setdefault(subject, {})[sentence] = path
        else:
            findings.append(Finding(GAP, f"{path} is left out: it is not named <subject>_<sentence>.npy"))
    return Layout(templates, faces, _each(names, opened))


def _release(root: Path, findings: list[Finding]) -> Layout | None:
    path = root / "verts_data.pkl"
    vertices = _attempt(findings, _pickled_names, path)
    meshes = _attempt(findings, mesh_templates, root / "templates", findings)
    if vertices is None or meshes is None:
        return None
    templates, faces = meshes
    size = path.stat().st_size / 1e9
    findings.append(
        Finding(
            NOTE,
            f"{path.name} is one pickle of {size:.2f} GB, read at once and kept in memory; the official "
            "data_verts.npy is read frame by frame",
        )
    )

    def opened(subject: str, sentence: str) -> Opened:
        stored, num_vertices = vertices[subject][sentence], len(templates[subject])
        expected = f"expected floats of (frames, {num_vertices}, 3) or as many in a row"
        if not isinstance(stored, np.ndarray):
            raise BadInput(f"{path.name} has {type(stored).__name__} there, {expected}")
        fits = stored.shape[1:] in ((num_vertices, 3), (num_vertices * 3,)) and len(stored) > 0
        if not fits or stored.dtype.kind != "f":
            raise BadInput(f"{path.name} has {stored.dtype} of shape {stored.shape} there, {expected}")

        def read(frames: slice | np.ndarray) -> np.ndarray:
            return stored[frames].reshape(-1, num_vertices, 3).astype(np.float32) * np.float32(MILLIMETRES)

        return len(stored), read, sound_file(root / "audio" / subject / f"{sentence}.wav")

    return Layout(templates, faces, _each(vertices, opened))


def _each(names: dict[str, dict], opened: Callable[[str, str], Opened]) -> dict[tuple[str, str], Callable[[], Opened]]:
    """Return what opens each recording, by subject and sentence."""
    pairs = [(subject, sentence) for subject in sorted(names) for sentence in sorted(names[subject])]
    return {pair: lambda pair=pair: opened(*pair) for pair in pairs}


def _pickled_names(path: Path) -> dict[str, dict[str, Any]]:
    """Read a pickle of {subject: {sentence: something}}."""
    stored = stored_part(path)
    if not isinstance(stored, dict) or not all(isinstance(value, dict) for value in stored.values()):
        raise BadInput(f"{path} holds something else than a dict of dicts, by subject and sentence")
    return {str(subject): {str(key): value for key, value in own.items()} for subject, own in stored.items()}


OFFICIAL = Kind("official training data", ("data_verts.npy", "subj_seq_to_idx.pkl"), _official)
EXPORT = Kind("export of one file a recording", ("vertices_npy",), _export)
RELEASE = Kind("layout of the paper's code", ("verts_data.pkl",), _release)
