"""Evaluation: the headline protocol cannot see its target, all methods see the same, and means are plain means."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import scipy.stats

from a2f.data import Clip, Dataset
from a2f.errors import BadInput
from a2f.evaluation import (
    HEADLINE,
    METRICS,
    PROTOCOLS,
    MeanTrainingMotion,
    NeutralFace,
    StyleClipMean,
    evaluate,
    floors,
    interval,
    load_method,
    means,
)
from a2f.mesh import Topology


class Spy:
    """Predicts the truth and remembers what it was shown."""

    name = "spy"

    def __init__(self) -> None:
        self.shown: list[tuple[Clip, Clip]] = []

    def predict(self, clip: Clip, style: Clip) -> np.ndarray:
        self.shown.append((clip, style))
        return clip.vertices


@pytest.fixture(scope="module")
def trained(tiny_run, dataset, feature_cache):
    return load_method(tiny_run, dataset, feature_cache)


def test_headline_protocol_never_feeds_the_target(dataset):
    spy = Spy()
    rows = evaluate(spy, dataset)
    assert len(spy.shown) == len(dataset.split("test")) == len(rows)
    for (clip, style), row in zip(spy.shown, rows, strict=True):
        assert style.name != clip.name and style.sentence != clip.sentence
        assert (style.subject, style.style) == (clip.subject, clip.style)
        assert row["clip"] == clip.name and row["style_clip"] == style.name


def test_self_protocol_feeds_the_target_itself(dataset):
    spy = Spy()
    evaluate(spy, dataset, protocol="self")
    assert all(style is clip for clip, style in spy.shown)


@pytest.mark.parametrize("protocol, same", [(HEADLINE, True), ("self", False)])
def test_a_model_cannot_know_the_motion_it_is_measured_on(dataset, trained, protocol, same):
    """With the target's motion replaced by garbage it predicts the same faces, unless it is its own style."""
    clip = dataset.split("test")[2]
    garbage = np.random.default_rng(0).normal(size=clip.coefficients.shape).astype(np.float32) * 9
    spoilt = dataclasses.replace(clip, coefficients=garbage)
    swapped = dataclasses.replace(dataset, clips=tuple(spoilt if c is clip else c for c in dataset.clips))
    predictions = []

    class Keep:
        name = "keep"

        def predict(self, clip, style):
            predictions.append(trained.predict(clip, style))
            return predictions[-1]

    evaluate(Keep(), dataset, protocol=protocol, clips=[clip])
    evaluate(Keep(), swapped, protocol=protocol, clips=[spoilt])
    assert np.array_equal(*predictions) is same


def test_every_method_is_given_the_same_style_clips(dataset, trained):
    """And in any order of the clips, since a clip's name and the seed decide."""
    expected = [row["style_clip"] for row in evaluate(Spy(), dataset, seed=4)]
    for method in [trained, *floors(dataset)]:
        assert [row["style_clip"] for row in evaluate(method, dataset, seed=4)] == expected
    backwards = evaluate(Spy(), dataset, seed=4, clips=dataset.split("test")[::-1])
    assert [row["style_clip"] for row in backwards] == expected[::-1]
    assert any([r["style_clip"] for r in evaluate(Spy(), dataset, seed=s)] != expected for s in range(4))


def test_the_truth_has_no_error_in_any_metric(dataset):
    assert set(means(evaluate(Spy(), dataset)).values()) == {0.0}


def test_splits_and_clips_are_those_asked_for(dataset):
    assert {row["subject"] for row in evaluate(Spy(), dataset)} == {"s3"}
    assert {row["subject"] for row in evaluate(Spy(), dataset, split="val")} == {"s2"}
    rows = evaluate(Spy(), dataset, clips=dataset.split("train")[:2])
    assert [row["clip"] for row in rows] == ["s0-0", "s0-1"]
    with pytest.raises(BadInput, match="'leak'.*same-speaker-other-sentence, self"):
        evaluate(Spy(), dataset, protocol="leak")
    assert set(PROTOCOLS) == {HEADLINE, "self"}


def test_a_trained_model_predicts_what_its_equations_say(dataset, tiny_run, trained, feature_cache):
    """Features of the tuned encoder, style of the style clip, Eq. 3, through the animator's independent path."""
    from a2f.animate import load

    clip, style = dataset.split("test")[:2]
    animation = load(tiny_run)(clip.waveform, clip.template, style)
    predicted = trained.predict(clip, style)
    assert predicted.shape == (clip.num_frames, 30, 3)
    # the cache keeps features in half precision
    moved = np.abs(predicted - clip.template).max()
    np.testing.assert_allclose(predicted, animation.vertices, atol=0.01 * moved)


# ---- floors


def test_floors_are_motionless_faces_as_their_names_say(dataset):
    clip, style = dataset.split("test")[0], dataset.split("test")[2]
    train = dataset.split("train")
    every_frame = np.concatenate([c.vertices - c.template for c in train]).astype(np.float64)
    expected = {
        "Neutral face": np.zeros((30, 3)),
        "Mean training motion": sum(every_frame) / len(every_frame),  # over frames, not over clips
        "Mean of the style clip": (style.vertices - style.template).mean(0),
    }
    found = {method.name: method.predict(clip, style) for method in floors(dataset)}
    assert set(found) == set(expected)
    for name, faces in found.items():
        assert faces.shape == clip.vertices.shape and faces.dtype == np.float32
        for frame in (0, clip.num_frames - 1):
            np.testing.assert_allclose(faces[frame] - clip.template, expected[name], atol=1e-4, err_msg=name)


def test_floors_of_dense_and_factored_clips_are_the_same(dataset, dense_dataset):
    for one, other in zip(floors(dataset), floors(dense_dataset), strict=True):
        clips = [data.split("test") for data in (dataset, dense_dataset)]
        np.testing.assert_allclose(
            one.predict(clips[0][0], clips[0][2]), other.predict(clips[1][0], clips[1][2]), atol=1e-4
        )


def test_floor_errors_by_hand(dataset):
    """The neutral face's error is the size of the motion."""
    clip = dataset.split("test")[0]
    (row,) = evaluate(NeutralFace(), dataset, clips=[clip])
    size = np.linalg.norm(clip.vertices - clip.template, axis=-1)
    assert row["face"] == pytest.approx(size[:, :26].mean(), rel=1e-5)
    assert row["lip_max"] == pytest.approx(size[:, :6].max(1).mean(), rel=1e-5)
    assert row["frames"] == clip.num_frames


def test_mean_training_motion_is_the_best_motionless_guess_on_what_it_saw(dataset):
    """In squared error no constant beats the mean; another clip's mean does worse."""
    train = dataset.split("train")
    method, other = MeanTrainingMotion(train), StyleClipMean()

    def squared(method):
        return sum(np.square(method.predict(c, train[0]) - c.vertices).sum() for c in train)

    assert squared(method) < squared(other) and squared(method) < squared(NeutralFace())


# ---- numbers


def test_means_are_over_sequences_however_long():
    rows = [dict.fromkeys(METRICS, value) | {"frames": frames} for value, frames in ((1.0, 10), (2.0, 1000))]
    assert means(rows) == dict.fromkeys(METRICS, 1.5)


def test_interval_is_students(tmp_path):
    values = [1.2, 0.8, 1.1]
    mean, half = interval(values)
    assert mean == pytest.approx(3.1 / 3)
    # t(0.975, 2 degrees of freedom) = 4.3027, standard deviation 0.20817
    assert half == pytest.approx(4.30265 * 0.208167 / math.sqrt(3), rel=1e-5)
    for confidence in (0.5, 0.9, 0.95):
        mean, half = interval(values, confidence)
        low, high = scipy.stats.t.interval(confidence, 2, loc=np.mean(values), scale=scipy.stats.sem(values))
        assert (mean - half, mean + half) == pytest.approx((low, high))


def test_one_seed_has_no_interval():
    assert interval([0.7]) == (0.7, 0.0)


def test_intervals_cover_as_often_as_they_say():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(1000):
        mean, half = interval(rng.normal(3, 2, size=4))
        covered += abs(mean - 3) <= half
    assert 0.93 < covered / 1000 < 0.97


# ---- loading


def test_a_model_of_another_topology_is_refused(tiny_run, dataset, feature_cache):
    other = Topology("other", 31, dataset.topology.faces, dict(dataset.topology.regions))
    with pytest.raises(BadInput, match="run tiny was trained on 30 vertices, data set tiny has 31"):
        load_method(tiny_run, Dataset("tiny", other, 30.0, dataset.clips, True), feature_cache)


def test_a_tuned_encoder_has_features_of_its_own_in_the_cache(trained, tiny_config):
    from a2f.models import load_audio_encoder

    assert trained.features.encoder.identity != load_audio_encoder(tiny_config.model).identity
