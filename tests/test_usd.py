"""A USD file holds every frame's points exactly, with unit, axis, colours and extent; without usd-core it says so."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from a2f.animation import Animation
from a2f.data.faces import load_faces
from a2f.errors import BadInput, MissingData
from a2f.export.surface import linear_colours
from a2f.export.usd import write_usd
from a2f.mesh import Topology

FRAMES, RATE = 9, 29.97


@pytest.fixture(scope="module")
def opening() -> np.ndarray:
    """The mean demo face opening its jaw, (9, N, 3); synthetic."""
    faces = load_faces()
    return faces.mean + np.linspace(0, 0.8, FRAMES)[:, None, None].astype(np.float32) * faces.unit_basis[24]


@pytest.fixture(scope="module")
def topology() -> Topology:
    return load_faces().topology


def opened(path):
    """The stage and its one mesh, by USD's own library."""
    pxr = pytest.importorskip("pxr.Usd")
    from pxr import UsdGeom

    stage = pxr.Stage.Open(str(path))
    return stage, UsdGeom.Mesh(stage.GetDefaultPrim())


@pytest.mark.parametrize("suffix", ["usd", "usdc", "usda"])
def test_every_frame_comes_back(tmp_path, opening, topology, suffix):
    path = tmp_path / f"face.{suffix}"
    Animation(opening, RATE, topology, name="opening").to_usd(path, progress=False)
    stage, mesh = opened(path)
    assert mesh.GetPointsAttr().GetTimeSamples() == list(range(FRAMES))
    read = np.stack([np.array(mesh.GetPointsAttr().Get(frame)) for frame in range(FRAMES)])
    np.testing.assert_array_equal(read, opening)
    assert np.abs(read[8] - read[0]).max() > 20
    assert (stage.GetStartTimeCode(), stage.GetEndTimeCode(), stage.GetTimeCodesPerSecond()) == (0, FRAMES - 1, RATE)
    assert mesh.GetPrim().GetCustomDataByKey("name") == "opening"
    assert path.read_bytes().startswith(b"#usda" if suffix == "usda" else b"PXR-USDC")


def test_the_mesh_is_described(tmp_path, opening, topology):
    from trimesh import Trimesh

    write_usd(tmp_path / "face.usdc", opening, RATE, topology)
    stage, mesh = opened(tmp_path / "face.usdc")
    from pxr import UsdGeom

    assert UsdGeom.GetStageUpAxis(stage) == "Y" and UsdGeom.GetStageMetersPerUnit(stage) == 0.001
    assert mesh.GetSubdivisionSchemeAttr().Get() == "none", "or it would be smoothed away from its vertices"
    assert set(mesh.GetFaceVertexCountsAttr().Get()) == {3}
    np.testing.assert_array_equal(np.reshape(mesh.GetFaceVertexIndicesAttr().Get(), (-1, 3)), topology.faces)
    colours = mesh.GetDisplayColorPrimvar()
    assert colours.GetInterpolation() == "vertex"
    np.testing.assert_array_equal(np.array(colours.Get()), linear_colours(topology))
    for frame in (0, 8):
        extent = np.array(mesh.GetExtentAttr().Get(frame))
        np.testing.assert_array_equal(extent, [opening[frame].min(0), opening[frame].max(0)])
        normals = np.array(mesh.GetNormalsAttr().Get(frame))
        expected = Trimesh(opening[frame], topology.faces, process=False).vertex_normals
        np.testing.assert_allclose(normals, expected, atol=1e-6)


def test_without_normals_it_is_half_as_large(tmp_path, opening, topology):
    write_usd(tmp_path / "with.usdc", opening, RATE, topology)
    write_usd(tmp_path / "without.usdc", opening, RATE, topology, normals=False)
    large, small = ((tmp_path / f"{name}.usdc").stat().st_size for name in ("with", "without"))
    assert small < 0.65 * large
    stage, mesh = opened(tmp_path / "without.usdc")
    assert not mesh.GetNormalsAttr().HasAuthoredValue()


def test_a_scale_that_is_not_known_is_not_made_up(tmp_path):
    pytest.importorskip("pxr")
    from pxr import UsdGeom

    triangle = Topology("triangle", 3, np.array([[0, 1, 2]]), {}, unit="span", metres_per_unit=None)
    write_usd(tmp_path / "a.usda", np.eye(3)[None], 30, triangle)
    stage, mesh = opened(tmp_path / "a.usda")
    assert not UsdGeom.StageHasAuthoredMetersPerUnit(stage)
    assert mesh.GetPrim().GetCustomDataByKey("unit") == "span"


def test_the_same_vertices_give_the_same_bytes(tmp_path, opening, topology):
    for name in ("a.usdc", "b.usdc"):
        write_usd(tmp_path / name, opening, RATE, topology)
    assert (tmp_path / "a.usdc").read_bytes() == (tmp_path / "b.usdc").read_bytes()


def test_without_usd_core_it_says_what_to_install(tmp_path, opening, topology, monkeypatch):
    monkeypatch.setitem(sys.modules, "pxr", None)
    with pytest.raises(MissingData, match=r'pip install "a2f\[usd\]"'):
        write_usd(tmp_path / "face.usd", opening, RATE, topology)


@pytest.mark.parametrize(
    "name, vertices, fps, named",
    [
        ("face.usdz", np.zeros((2, 4838, 3)), 30, "no USD file by its name"),
        ("face.usd", np.zeros((2, 9, 3)), 30, "4838"),
        ("face.usd", np.zeros((4838, 3)), 30, r"expected \(T, N, 3\)"),
        ("face.usd", np.zeros((0, 4838, 3)), 30, "T of at least 1"),
        ("face.usd", np.zeros((2, 4838, 3)), 0, "fps is 0"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_written(tmp_path, topology, name, vertices, fps, named):
    with pytest.raises(BadInput, match=named):
        write_usd(tmp_path / name, vertices, fps, topology)
    assert not list(tmp_path.iterdir())


def test_a_file_that_breaks_off_leaves_the_old_one(tmp_path, opening, topology, monkeypatch):
    path = tmp_path / "face.usdc"
    path.write_bytes(b"old")

    def fail(*given):
        raise KeyboardInterrupt

    monkeypatch.setattr("a2f.export.usd.vertex_normals", fail)
    with pytest.raises(KeyboardInterrupt):
        write_usd(path, opening, RATE, topology)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]
