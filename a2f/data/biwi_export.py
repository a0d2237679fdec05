"""BIWI as many works exchange it: one .npy a recording, scaled frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from a2f.data.biwi_names import FPS, missing, sentence_of
from a2f.data.biwi_scale import PER_HEAD, biwi_topology, root_area
from a2f.data.mesh_files import read_mesh
from a2f.data.safe_pickle import load_pickle
from a2f.data.sound_files import sound_file
from a2f.data.survey import GAP, NOTE, PROBLEM, Finding, Recording, Survey
from a2f.data.vertex_files import vertex_file
from a2f.errors import BadInput, MissingData

LAYOUT = "exported: vertices_npy, wav, templates.pkl"
ONE_HEAD = (0.5, 2.0)  # what the root of a template's surface may be where 1 is meant


def survey(root: Path, regions: Path | None, defaults: Sequence[tuple[str, Path]], scaling: str) -> Survey:
    """Look into an export; see `a2f.data.biwi`."""
    findings: list[Finding] = []
    try:
        templates = _templates(root / "templates.pkl")
        faces = _faces(root, len(next(iter(templates.values()))))
        _check_templates(templates, faces)
    except (BadInput, MissingData) as error:
        return Survey("biwi", LAYOUT, None, FPS, findings=(Finding(PROBLEM, str(error)),))
    if scaling == "subject":
        findings.append(
            Finding(NOTE, "this export is scaled frame by frame, so that the whole head shrinks and moves as the mouth "
                          "opens; scaling by subject needs BIWI as it is delivered")  # fmt: skip
        )
    recordings: list[Recording] = []
    paths = sorted((root / "vertices_npy").glob("*.npy"))
    for path in paths:
        try:
            recording = _recording(root, path, templates)
        except (BadInput, MissingData) as error:
            findings.append(Finding(GAP, f"{path.stem} left out: {error}"))
        else:
            recordings.append(recording)
    findings += missing(path.stem for path in paths)
    templates = {subject: template * np.float32(PER_HEAD) for subject, template in templates.items()}
    topology = biwi_topology(next(iter(templates.values())), faces, regions, defaults)
    return Survey("biwi", LAYOUT, topology, FPS, templates, tuple(recordings), tuple(findings))


def _recording(root: Path, path: Path, templates: dict[str, np.ndarray]) -> Recording:
    subject, _, name = path.stem.partition("_")
    said = sentence_of(name)
    if said is None:
        raise BadInput(f"{path.name} is not named <subject>_e01.npy or <subject>_01.npy")
    if subject not in templates:
        raise MissingData(f"templates.pkl has no template of subject {subject}")
    num_frames, read_vertices = vertex_file(path, len(templates[subject]), PER_HEAD)
    sound = sound_file(root / "wav" / f"{path.stem}.wav")
    style, sentence = said
    return Recording(
        *(subject, sentence, num_frames, read_vertices, sound.read, sound.sample_rate, sound.num_samples),
        style=style,
        key=path.stem,
    )


def _templates(path: Path) -> dict[str, np.ndarray]:
    """Read templates.pkl, {subject: (N, 3)}."""
    stored = load_pickle(path, encoding="latin1")
    if not isinstance(stored, dict) or not stored:
        raise BadInput(f"{path} holds {type(stored).__name__}, expected a dict of subject to template")
    templates = {}
    for subject, value in stored.items():
        array = np.asarray(value)
        if array.dtype.kind != "f" or array.size == 0 or array.size % 3 or array.ndim > 2:
            found = f"{array.dtype} of shape {array.shape}"
            raise BadInput(f"{path}: the template of {subject} is {found}, expected floats of (N, 3)")
        if not np.isfinite(array).all():
            raise BadInput(f"{path}: the template of {subject} holds coordinates that are not finite")
        templates[str(subject)] = array.reshape(-1, 3).astype(np.float32)
    return dict(sorted(templates.items()))


def _faces(root: Path, num_vertices: int) -> np.ndarray:
    """Read the triangles from the first mesh of N vertices."""
    places = [root / "BIWI.ply", *sorted(root.glob("*.ply"))]
    places += [path for folder in ("templates", "rigid_scans") for path in sorted((root / folder).glob("*.obj"))]
    refused = []
    for path in filter(Path.is_file, places):
        vertices, faces = read_mesh(path)
        if len(vertices) == num_vertices:
            return faces
        refused.append(f"{path.name} with {len(vertices)} vertices")
    raise MissingData(
        f"{root} holds no mesh of {num_vertices} vertices that says which triangles a face has"
        + (f" (only {', '.join(dict.fromkeys(refused))})" if refused else "")
        + "; put BIWI.ply of the CodeTalker repository (folder BIWI), or a templates/<subject>.obj, there"
    )


def _check_templates(templates: dict[str, np.ndarray], faces: np.ndarray) -> None:
    first, *others = templates
    for subject in others:
        if len(templates[subject]) != len(templates[first]):
            raise BadInput(
                f"templates.pkl: {subject} has {len(templates[subject])} vertices, {first} has "
                f"{len(templates[first])}; all have to share one mesh"
            )
    for subject, template in templates.items():
        size = root_area(template, faces)
        if not ONE_HEAD[0] <= size <= ONE_HEAD[1]:
            raise BadInput(
                f"templates.pkl: the root of the surface of {subject} is {size:.3g}, but about 1 in an export that is "
                "scaled to it; bring BIWI as it is delivered, or scale templates and vertices alike"
            )
