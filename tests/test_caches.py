"""Point caches and mesh sequences give every vertex of every frame back, in its order, and come whole or not at all."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from a2f.animation import Animation
from a2f.data.faces import load_faces
from a2f.errors import BadInput
from a2f.export import caches
from a2f.export.caches import write_obj_sequence, write_pc2, write_ply_sequence
from a2f.export.render import vertex_colours
from a2f.mesh import Topology

FRAMES = 9


@pytest.fixture(scope="module")
def animation() -> Animation:
    """The mean demo face opening its jaw; synthetic."""
    faces = load_faces()
    unit = faces.unit_basis[faces.unit("jawOpen")]
    vertices = faces.mean + np.linspace(0, 0.8, FRAMES)[:, None, None].astype(np.float32) * unit
    return Animation(vertices, 30.0, faces.topology, name="opening")


def test_a_point_cache_is_as_blender_reads_it(tmp_path, animation):
    """Header of 32 bytes: magic, version 1, points, first frame, frames a sample, samples; then points by frame."""
    animation.to_pc2(tmp_path / "face.pc2")
    header = np.dtype([("magic", "S12"), ("ints", "<i4", 2), ("floats", "<f4", 2), ("samples", "<i4")])
    assert header.itemsize == 32
    read = np.fromfile(tmp_path / "face.pc2", header, count=1)[0]
    assert read["magic"] == b"POINTCACHE2" and read["samples"] == FRAMES
    assert read["ints"].tolist() == [1, 4838] and read["floats"].tolist() == [0, 1]
    points = np.fromfile(tmp_path / "face.pc2", "<f4", offset=32).reshape(FRAMES, 4838, 3)
    np.testing.assert_array_equal(points, animation.vertices)
    assert np.abs(points[8] - points[0]).max() > 20


@pytest.mark.parametrize("suffix, error", [("ply", 0.0), ("obj", 1e-5)])
def test_every_frame_is_a_mesh(tmp_path, animation, suffix, error):
    """Two vertices at one place stay two, or nothing would move them apart again."""
    getattr(animation, f"to_{suffix}_sequence")(tmp_path / "face", progress=False)
    files = sorted((tmp_path / "face").iterdir())
    assert [file.name for file in files] == [f"frame_{number:04d}.{suffix}" for number in range(1, FRAMES + 1)]
    read = [trimesh.load(file, process=False, maintain_order=True) for file in files]
    for mesh, vertices in zip(read, animation.vertices, strict=True):
        assert mesh.vertices.shape == vertices.shape
        np.testing.assert_allclose(mesh.vertices, vertices, rtol=0, atol=error)
        np.testing.assert_array_equal(mesh.faces, animation.topology.faces)
    assert np.abs(read[8].vertices - read[0].vertices).max() > 20
    colours = np.asarray(read[0].visual.vertex_colors)[:, :3]
    np.testing.assert_allclose(colours, 255 * vertex_colours(animation.topology), atol=1)


def test_vertices_at_one_place_stay_apart(tmp_path):
    topology = Topology("two", 6, np.array([[0, 1, 2], [3, 4, 5]]), {})
    vertices = np.tile(np.eye(3, dtype=np.float32), (1, 2, 1))
    for write, suffix in ((write_ply_sequence, "ply"), (write_obj_sequence, "obj")):
        write(tmp_path / suffix, vertices, topology)
        read = trimesh.load(tmp_path / suffix / f"frame_0001.{suffix}", process=False)
        np.testing.assert_array_equal(read.vertices, vertices[0])


def test_a_shorter_sequence_leaves_no_frame_of_the_longer_one(tmp_path, animation):
    write_ply_sequence(tmp_path / "face", animation.vertices, animation.topology)
    write_ply_sequence(tmp_path / "face", animation.vertices[:2], animation.topology)
    assert len(list((tmp_path / "face").iterdir())) == 2 and list(tmp_path.iterdir()) == [tmp_path / "face"]


def test_a_sequence_that_breaks_off_leaves_the_old_one(tmp_path, animation, monkeypatch):
    write_ply_sequence(tmp_path / "face", animation.vertices[:2], animation.topology)
    before = {file.name: file.read_bytes() for file in (tmp_path / "face").iterdir()}
    export, calls = trimesh.Trimesh.export, []

    def fail(mesh, path):
        calls.append(path)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return export(mesh, path)

    monkeypatch.setattr(trimesh.Trimesh, "export", fail)
    with pytest.raises(KeyboardInterrupt):
        write_ply_sequence(tmp_path / "face", animation.vertices + 1, animation.topology)
    assert {file.name: file.read_bytes() for file in (tmp_path / "face").iterdir()} == before
    assert list(tmp_path.iterdir()) == [tmp_path / "face"]


def test_a_folder_with_something_else_is_left_alone(tmp_path, animation):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(BadInput, match=r"holds thesis\.tex; name a new folder"):
        animation.to_ply_sequence(tmp_path, progress=False)
    with pytest.raises(BadInput, match="is a file; a sequence needs a folder"):
        animation.to_obj_sequence(tmp_path / "thesis.tex", progress=False)
    assert (tmp_path / "thesis.tex").read_text() == "years of work" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("shape", [(4838, 3), (0, 4838, 3), (2, 4838, 2)])
def test_vertices_of_another_shape_are_refused(tmp_path, shape, animation):
    with pytest.raises(BadInput, match="expected"):
        write_pc2(tmp_path / "a.pc2", np.zeros(shape))
    for write in (caches.write_ply_sequence, caches.write_obj_sequence):
        with pytest.raises(BadInput, match="expected"):
            write(tmp_path / "a", np.zeros(shape), animation.topology)
    assert not list(tmp_path.iterdir())


def test_a_point_cache_of_what_is_not_finite_is_refused(tmp_path):
    with pytest.raises(BadInput, match="not finite"):
        write_pc2(tmp_path / "a.pc2", np.full((1, 2, 3), np.nan))
