"""Meshes whose text or binary is damaged, counts lie, corners name vertices that are not there."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fuzzing.damage import damaged, pick, replace
from fuzzing.outcome import Case, Wrong, check_finite

NUMBERS = ("0", "1", "-1", "2", "7", "99999999999", "-99999999999", "1e400", "nan", "inf", "0x10", "1.5", "", "a",
           "1/2/3", "1//", "/", "٣", "1_0", "1e-400", "+1")  # fmt: skip
TYPES = ("char", "uchar", "short", "ushort", "int", "uint", "float", "double", "int64", "list", "float32", "string")


def obj(rng: np.random.Generator) -> bytes:
    """Return an .obj of a few triangles with some wrong words."""
    lines = [f"v {x:.4f} {y:.4f} {z:.4f}" for x, y, z in rng.normal(size=(12, 3)).tolist()]
    lines += [f"f {a} {b} {c}" for a, b, c in rng.integers(1, 13, size=(8, 3)).tolist()]
    for _ in range(int(rng.integers(4))):
        place = int(rng.integers(len(lines)))
        words = lines[place].split() or ["v"]
        words[int(rng.integers(len(words)))] = pick(rng, NUMBERS)
        others = ("v", "f", "f 1", "f 1 2", "f " + "1 " * 3000, "vn 1", "#", "v 1 2", "l 1 2")
        lines[place] = pick(rng, (" ".join(words), *others))
    return pick(rng, ("\n", "\r\n", "\r", " \\\n")).join(lines).encode()


def ply(rng: np.random.Generator) -> bytes:
    """Return a .ply, text or binary, whose header may lie."""
    vertices, faces = rng.normal(size=(12, 3)).astype("<f4"), rng.integers(0, 12, size=(8, 3)).astype("<i4")
    form = pick(rng, ("ascii", "binary_little_endian", "binary_big_endian"))
    counts = [12, 8]
    if rng.random() < 0.4:
        counts[int(rng.integers(2))] = pick(rng, (0, 1, 11, 13, 10**6, 2**31, 10**10, -1))
    if rng.random() < 0.3:
        vertices[rng.integers(12)] = pick(rng, (np.nan, np.inf, 3e38))
    if rng.random() < 0.3:
        faces[rng.integers(8)] = pick(rng, (-1, 12, 2**31 - 1, -(2**31)))
    types = ["float", "uchar", "int"]
    if rng.random() < 0.3:
        types[int(rng.integers(3))] = pick(rng, TYPES)
    header = (
        f"ply\nformat {form} 1.0\nelement vertex {counts[0]}\nproperty {types[0]} x\nproperty float y\n"
        f"property float z\nelement face {counts[1]}\nproperty list {types[1]} {types[2]} vertex_indices\nend_header\n"
    )
    if form == "ascii":
        rows = [" ".join(map(str, row)) for row in vertices.tolist()]
        rows += [f"{pick(rng, (3, 3, 3, 4, 0, -1, 10**9))} " + " ".join(map(str, row)) for row in faces.tolist()]
        return (header + "\n".join(rows) + "\n").encode()
    order = "<" if form == "binary_little_endian" else ">"
    lists = np.empty(8, dtype=[("count", "u1"), ("ids", f"{order}i4", 3)])
    lists["count"], lists["ids"] = 3, faces
    if rng.random() < 0.2:
        lists["count"][rng.integers(8)] = int(rng.integers(256))
    return header.encode() + vertices.astype(f"{order}f4").tobytes() + lists.tobytes()


def make(rng: np.random.Generator, folder: Path) -> Case:
    """Return a mesh file to be read."""
    from a2f.data.mesh_files import read_mesh

    suffix = pick(rng, (".obj", ".ply"))
    data = obj(rng) if suffix == ".obj" else ply(rng)
    path = folder / f"mesh{suffix}"
    replace(path, damaged(rng, data) if rng.random() < 0.5 else data)

    def read() -> None:
        vertices, faces = read_mesh(path)
        check_finite(vertices, "vertices")
        if vertices.dtype != np.float32 or vertices.shape[1:] != (3,) or faces.shape[1:] != (3,):
            raise Wrong(f"vertices {vertices.dtype} {vertices.shape}, triangles {faces.shape}")
        if faces.min() < 0 or faces.max() >= len(vertices):
            raise Wrong(f"a triangle names vertex {faces.max()} of {len(vertices)}")

    return Case(read, (path.name,))
