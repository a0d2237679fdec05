"""Regions of a face from whatever describes them: lists of vertices, masks, pickles, a2f's own files, or its shape.

A file describes one region or several:

===================================  =================================================================================
``FLAME_masks.pkl``                  lips; upper_face = forehead and eye_region without the eyeballs; its mask
                                     ``face`` is kept as region ``facial``
``.txt``, ``.npy``, ``.json`` list   one region, as vertex ids from 0, or as a mask: one number from 0 to 1 for each
                                     vertex, taken where it is above 0.5. The file's name says which region it is
                                     (`NAMES`): ``lips.txt``, ``lve.txt``, ``weighted_mouth_mask.txt``, ...
``regions.json``                     ``{"lips": [1, 2, 3], "upper_face": "forehead.npy"}``: vertex ids, a file or
                                     several whose vertices are united, or, with another threshold,
                                     ``{"file": "mouth.txt", "threshold": 0.2}``. Files lie in the same folder
``.npz``                             a topology that a2f wrote, all its regions
a folder                             its ``regions.json``, else all files whose name says what they are
===================================  =================================================================================

What no file describes is drawn from the shape of the face, except ``face``: that is then all vertices, over which the
paper's released code measures its error of the face.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from a2f.arrays import read_npz
from a2f.data.region_lists import THRESHOLD, as_numbers, read_numbers, vertex_ids
from a2f.data.region_shapes import geometric_regions
from a2f.errors import BadInput, MissingData
from a2f.files import read_json, sha256

REQUIRED = ("lips", "upper_face")
ROLES = (*REQUIRED, "face")
# The stem of a file of one region, by the region it describes.
NAMES = {
    "lips": ("lips", "lve", "mouth", "mouth_mask", "weighted_mouth", "weighted_mouth_mask"),
    "upper_face": (
        *("upper_face", "fdd", "upper", "upper_mask", "forehead", "forehead_mask"),
        *("eye", "eye_mask", "weighted_eye", "weighted_eye_mask"),
    ),
    "face": ("face", "face_mask"),
}
_FLAME_UPPER, _FLAME_EYEBALLS = ("forehead", "eye_region"), ("left_eyeball", "right_eyeball")


@dataclass(frozen=True, eq=False)
class _Part:
    """What one file says of one region."""

    role: str
    ids: np.ndarray
    file: Path
    threshold: float | None = None  # None for vertex ids

    @property
    def origin(self) -> str:
        above = "" if self.threshold is None else f" > {self.threshold:g}"
        return f"{self.file.name} ({sha256(self.file)[:8]}){above}"


def regions_for(
    template: np.ndarray, faces: np.ndarray, source: Path | None, defaults: Sequence[tuple[str, Path]] = ()
) -> tuple[dict[str, np.ndarray], str]:
    """Return the regions of a topology and where they come from.

    Parameters
    ----------
    template : ndarray, (N, 3)
        A neutral face of the data set; x to its left, y up, z to the front, any unit.
    faces : ndarray, (F, 3) int
        Triangles.
    source : Path, optional
        What the user names: a file or a folder, as in the table above.
    defaults : sequence of (str, Path)
        Files that lie with the data, asked for regions that `source` leaves open. The name is the region of a file
        that describes one, and of no account for a file that describes several (``FLAME_masks.pkl``). Files of one
        region are united.

    Returns
    -------
    regions : dict of str to ndarray of int32
        Sorted ids, at least of ``lips``, ``upper_face`` and ``face``.
    text : str
        Files with the first eight digits of their SHA-256, and each region's size; for `Topology.region_source`.

    Raises
    ------
    MissingData
        If a file is not there.
    BadInput
        If a file does not describe a region of N vertices, or a region can neither be read nor drawn.
    """
    num_vertices = len(template)
    parts = [] if source is None else read_regions(Path(source), num_vertices)
    given = {part.role for part in parts}
    if not given.issuperset(REQUIRED):
        found = [part for role, path in defaults for part in read_regions(Path(path), num_vertices, role)]
        parts += [part for part in found if part.role not in given]
    regions: dict[str, np.ndarray] = {}
    for part in parts:
        regions[part.role] = np.union1d(regions.get(part.role, part.ids), part.ids).astype(np.int32)
    origins = {role: " + ".join(dict.fromkeys(p.origin for p in parts if p.role == role)) for role in regions}
    if missing := [role for role in REQUIRED if role not in regions]:
        drawn = geometric_regions(template, faces)
        regions |= {role: drawn[role] for role in missing}
        origins |= {role: "drawn geometrically" for role in missing}
    # the regions of one origin stand together, after its name
    texts = [
        f"{origin}: " + ", ".join(f"{role} {len(regions[role])}" for role in regions if origins[role] == origin)
        for origin in dict.fromkeys(origins[role] for role in sorted(regions, key=_place))
    ]
    if "face" not in regions:
        regions["face"] = np.arange(num_vertices, dtype=np.int32)
        texts.append(f"face: all {num_vertices} vertices")
    return {role: regions[role] for role in sorted(regions, key=_place)}, "; ".join(texts)


def _place(role: str) -> tuple[int, str]:
    return (ROLES.index(role) if role in ROLES else len(ROLES)), role


def read_regions(path: Path, num_vertices: int, role: str = "") -> list[_Part]:
    """Return what a file or folder says of the regions of N vertices.

    Parameters
    ----------
    path : Path
    num_vertices : int
        N.
    role : str
        The region of a file that describes one; told by the file's name where empty.

    Raises
    ------
    MissingData, BadInput
        As of `regions_for`.
    """
    if path.is_dir():
        return _folder(path, num_vertices)
    if not path.is_file():
        raise MissingData(f"regions: {path} is neither a file nor a folder")
    if path.suffix == ".pkl":
        return _flame(path, num_vertices)
    if path.suffix == ".npz":
        return _topology(path, num_vertices)
    if path.suffix == ".json":
        value = read_json(path)
        if isinstance(value, dict):
            return _described(path, value, num_vertices)
    role = role if role in ROLES else _role_of(path)
    return [_one_region(path, role, num_vertices)]


def _role_of(path: Path) -> str:
    for role, stems in NAMES.items():
        if path.stem.lower() in stems:
            return role
    known = "; ".join(f"{role}: {', '.join(stems)}" for role, stems in NAMES.items())
    raise BadInput(
        f"{path}: the name does not say which region this is. Name it after one ({known}), or write a regions.json "
        f'beside it: {{"lips": "{path.name}"}}'
    )


def _folder(path: Path, num_vertices: int) -> list[_Part]:
    described = path / "regions.json"
    if described.is_file():
        return read_regions(described, num_vertices)
    stems = {stem for names in NAMES.values() for stem in names}
    files = [file for file in sorted(path.iterdir()) if file.suffix in (".txt", ".npy", ".json")]
    files = [file for file in files if file.stem.lower() in stems]
    if not files:
        raise BadInput(
            f"{path} holds neither a regions.json nor a .txt, .npy or .json named after a region (lips, upper_face, "
            "face, or as in the documentation of a2f.data.region_files)"
        )
    return [part for file in files for part in read_regions(file, num_vertices)]


def _one_region(path: Path, role: str, num_vertices: int, threshold: float | None = None) -> _Part:
    ids, masked = vertex_ids(read_numbers(path), num_vertices, str(path), threshold)
    return _Part(role, ids, path, (THRESHOLD if threshold is None else threshold) if masked else None)


def _described(path: Path, value: dict, num_vertices: int) -> list[_Part]:
    """Return what a regions.json says."""
    parts = []
    for role, entry in value.items():
        where = f"{path}: {role!r}"
        if role not in ROLES:
            raise BadInput(f"{where} is no region; there are {', '.join(ROLES)}")
        threshold = None
        if isinstance(entry, dict):
            threshold = _threshold(entry, where)
            entry = entry["file"]
        names = [entry] if isinstance(entry, str) else entry
        if isinstance(names, list) and names and all(isinstance(name, str) for name in names):
            for name in names:
                file = inside(path.parent, name, where)
                if not file.is_file():
                    raise MissingData(f"{where} names {name}, which is not a file in {path.parent}")
                parts.append(_one_region(file, role, num_vertices, threshold))
        else:
            ids, masked = vertex_ids(as_numbers(entry, where), num_vertices, where, threshold)
            parts.append(_Part(role, ids, path, THRESHOLD if masked else None))
    if not parts:
        raise BadInput(f"{path} describes no region; expected one or more of {', '.join(ROLES)}")
    return parts


def inside(folder: Path, name: str, where: str) -> Path:
    """Return a file's path after checking that it does not leave a folder.

    Raises
    ------
    BadInput
        If it leads out of the folder; the text begins with `where`.
    """
    try:
        path = (folder / name).resolve()
        path.is_file()  # names that no file system takes are told by looking
    except (OSError, ValueError, RuntimeError) as error:
        raise BadInput(f"{where} names {name[:80]!r}, which cannot be a file: {error}") from None
    if not path.is_relative_to(folder.resolve()):
        raise BadInput(f"{where} names {name}, which leads out of {folder}; put the file into that folder")
    return path


def _threshold(entry: dict, where: str) -> float | None:
    threshold = entry.get("threshold")
    number = isinstance(threshold, (int, float)) and not isinstance(threshold, bool)
    if "file" not in entry or set(entry) - {"file", "threshold"} or not (threshold is None or number):
        raise BadInput(f'{where} is {entry}, expected {{"file": name, "threshold": number from 0 to 1}}')
    if threshold is not None and not 0 <= threshold < 1:
        raise BadInput(f"{where} has threshold {threshold}, expected a number from 0 to below 1")
    return threshold


def _flame(path: Path, num_vertices: int) -> list[_Part]:
    """Return the regions of FLAME's published masks."""
    from a2f.data.safe_pickle import load_pickle

    masks = load_pickle(path, encoding="latin1")
    needed = ("lips", *_FLAME_UPPER)
    if not isinstance(masks, dict) or any(name not in masks for name in needed):
        held = ", ".join(map(str, masks)) if isinstance(masks, dict) else type(masks).__name__
        raise BadInput(f"{path} holds {held}; expected FLAME's masks, with {', '.join(needed)} among them")

    def ids(name: str) -> np.ndarray:
        return vertex_ids(masks[name], num_vertices, f"{path}: {name!r}")[0]

    upper = np.union1d(*(ids(name) for name in _FLAME_UPPER))
    for name in _FLAME_EYEBALLS:
        upper = np.setdiff1d(upper, ids(name)) if name in masks else upper
    if len(upper) == 0:
        raise BadInput(f"{path}: {' and '.join(_FLAME_UPPER)} hold eyeballs only")
    found = {"lips": ids("lips"), "upper_face": upper}
    if "face" in masks:
        found["facial"] = ids("face")
    return [_Part(role, own.astype(np.int32), path) for role, own in found.items()]


def _topology(path: Path, num_vertices: int) -> list[_Part]:
    """Return all regions of a topology that a2f wrote."""
    arrays = read_npz(path)
    regions = {key.removeprefix("region_"): ids for key, ids in arrays.items() if key.startswith("region_")}
    if not regions:
        raise BadInput(f"{path} holds {', '.join(arrays) or 'nothing'}; expected a topology that a2f wrote")
    if "num_vertices" in arrays and arrays["num_vertices"] != num_vertices:
        raise BadInput(f"{path} describes {arrays['num_vertices']} vertices, but the mesh has {num_vertices}")
    return [_Part(role, vertex_ids(ids, num_vertices, f"{path}: {role!r}")[0], path) for role, ids in regions.items()]
