"""A moving face as one GLB file: a template, sparse morph targets and the weights that move them.

Blender, Unity, Unreal and web viewers read it. The targets are blendshapes, so the file stays small and can be edited:
each shape is one slider from 0 to 1 (`a2f.export.shapes.to_sliders`). glTF 2.0 has no sound; the normals are the
template's in every frame. Frame 0 is frame 0 of a Blender scene whose frame rate was set to the animation's before.
"""

from __future__ import annotations

import os

import numpy as np

from a2f.errors import BadInput
from a2f.export.shapes import TOLERANCE, face_size, largest_error, thin_basis, to_sliders
from a2f.export.surface import linear_colours, vertex_normals
from a2f.files import atomic_path
from a2f.mesh import Topology


def write_glb(
    path: str | os.PathLike,
    template: np.ndarray,
    basis: np.ndarray,
    weights: np.ndarray,
    fps: float,
    topology: Topology,
    *,
    vertices: np.ndarray | None = None,
    tolerance: float = TOLERANCE,
    name: str = "face",
    origin: str = "a2f",
) -> float:
    """Write template + weights @ basis as a GLB with one looping animation.

    Parameters
    ----------
    path : path-like
    template : ndarray, (N, 3)
        In the topology's unit, y up, looking along +z; written in metres where the topology knows its unit.
    basis : ndarray, (K, N, 3)
    weights : ndarray, (T, K)
        Frame i is at i / fps seconds, between frames they are linear. Written within 0 and 1.
    fps : float
    topology : Topology
        Its parts give the colours.
    vertices : ndarray, (T, N, 3), optional
        What the error is measured against, by default template + weights @ basis.
    tolerance : float
        How far small displacements that are left out may move a vertex, as a part of the face's size.
    name : str
    origin : str
        Written to ``asset.extras`` beside fps and unit.

    Returns
    -------
    float
        The largest distance of a vertex, over all frames, from where the file puts it, in the topology's unit.
    """
    template = topology.check_vertices(template, "the template")
    basis = topology.check_vertices(basis, "the basis")
    weights = np.asarray(weights, dtype=np.float32)
    if template.ndim != 2 or basis.ndim != 3 or weights.ndim != 2 or weights.shape[1] != len(basis):
        raise BadInput(
            f"template {template.shape}, basis {basis.shape} and weights {weights.shape} do not fit together; "
            "expected (N, 3), (K, N, 3) and (T, K)"
        )
    if not weights.size or not np.isfinite(weights).all():
        raise BadInput(f"weights {weights.shape} must hold finite numbers for one frame and one shape at least")
    if not 0 < fps < np.inf:
        raise BadInput(f"fps is {fps}, expected a positive number")
    if vertices is None:
        vertices = template + np.tensordot(weights, basis, axes=1)
    basis, weights, has_offset = to_sliders(basis, weights)
    scale = topology.metres_per_unit or 1.0
    kept = thin_basis(basis, weights, tolerance * face_size(template))
    targets = (scale * np.where(kept[..., None], basis, 0)).astype(np.float32)
    rest = (scale * template).astype(np.float32)
    content = _Content()
    mesh = _mesh(content, rest, targets, kept, topology, name)
    mesh.extras = {"targetNames": [f"shape_{number:03d}" for number in range(len(targets) - has_offset)]}
    if has_offset:
        mesh.extras["targetNames"].append("offset")
    animation = _animation(content, weights, fps, name)
    extras = {
        "fps": float(fps),
        "frames": len(weights),
        "origin": origin,
        "unit": "m" if topology.metres_per_unit else topology.unit,
    }
    with atomic_path(path) as temporary:
        content.save(temporary, mesh, animation, name, extras)
    return largest_error(np.asarray(vertices), rest / scale, targets / scale, weights)


class _Content:
    """A glTF document's binary buffer and what describes it."""

    def __init__(self) -> None:
        import pygltflib

        self.gltf = pygltflib.GLTF2()
        self.blob = b""

    def view(self, values: np.ndarray, target: int | None = None) -> int:
        """Append an array, aligned to four bytes, and return its buffer view."""
        import pygltflib

        content = np.ascontiguousarray(values).tobytes()
        self.gltf.bufferViews.append(
            pygltflib.BufferView(buffer=0, byteOffset=len(self.blob), byteLength=len(content), target=target)
        )
        self.blob += content + b"\0" * (-len(content) % 4)
        return len(self.gltf.bufferViews) - 1

    def accessor(self, values: np.ndarray, kind: str, target: int | None = None, bounds: bool = False, **more) -> int:
        """Append an array (count, components) as an accessor and return it."""
        import pygltflib

        codes = {"float32": pygltflib.FLOAT, "uint16": pygltflib.UNSIGNED_SHORT, "uint32": pygltflib.UNSIGNED_INT}
        return self.add(
            bufferView=self.view(values, target),
            byteOffset=0,
            componentType=codes[values.dtype.name],
            count=len(values),
            type=kind,
            **(_bounds(values) if bounds else {}),
            **more,
        )

    def add(self, **described) -> int:
        import pygltflib

        self.gltf.accessors.append(pygltflib.Accessor(**described))
        return len(self.gltf.accessors) - 1

    def save(self, path: os.PathLike, mesh, animation, name: str, extras: dict) -> None:
        import pygltflib

        gltf = self.gltf
        gltf.asset = pygltflib.Asset(version="2.0", generator="a2f", extras=extras)
        gltf.materials = [
            pygltflib.Material(
                name="face",
                doubleSided=True,  # one sees into the mouth
                pbrMetallicRoughness=pygltflib.PbrMetallicRoughness(metallicFactor=0.0, roughnessFactor=0.7),
            )
        ]
        gltf.meshes, gltf.animations = [mesh], [animation]
        gltf.nodes = [pygltflib.Node(mesh=0, name=name or "face")]
        gltf.scenes, gltf.scene = [pygltflib.Scene(nodes=[0])], 0
        gltf.buffers = [pygltflib.Buffer(byteLength=len(self.blob))]
        gltf.set_binary_blob(self.blob)
        gltf.save_binary(str(path))


def _mesh(content: _Content, rest: np.ndarray, targets: np.ndarray, kept: np.ndarray, topology: Topology, name: str):
    """Return the mesh: positions, normals, colours, triangles and a morph target a shape."""
    import pygltflib

    # 65,535 itself is no index: it restarts strips
    index = np.uint16 if len(rest) < 65_535 else np.uint32
    attributes = pygltflib.Attributes(
        POSITION=content.accessor(rest, "VEC3", pygltflib.ARRAY_BUFFER, bounds=True),
        NORMAL=content.accessor(vertex_normals(rest, topology.faces), "VEC3", pygltflib.ARRAY_BUFFER),
        COLOR_0=content.accessor(_opaque(linear_colours(topology)), "VEC4", pygltflib.ARRAY_BUFFER, normalized=True),
    )
    faces = topology.faces.reshape(-1).astype(index)
    triangles = content.accessor(faces, "SCALAR", pygltflib.ELEMENT_ARRAY_BUFFER)
    # a sparse accessor holds one entry at least
    kept = kept.copy()
    kept[~kept.any(axis=1), 0] = True
    ids = [np.flatnonzero(row).astype(index) for row in kept]
    all_ids = content.view(np.concatenate(ids))
    all_moves = content.view(np.concatenate([target[row] for target, row in zip(targets, kept, strict=True)]))
    code = pygltflib.UNSIGNED_SHORT if index is np.uint16 else pygltflib.UNSIGNED_INT
    described, first = [], 0
    for target, row in zip(targets, ids, strict=True):
        sparse = pygltflib.Sparse(
            count=len(row),
            indices=pygltflib.AccessorSparseIndices(
                bufferView=all_ids, byteOffset=first * np.dtype(index).itemsize, componentType=code
            ),
            values=pygltflib.AccessorSparseValues(bufferView=all_moves, byteOffset=first * 12),
        )
        described.append(
            content.add(
                byteOffset=None,  # it has no buffer view of its own: what is not listed is zero
                componentType=pygltflib.FLOAT,
                count=len(rest),
                type="VEC3",
                sparse=sparse,
                **_bounds(target),
            )
        )
        first += len(row)
    primitive = pygltflib.Primitive(
        attributes=attributes, indices=triangles, material=0, targets=[{"POSITION": at} for at in described]
    )
    return pygltflib.Mesh(name=name or "face", primitives=[primitive])


def _animation(content: _Content, weights: np.ndarray, fps: float, name: str):
    import pygltflib

    times = (np.arange(len(weights)) / fps).astype(np.float32)
    sampler = pygltflib.AnimationSampler(
        input=content.accessor(times, "SCALAR", bounds=True),
        output=content.accessor(weights.reshape(-1), "SCALAR"),
        interpolation="LINEAR",
    )
    channel = pygltflib.AnimationChannel(sampler=0, target=pygltflib.AnimationChannelTarget(node=0, path="weights"))
    return pygltflib.Animation(name=name or "face", samplers=[sampler], channels=[channel])


def _bounds(values: np.ndarray) -> dict[str, list[float]]:
    values = values.reshape(len(values), -1)
    return {"min": values.min(axis=0).tolist(), "max": values.max(axis=0).tolist()}


def _opaque(colours: np.ndarray) -> np.ndarray:
    """Return colours (N, 3) with full opacity as normalised integers, (N, 4) uint16."""
    return np.round(65_535 * np.pad(colours, ((0, 0), (0, 1)), constant_values=1)).astype(np.uint16)
