"""Receipts: a result counts as there only while its inputs and every byte of it are what they were."""

from __future__ import annotations

import numpy as np
import pytest

from a2f.errors import BadInput
from a2f.files import read_json, sha256
from a2f.receipts import Receipt, digest

MADE_FROM = {"sound": "1", "model": "2"}


@pytest.fixture
def made(tmp_path):
    """A receipt of a file and of a folder, and where they are."""
    film, frames = tmp_path / "a.mp4", tmp_path / "a-ply"
    film.write_bytes(b"film")
    frames.mkdir()
    for name in ("frame_0001.ply", "frame_0002.ply"):
        (frames / name).write_text(name)
    receipt = Receipt.open(tmp_path / "a.a2f.json", MADE_FROM)
    receipt.add("mp4", film)
    receipt.add("ply", frames, largest_error=0.5)
    return film, frames


def again(film, made_from=MADE_FROM) -> Receipt:
    return Receipt.open(film.parent / "a.a2f.json", made_from)


def test_what_was_noted_is_there_for_the_next_call(made):
    film, frames = made
    receipt = again(film)
    assert receipt.holds("mp4", film) and receipt.holds("ply", frames)
    assert not receipt.holds("glb", film.with_suffix(".glb"))
    assert receipt.results["ply"]["largest_error"] == 0.5
    stored = read_json(receipt.path)
    assert stored["made_from"] == MADE_FROM and stored["results"]["mp4"] == {"files": {"a.mp4": sha256(film)}}


@pytest.mark.parametrize("other", [{"sound": "1", "model": "3"}, {"sound": "1"}, {**MADE_FROM, "style": "4"}])
def test_results_of_other_inputs_are_not_there(made, other):
    film, _ = made
    assert not again(film, other).holds("mp4", film)


@pytest.mark.parametrize("change", ["gone", "cut", "changed", "a folder"])
def test_a_result_that_is_not_as_it_was_is_not_there(made, change):
    film, frames = made
    film.unlink()
    if change == "a folder":
        film.mkdir()
    elif change != "gone":
        film.write_bytes(b"fil" if change == "cut" else b"fill")
    assert not again(film).holds("mp4", film) and again(film).holds("ply", frames)


def test_a_sequence_is_there_with_all_of_its_frames_and_no_more(made):
    film, frames = made
    (frames / "frame_0003.ply").touch()
    assert not again(film).holds("ply", frames)
    (frames / "frame_0003.ply").unlink()
    assert again(film).holds("ply", frames)
    (frames / "frame_0002.ply").unlink()
    assert not again(film).holds("ply", frames)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"made_from": {"sound": "1", "model": "2"}, "results": {"mp4": 1}}', '{"made_from": 1}']
)
def test_a_damaged_receipt_vouches_for_nothing(made, text):
    film, frames = made
    again(film).path.write_text(text)
    receipt = again(film)
    assert not receipt.holds("mp4", film) and not receipt.holds("ply", frames)
    receipt.add("mp4", film)
    assert again(film).holds("mp4", film)


def test_a_note_that_cannot_be_stored_leaves_the_old_receipt(made):
    film, _ = made
    with pytest.raises(BadInput, match="largest_error is nan"):
        again(film).add("mp4", film, largest_error=float("nan"))
    assert again(film).holds("mp4", film)


def test_a_digest_tells_values_types_shapes_and_their_order_apart():
    values = np.arange(6, dtype=np.float32)
    different = [
        (values,), (values + 1,), (values.reshape(2, 3),), (values.astype(np.float64),), (values[:3], values[3:]),
        (values, "a"), ("a", values), ("a", "b"), ("ab",), (30.0,), (60.0,),
    ]  # fmt: skip
    assert len({digest(*one) for one in different}) == len(different)
    assert digest(values) == digest(np.repeat(values, 2)[::2])
    with pytest.raises(TypeError, match="no digest of NoneType"):
        digest(None)
