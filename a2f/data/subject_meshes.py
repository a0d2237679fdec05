"""Neutral faces as one mesh file a subject, all of one mesh."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from a2f.data.mesh_files import read_mesh
from a2f.data.survey import GAP, PROBLEM, Finding
from a2f.errors import BadInput


def read_subject_meshes(paths: Iterable[Path]) -> tuple[dict[str, np.ndarray], np.ndarray, list[Finding]]:
    """Read the neutral faces of subjects.

    Parameters
    ----------
    paths : iterable of Path
        Mesh files named after their subjects.

    Returns
    -------
    templates : dict of str to ndarray, (N, 3) float32
        By subject; empty where none can be read.
    faces : ndarray, (F, 3) int32
        The triangles that all share.
    findings : list of Finding
        A gap for a file that cannot be read, a problem for one of another mesh than the first.
    """
    templates: dict[str, np.ndarray] = {}
    faces, findings = np.empty((0, 3), dtype=np.int32), []
    for path in paths:
        try:
            vertices, own = read_mesh(path)
        except BadInput as error:
            findings.append(Finding(GAP, f"subject {path.stem} has no template: {error}"))
            continue
        first = next(iter(templates.items()), None)
        if first is None:
            faces = own
        elif len(vertices) != len(first[1]) or not np.array_equal(own, faces):
            text = f"{path} has {len(vertices)} vertices and {len(own)} triangles that are not those of {first[0]}"
            findings.append(Finding(PROBLEM, f"{text}; all subjects have to share one mesh"))
            continue
        templates[path.stem] = vertices
    return templates, faces, findings
