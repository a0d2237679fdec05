"""The demo face asset: shapes, regions, lips that touch and lids that close for any identity."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

ASSET = Path(__file__).resolve().parent.parent / "a2f" / "assets" / "demo" / "faces.npz"
SIDED = """browDown browOuterUp cheekSquint eyeBlink eyeLookDown eyeLookIn eyeLookOut eyeLookUp eyeSquint
eyeWide
mouthDimple mouthFrown mouthLowerDown mouthPress mouthSmile mouthStretch mouthUpperUp noseSneer""".split()
SINGLE = """browInnerUp cheekPuff jawForward jawLeft jawOpen jawRight mouthClose mouthFunnel mouthLeft
mouthPucker
mouthRight mouthRollLower mouthRollUpper mouthShrugLower mouthShrugUpper tongueOut""".split()


@pytest.fixture(scope="module")
def asset() -> dict[str, np.ndarray]:
    with np.load(ASSET, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


@pytest.fixture(scope="module")
def identity(asset) -> np.ndarray:
    return asset["identity_basis"] * asset["identity_scale"][:, None, None]


@pytest.fixture(scope="module")
def unit(asset) -> dict[str, np.ndarray]:
    rows = asset["unit_basis"] * asset["unit_scale"][:, None, None]
    return dict(zip(asset["unit_names"].tolist(), rows, strict=True))


@pytest.fixture(scope="module")
def heads(asset, identity) -> np.ndarray:
    codes = np.random.default_rng(17).normal(size=(40, len(identity)))
    return asset["mean"] + np.tensordot(codes, identity, 1)


def part_ids(asset, name: str) -> np.ndarray:
    return np.flatnonzero(asset["part"] == asset["part_names"].tolist().index(name))


def rim_gap(asset, shapes: np.ndarray) -> np.ndarray:
    """Upper minus lower rim, vertical, (..., pairs) mm."""
    upper, lower = asset["landmark_upper_lip_inner"], asset["landmark_lower_lip_inner"]
    return shapes[..., upper, 1] - shapes[..., lower, 1]


def test_format(asset):
    count = len(asset["mean"])
    assert 3500 <= count <= 5500
    assert ASSET.stat().st_size <= 1_500_000
    assert asset["mean"].shape == (count, 3) and asset["mean"].dtype == np.float32
    assert asset["identity_basis"].shape == (40, count, 3) and asset["identity_basis"].dtype == np.int16
    assert asset["unit_basis"].shape == (52, count, 3) and asset["unit_basis"].dtype == np.int16
    assert asset["identity_scale"].shape == (40,) and asset["identity_scale"].dtype == np.float32
    assert asset["unit_scale"].shape == (52,) and asset["unit_scale"].dtype == np.float32
    assert asset["part"].shape == (count,) and asset["part"].dtype == np.uint8
    assert asset["faces"].dtype == np.int32 and asset["faces"].shape[1] == 3
    for name in ("mean", "identity_scale", "unit_scale"):
        assert np.isfinite(asset[name]).all()
    assert (asset["identity_scale"] > 0).all() and (asset["unit_scale"] > 0).all()


def test_unit_names_are_the_52_of_arkit(asset):
    expected = SINGLE + [name + side for name in SIDED for side in ("Left", "Right")]
    assert len(expected) == 52
    assert sorted(asset["unit_names"].tolist()) == sorted(expected)


def test_every_vertex_is_used_and_no_triangle_is_degenerate(asset):
    faces, mean = asset["faces"], asset["mean"].astype(np.float64)
    assert np.array_equal(np.unique(faces), np.arange(len(mean)))
    a, b, c = mean[faces].transpose(1, 0, 2)
    assert np.linalg.norm(np.cross(b - a, c - a), axis=1).min() > 1e-3


def test_triangles_face_outwards(asset):
    faces, mean = asset["faces"], asset["mean"].astype(np.float64)
    a, b, c = mean[faces].transpose(1, 0, 2)
    normal, middle = np.cross(b - a, c - a), (a + b + c) / 3
    for name, skin in (("eye_white", False), ("iris", False), ("teeth", False), ("skin", True)):
        inside = np.isin(faces, part_ids(asset, name)).all(1)
        front = inside & (middle[:, 2] > np.quantile(middle[inside, 2], 0.8))
        assert (normal[front, 2] > 0).mean() > (0.85 if skin else 0.7), name


def test_frame_is_millimetres_y_up_z_forward_x_left(asset, unit):
    mean = asset["mean"]
    assert np.abs(mean[asset["region_face"]].mean(0)).max() < 0.01
    assert 200 < np.ptp(mean[:, 1]) < 340 and 130 < np.ptp(mean[:, 0]) < 220
    eyes, lips = mean[asset["region_eyes"]], mean[asset["region_lips"]]
    assert eyes[:, 1].mean() > lips[:, 1].mean() + 40
    assert lips[:, 2].mean() > mean[:, 2].mean() + 35
    blink = np.linalg.norm(unit["eyeBlinkLeft"], axis=1)
    assert mean[blink > 3, 0].min() > 5  # the subject's left is +x


def test_regions_are_sorted_and_nested(asset):
    regions = {key.removeprefix("region_"): ids for key, ids in asset.items() if key.startswith("region_")}
    assert set(regions) == {"lips", "upper_face", "face", "skin", "inner_mouth", "eyes"}
    for name, ids in regions.items():
        assert ids.dtype == np.int32 and (np.diff(ids) > 0).all(), name
        assert ids[0] >= 0 and ids[-1] < len(asset["mean"])
    assert set(regions["lips"]) <= set(regions["face"]) <= set(regions["skin"])
    assert set(regions["upper_face"]) <= set(regions["face"])
    assert not set(regions["lips"]) & set(regions["upper_face"])
    assert not set(regions["skin"]) & set(regions["inner_mouth"])
    assert not set(regions["eyes"]) & (set(regions["skin"]) | set(regions["inner_mouth"]))
    assert 120 <= len(regions["lips"]) <= 250 and 1500 <= len(regions["face"]) <= 2200


def test_face_is_one_connected_component(asset):
    count, ids = len(asset["mean"]), asset["region_face"]
    ends = np.concatenate([asset["faces"][:, [0, 1]], asset["faces"][:, [1, 2]], asset["faces"][:, [2, 0]]])
    graph = coo_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(count, count)).tocsr()
    assert connected_components(graph[ids][:, ids], directed=False)[0] == 1


def test_rims_are_paired_right_to_left(asset):
    upper, lower = asset["landmark_upper_lip_inner"], asset["landmark_lower_lip_inner"]
    assert len(upper) == len(lower) >= 11
    assert upper[0] == lower[0] and upper[-1] == lower[-1]
    assert len(set(upper[1:-1]) | set(lower[1:-1])) == 2 * (len(upper) - 2)
    for ids in (upper, lower):
        assert (np.diff(asset["mean"][ids, 0]) > 0).all()
        assert set(ids) <= set(asset["region_lips"])
    assert np.abs(asset["mean"][upper, 0] - asset["mean"][lower, 0]).max() < 2.0
    assert asset["landmark_lower_lip_top"][0] == lower[len(lower) // 2]


def test_lips_touch_at_rest_for_every_identity(asset, heads):
    gaps = rim_gap(asset, heads)
    middle = gaps[:, gaps.shape[1] // 2]
    assert (middle >= 0).all() and (middle <= 0.5).all()
    assert np.abs(gaps).max() < 0.5


def test_identities_differ(heads):
    spread = heads.std(0)
    assert np.sqrt((spread**2).sum(-1).mean()) > 2.0


@pytest.mark.parametrize("amount", [0.2, 0.6, 1.0])
def test_mouth_close_undoes_jaw_open(asset, unit, heads, amount):
    opened = heads + amount * unit["jawOpen"]
    closed = opened + amount * unit["mouthClose"]
    middle = len(asset["landmark_upper_lip_inner"]) // 2
    assert (rim_gap(asset, opened)[:, middle] > 25 * amount).all()
    assert np.abs(rim_gap(asset, closed)).max() < 0.5


def test_units_that_keep_the_lips_together(asset, unit, heads):
    for name in ("mouthSmileLeft", "mouthFrownRight", "mouthPressLeft", "mouthPucker", "mouthDimpleRight"):
        assert np.abs(rim_gap(asset, heads + unit[name])).max() < 0.6, name


def test_blink_covers_the_eye_for_every_identity(asset, unit, heads):
    pupil = part_ids(asset, "pupil")
    lids = asset["region_upper_face"]
    for side, sign in (("Left", 1), ("Right", -1)):
        blink = unit[f"eyeBlink{side}"]
        moved = lids[np.linalg.norm(blink[lids], axis=1) > 6]  # the upper lid
        eye = pupil[asset["mean"][pupil, 0] * sign > 0]
        centre = heads[:, eye].mean(1)
        near = np.abs(asset["mean"][moved, 0] - asset["mean"][eye, 0].mean()) < 4
        lid_open = heads[:, moved[near], 1].min(1)
        lid_shut = (heads + blink)[:, moved[near], 1].min(1)
        assert (lid_open > centre[:, 1] - 1).all(), side
        assert (lid_shut < centre[:, 1] - 3).all(), side


def test_jaw_carries_lower_teeth_and_tongue_but_not_the_upper_teeth(asset, unit):
    jaw = unit["jawOpen"]
    upper, lower = asset["landmark_upper_incisor"], asset["landmark_lower_incisor"]
    assert np.abs(jaw[upper]).max() < 0.01
    assert (jaw[lower, 1] < -15).all()
    assert jaw[part_ids(asset, "tongue"), 1].mean() < -5
    assert jaw[asset["landmark_jaw"][0], 1] < -15


def test_teeth_stay_behind_closed_lips(asset, heads):
    rim = heads[:, asset["landmark_upper_lip_inner"]]
    for name in ("landmark_upper_incisor", "landmark_lower_incisor"):
        teeth = heads[:, asset[name]]
        assert (teeth[:, :, 2].max(1) < rim[:, rim.shape[1] // 2, 2] - 3).all(), name
    edge = heads[:, asset["landmark_upper_incisor"], 1].mean(1) - rim[:, rim.shape[1] // 2, 1]
    assert np.ptp(edge) < 0.1  # the incisors keep their place to the lip in every identity


def test_brows_rise_and_are_part_of_the_upper_face(asset, unit):
    for side in ("left", "right"):
        ids = asset[f"landmark_brow_{side}"]
        assert set(ids) <= set(asset["region_upper_face"])
        assert unit[f"browOuterUp{side.capitalize()}"][ids, 1].mean() > 1
        assert unit[f"browDown{side.capitalize()}"][ids, 1].mean() < -1
