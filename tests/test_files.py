"""Files are whole or absent, results hold finite numbers, and mistakes are named."""

from __future__ import annotations

import hashlib
import json
import os
import stat

import numpy as np
import pytest

from a2f.arrays import read_npz
from a2f.errors import BadInput, MissingData
from a2f.files import atomic_path, read_json, sha256, write_json


def test_a_block_that_fails_leaves_the_old_file_and_no_debris(tmp_path):
    path = tmp_path / "result.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="half way"), atomic_path(path) as temporary:
        temporary.write_text("ne")
        raise RuntimeError("half way")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_appears_only_when_the_block_ends(tmp_path):
    path = tmp_path / "deep" / "er" / "result.npy"
    with atomic_path(path) as temporary:
        assert temporary.parent == path.parent and temporary.suffix == ".npy"
        np.save(temporary, np.arange(3))
        assert not path.exists()
    assert np.load(path).tolist() == [0, 1, 2]
    assert list(path.parent.iterdir()) == [path]


def test_permissions_are_those_of_any_new_file(tmp_path):
    before = os.umask(0o022)
    try:
        with atomic_path(tmp_path / "a") as temporary:
            temporary.write_text("x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o644


def test_json_comes_back_as_it_went(tmp_path):
    value = {"name": "Größe", "rows": [1, 2.5, None, True], "inner": {"a": []}}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == value
    assert "Größe" in (tmp_path / "a.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_not_finite_are_refused_by_key_and_nothing_is_written(tmp_path, bad):
    path = tmp_path / "results.json"
    write_json(path, {"kept": 1})
    with pytest.raises(BadInput, match=r"results\.json\.rows\[1\]\.error"):
        write_json(path, {"rows": [{"error": 1.0}, {"error": bad}]})
    assert read_json(path) == {"kept": 1}
    with pytest.raises(BadInput, match="error"):
        write_json(path, {"error": np.float64(bad)})


def test_reading_names_what_is_missing_or_broken(tmp_path):
    with pytest.raises(MissingData, match="nothing.json"):
        read_json(tmp_path / "nothing.json")
    (tmp_path / "cut.json").write_text(json.dumps({"a": [1, 2]})[:-3])
    with pytest.raises(BadInput, match="cut.json is not a JSON file"):
        read_json(tmp_path / "cut.json")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="bytes.json is not a JSON file"):
        read_json(tmp_path / "bytes.json")


def test_sha256_is_that_of_the_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"a" * 3_000_000)
    assert sha256(tmp_path / "a") == hashlib.sha256(b"a" * 3_000_000).hexdigest()


def test_npz_arrays_come_back_as_they_went(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.arange(6).reshape(2, 3), name="Größe")
    found = read_npz(tmp_path / "a.npz")
    assert set(found) == {"x", "name"} and str(found["name"]) == "Größe"
    np.testing.assert_array_equal(found["x"], np.arange(6).reshape(2, 3))
    with pytest.raises(MissingData, match="nothing.npz"):
        read_npz(tmp_path / "nothing.npz")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_npz_with_any_damage_is_refused_or_unharmed(tmp_path, save):
    """Every byte is flipped once: the arrays come back as they were, or the file is refused by name."""
    path = tmp_path / "a.npz"
    save(path, x=np.arange(12.0))
    whole = path.read_bytes()
    refused = 0
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            found = read_npz(path)
        except BadInput as error:
            assert "a.npz" in str(error)
            refused += 1
        else:
            assert all(np.array_equal(array, np.arange(12.0)) for array in found.values()), place
    assert refused > len(whole) // 3


@pytest.mark.parametrize("kept", [0, 1, 4, 0.5, 0.99])
def test_a_cut_npz_is_refused(tmp_path, kept):
    path = tmp_path / "a.npz"
    np.savez(path, x=np.arange(12.0))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole)) if isinstance(kept, float) else kept])
    with pytest.raises(BadInput, match=r"a\.npz is not a whole npz"):
        read_npz(path)


def test_arrays_of_objects_and_bare_arrays_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.array([{}, None], dtype=object))
    with pytest.raises(BadInput, match="a.npz is not a whole npz"):
        read_npz(tmp_path / "a.npz")
    np.save(tmp_path / "b.npy", np.arange(3))
    with pytest.raises(BadInput, match="single array"):
        read_npz(tmp_path / "b.npy")
