"""Methods: every row of Table 1 predicts what its name says, and what does not fit is refused by name."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from a2f.batches import templates, whole_motion
from a2f.config import Config, baseline
from a2f.data import Dataset
from a2f.errors import BadInput
from a2f.evaluation import evaluate
from a2f.features import FeatureCache
from a2f.mesh import Topology
from a2f.methods import (
    ExpressionPath,
    MeanTrainingMotion,
    NeutralFace,
    OneIdentity,
    StyleClipMean,
    TrainedModel,
    floors,
    load_method,
)
from a2f.model_config import METHODS
from a2f.models import build_model, load_audio_encoder
from a2f.training import training_faces


@pytest.fixture(scope="module")
def trained(tiny_run, dataset, feature_cache) -> TrainedModel:
    return load_method(tiny_run, dataset, feature_cache)


@pytest.fixture(scope="module")
def untrained(tiny_config, dataset, feature_cache) -> dict[str, TrainedModel]:
    """Every method as it is after a training that left its weights anywhere."""

    def make(config: Config) -> TrainedModel:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = build_model(config, 30, 16, ("s0", "s1"))
            model.prepare(training_faces(dataset), config.training)
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.add_(0.1 * torch.randn_like(parameter))
        return TrainedModel(config.method, model, FeatureCache(load_audio_encoder(config.model), feature_cache))

    configs = [
        tiny_config,
        baseline(tiny_config, "voca"),
        baseline(tiny_config, "meshtalk").replace(heads=4, classes=16, samples=2),
        baseline(tiny_config, "faceformer").replace(feature_dim=8, heads=2),
    ]
    return {config.method: make(config) for config in configs}


# ---- trained networks


def test_a_trained_model_predicts_what_its_equations_say(dataset, tiny_run, trained, feature_cache):
    """Features of the tuned encoder, style of the style clip, Eq. 3, through the animator's independent path."""
    from a2f.animator import load

    clip, style = dataset.split("test")[:2]
    animation = load(tiny_run)(clip.waveform, clip.template, style)
    predicted = trained.predict(clip, style)
    assert predicted.shape == (clip.num_frames, 30, 3)
    # the cache keeps features in half precision
    moved = np.abs(predicted - clip.template).max()
    np.testing.assert_allclose(predicted, animation.vertices, atol=0.01 * moved)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_gives_faces_of_the_clip_s_length_and_only_ours_looks_at_the_style_clip(
    untrained, dataset, method
):
    """VOCA and FaceFormer have identities instead, MeshTalk's released inference has nothing of the kind."""
    clip, one, other = dataset.split("test")[:3]
    assert not untrained[method].model.training
    faces = untrained[method].predict(clip, one)
    assert faces.shape == clip.vertices.shape and faces.dtype == np.float32 and np.isfinite(faces).all()
    assert np.ptp(faces, axis=0).max() > 0, "the face moves"
    assert np.array_equal(faces, untrained[method].predict(clip, other)) is (method != "audio2face")


def test_the_expression_path_decodes_the_style_clip_s_expression(untrained, dataset):
    clip, one, other = dataset.split("test")[:3]
    trained = copy.deepcopy(untrained["meshtalk"])
    with torch.no_grad():  # loud enough for another expression to make another category win
        for parameter in trained.model.expression_encoder.parameters():
            parameter.mul_(5)
    path = ExpressionPath(trained)
    assert path.name == "meshtalk with expression"
    found = path.predict(clip, one)
    with torch.no_grad():
        audio, motion = trained.features.at_frames(clip), whole_motion(trained.model, one)
        expected = trained.model.reconstruct(audio, templates([clip]), motion)[0].numpy()
    np.testing.assert_array_equal(found, expected)
    assert found.shape == clip.vertices.shape and found.dtype == np.float32
    assert not np.array_equal(found, path.predict(clip, other))


@pytest.mark.parametrize("method", ["voca", "faceformer"])
def test_the_mean_over_identities_is_what_an_unseen_speaker_gets(untrained, dataset, method):
    clip, style = dataset.split("test")[:2]
    each = [OneIdentity(untrained[method], identity) for identity in range(2)]
    assert [one.name for one in each] == [f"{method} as 0", f"{method} as 1"]
    faces = [one.predict(clip, style) for one in each]
    assert faces[0].shape == clip.vertices.shape and faces[0].dtype == np.float32
    assert not np.array_equal(*faces)
    np.testing.assert_allclose(untrained[method].predict(clip, style), np.mean(faces, axis=0), atol=1e-3)


def test_what_has_no_expression_or_no_identities_is_refused_by_name(untrained, dataset):
    for method in ("audio2face", "voca", "faceformer"):
        kind = type(untrained[method].model).__name__
        with pytest.raises(BadInput, match=f"{method} is a {kind}; only MeshTalk reads expressions"):
            ExpressionPath(untrained[method])
    for method in ("audio2face", "meshtalk"):
        kind = type(untrained[method].model).__name__
        with pytest.raises(BadInput, match=f"{method} is a {kind}, which has no identities"):
            OneIdentity(untrained[method], 0)
    clip, style = dataset.split("test")[:2]
    for method in ("voca", "faceformer"):
        for identity in (-1, 2):
            with pytest.raises(BadInput, match=f"identity is {identity}, expected 0 to 1"):
                OneIdentity(untrained[method], identity).predict(clip, style)


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


# ---- loading


def test_a_model_of_another_topology_is_refused(tiny_run, dataset, feature_cache):
    other = Topology("other", 31, dataset.topology.faces, dict(dataset.topology.regions))
    with pytest.raises(BadInput, match="run tiny was trained on 30 vertices, data set tiny has 31"):
        load_method(tiny_run, Dataset("tiny", other, 30.0, dataset.clips, True), feature_cache)


def test_a_tuned_encoder_has_features_of_its_own_in_the_cache(trained, tiny_config):
    from a2f.models import load_audio_encoder

    assert trained.features.encoder.identity != load_audio_encoder(tiny_config.model).identity
