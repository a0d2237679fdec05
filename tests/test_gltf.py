"""A GLB holds the face of every frame, as far off as it says, and the Khronos validator finds no fault in it."""

from __future__ import annotations

import json
import struct
import subprocess

import numpy as np
import pytest
from node_packages import node, package

from a2f.animation import Animation
from a2f.data.faces import load_faces
from a2f.errors import BadInput
from a2f.export.gltf import write_glb
from a2f.export.shapes import face_size, largest_error, reduce_basis, thin_basis, to_sliders
from a2f.export.surface import linear_colours
from a2f.mesh import Topology

FRAMES, RATE = 12, 30.0
UNITS = ("jawOpen", "mouthFunnel", "browInnerUp", "eyeBlinkLeft")
TYPES = {5123: np.uint16, 5125: np.uint32, 5126: np.float32}
WIDTHS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}


class Glb:
    """A GLB read by nothing but its specification (glTF 2.0, sections 3.6 and 4.4)."""

    def __init__(self, path) -> None:
        content = path.read_bytes()
        magic, version, length, json_length, _ = struct.unpack("<4sIII4s", content[:20])
        assert (magic, version, length) == (b"glTF", 2, len(content))
        self.json = json.loads(content[20 : 20 + json_length])
        self.blob = content[28 + json_length :]
        self.mesh = self.json["meshes"][0]
        self.primitive = self.mesh["primitives"][0]
        animation = self.json["animations"][0]
        (channel,), (sampler,) = animation["channels"], animation["samplers"]
        assert channel["target"] == {"node": 0, "path": "weights"} and sampler["interpolation"] == "LINEAR"
        self.times = self.read(sampler["input"])
        self.template = self.read(self.primitive["attributes"]["POSITION"])
        self.basis = np.stack([self.read(target["POSITION"]) for target in self.primitive["targets"]])
        self.weights = self.read(sampler["output"]).reshape(len(self.times), -1)
        assert (self.weights >= 0).all() and (self.weights <= 1).all(), "Blender clamps sliders there"

    def _array(self, view: int, offset: int, kind: int, count: int, width: int) -> np.ndarray:
        start = self.json["bufferViews"][view].get("byteOffset", 0) + offset
        return np.frombuffer(self.blob, TYPES[kind], count * width, start).reshape(count, width)

    def read(self, index: int) -> np.ndarray:
        described = self.json["accessors"][index]
        count, width, kind = described["count"], WIDTHS[described["type"]], described["componentType"]
        if "bufferView" in described:
            values = self._array(described["bufferView"], described.get("byteOffset", 0), kind, count, width).copy()
        else:
            values = np.zeros((count, width), TYPES[kind])
        if "sparse" in described:
            sparse = described["sparse"]
            at, to = sparse["indices"], sparse["values"]
            ids = self._array(at["bufferView"], at["byteOffset"], at["componentType"], sparse["count"], 1)[:, 0]
            assert (np.diff(ids.astype(int)) > 0).all()
            values[ids] = self._array(to["bufferView"], to["byteOffset"], kind, sparse["count"], width)
        if "min" in described:
            np.testing.assert_array_equal(values.min(axis=0), np.float32(described["min"]))
            np.testing.assert_array_equal(values.max(axis=0), np.float32(described["max"]))
        return values

    def faces(self) -> np.ndarray:
        """The vertices of every frame, in metres."""
        return np.stack(
            [self.template + sum(w * b for w, b in zip(row, self.basis, strict=True)) for row in self.weights]
        )


def talking(**changes) -> Animation:
    """The mean demo face opening its mouth, with brow and lid; synthetic."""
    faces = load_faces()
    basis = faces.unit_basis[[faces.unit(name) for name in UNITS]]
    phase = np.linspace(0, np.pi, FRAMES)
    weights = np.stack([np.sin(phase) ** 2, 0.5 * phase / np.pi, np.sin(phase), phase > 2], 1).astype(np.float32)
    vertices = faces.mean + np.tensordot(weights, basis, axes=1)
    given = {"vertices": vertices, "fps": RATE, "topology": faces.topology, "name": "talking"}
    return Animation(**given | {"basis": basis, "weights": weights} | changes)


@pytest.fixture(scope="module")
def animation() -> Animation:
    return talking()


def square(metres_per_unit: float | None = None) -> tuple[np.ndarray, Topology]:
    template = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0], [9, 9, 9]], np.float32)
    faces = np.array([[0, 1, 2], [1, 3, 2]])
    return template, Topology("square", 5, faces, {}, unit="span", metres_per_unit=metres_per_unit)


@pytest.mark.parametrize("how", [{"basis": "exact"}, {"basis": "svd"}, {"basis": "svd", "k": None}], ids=str)
@pytest.mark.parametrize("bare", [False, True], ids=["with blendshapes", "without"])
def test_every_frame_comes_back_within_a_ten_thousandth_of_the_face(tmp_path, how, bare):
    animation = talking(basis=None, weights=None) if bare else talking()
    told = animation.to_glb(tmp_path / "face.glb", **how)
    read = Glb(tmp_path / "face.glb").faces() / animation.topology.metres_per_unit
    errors = np.linalg.norm(read - animation.vertices, axis=-1).max(axis=1)
    assert errors.shape == (FRAMES,) and errors.max() <= 1e-4 * face_size(animation.template)
    assert told == pytest.approx(errors.max(), abs=1e-4)
    assert np.linalg.norm(read[8] - read[0], axis=-1).max() > 5, "a mouth opens by more than 5 mm"


def test_weights_and_times_are_the_animation_s(tmp_path, animation):
    animation.to_glb(tmp_path / "face.glb")
    glb = Glb(tmp_path / "face.glb")
    np.testing.assert_array_equal(glb.weights, animation.weights)
    np.testing.assert_allclose(glb.times[:, 0], np.arange(FRAMES) / RATE, rtol=1e-6)
    assert glb.json["nodes"][0]["name"] == "talking" and len(glb.mesh["extras"]["targetNames"]) == len(UNITS)
    assert glb.json["asset"]["extras"] == {"fps": RATE, "frames": FRAMES, "origin": "a2f", "unit": "m"}


def test_weights_of_both_signs_become_sliders(tmp_path):
    """What is the same in every frame is one shape more, so that the mesh itself stays the face at rest."""
    plain = talking()
    animation = talking(basis=-2 * plain.basis, weights=-0.5 * plain.weights[::-1], vertices=plain.vertices[::-1])
    shaken = np.float32([3, -2, 1, 1]) * animation.weights + np.float32([0.5, 0, 0, 0])
    mixed = talking(
        basis=animation.basis,
        weights=shaken,
        vertices=load_faces().mean + np.tensordot(shaken, animation.basis, axes=1),
    )
    for moving, names in ((animation, 4), (mixed, 5)):
        told = moving.to_glb(tmp_path / "face.glb")
        glb = Glb(tmp_path / "face.glb")
        assert len(glb.mesh["extras"]["targetNames"]) == len(glb.basis) == names
        assert (glb.mesh["extras"]["targetNames"][-1] == "offset") == (names == 5)
        np.testing.assert_allclose(1000 * glb.template, load_faces().mean, atol=1e-4)
        errors = np.linalg.norm(1000 * glb.faces() - moving.vertices, axis=-1)
        assert told == pytest.approx(errors.max(), abs=1e-4) and told <= 1e-4 * face_size(load_faces().mean)
    assert (glb.weights[:, -1] == 1).all()


def test_sliders_say_the_same_motion():
    rng = np.random.default_rng(0)
    basis = rng.normal(size=(4, 10, 3)).astype(np.float32)
    columns = [rng.uniform(*ends, 20) for ends in ((-3, 5), (-4, -1), (0.2, 0.7), (2, 9))]
    weights = np.stack(columns, axis=1).astype(np.float32)
    shapes, sliders, has_offset = to_sliders(basis, weights)
    assert has_offset and shapes.shape == (5, 10, 3) and sliders.min() >= 0 and sliders.max() == 1
    drawn = [np.tensordot(w, b, axes=1) for w, b in ((weights, basis), (sliders, shapes))]
    np.testing.assert_allclose(*drawn, atol=1e-5)
    np.testing.assert_array_equal(shapes[2], basis[2])
    np.testing.assert_array_equal(sliders[:, 2], weights[:, 2])
    assert not to_sliders(basis[1:], weights[:, 1:])[2], "turned round, no offset is needed"


def test_targets_hold_only_what_moves(tmp_path, animation):
    animation.to_glb(tmp_path / "face.glb")
    glb = Glb(tmp_path / "face.glb")
    for target, moved in zip(glb.primitive["targets"], animation.basis, strict=True):
        listed = glb.json["accessors"][target["POSITION"]]["sparse"]["count"]
        assert 0 < listed <= (np.linalg.norm(moved, axis=-1) > 0).sum() < 0.8 * len(moved)


def test_the_surface_is_the_topology_s(tmp_path, animation):
    trimesh = pytest.importorskip("trimesh")
    animation.to_glb(tmp_path / "face.glb")
    glb = Glb(tmp_path / "face.glb")
    np.testing.assert_array_equal(glb.read(glb.primitive["indices"]).reshape(-1, 3), animation.topology.faces)
    normals = glb.read(glb.primitive["attributes"]["NORMAL"])
    assert normals[animation.topology.region("lips"), 2].mean() > 0.3, "lips look forward"
    colours = glb.read(glb.primitive["attributes"]["COLOR_0"]) / 65_535
    np.testing.assert_allclose(colours[:, :3], linear_colours(animation.topology), atol=1e-5)
    assert (colours[:, 3] == 1).all()
    (mesh,) = trimesh.load(tmp_path / "face.glb", process=False).geometry.values()
    assert mesh.extents[1] == pytest.approx(0.001 * np.ptp(animation.template[:, 1]), rel=1e-5), "0.28 m, y up"


def test_linear_colours_are_those_of_the_standard_curve():
    """IEC 61966-2-1 above its linear foot."""
    faces = load_faces()
    colours = linear_colours(faces.topology)
    white = colours[faces.topology.parts == faces.topology.part_names.index("eye_white")][0]
    np.testing.assert_allclose(white, ((np.array([0.93, 0.92, 0.90]) + 0.055) / 1.055) ** 2.4, rtol=1e-5)


@pytest.mark.parametrize("metres_per_unit, factor", [(None, 1.0), (0.01, 0.01)])
def test_a_unit_that_is_not_known_is_kept(tmp_path, metres_per_unit, factor):
    template, topology = square(metres_per_unit)
    write_glb(tmp_path / "a.glb", template, np.ones((1, 5, 3)), np.ones((2, 1)), 30, topology)
    glb = Glb(tmp_path / "a.glb")
    np.testing.assert_allclose(glb.template, factor * template, rtol=1e-6)
    assert glb.json["asset"]["extras"]["unit"] == ("m" if metres_per_unit else "span")


@pytest.mark.parametrize("allowed", [0.0, 0.1, 1.0, 100.0])
def test_what_is_left_out_moves_no_vertex_further_than_allowed(allowed):
    """By a slow loop: the smallest contributions of a vertex, as many as fit."""
    rng = np.random.default_rng(0)
    basis = rng.normal(size=(7, 20, 3)).astype(np.float32) * (rng.random((7, 20, 1)) < 0.7)
    weights = rng.normal(size=(9, 7)).astype(np.float32)
    kept = thin_basis(basis, weights, allowed)
    for vertex in range(20):
        moves = [(np.linalg.norm(basis[k, vertex]) * np.abs(weights[:, k]).max(), k) for k in range(7)]
        total, left = 0.0, set()
        for size, k in sorted(moves):
            total += size
            if total <= allowed:
                left.add(k)
        assert left == set(np.flatnonzero(~kept[:, vertex]))
    zero = np.zeros((20, 3), np.float32)
    full = np.tensordot(weights, basis, axes=1)
    assert largest_error(full, zero, basis * kept[..., None], weights) <= allowed + 1e-5


def test_few_shapes_are_the_best_that_many_can_do():
    rng = np.random.default_rng(0)
    template = rng.normal(size=(40, 3)).astype(np.float32)
    motion = (rng.normal(size=(30, 8)) * 0.5 ** np.arange(8)) @ rng.normal(size=(8, 120))
    vertices = (template + motion.reshape(30, 40, 3)).astype(np.float32)
    basis, weights, error = reduce_basis(vertices, template, 5)
    assert basis.shape == (5, 40, 3) and basis.dtype == weights.dtype == np.float32
    np.testing.assert_allclose(np.abs(weights).max(axis=0), 1, rtol=1e-6)
    drawn = template + np.einsum("tk,knc->tnc", weights, basis)
    assert error == pytest.approx(np.linalg.norm(vertices - drawn, axis=-1).max(), rel=1e-3)
    left, values, right = np.linalg.svd((vertices - template).reshape(30, -1), full_matrices=False)
    best = (left[:, :5] * values[:5]) @ right[:5]
    np.testing.assert_allclose(drawn - template, best.reshape(30, 40, 3), atol=1e-3)
    assert reduce_basis(vertices, template, 8)[2] < 1e-4 and reduce_basis(vertices, template, 500)[0].shape[0] <= 30


@pytest.mark.parametrize("tolerance", [1e-1, 1e-2, 1e-4])
def test_as_few_shapes_as_the_error_allows(tolerance):
    rng = np.random.default_rng(1)
    template = rng.normal(size=(40, 3)).astype(np.float32)
    motion = (rng.normal(size=(30, 20)) * 0.6 ** np.arange(20)) @ rng.normal(size=(20, 120))
    vertices = (template + motion.reshape(30, 40, 3)).astype(np.float32)
    basis, weights, error = reduce_basis(vertices, template, None, tolerance=tolerance)
    allowed = tolerance * face_size(template)
    assert error <= allowed < largest_error(vertices, template, basis[:-1], weights[:, :-1])


def test_the_same_animation_gives_the_same_bytes(tmp_path):
    for name in ("a.glb", "b.glb"):
        talking(basis=None, weights=None).to_glb(tmp_path / name)
    assert (tmp_path / "a.glb").read_bytes() == (tmp_path / "b.glb").read_bytes()


@pytest.mark.parametrize(
    "changes, named",
    [
        ({"template": np.zeros((4, 3))}, "the template has shape"),
        ({"basis": np.zeros((2, 4, 3))}, "the basis has shape"),
        ({"basis": np.zeros((0, 5, 3)), "weights": np.zeros((2, 0))}, "one shape at least"),
        ({"weights": np.zeros((2, 3))}, "do not fit together"),
        ({"weights": np.zeros((0, 1))}, "one frame"),
        ({"weights": np.full((2, 1), np.nan)}, "finite"),
        ({"fps": 0}, "fps is 0"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_written(tmp_path, changes, named):
    template, topology = square()
    given = {"template": template, "basis": np.ones((1, 5, 3)), "weights": np.ones((2, 1)), "fps": 30} | changes
    with pytest.raises(BadInput, match=named):
        write_glb(tmp_path / "a.glb", topology=topology, **given)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("k, vertices, named", [(0, 5, "k is 0"), (3, 4, "do not fit the template")])
def test_a_reduction_that_cannot_be_is_refused(k, vertices, named):
    with pytest.raises(BadInput, match=named):
        reduce_basis(np.zeros((2, vertices, 3)), np.zeros((5, 3)), k)


_VALIDATE = """
const validator = require(process.argv[1]);
const read = require("fs").readFileSync;
Promise.all(process.argv.slice(2).map(path => validator.validateBytes(new Uint8Array(read(path)))))
  .then(reports => console.log(JSON.stringify(reports.map(report => report.issues))));
"""


def test_the_khronos_validator_finds_no_fault(tmp_path, animation):
    validator = package("gltf-validator", "2.0.0-dev.3.10")
    files = [tmp_path / f"{name}.glb" for name in ("exact", "svd", "none", "one", "still", "square")]
    animation.to_glb(files[0])
    animation.to_glb(files[1], basis="svd", k=2)
    talking(basis=None, weights=None, name="").to_glb(files[2])
    talking(vertices=animation.vertices[:1], weights=animation.weights[:1]).to_glb(files[3])
    talking(vertices=animation.vertices[[0, 0]], basis=None, weights=None).to_glb(files[4])
    template, topology = square()
    write_glb(files[5], template, np.ones((1, 5, 3)), np.ones((2, 1)), 29.97, topology)
    command = [node(), "-e", _VALIDATE, str(validator / "index.js"), *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    for path, issues in zip(files, json.loads(done.stdout), strict=True):
        assert issues["numErrors"] == issues["numWarnings"] == 0, (path.name, issues["messages"])
