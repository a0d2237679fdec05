"""Strengths of face units are found again, stay within 0 and 1, and are written as Live Link Face writes them."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from scipy.optimize import minimize

from a2f.animation import Animation
from a2f.data.faces import Faces, load_faces
from a2f.errors import BadInput, MissingData
from a2f.export.arkit import ARKIT_SHAPES, ROTATIONS, arkit_shapes, fit_blendshapes, read_units, write_arkit_csv
from a2f.mesh import Topology

FRAMES = 9


@pytest.fixture(scope="module")
def faces() -> Faces:
    return load_faces()


@pytest.fixture(scope="module")
def strengths(faces) -> np.ndarray:
    """A few units at work at a time, (9, 52) in [0, 1]; synthetic."""
    rng = np.random.default_rng(0)
    drawn = rng.random((FRAMES, len(faces.unit_names))) * (rng.random((FRAMES, len(faces.unit_names))) < 0.3)
    return drawn.astype(np.float32)


@pytest.fixture(scope="module")
def animation(faces, strengths) -> Animation:
    return Animation(faces.mean + np.tensordot(strengths, faces.unit_basis, axes=1), 30.0, faces.topology)


def rows(path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_the_demo_units_are_arkits_52_shapes(faces):
    """So no table between two sets of names is needed."""
    assert len(ARKIT_SHAPES) == 52 and set(ARKIT_SHAPES) == set(faces.unit_names)


def test_strengths_that_made_a_motion_are_found_again(faces, strengths, animation):
    weights, residual = fit_blendshapes(animation.vertices, faces.mean, faces.unit_basis, faces.unit_names)
    np.testing.assert_allclose(weights, strengths, atol=1e-4)
    assert residual.shape == (FRAMES, len(faces.mean)) and residual.max() < 1e-3


def test_what_no_strength_reaches_is_told(faces):
    """An offset that no unit makes, and a unit driven to twice its full strength."""
    unit = faces.unit_basis[faces.unit("jawOpen")]
    weights, residual = fit_blendshapes((faces.mean + 2 * unit)[None], faces.mean, unit[None], ["jawOpen"])
    assert weights == [[1.0]]
    np.testing.assert_allclose(residual[0], np.linalg.norm(unit, axis=-1), rtol=1e-4, atol=1e-4)
    weights, residual = fit_blendshapes((faces.mean - unit)[None], faces.mean, unit[None], ["jawOpen"])
    assert weights == [[0.0]]


def test_the_fit_is_the_best_within_the_bounds():
    """Against a general optimiser on the whole problem, where many bounds are active."""
    rng = np.random.default_rng(3)
    template, basis = rng.normal(size=(20, 3)), rng.normal(size=(6, 20, 3))
    basis[5] = 0  # a unit that moves nothing
    vertices = template + np.tensordot(rng.normal(0.5, 1, (8, 6)), basis, axes=1) + rng.normal(size=(8, 20, 3))
    weights, residual = fit_blendshapes(vertices, template, basis, list("abcdef"))
    assert ((weights == 0) | (weights == 1)).any() and (weights >= 0).all() and (weights <= 1).all()
    for frame, found, distance in zip(vertices - template, weights, residual, strict=True):

        def loss(w, frame=frame):
            return ((frame - np.tensordot(w, basis, axes=1)) ** 2).sum()

        best = minimize(loss, np.full(6, 0.5), bounds=[(0, 1)] * 6, method="L-BFGS-B", tol=1e-12)
        assert (distance**2).sum() == pytest.approx(best.fun, rel=1e-5)
        np.testing.assert_allclose(found[:5], best.x[:5], atol=1e-3)


def test_the_file_is_as_the_app_writes_it(tmp_path, faces, strengths, animation):
    told = animation.to_arkit_csv(tmp_path / "face.csv", template=faces.mean)
    assert told < 1e-3
    read = rows(tmp_path / "face.csv")
    header = list(read[0])
    assert header[:3] == ["Timecode", "BlendshapeCount", "EyeBlinkLeft"] and header[19] == "JawOpen"
    assert header[53] == "TongueOut" and header[54:] == list(ROTATIONS) and len(header) == 2 + 61
    assert {row["BlendshapeCount"] for row in read} == {"61"} and len(read) == FRAMES
    for unit, expected in zip(faces.unit_names, strengths.T, strict=True):
        found = [float(row[unit[0].upper() + unit[1:]]) for row in read]
        np.testing.assert_allclose(found, expected, atol=1e-4)
    assert {row[name] for row in read for name in ROTATIONS} == {"0"}


@pytest.mark.parametrize(
    "fps, frame, timecode",
    [
        (30, 0, "00:00:00:00.000"),
        (30, 29, "00:00:00:29.000"),
        (30, 30, "00:00:01:00.000"),
        (60, 3660, "00:01:01:00.000"),
        (29.97, 30, "00:00:01:00.030"),
        (0.5, 1800, "01:00:00:00.000"),
    ],
)
def test_timecodes_count_frames(tmp_path, fps, frame, timecode):
    write_arkit_csv(tmp_path / "a.csv", np.zeros((frame + 1, 1)), ["jawOpen"], fps)
    with open(tmp_path / "a.csv") as file:
        assert file.readlines()[-1].startswith(timecode + ",61,")


def test_a_unit_of_both_sides_drives_left_and_right(tmp_path):
    assert arkit_shapes("mouthSmile") == ("mouthSmileLeft", "mouthSmileRight")
    assert arkit_shapes("mouthLeft") == ("mouthLeft",) and arkit_shapes("jawOpen") == ("jawOpen",)
    write_arkit_csv(tmp_path / "a.csv", np.array([[0.25, 0.5], [0.75, 0.5]]), ["mouthSmile", "mouthSmileLeft"], 30)
    read = rows(tmp_path / "a.csv")
    assert [float(row["MouthSmileRight"]) for row in read] == [0.25, 0.75]
    assert [float(row["MouthSmileLeft"]) for row in read] == [0.75, 1.0], "added up, to 1 at most"
    assert {row["JawOpen"] for row in read} == {"0.000000"}


def test_one_s_own_units_are_used(tmp_path, animation, faces, strengths):
    mine = ["jawOpen", "tongueOut"]
    basis = faces.unit_basis[[faces.unit(name) for name in mine]]
    np.savez(tmp_path / "mine.npz", basis=basis, names=mine)
    far = animation.to_arkit_csv(tmp_path / "face.csv", units=tmp_path / "mine.npz")
    expected, residual = fit_blendshapes(animation.vertices, animation.template, basis, mine)
    read = rows(tmp_path / "face.csv")
    np.testing.assert_allclose([float(row["JawOpen"]) for row in read], expected[:, 0], atol=1e-6)
    assert far == pytest.approx(residual.max()) and far > 1
    assert {row["EyeBlinkLeft"] for row in read} == {"0.000000"}


def test_the_first_frame_is_at_rest_where_nothing_else_is_said(tmp_path, animation):
    animation.to_arkit_csv(tmp_path / "face.csv")
    first, *others = ([float(value) for value in list(row.values())[2:]] for row in rows(tmp_path / "face.csv"))
    assert max(first) < 1e-6 < max(max(row) for row in others)


def test_another_topology_needs_its_own_units(tmp_path):
    other = Topology("mine", 3, np.array([[0, 1, 2]]), {})
    animation = Animation(np.eye(3)[None], 30, other)
    with pytest.raises(BadInput, match="topology mine is not that of the demo faces.*give units"):
        animation.to_arkit_csv(tmp_path / "a.csv")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("unit", ["jaw", "mouth", "smile", "JawOpen", ""])
def test_a_name_that_arkit_does_not_know_is_refused(tmp_path, unit):
    with pytest.raises(BadInput, match="is no ARKit shape"):
        write_arkit_csv(tmp_path / "a.csv", np.zeros((2, 1)), [unit], 30)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "weights, fps, named",
    [
        (np.zeros((2, 3)), 30, r"expected \(T, 1\)"),
        (np.zeros((0, 1)), 30, "T of at least 1"),
        (np.full((2, 1), 1.5), 30, "within 0 and 1"),
        (np.full((2, 1), np.nan), 30, "within 0 and 1"),
        (np.zeros((2, 1)), 0, "fps is 0"),
    ],
)
def test_weights_that_do_not_fit_are_refused(tmp_path, weights, fps, named):
    with pytest.raises(BadInput, match=named):
        write_arkit_csv(tmp_path / "a.csv", weights, ["jawOpen"], fps)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "changes, named",
    [
        ({"vertices": np.zeros((5, 3))}, "do not fit together"),
        ({"basis": np.zeros((2, 4, 3))}, "do not fit together"),
        ({"names": ["a"]}, "do not fit together"),
        ({"basis": np.zeros((0, 5, 3)), "names": []}, "no face unit"),
        ({"basis": np.full((2, 5, 3), np.inf)}, "not finite"),
    ],
)
def test_units_that_do_not_fit_are_refused(changes, named):
    given = {"vertices": np.zeros((1, 5, 3)), "template": np.zeros((5, 3)), "basis": np.ones((2, 5, 3))}
    with pytest.raises(BadInput, match=named):
        fit_blendshapes(**given | {"names": ["a", "b"]} | changes)


def test_a_file_of_units_says_what_is_missing(tmp_path):
    with pytest.raises(MissingData, match="nowhere.npz"):
        read_units(tmp_path / "nowhere.npz")
    np.savez(tmp_path / "half.npz", basis=np.zeros((1, 3, 3)))
    with pytest.raises(BadInput, match="half.npz has no array 'names'"):
        read_units(tmp_path / "half.npz")
    np.savez(tmp_path / "words.npz", basis=np.array(["a"]), names=["jawOpen"])
    with pytest.raises(BadInput, match="expected numbers"):
        read_units(tmp_path / "words.npz")
