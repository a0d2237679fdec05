"""From Multiface's mesh to MeshTalk's, which leaves out some vertices and has triangles of its own.

Both were tracked with one mesh. MeshTalk keeps 6,172 of the 7,306 vertices, in their order, and lays another, finer
net of triangles on them (the eyelids are geometry there, not texture), so that which vertices it keeps cannot be told
from the triangles. The MeshTalk repository says it in two files, which are not shipped with a2f since their licence is
non-commercial: ``utils/multiface2meshtalk.py``, where ``ignore_vertices`` lists the vertices left out, and
``assets/face_template.obj``. The first is read as text and never run.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from a2f.data.mesh_files import read_mesh
from a2f.errors import BadInput

SCRIPT, TEMPLATE = "multiface2meshtalk.py", "face_template.obj"
VARIABLE = "ignore_vertices"
APART = 0.1  # of the head's size; neutral faces of two people lie closer (their middles laid upon each other)
MASKS = {  # of MeshTalk's repository, and below what others made of them
    "lips": ("weighted_mouth_mask.txt", "weighted_mouth.txt", "weighted_mouth.npy"),
    "upper_face": ("forehead_mask.txt", "forehead.txt", "forehead.npy", "weighted_eye_mask.txt", "weighted_eye.npy"),
}
LISTS = {"lips": ("regions/lve.txt",), "upper_face": ("regions/fdd.txt",)}


@dataclass(frozen=True, eq=False)
class MeshTalkTopology:
    """What MeshTalk keeps of Multiface's mesh.

    Parameters
    ----------
    kept : ndarray, (M,) int64
        Ids of the vertices kept, ascending.
    faces : ndarray, (F, 3) int32
        Triangles of those.
    template : ndarray, (M, 3) float32
        MeshTalk's own face, in millimetres.
    """

    kept: np.ndarray
    faces: np.ndarray
    template: np.ndarray

    def check(self, neutral: np.ndarray, subject: str) -> None:
        """Compare a subject's converted neutral face with MeshTalk's own.

        Raises
        ------
        BadInput
            If they lie farther apart than two people's faces do.
        """
        apart = (neutral - neutral.mean(axis=0)) - (self.template - self.template.mean(axis=0))
        distance = float(np.median(np.linalg.norm(apart, axis=1)))
        size = float(np.ptp(self.template, axis=0).max())
        if not distance <= APART * size:
            raise BadInput(
                f"the neutral face of {subject}, reduced to MeshTalk's vertices, lies {distance:.0f} mm from "
                f"{TEMPLATE} (median), expected below {APART * size:.0f}; take both files from one repository"
            )


def find(root: Path, *names: str) -> Path | None:
    """Return the first of some files that lies in the folder, or where MeshTalk's repository has it."""
    places = [root / folder / name for name in names for folder in ("", "assets", "utils")]
    return next((path for path in places if path.is_file()), None)


def meshtalk_topology(root: Path, num_vertices: int) -> MeshTalkTopology | None:
    """Read MeshTalk's two files.

    Parameters
    ----------
    root : Path
        That holds them, itself or in ``utils`` and ``assets``.
    num_vertices : int
        Of Multiface's mesh.

    Returns
    -------
    MeshTalkTopology or None
        None where one of them is not there.

    Raises
    ------
    BadInput
        If they do not fit the mesh or each other.
    """
    script, mesh = find(root, SCRIPT), find(root, TEMPLATE)
    if script is None or mesh is None:
        return None
    ignored = _ignored(script)
    template, faces = read_mesh(mesh)
    if ignored.size and (ignored.min() < 0 or ignored.max() >= num_vertices):
        raise BadInput(f"{script} leaves out vertex {ignored.max()}, but the meshes have {num_vertices} vertices")
    kept = np.setdiff1d(np.arange(num_vertices), ignored)
    if len(kept) != len(template):
        raise BadInput(
            f"{script} keeps {len(kept)} of {num_vertices} vertices, but {mesh} has {len(template)}; take both from "
            "one state of the MeshTalk repository"
        )
    return MeshTalkTopology(kept, faces, template)


def _ignored(script: Path) -> np.ndarray:
    """Return the ids that a script lists, without running it."""
    try:
        tree = ast.parse(script.read_text(encoding="utf-8"))
        for node in tree.body:
            if isinstance(node, ast.Assign) and any(getattr(t, "id", None) == VARIABLE for t in node.targets):
                values = ast.literal_eval(node.value)
                if isinstance(values, (set, list, tuple)) and all(type(value) is int for value in values):
                    return np.unique(np.array(list(values), dtype=np.int64))
                break
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
        raise BadInput(f"{script} cannot be read as the script of the MeshTalk repository: {error}") from None
    raise BadInput(f"{script} does not list whole numbers under {VARIABLE}; take it from the MeshTalk repository")


def usual_regions(root: Path) -> Sequence[tuple[str, Path]]:
    """Return the files that describe regions of MeshTalk's topology, by role: its masks, else lists of vertices."""
    for names in (MASKS, LISTS):
        found = [(role, find(root, name)) for role, own in names.items() for name in own]
        if any(path is not None for _, path in found):
            return [(role, path) for role, path in found if path is not None]
    return []
