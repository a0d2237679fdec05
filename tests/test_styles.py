"""One utterance in many styles: which clips give them, how far results lie apart, and what lies between two."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from a2f.errors import BadInput
from a2f.styles import interpolate, style_clips, style_distances, way


def test_styles_are_speakers_and_labels_without_the_sentence_that_is_spoken(dataset):
    found = style_clips(dataset.clips, each=2, but="t1")
    assert list(found) == [f"s{subject}, {style}" for subject in range(4) for style in "ab"]
    assert [clip.name for clip in found["s3, a"]] == ["s3-0", "s3-2"]
    assert [clip.name for clip in found["s3, b"]] == ["s3-3", "s3-5"]
    plain = [dataclasses.replace(clip, style=None) for clip in dataset.split("test")]
    (own,) = style_clips(plain, each=9, but="t1").values()
    assert [clip.sentence for clip in own] == ["t0", "t2", "t3", "t4", "t5"]


def test_distances_against_a_slow_loop():
    rng = np.random.default_rng(0)
    motions, labels = [rng.normal(size=(4, 7, 3)) for _ in range(5)], ["a", "a", "b", "b", "c"]
    ids = np.array([0, 2, 5])
    found = style_distances(motions, labels, ids)
    pairs = {
        (i, j): np.mean([np.linalg.norm(motions[i][t, v] - motions[j][t, v]) for t in range(4) for v in ids])
        for i in range(5)
        for j in range(5)
    }
    np.testing.assert_allclose(found.matrix, [[pairs[i, j] for j in range(5)] for i in range(5)])
    same = [pairs[0, 1], pairs[2, 3]]
    other = [value for (i, j), value in pairs.items() if i < j and labels[i] != labels[j]]
    assert found.within == pytest.approx(np.mean(same)) and found.between == pytest.approx(np.mean(other))
    means = [
        np.mean([pairs[0, 2], pairs[0, 3], pairs[1, 2], pairs[1, 3]]),
        np.mean([pairs[0, 4], pairs[1, 4]]),
        np.mean([pairs[2, 4], pairs[3, 4]]),
    ]
    assert found.nearest_between == pytest.approx(min(means))
    assert pairs[found.furthest] == max(pairs.values())


def test_what_there_are_no_pairs_of_is_none():
    motions = list(np.random.default_rng(0).normal(size=(2, 4, 7, 3)))
    alone = style_distances(motions, ["a", "a"], np.arange(7))
    assert alone.between is None and alone.nearest_between is None and alone.within > 0
    assert style_distances(motions, ["a", "b"], np.arange(7)).within is None
    for wrong, labels in ((motions[:1], ["a"]), ([motions[0], motions[1][:3]], ["a", "b"]), (motions, ["a"])):
        with pytest.raises(BadInput, match="at least two of one shape"):
            style_distances(wrong, labels, np.arange(7))


def test_the_way_is_the_share_of_the_difference():
    rng = np.random.default_rng(0)
    first, last = rng.normal(size=(2, 4, 7, 3))
    ids = np.array([1, 3])
    aside = np.zeros_like(first)
    aside[:, 0] = 5  # a vertex that does not count
    between = [first, first + 0.3 * (last - first) + aside, last]
    np.testing.assert_allclose(way(between, ids), [0, 0.3, 1], atol=1e-12)
    with pytest.raises(BadInput, match="the same"):
        way([first, last, first], ids)


def test_between_two_styles_the_ends_are_the_styles_themselves(animator, dataset):
    clip, first, second = dataset.clip("s3-0"), dataset.clip("s0-1"), dataset.clip("s1-2")
    steps = interpolate(animator, clip, first, second, [0.0, 0.5, 1.0])
    for step, motion in ((steps[0], first), (steps[2], second)):
        alone = animator(clip.waveform, clip.template, motion, sample_rate=clip.sample_rate)
        np.testing.assert_array_equal(step.vertices, alone.vertices)
    covered = way([step.vertices for step in steps], clip.topology.region("face"))
    assert 0 < covered[1] < 1
    assert [step.name for step in steps] == ["0 %", "50 %", "100 %"]


def test_a_model_without_the_composite_part_has_no_styles_to_mix(animator, dataset, monkeypatch):
    monkeypatch.setattr(type(animator), "style", lambda self, motion: None)
    clip = dataset.clip("s3-0")
    with pytest.raises(BadInput, match="without the composite part"):
        interpolate(animator, clip, clip, clip, [0, 1])
