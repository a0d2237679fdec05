"""VOCASET's neutral faces and triangles, from the pickle or the meshes that hold them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from a2f.data.mesh_files import read_mesh
from a2f.data.safe_pickle import load_pickle
from a2f.data.survey import GAP, Finding
from a2f.errors import BadInput, MissingData

MILLIMETRES = 1000.0  # in a metre


def stored_part(path: Path) -> Any:
    """Return what one of VOCASET's pickles holds.

    Raises
    ------
    MissingData, BadInput
        If it is not there, or not a whole pickle of numbers.
    """
    if not path.is_file():
        raise MissingData(f"{path} is not there; it is part of VOCASET (voca.is.tue.mpg.de, Training Data)")
    return load_pickle(path, encoding="latin1")


def pickled_templates(path: Path, findings: list[Finding]) -> dict[str, np.ndarray]:
    """Return the templates of a templates.pkl, in millimetres; those that are none are named and left out.

    Raises
    ------
    MissingData, BadInput
        If there is none that can be used, or they are of different meshes.
    """
    stored = stored_part(path)
    if not isinstance(stored, dict):
        raise BadInput(f"{path} holds {type(stored).__name__}, expected {{subject: template}}")
    templates = {}
    for subject, value in sorted(stored.items()):
        array = np.asarray(value)
        if array.dtype.kind != "f" or array.size == 0 or array.shape[1:] != (3,) or not np.isfinite(array).all():
            found = f"{array.dtype} of shape {array.shape}"
            findings.append(Finding(GAP, f"{path}: that of {subject} is {found}, expected finite floats of (N, 3)"))
        else:
            templates[str(subject)] = (array * MILLIMETRES).astype(np.float32)
    return _alike(templates, path)


def mesh_templates(folder: Path, findings: list[Finding]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the templates, in millimetres, and triangles of a folder of .ply files; damaged ones are left out.

    Raises
    ------
    MissingData, BadInput
        If there is none that can be used, or they are of different meshes.
    """
    meshes = {}
    for path in sorted(folder.glob("*.ply")):
        try:
            meshes[path.stem] = read_mesh(path)
        except BadInput as error:
            findings.append(Finding(GAP, str(error)))
    templates = {subject: vertices * np.float32(MILLIMETRES) for subject, (vertices, _) in meshes.items()}
    _alike(templates, folder)
    first, *others = meshes
    for subject in others:
        if not np.array_equal(meshes[subject][1], meshes[first][1]):
            raise BadInput(
                f"{folder}: {subject}.ply and {first}.ply have different triangles; all have to share one mesh"
            )
    return templates, meshes[first][1]


def _alike(templates: dict[str, np.ndarray], path: Path) -> dict[str, np.ndarray]:
    if not templates:
        raise MissingData(f"{path} holds no template that can be used; each subject needs its neutral face")
    counts = {subject: len(template) for subject, template in templates.items()}
    first, *others = counts
    for subject in others:
        if counts[subject] != counts[first]:
            raise BadInput(
                f"{path}: the template of {subject} has {counts[subject]} vertices, that of {first} {counts[first]}; "
                "all have to share one mesh"
            )
    return templates


def triangles(root: Path, templates: dict[str, np.ndarray] | None) -> np.ndarray:
    """Return the triangles of FLAME_sample.ply, or of another .ply with as many vertices as the templates.

    Raises
    ------
    MissingData
        If there is no such mesh.
    """
    folders = (root, root / "templates", root / "template")
    paths = [folder / "FLAME_sample.ply" for folder in folders] + [p for f in folders for p in sorted(f.glob("*.ply"))]
    wanted = None if templates is None else len(next(iter(templates.values())))
    refused = []
    for path in dict.fromkeys(filter(Path.is_file, paths)):
        try:
            vertices, faces = read_mesh(path)
        except BadInput as error:
            refused.append(str(error))
            continue
        if wanted in (None, len(vertices)):
            return faces
        refused.append(f"{path} has {len(vertices)} vertices, the templates have {wanted}")
    raise MissingData(
        f"no mesh in {root} says which triangles a face has"
        + (f" ({'; '.join(refused)})" if refused else "")
        + ": put FLAME_sample.ply there, from the folder template of github.com/TimoBolkart/voca"
    )
