"""Topologies survive their file, and refuse what does not fit them."""

from __future__ import annotations

import numpy as np
import pytest

from a2f.errors import BadInput, MissingData
from a2f.mesh import Topology

TRIANGLES = np.array([[0, 1, 2], [2, 1, 3]])


def make(**changes) -> Topology:
    given = {"name": "square", "num_vertices": 4, "faces": TRIANGLES, "regions": {"lips": np.array([1, 3])}}
    return Topology(**given | changes)


@pytest.mark.parametrize("metres", [1e-3, None])
def test_a_saved_topology_comes_back_whole(tmp_path, metres):
    saved = make(
        unit="cm",
        metres_per_unit=metres,
        region_source="drawn by hand",
        landmarks={"upper_lip_inner": np.array([3, 1, 2])},
        parts=np.array([0, 0, 1, 1], np.uint8),
        part_names=("skin", "lips"),
    )
    saved.save(tmp_path / "topology.npz")
    loaded = Topology.load(tmp_path / "topology.npz")
    for name in ("name", "num_vertices", "unit", "metres_per_unit", "region_source", "part_names"):
        assert getattr(loaded, name) == getattr(saved, name), name
    np.testing.assert_array_equal(loaded.faces, TRIANGLES)
    assert list(loaded.regions) == ["lips"] and loaded.regions["lips"].tolist() == [1, 3]
    assert loaded.landmarks["upper_lip_inner"].tolist() == [3, 1, 2], "landmarks keep their order"
    assert loaded.parts.tolist() == [0, 0, 1, 1]


def test_region_ids_are_sorted_and_counted_once():
    """A vertex named twice would weigh twice in every error."""
    given = {"lips": [3, 1, 3]}
    assert make(regions=given).region("lips").tolist() == [1, 3]
    assert given == {"lips": [3, 1, 3]}, "what the caller gave is left alone"


def test_ids_are_int32():
    topology = make(landmarks={"jaw": [2]})
    assert topology.faces.dtype == topology.region("lips").dtype == topology.landmarks["jaw"].dtype == np.int32


@pytest.mark.parametrize(
    "changes, named",
    [
        ({"faces": np.zeros((2, 4), int)}, r"faces has shape \(2, 4\)"),
        ({"faces": TRIANGLES + 1}, "faces name vertex 4"),
        ({"faces": TRIANGLES - 1}, "faces name vertex -1"),
        ({"regions": {"lips": np.array([1, 4])}}, "region 'lips'"),
        ({"regions": {"lips": np.array([-1])}}, "region 'lips'"),
        ({"regions": {"lips": np.array([], int)}}, "region 'lips'"),
        ({"regions": {"lips": np.array([True, False, True, False])}}, "region 'lips'.*bool"),
        ({"regions": {"lips": np.array([0.5])}}, "region 'lips'.*float"),
        ({"landmarks": {"jaw": np.array([9])}}, "landmark 'jaw'"),
        ({"parts": np.zeros(3, np.uint8)}, r"parts has shape \(3,\)"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(changes, named):
    with pytest.raises(BadInput, match=named):
        make(**changes)


def test_an_unknown_region_lists_those_there_are():
    with pytest.raises(BadInput, match="'nose'.*lips"):
        make().region("nose")


def test_vertices_are_checked_for_shape_and_finiteness():
    topology = make()
    checked = topology.check_vertices(np.zeros((5, 4, 3)), "the motion")
    assert checked.dtype == np.float32 and checked.shape == (5, 4, 3)
    with pytest.raises(BadInput, match=r"the motion has shape \(5, 3, 3\).*\(\.\.\., 4, 3\)"):
        topology.check_vertices(np.zeros((5, 3, 3)), "the motion")
    with pytest.raises(BadInput, match="the motion holds coordinates that are not finite"):
        topology.check_vertices(np.full((4, 3), np.nan), "the motion")


def test_a_file_that_is_no_topology_is_refused_by_name(tmp_path):
    with pytest.raises(MissingData, match="nothing.npz"):
        Topology.load(tmp_path / "nothing.npz")
    path = tmp_path / "topology.npz"
    make().save(path)
    whole = path.read_bytes()
    np.savez(tmp_path / "other.npz", a=np.arange(3))
    for content in (b"", b"not a zip", whole[: len(whole) // 2], (tmp_path / "other.npz").read_bytes()):
        path.write_bytes(content)
        with pytest.raises(BadInput, match="topology.npz is not a (whole npz|topology) file"):
            Topology.load(path)
