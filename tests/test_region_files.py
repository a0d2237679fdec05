"""Regions come from every kind of file that describes them, and a file that does not is refused by name."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import trimesh

from a2f.data.faces import load_faces
from a2f.data.region_files import regions_for
from a2f.errors import BadInput, MissingData
from a2f.files import sha256
from a2f.mesh import Topology

FACES = load_faces()
TEMPLATE, TRIANGLES = FACES.mean, FACES.topology.faces
N = len(TEMPLATE)
LIPS, UPPER = [7, 3, 5], [9, 8]


def read(source: Path | None, defaults=()) -> dict[str, list[int]]:
    regions, _ = regions_for(TEMPLATE, TRIANGLES, source, defaults)
    return {name: ids.tolist() for name, ids in regions.items()}


def text(source: Path | None, defaults=()) -> str:
    return regions_for(TEMPLATE, TRIANGLES, source, defaults)[1]


def written(folder: Path, **files) -> Path:
    """Write files by stem and suffix, `lips_txt="1 2"`, and return the folder."""
    for name, value in files.items():
        path = folder / ".".join(name.rsplit("_", 1))
        if path.suffix == ".npy":
            np.save(path, value)
        else:
            path.write_text(value if isinstance(value, str) else json.dumps(value))
    return folder


def mask(ids: list[int], high: float = 0.9, low: float = 0.4) -> np.ndarray:
    values = np.full(N, low)
    values[ids] = high
    return values


FLAME = {
    "lips": np.array([30, 31, 32, 31]),
    "forehead": np.array([1, 2]),
    "eye_region": np.array([2, 3, 10, 20]),
    "left_eyeball": np.array([10, 11]),
    "right_eyeball": np.array([20]),
    "face": np.arange(40),
    "neck": np.array([50]),
}


def flame(folder: Path, **changes) -> Path:
    masks = {name: ids for name, ids in (FLAME | changes).items() if ids is not None}
    path = folder / "FLAME_masks.pkl"
    path.write_bytes(pickle.dumps(masks, protocol=2))
    return path


# --- FLAME's masks -------------------------------------------------------------------------------------------------


def test_flame_masks_give_lips_counted_once_and_an_upper_face_without_eyeballs(tmp_path):
    regions = read(flame(tmp_path))
    assert regions["lips"] == [30, 31, 32]
    assert regions["upper_face"] == [1, 2, 3]


def test_flame_face_is_kept_under_another_name_since_the_error_of_the_face_is_over_all_vertices(tmp_path):
    regions = read(flame(tmp_path))
    assert regions["facial"] == list(range(40)) and regions["face"] == list(range(N))
    assert set(regions) == {"lips", "upper_face", "face", "facial"}


def test_flame_source_text_names_file_digest_and_sizes(tmp_path):
    path = flame(tmp_path)
    expected = f"FLAME_masks.pkl ({sha256(path)[:8]}): lips 3, upper_face 3, facial 40; face: all {N} vertices"
    assert text(path) == expected


def test_a_pickle_without_the_masks_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"FLAME_masks.pkl holds lips, eye_region.*expected FLAME's masks.*forehead"):
        read(flame(tmp_path, forehead=None))


def test_flame_masks_of_a_larger_mesh_are_refused(tmp_path):
    with pytest.raises(BadInput, match=rf"'lips' names vertex {N}, but the mesh has {N}"):
        read(flame(tmp_path, lips=np.array([1, N])))


def test_a_pickle_that_runs_code_is_refused_and_runs_nothing(tmp_path):
    class Attack:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    (tmp_path / "FLAME_masks.pkl").write_bytes(pickle.dumps({"lips": Attack()}))
    with pytest.raises(BadInput, match="FLAME_masks.pkl"):
        read(tmp_path / "FLAME_masks.pkl")
    assert not (tmp_path / "ran").exists()


# --- lists and masks, a file each ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, value",
    [
        ("lips_txt", "7 3\n5\n7"),
        ("lve_txt", "7, 3, 5"),  # as BIWI's are published
        ("lips_txt", "7.000e+00\n3.000e+00\n5.000e+00\n"),  # as numpy.savetxt writes whole numbers
        ("lips_npy", np.array([7, 3, 5, 5])),
        ("lips_npy", np.array([[7], [3], [5]], np.uint16)),
        ("lips_json", LIPS),
        ("lips_npy", mask(LIPS)),
        ("lips_npy", mask(LIPS, 1, 0).astype(bool)),
        ("lips_npy", mask(LIPS, 1, 0).astype(int)),
        ("mouth_json", mask(LIPS).tolist()),
        ("weighted_mouth_mask_txt", "\n".join(str(number) for number in mask(LIPS, 1, 0.25))),  # as MeshTalk's are
    ],
)
def test_one_region_is_a_list_or_a_mask_in_any_file(tmp_path, name, value):
    (path,) = written(tmp_path, **{name: value}).iterdir()
    assert read(path)["lips"] == [3, 5, 7]


def test_the_kind_of_file_is_told_in_the_source(tmp_path):
    written(tmp_path, lips_txt="7 3 5", fdd_npy=mask(UPPER))
    digests = [sha256(tmp_path / name)[:8] for name in ("lips.txt", "fdd.npy")]
    expected = f"lips.txt ({digests[0]}): lips 3; fdd.npy ({digests[1]}) > 0.5: upper_face 2; face: all {N} vertices"
    assert text(tmp_path) == expected


def test_a_mask_is_taken_above_one_half(tmp_path):
    values = np.zeros(N)
    values[[1, 2, 3]] = 0.5, 0.500001, 1
    written(tmp_path, lips_npy=values, upper_face_json=UPPER)
    assert read(tmp_path)["lips"] == [2, 3]


def test_forehead_and_eyes_together_are_the_upper_face(tmp_path):
    """MeshTalk has a mask of each."""
    written(
        tmp_path, weighted_mouth_mask_npy=mask(LIPS), forehead_mask_npy=mask([1, 2]), weighted_eye_mask_npy=mask([2, 4])
    )
    assert read(tmp_path)["upper_face"] == [1, 2, 4]
    assert " + " in text(tmp_path)


def test_a_given_face_is_taken_instead_of_all_vertices(tmp_path):
    written(tmp_path, lips_json=LIPS, upper_face_json=UPPER, face_json=list(range(50)))
    assert read(tmp_path)["face"] == list(range(50))
    assert text(tmp_path).endswith("face 50") and "all" not in text(tmp_path)


@pytest.mark.parametrize(
    "name, value, told",
    [
        ("lips_txt", f"1 {N}", rf"lips.txt names vertex {N}, but the mesh has {N}"),
        ("lips_txt", "5 -1", "names vertex -1"),
        ("lips_txt", "", "is empty"),
        ("lips_txt", "one two", r"something else than numbers.*'one'.*expected vertex ids"),
        ("lips_npy", np.zeros(0), "is empty"),
        ("lips_npy", mask(LIPS)[:-1], rf"a mask of {N - 1} vertices, but the mesh has {N}"),
        ("lips_npy", np.ones(7, bool), rf"a mask of 7 vertices, but the mesh has {N}"),
        ("lips_npy", np.zeros(N), r"takes no vertex at all"),
        ("lips_npy", np.where(mask(LIPS) > 0.5, np.nan, 0), "3 numbers that are not finite"),
        ("lips_txt", "3 nan", "1 numbers that are not finite"),
        ("lips_npy", mask(LIPS, high=1.5), "neither whole nor between 0 and 1"),
        ("lips_npy", mask(LIPS, low=-0.1), "neither whole nor between 0 and 1"),
        ("lips_npy", np.array([1.5, 2.5]), "neither whole nor between 0 and 1"),
        ("lips_npy", np.zeros((4, 3)), r"float64 of shape \(4, 3\)"),
        ("lips_npy", np.array(["a", "b"]), "<U1"),
        ("lips_json", [1, "b"], "lips.json"),
        ("lips_json", [[1, 2], [3]], "no plain list"),
        ("lips_json", "[1, 2", "is not a JSON file"),
        ("lips_npy", None, "not a whole .npy file"),  # an array of objects is a pickle
        ("lips_csv", "1,2", "in no known form"),
        ("cheeks_txt", "1 2", r"cheeks.txt.*does not say which region.*lips: lips, lve"),
    ],
)
def test_what_is_neither_a_list_nor_a_mask_is_refused(tmp_path, name, value, told):
    value = np.array(None, dtype=object) if value is None else value
    (path,) = written(tmp_path, **{name: value}).iterdir()
    with pytest.raises(BadInput, match=told):
        read(path, [("upper_face", path)])


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".pkl"])
def test_a_cut_file_is_refused(tmp_path, suffix):
    whole, path = tmp_path / f"whole{suffix}", tmp_path / f"lips{suffix}"
    if suffix == ".npy":
        np.save(whole, np.arange(100))
    elif suffix == ".npz":
        FACES.topology.save(whole)
    else:
        whole.write_bytes(pickle.dumps(FLAME, protocol=2))
    path.write_bytes(whole.read_bytes()[:-30])
    with pytest.raises(BadInput, match=f"lips{suffix} is not a whole"):
        read(path)


def test_a_text_file_that_is_none_is_refused(tmp_path):
    (tmp_path / "lips.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="not a text file"):
        read(tmp_path / "lips.txt")


def test_a_missing_file_is_missing_data(tmp_path):
    with pytest.raises(MissingData, match="gone.txt is neither a file nor a folder"):
        read(tmp_path / "gone.txt")


# --- regions.json and folders --------------------------------------------------------------------------------------


def test_regions_json_takes_lists_files_and_thresholds(tmp_path):
    values = np.linspace(0, 1, N)
    written(tmp_path, a_npy=values, b_txt="1 2", c_txt="2 3")
    described = {"lips": {"file": "a.npy", "threshold": 0.9}, "upper_face": ["b.txt", "c.txt"], "face": [4, 6, 8]}
    written(tmp_path, regions_json=described)
    for source in (tmp_path, tmp_path / "regions.json"):
        regions = read(source)
        assert regions["lips"] == np.flatnonzero(values > 0.9).tolist()
        assert regions["upper_face"] == [1, 2, 3] and regions["face"] == [4, 6, 8]
    assert "a.npy" in text(tmp_path) and "> 0.9" in text(tmp_path)
    assert "regions.json" in text(tmp_path), "ids that it lists itself come from it"


def test_a_folder_with_a_regions_json_is_read_by_it_alone(tmp_path):
    written(tmp_path, regions_json={"lips": LIPS, "upper_face": UPPER}, face_txt="1 2")
    assert read(tmp_path)["face"] == list(range(N))


def test_a_folder_without_any_region_is_refused(tmp_path):
    written(tmp_path, notes_txt="1 2")
    with pytest.raises(BadInput, match="neither a regions.json nor"):
        read(tmp_path)


@pytest.mark.parametrize(
    "described, error, told",
    [
        ({"cheeks": [1]}, BadInput, "'cheeks' is no region; there are lips, upper_face, face"),
        ({}, BadInput, "describes no region"),
        ({"lips": []}, BadInput, "'lips' is empty"),
        ({"lips": 3}, BadInput, r"'lips' holds int64 of shape \(\)"),
        ({"lips": None}, BadInput, "'lips' holds object"),
        ({"lips": [1, N]}, BadInput, f"'lips' names vertex {N}"),
        ({"lips": "gone.txt"}, MissingData, "'lips' names gone.txt, which is not a file"),
        ({"lips": {"threshold": 0.5}}, BadInput, 'expected {"file": name'),
        ({"lips": {"file": "m.npy", "above": 0.5}}, BadInput, 'expected {"file": name'),
        ({"lips": {"file": "m.npy", "threshold": "high"}}, BadInput, 'expected {"file": name'),
        ({"lips": {"file": "m.npy", "threshold": 1.5}}, BadInput, "threshold 1.5, expected a number from 0"),
        ({"lips": {"file": "l.txt", "threshold": 0.5}}, BadInput, "lists vertex ids; only a mask has a threshold"),
    ],
)
def test_regions_json_is_checked(tmp_path, described, error, told):
    written(tmp_path, regions_json=described, m_npy=mask(LIPS), l_txt="1 2 3")
    with pytest.raises(error, match=told):
        read(tmp_path)


@pytest.mark.parametrize("name", ["../lips.txt", "in/../../lips.txt", "/etc/hostname", "link.txt"])
def test_regions_json_may_not_lead_out_of_its_folder(tmp_path, name):
    written(tmp_path, lips_txt="1 2 3")
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "link.txt").symlink_to(tmp_path / "lips.txt")
    written(inner, regions_json={"lips": name})
    with pytest.raises(BadInput, match="leads out of"):
        read(inner)


# --- a2f's own files -----------------------------------------------------------------------------------------------


def test_a_topology_that_a2f_wrote_gives_all_its_regions(tmp_path):
    FACES.topology.save(tmp_path / "demo.npz")
    np.savez(tmp_path / "arrays.npz", **FACES.topology.to_arrays())
    for name in ("demo.npz", "arrays.npz"):
        regions, source = regions_for(TEMPLATE, TRIANGLES, tmp_path / name)
        assert set(regions) == set(FACES.topology.regions)
        for role, ids in FACES.topology.regions.items():
            np.testing.assert_array_equal(regions[role], ids)
        assert source.startswith(f"{name} (") and "lips 228, upper_face 845, face 1801" in source


def test_a_topology_of_another_size_is_refused(tmp_path):
    Topology("small", 9, np.array([[0, 1, 2]]), {"lips": np.array([1])}).save(tmp_path / "small.npz")
    with pytest.raises(BadInput, match=f"small.npz describes 9 vertices, but the mesh has {N}"):
        read(tmp_path / "small.npz")


def test_an_npz_of_something_else_is_refused(tmp_path):
    np.savez(tmp_path / "other.npz", vertices=TEMPLATE)
    with pytest.raises(BadInput, match="other.npz holds vertices; expected a topology"):
        read(tmp_path / "other.npz")


# --- what goes before what -----------------------------------------------------------------------------------------


def test_without_any_file_lips_and_upper_face_are_drawn():
    regions, source = regions_for(TEMPLATE, TRIANGLES, None)
    lips, upper = len(regions["lips"]), len(regions["upper_face"])
    assert source == f"drawn geometrically: lips {lips}, upper_face {upper}; face: all {N} vertices"
    assert all(ids.dtype == np.int32 and (np.diff(ids) > 0).all() for ids in regions.values())


def test_only_what_is_not_given_is_drawn(tmp_path):
    written(tmp_path, lips_txt="7 3 5")
    regions, source = regions_for(TEMPLATE, TRIANGLES, tmp_path / "lips.txt")
    assert regions["lips"].tolist() == [3, 5, 7] and len(regions["upper_face"]) > 500
    assert source.startswith("lips.txt (") and "; drawn geometrically: upper_face" in source


def test_what_the_user_names_goes_before_what_lies_with_the_data(tmp_path):
    written(tmp_path, lips_txt="7 3 5", lve_txt="1 2 3", fdd_txt="9 8")
    defaults = [("lips", tmp_path / "lve.txt"), ("upper_face", tmp_path / "fdd.txt")]
    assert read(None, defaults)["lips"] == [1, 2, 3]
    regions = read(tmp_path / "lips.txt", defaults)
    assert regions["lips"] == [3, 5, 7] and regions["upper_face"] == [8, 9]


def test_files_of_the_data_set_may_have_any_name_since_the_reader_knows_what_they_are(tmp_path):
    written(tmp_path, own_name_txt="7 3 5", other_txt="9 8", third_txt="1")
    defaults = [("lips", tmp_path / "own_name.txt"), ("upper_face", tmp_path / "other.txt")]
    regions = read(None, [*defaults, ("upper_face", tmp_path / "third.txt")])
    assert regions["lips"] == [3, 5, 7] and regions["upper_face"] == [1, 8, 9]


def test_files_of_the_data_set_are_not_read_where_the_user_names_all(tmp_path):
    written(tmp_path, lips_txt="7 3 5", fdd_txt="9 8")
    assert read(tmp_path, [("", tmp_path / "broken.pkl")])["upper_face"] == [8, 9]


def test_what_cannot_be_drawn_is_asked_for():
    ball = trimesh.creation.icosphere(subdivisions=4)
    with pytest.raises(BadInput, match="no line between two lips.*--regions"):
        regions_for(ball.vertices, ball.faces, None)
