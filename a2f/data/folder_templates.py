"""The neutral faces of a user's own folder, and the triangles that they share."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from a2f.arrays import read_npy
from a2f.data.folder_clips import MESHES
from a2f.data.mesh_files import read_mesh
from a2f.data.survey import GAP, PROBLEM, Finding
from a2f.errors import A2FError, BadInput

TEMPLATES = (*MESHES, ".npy")


def read_templates(
    root: Path, subjects: list[str], findings: list[Finding]
) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
    """Return the subjects' neutral faces and their triangles; what is wrong goes to the findings.

    Parameters
    ----------
    root : Path
        Of the folder that `a2f.data.folder` describes.
    subjects : list of str
    findings : list of Finding
        Is added to.

    Returns
    -------
    templates : dict of str to ndarray, (N, 3) float32
        Of the subjects that have one; none at all where they do not fit together.
    faces : ndarray, (F, 3) int32, or None
        None where they cannot be told.
    """
    common = [path for path in (root / f"template{suffix}" for suffix in TEMPLATES) if path.is_file()]
    templates: dict[str, np.ndarray] = {}
    meshes: dict[Path, np.ndarray] = {}
    for subject in subjects:
        own = [path for path in (root / "templates" / f"{subject}{s}" for s in TEMPLATES) if path.is_file()]
        path = next(iter(own + common), None)
        if path is None:
            where = f"templates/{subject}.obj (or .ply, .npy)"
            findings.append(Finding(GAP, f"{subject}: no {where} and no template.obj for all; left out"))
            continue
        try:
            templates[subject], triangles = _template(path)
        except A2FError as error:
            findings.append(Finding(GAP, f"{subject}: {error}; left out"))
            continue
        if triangles is not None:
            meshes[path] = triangles
    if not templates:
        findings.append(Finding(PROBLEM, f"{root} holds no neutral face: write templates/<subject>.obj"))
    sizes = {subject: len(template) for subject, template in templates.items()}
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{subject} {size}" for subject, size in sizes.items())
        findings.append(Finding(PROBLEM, f"templates differ in their number of vertices: {listed}"))
        return {}, None
    return templates, _faces(root, meshes, max(sizes.values(), default=0), findings)


def _template(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    if path.suffix != ".npy":
        return read_mesh(path)
    vertices = read_npy(path)
    if vertices.ndim != 2 or vertices.shape[1] != 3 or vertices.dtype.kind not in "fiu" or len(vertices) == 0:
        raise BadInput(f"{path} holds {vertices.dtype} of shape {vertices.shape}, expected (N, 3) numbers")
    vertices = vertices.astype(np.float32)
    if not np.isfinite(vertices).all():
        raise BadInput(f"{path} holds coordinates that are not finite")
    return vertices, None


def _faces(root: Path, meshes: dict[Path, np.ndarray], num_vertices: int, findings: list[Finding]) -> np.ndarray | None:
    path = root / "faces.npy"
    if path.is_file():
        try:
            faces, _ = _template(path)  # (F, 3) numbers as well
        except BadInput as error:
            findings.append(Finding(PROBLEM, str(error)))
            return None
        if faces.min() < 0 or faces.max() >= num_vertices or (faces != np.floor(faces)).any():
            what = f"{path} names vertices {faces.min():g} to {faces.max():g}, but there are 0 to {num_vertices - 1}"
            findings.append(Finding(PROBLEM, what))
            return None
        return faces.astype(np.int32)
    if not meshes:
        if num_vertices:
            what = f"no template of {root} has triangles: write one as .obj or .ply, or write faces.npy, (F, 3) ids"
            findings.append(Finding(PROBLEM, what))
        return None
    (first, faces), *others = meshes.items()
    differ = [path.name for path, own in others if not np.array_equal(own, faces)]
    if differ:
        findings.append(Finding(PROBLEM, f"the triangles of {', '.join(differ)} are not those of {first.name}"))
        return None
    return faces
