"""Regions drawn from a head's shape are those that its makers named, whatever its unit, numbering or winding."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from layouts import LIP, MOUTH, MOUTH_WIDTH, head

from a2f.data.faces import load_faces
from a2f.data.region_shapes import geometric_regions
from a2f.errors import BadInput

FACES = load_faces()
TRIANGLES = FACES.topology.faces


def overlap(drawn: np.ndarray, known: np.ndarray) -> float:
    """Return intersection over union."""
    return len(np.intersect1d(drawn, known)) / len(np.union1d(drawn, known))


def someone(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return FACES.identity(rng.normal(size=len(FACES.identity_basis)))


@pytest.fixture(scope="module")
def drawn() -> dict[str, np.ndarray]:
    return geometric_regions(FACES.mean, TRIANGLES)


def test_the_demo_head_has_lips_and_upper_face_where_the_corpus_says(drawn):
    assert overlap(drawn["lips"], FACES.topology.region("lips")) > 0.8
    assert overlap(drawn["upper_face"], FACES.topology.region("upper_face")) > 0.8


def test_so_have_its_kin_flat_noses_thick_lips_and_all():
    lips, upper = [], []
    for seed in range(12):
        found = geometric_regions(someone(seed), TRIANGLES)
        lips.append(overlap(found["lips"], FACES.topology.region("lips")))
        upper.append(overlap(found["upper_face"], FACES.topology.region("upper_face")))
    assert min(lips) > 0.7 and np.mean(lips) > 0.8
    assert min(upper) > 0.6 and np.mean(upper) > 0.75


def test_lips_are_skin_and_not_the_inside_of_the_mouth(drawn):
    lips = drawn["lips"]
    names = np.array(FACES.topology.part_names)[FACES.topology.parts[lips]]
    assert set(names) <= {"skin", "lips"}
    assert np.isin(lips, FACES.topology.region("inner_mouth")).sum() < 0.02 * len(lips)


def test_both_lips_are_there(drawn):
    for side, rim in (("upper", "upper_lip_inner"), ("lower", "lower_lip_inner")):
        height = FACES.mean[FACES.topology.landmarks[rim], 1].mean()
        lips = FACES.mean[drawn["lips"], 1]
        beyond = lips > height + 3 if side == "upper" else lips < height - 3
        assert beyond.sum() > 10, side


def test_the_upper_face_has_no_eyeballs_and_hangs_together(drawn):
    upper = drawn["upper_face"]
    assert not np.isin(upper, FACES.topology.region("eyes")).any()
    inside = np.isin(TRIANGLES, upper).all(axis=1)
    mesh = trimesh.Trimesh(FACES.mean, TRIANGLES[inside], process=False)
    assert len(mesh.split(only_watertight=False)) == 1


def test_regions_do_not_meet_and_are_sorted_ids(drawn):
    assert set(drawn) == {"lips", "upper_face"}
    assert not np.intersect1d(drawn["lips"], drawn["upper_face"]).size
    for ids in drawn.values():
        assert ids.dtype == np.int32 and (np.diff(ids) > 0).all()


@pytest.mark.parametrize("num_vertices", [5023, 6172, 23370])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_made_up_head_of_a_data_sets_size_is_understood(num_vertices, seed):
    points, triangles = head(num_vertices, seed)
    middle, half = (points.max(axis=0) + points.min(axis=0)) / 2, np.ptp(points, axis=0) / 2
    x, y, z = ((points - middle) / half).T
    lens = (x / MOUTH_WIDTH) ** 2 + ((y - (MOUTH - 0.015) / 0.985) / LIP) ** 2  # the head ends at -0.97 below
    found = geometric_regions(points, triangles)
    assert overlap(found["lips"], np.flatnonzero((lens < 1) & (z > 0))) > 0.65
    upper = found["upper_face"]
    assert (y[upper] > 0).all() and (z[upper] > -0.2).all() and len(upper) > num_vertices / 8


@pytest.mark.parametrize("factor", [1e-3, 1 / 170, 1000.0])
def test_the_unit_does_not_matter(drawn, factor):
    for name, ids in geometric_regions(FACES.mean.astype(np.float64) * factor + 5, TRIANGLES).items():
        assert overlap(ids, drawn[name]) > 0.98


def test_numbering_and_winding_do_not_matter(drawn):
    order = np.random.default_rng(0).permutation(len(FACES.mean))
    place = np.argsort(order)
    for triangles in (place[TRIANGLES], place[TRIANGLES][:, ::-1]):
        for name, ids in geometric_regions(FACES.mean[order], triangles).items():
            assert np.array_equal(np.sort(order[ids]), drawn[name])


def test_vertices_doubled_along_a_seam_are_in_a_region_both_or_neither(drawn):
    """A seam of the texture down the middle of the face would else cut it in two."""
    left = (FACES.mean[TRIANGLES, 0] >= 0).all(axis=1)
    triangles = np.where(left[:, None], TRIANGLES + len(FACES.mean), TRIANGLES)
    found = geometric_regions(np.concatenate([FACES.mean, FACES.mean]), triangles)
    for name, ids in found.items():
        assert np.array_equal(ids, np.concatenate([drawn[name], drawn[name] + len(FACES.mean)]))


def test_a_face_mask_without_the_back_of_the_head_is_understood():
    """As scanners deliver it, without ears, eyes and the inside of the mouth."""
    ids = FACES.topology.region("face")
    place = np.full(len(FACES.mean), -1)
    place[ids] = np.arange(len(ids))
    triangles = place[TRIANGLES]
    found = geometric_regions(FACES.mean[ids], triangles[(triangles >= 0).all(axis=1)])
    assert overlap(ids[found["lips"]], FACES.topology.region("lips")) > 0.75
    assert overlap(ids[found["upper_face"]], FACES.topology.region("upper_face")) > 0.75


@pytest.mark.parametrize("strength", [0.1, 0.25, 0.5])
def test_an_open_mouth_is_understood(strength):
    opened = FACES.mean + strength * FACES.unit_basis[FACES.unit("jawOpen")]
    found = geometric_regions(opened, TRIANGLES)
    assert overlap(found["lips"], FACES.topology.region("lips")) > 0.6


def test_a_ball_has_no_face():
    ball = trimesh.creation.icosphere(subdivisions=4)
    with pytest.raises(BadInput, match="no line between two lips.*--regions"):
        geometric_regions(ball.vertices, ball.faces)


def test_a_head_that_faces_the_ceiling_is_not_taken_for_one_that_faces_the_viewer():
    turned = FACES.mean[:, [0, 2, 1]] * [1, -1, 1]
    try:
        found = geometric_regions(turned, TRIANGLES)
    except BadInput:
        return
    assert overlap(found["lips"], FACES.topology.region("lips")) < 0.05


def test_what_is_no_mesh_is_refused():
    with pytest.raises(BadInput, match=r"\(4838, 2\) is not \(N, 3\)"):
        geometric_regions(FACES.mean[:, :2], TRIANGLES)
    with pytest.raises(BadInput, match="finite"):
        geometric_regions(np.where(np.arange(len(FACES.mean))[:, None] == 7, np.nan, FACES.mean), TRIANGLES)
