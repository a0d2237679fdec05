"""Frames at sounds, lips measured where the answer is known, and verdicts that a counterexample overturns."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from a2f.data import Clip, Phone
from a2f.errors import BadInput
from a2f.observations import motion_std
from a2f.qualitative import (
    at_sounds,
    choose_clip,
    choose_moments,
    lip_errors,
    lips_forward,
    observe,
    observed_means,
    region_pose,
    region_std,
    section_5_3,
)

PHONES = (("_", 0.0, 0.1), ("b", 0.1, 0.2), ("aa", 0.2, 0.5), ("w", 0.5, 0.6), ("b", 0.6, 0.7), ("_", 0.7, 1.0))


def rims(topology):
    """The tiny topology with three pairs of points on the lips' rims."""
    return dataclasses.replace(
        topology, landmarks={"upper_lip_inner": np.array([0, 1, 2]), "lower_lip_inner": np.array([3, 4, 5])}
    )


def make(topology, opening, forward=None, phones=PHONES, name="c") -> Clip:
    """A clip at 30 frames a second whose lips open by `opening` and come forward by `forward`."""
    frames = len(opening)
    template = np.random.default_rng(0).normal(size=(topology.num_vertices, 3)).astype(np.float32)
    template[:6, 1] = 0
    vertices = np.repeat(template[None], frames, axis=0)
    vertices[:, :3, 1] += np.asarray(opening, np.float32)[:, None]
    if forward is not None:
        vertices[:, :6, 2] += np.asarray(forward, np.float32)[:, None]
    return Clip(
        name, "s", "t", "test", topology, template, 30.0, frames, 16_000, lambda: np.zeros(16_000, np.float32),
        read_vertices=vertices.__getitem__, phones=tuple(Phone(*phone) for phone in phones),
    )  # fmt: skip


def test_frames_are_the_middles_of_the_first_of_each_sound(topology):
    moments = choose_moments(make(topology, np.zeros(30)))
    assert moments.labels == ("/b/", "/w/", "/aa/")
    np.testing.assert_allclose(moments.frames / 30, [0.15, 0.55, 0.35], atol=0.5 / 30)
    assert choose_moments(make(topology, np.zeros(30)), count=2).labels == ("/b/", "/w/")
    late = make(topology, np.zeros(30), phones=[("p", 0.98, 1.6)])
    assert choose_moments(late).frames.tolist() == [29], "a sound that goes on after the last frame"


def test_without_phones_frames_are_where_the_lips_are_furthest_from_rest(topology):
    bumps = np.zeros(90)
    bumps[[10, 30, 50, 70]] = 2, 5, 1, 4
    found = choose_moments(make(topology, bumps, phones=()), count=3)
    assert found.frames.tolist() == [10, 30, 70] and found.labels == ("0.33 s", "1.00 s", "2.33 s")
    assert "no phones" in found.how
    still = choose_moments(make(topology, np.zeros(90), phones=()), count=3)
    assert still.frames.tolist() == [0, 44, 89] and "evenly" in still.how
    with pytest.raises(BadInput, match="count is 0"):
        choose_moments(make(topology, np.zeros(30)), count=0)


def test_the_clip_with_most_of_the_sounds_is_chosen(topology):
    bare = make(topology, np.zeros(30), phones=(), name="bare")
    full = make(topology, np.zeros(30), name="full")
    assert choose_clip([bare, full, make(topology, np.zeros(30), name="again")]).name == "full"
    assert choose_clip([bare]).name == "bare"
    with pytest.raises(BadInput, match="no clip"):
        choose_clip([])


def test_lip_errors_are_the_mean_distance_of_lip_vertices(dataset):
    clip = dataset.split("test")[0]
    guess = clip.vertices + np.random.default_rng(1).normal(size=clip.vertices.shape).astype(np.float32)
    frames = np.array([3, 30, 7])
    slow = [
        np.mean([np.sqrt(((guess[f, v] - clip.vertices[f, v]) ** 2).sum()) for v in clip.topology.region("lips")])
        for f in frames
    ]
    np.testing.assert_allclose(lip_errors(guess, clip, frames), slow, rtol=1e-5)
    with pytest.raises(BadInput, match="39 faces were predicted for 40 frames"):
        lip_errors(guess[:39], clip, frames)


def test_gap_stroke_and_pout_of_a_known_mouth(topology):
    opening = np.full(30, 4.0)
    opening[3:7] = 0.5, 0.2, 0.3, 0.6  # the first b, 0.1 to 0.2 s
    opening[9] = 7.0  # within 0.2 s of it
    opening[15] = 9.0  # further from the first b than that, and near the second
    forward = np.linspace(0, 2.9, 30)
    clip = make(rims(topology), opening, forward)
    found = at_sounds(clip.vertices, clip)
    np.testing.assert_allclose(found["gap"], [0.2, 4.0], atol=1e-5)
    np.testing.assert_allclose(found["stroke"], [6.8, 5.0], atol=1e-5)
    np.testing.assert_allclose(found["forward"], [1.8], atol=1e-5, err_msg="the w ends at frame 18")
    np.testing.assert_allclose(lips_forward(clip.vertices, clip.template, clip.topology), forward, atol=1e-5)


def test_what_is_not_marked_is_not_measured(topology):
    opening = np.ones(30)
    assert set(at_sounds(make(topology, opening).vertices, make(topology, opening))) == {"forward"}
    silent = make(rims(topology), opening, phones=())
    assert at_sounds(silent.vertices, silent) == {}
    assert set(observe(lambda clip: clip.vertices, [silent])[0]) == {"lips", "upper_face", "face"}
    with pytest.raises(BadInput, match="no clip"):
        observe(lambda clip: clip.vertices, [])


def test_regions_are_means_over_their_vertices(dataset):
    clip = dataset.split("test")[0]
    std = motion_std(clip.vertices)
    assert region_std(std, clip.topology)["lips"] == pytest.approx(std[:6].mean())
    moved = np.repeat(clip.template[None], 4, axis=0)
    moved[:, 6:16] += np.float32([0, 3, 4])
    moved[1::2, :6] += 1
    moved[::2, :6] -= 1
    pose = region_pose(moved, clip.template, clip.topology)
    assert pose["upper_face"] == pytest.approx(5, rel=1e-4), "a lasting expression counts"
    assert pose["lips"] == pytest.approx(0, abs=1e-5), "a movement to and fro does not"


def rows(seed: int, **values: float) -> list[dict[str, float]]:
    rng = np.random.default_rng(seed)
    return [{name: value + 0.1 * rng.normal() for name, value in values.items()} for _ in range(12)]


def test_means_are_over_the_clips_that_have_a_measure():
    assert observed_means([{"face": 1.0, "gap": 3.0}, {"face": 2.0}]) == {"face": 1.5, "gap": 3.0}


def test_a_claim_of_more_than_the_others_falls_with_one_of_them():
    still = {"lips": 0.5, "face": 0.2, "stroke": 1.0, "gap": 3.0, "forward": 1.0}
    found = {
        seen.measure: seen
        for seen in section_5_3(
            {
                "Ours": rows(0, lips=2.0, face=1.0, stroke=5.0, gap=0.2, forward=3.0),
                "VOCA": rows(1, lips=1.0, face=0.5, stroke=7.0, gap=1.0, forward=3.0),
                "MeshTalk": rows(2, **still),
                "FaceFormer": rows(3, lips=1.5, face=0.5, stroke=4.0, gap=1.0, forward=2.0),
            }
        )
    }
    assert {name: seen.verdict for name, seen in found.items()} == {
        "stroke": "does not hold",
        "gap": "holds",
        "forward": "holds in part",
        "lips": "holds",
        "face": "holds in part",
    }
    mean, half_width = found["stroke"].pairs["Ours - VOCA"]
    assert mean == pytest.approx(-2, abs=0.15) and 0 < half_width < 0.2
    assert list(found["lips"].pairs) == ["Ours - VOCA", "Ours - MeshTalk", "FaceFormer - VOCA", "FaceFormer - MeshTalk"]


def test_a_single_clip_decides_nothing_and_sounds_may_be_missing():
    names = ("Ours", "VOCA", "MeshTalk", "FaceFormer")
    found = section_5_3({name: [{"lips": float(place), "face": 1.0}] for place, name in enumerate(names)})
    assert [(seen.measure, seen.verdict) for seen in found] == [("lips", "undecided"), ("face", "undecided")]
