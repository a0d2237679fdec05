"""Evaluation: no protocol but `self` and the oracle sees the target, all methods see the same, means are as named."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import scipy.stats

from a2f.cli import main
from a2f.config import SMOKE
from a2f.data import Clip, Dataset, open_dataset
from a2f.errors import BadInput
from a2f.evaluation import BESIDE, METRICS, evaluate, interval, means
from a2f.methods import NeutralFace, floors, load_method
from a2f.metrics import SequenceErrors, sequence_errors
from a2f.models import build_model, load_audio_encoder, save_model
from a2f.protocols import HEADLINE, style_motions

NAMES = {field.name for field in dataclasses.fields(SequenceErrors)} - {"frames"}


class Spy:
    """Predicts the truth and remembers what it was shown."""

    name = "spy"

    def __init__(self) -> None:
        self.shown: list[tuple[Clip, Clip]] = []

    def predict(self, clip: Clip, style: Clip) -> np.ndarray:
        self.shown.append((clip, style))
        return clip.vertices


class Copy(Spy):
    """Moves as the style clip does, again and again."""

    name = "copy"

    def predict(self, clip: Clip, style: Clip) -> np.ndarray:
        super().predict(clip, style)
        return clip.template + np.resize(style.vertices - style.template, clip.vertices.shape)


class Still(Spy):
    """Looks at no motion, so all motions give one result."""

    def predict(self, clip: Clip, style: Clip) -> np.ndarray:
        super().predict(clip, style)
        return NeutralFace().predict(clip, style)


@pytest.fixture(scope="module")
def many(make_dataset) -> Dataset:
    """Sixty training clips, so that K is six."""
    return make_dataset(sentences=30)


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


@pytest.mark.parametrize("protocol, same", [(HEADLINE, True), ("random-K", True), ("self", False)])
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


@pytest.mark.parametrize("protocol", ["best-of-K", "random-K"])
def test_every_method_is_given_the_same_k_motions(many, protocol):
    """Those of the protocol, in their order; the oracle looks at none twice."""
    clips = many.split("test")[:3]
    offered = {clip.name: [motion.name for motion in style_motions(many, clip, protocol, 5)] for clip in clips}
    if protocol == "best-of-K":
        offered = {name: list(dict.fromkeys(motions)) for name, motions in offered.items()}
    for method in (Spy(), Copy(), Still()):
        evaluate(method, many, protocol=protocol, seed=5, clips=clips)
        shown = {clip.name: [style.name for one, style in method.shown if one is clip] for clip in clips}
        assert shown == offered


def errors_of(many, clip, motion, every=1) -> dict:
    prediction = Copy().predict(clip, motion)[::every]
    found = dataclasses.asdict(sequence_errors(prediction, clip.vertices[::every], clip.template, many.topology))
    return found | {"distance": float(np.linalg.norm(prediction - clip.vertices[::every], axis=-1).mean())}


@pytest.mark.parametrize("every", [1, 3])
def test_the_oracle_takes_all_errors_from_the_motion_whose_result_is_nearest(many, every):
    """Nearest over all vertices, also where another of the K is better in some other metric."""
    clips, better_elsewhere = many.split("test")[:3], 0
    rows = evaluate(Copy(), many, protocol="best-of-K", seed=1, every=every, clips=clips)
    for clip, row in zip(clips, rows, strict=True):
        motions = style_motions(many, clip, "best-of-K", 1)
        found = {motion.name: errors_of(many, clip, motion, every) for motion in motions}
        best = min(found, key=lambda name: found[name]["distance"])
        assert row["style_clip"] == best
        assert {key: row[key] for key in (*NAMES, "frames")} == {k: found[best][k] for k in (*NAMES, "frames")}
        better_elsewhere += any(min(e[k] for e in found.values()) < found[best][k] for k in METRICS)
    assert better_elsewhere, "a minimum of each metric by itself would have passed"


def test_the_oracle_of_a_method_that_looks_at_no_motion_is_its_only_result(many):
    clips = many.split("test")[:2]
    usual, oracle = (evaluate(Still(), many, protocol=name, clips=clips) for name in (HEADLINE, "best-of-K"))
    for one, other, clip in zip(usual, oracle, clips, strict=True):
        assert {key: one[key] for key in NAMES} == {key: other[key] for key in NAMES}
        assert other["style_clip"] == style_motions(many, clip, "best-of-K", 0)[0].name


@pytest.mark.parametrize("every", [1, 3])
def test_random_k_is_the_mean_of_k_errors(many, every):
    clips = many.split("test")[:2]
    rows = evaluate(Copy(), many, protocol="random-K", seed=1, every=every, clips=clips)
    for clip, row in zip(clips, rows, strict=True):
        found = [errors_of(many, clip, motion, every) for motion in style_motions(many, clip, "random-K", 1)]
        assert len(found) == 6 and row["style_clip"] == ""
        for key in NAMES:
            assert row[key] == pytest.approx(sum(e[key] for e in found) / 6, rel=1e-9), key
        assert row["frames"] == len(clip.vertices[::every]) and type(row["frames"]) is int


def test_what_leaks_looks_better_than_what_does_not(many):
    drawn, oracle, own = (
        means(evaluate(Copy(), many, protocol=name, clips=many.split("test")[:2], every=4))
        for name in ("random-K", "best-of-K", "self")
    )
    assert oracle["face"] < drawn["face"] and own["face"] == pytest.approx(0, abs=1e-5)


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


@pytest.mark.parametrize("every", [2, 3, 100])
def test_every_so_many_frames_is_the_error_of_the_frames_that_are_left(dataset, every):
    """Of arrays made at the lower rate from the start, as a method at 30 of 60 frames a second would be scored."""
    clip, other = dataset.split("test")[:2]
    (row,) = evaluate(Copy(), dataset, clips=[clip], every=every)
    motion = style_motions(dataset, clip, HEADLINE, 0)[0]
    frames = range(0, clip.num_frames, every)
    prediction = np.stack([Copy().predict(clip, motion)[i] for i in frames])
    truth = np.stack([clip.vertices[i] for i in frames])
    expected = dataclasses.asdict(sequence_errors(prediction, truth, clip.template, dataset.topology))
    assert {key: row[key] for key in expected} == expected
    assert row["frames"] == math.ceil(clip.num_frames / every)
    (whole,) = evaluate(Copy(), dataset, clips=[clip])
    if every < 100:
        assert row["f_dtw"] < whole["f_dtw"], "fewer frames accumulate less"


@pytest.mark.parametrize("every", [0, -1, 1.5, True, None])
def test_frames_that_cannot_be_counted_are_refused(dataset, every):
    with pytest.raises(BadInput, match=f"every is {every!r}"):
        evaluate(Spy(), dataset, every=every)


def test_splits_and_clips_are_those_asked_for(dataset):
    assert {row["subject"] for row in evaluate(Spy(), dataset)} == {"s3"}
    assert {row["subject"] for row in evaluate(Spy(), dataset, split="val")} == {"s2"}
    rows = evaluate(Spy(), dataset, clips=dataset.split("train")[:2])
    assert [row["clip"] for row in rows] == ["s0-0", "s0-1"]
    spy = Spy()
    with pytest.raises(BadInput, match="'leak'.*same-speaker-other-sentence, self, best-of-K, random-K"):
        evaluate(spy, dataset, protocol="leak")
    assert not spy.shown


def test_a2f_evaluate_measures_a_rotated_run_on_speakers_it_was_not_trained_on(tmp_path, monkeypatch):
    rotated = SMOKE.replace(rotation=1, audio_encoder="log-mel")
    demo = open_dataset("demo")
    channels = load_audio_encoder(rotated.model).feature_dim
    save_model(build_model(rotated, demo.topology.num_vertices, channels), tmp_path, rotated)
    tested = []

    def watched(method, dataset, **how):
        tested.extend(dict.fromkeys(clip.subject for clip in dataset.split(how["split"])))
        return evaluate(NeutralFace(), dataset, clips=dataset.split("test")[:1], every=20)

    monkeypatch.setattr("a2f.evaluation.evaluate", watched)
    assert main(["evaluate", str(tmp_path)]) == 0
    assert tested == ["s01", "s02"]


# ---- numbers


def test_means_are_over_sequences_however_long():
    assert NAMES == {*METRICS, *BESIDE}
    rows = [dict.fromkeys(NAMES, value) | {"frames": frames} for value, frames in ((1.0, 10), (2.0, 1000))]
    found = means(rows)
    assert found.pop("lve") == pytest.approx(2010 / 1010), "but LVE is pooled over all their frames"
    assert found == dict.fromkeys(NAMES - {"lve"}, 1.5)


def test_pooled_lve_is_that_of_all_frames_in_one_row(dataset):
    lips, largest = dataset.topology.region("lips"), []
    for clip in dataset.split("test"):
        size = np.linalg.norm(clip.vertices - clip.template, axis=-1)[:, lips]
        largest += list((size**2).max(axis=1))
    found = means(evaluate(NeutralFace(), dataset))["lve"]
    assert found == pytest.approx(np.mean(largest), rel=1e-5)


def test_signed_fdd_cancels_over_sequences_where_its_absolute_value_does_not():
    rows = [dict.fromkeys(NAMES, abs(value)) | {"fdd": value, "frames": 10} for value in (-2.0, 2.0)]
    assert means(rows)["fdd"] == 0 and means(rows)["fdd_absolute"] == 2


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
