"""Batches: crops lie within clips, sound under its motion, and style never comes from the target sentence."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from a2f.batches import Batches, clip_motion, templates, whole_motion
from a2f.config import ModelConfig, TrainingConfig
from a2f.data import Clip
from a2f.errors import BadInput
from a2f.models import Audio2Face, AudioEncoder

FRAMES, STYLE_FRAMES = 16, 20


class FrameNumbers:
    """A feature cache whose features say which clip and frame they are of."""

    def at_frames(self, clip: Clip, start: int, frames: int) -> torch.Tensor:
        name = float(clip.subject[1]) * 10 + float(clip.sentence[1])
        assert start + frames <= clip.num_frames
        numbers = torch.arange(start, start + frames, dtype=torch.float32)
        return torch.stack([torch.full_like(numbers, name), numbers], dim=1)[None]


@pytest.fixture
def model() -> Audio2Face:
    model = Audio2Face(ModelConfig(motion_dim=4, style_stages=((4, 1, 4),), decoder_blocks=1), 30, 2)
    model.data_mean.copy_(torch.tensor([1.0, 2, 3]))
    model.data_std.fill_(4.0)
    return model


def config(**changes) -> TrainingConfig:
    return TrainingConfig(**{"batch_size": 4, "crop_frames": FRAMES, "style_frames": STYLE_FRAMES} | changes)


def train_clips(dataset) -> list[Clip]:
    return dataset.split("train")


def found_crop(batch, index: int, dataset) -> tuple[Clip, int]:
    """The clip and start frame that a sample's features say it is of."""
    name, start = batch.audio[index, 0].tolist()
    return dataset.clip(f"s{int(name) // 10}-{int(name) % 10}"), int(start)


@pytest.mark.parametrize("kind", ["dataset", "dense_dataset"])
def test_sound_target_and_template_are_of_the_same_crop(kind, model, request):
    data = request.getfixturevalue(kind)
    batches = Batches(train_clips(data), config(), seed=0)
    seen = set()
    for batch in batches.epoch(0, model, FrameNumbers(), waveforms=False):
        for index in range(4):
            clip, start = found_crop(batch, index, data)
            assert clip.split == "train" and 0 <= start <= clip.num_frames - FRAMES
            assert batch.audio[index, :, 1].tolist() == list(range(start, start + FRAMES))
            displacement = clip.vertices[start : start + FRAMES] - clip.template
            expected = torch.from_numpy(displacement / 4).flatten(1)
            torch.testing.assert_close(batch.target.dense()[index], expected, rtol=1e-4, atol=1e-4)
            np.testing.assert_array_equal(batch.template[index], clip.template)
            assert batches.subjects[batch.subject[index]] == clip.subject
            seen.add(clip.name)
        assert batch.subject.dtype == torch.int64
    assert batches.subjects == ("s0", "s1")
    assert len(seen) == 12, "an epoch takes every clip once"


def test_style_is_the_same_subject_and_style_in_another_sentence(dataset, model):
    batches = Batches(train_clips(dataset), config(), seed=0)
    for epoch in range(3):
        for batch in batches.epoch(epoch, model, FrameNumbers(), waveforms=False):
            assert batch.style.num_frames == STYLE_FRAMES
            for index in range(4):
                clip, _ = found_crop(batch, index, dataset)
                taken = batch.style.values[index].numpy()
                sources = [
                    other
                    for other in train_clips(dataset)
                    for start in range(other.num_frames - STYLE_FRAMES + 1)
                    if np.array_equal(other.coefficients[start : start + STYLE_FRAMES], taken)
                ]
                assert len(sources) == 1
                (source,) = sources
                assert (source.subject, source.style) == (clip.subject, clip.style)
                assert source.sentence != clip.sentence


def test_released_style_source_is_the_target_crop_itself(dataset, model):
    batches = Batches(train_clips(dataset), config(style_source="target"), seed=0)
    for batch in batches.epoch(0, model, FrameNumbers(), waveforms=False):
        assert torch.equal(batch.style.values, batch.target.values)


@pytest.mark.parametrize("crop, style", [(40, 45), (500, 500), (1, 1)])
def test_crops_longer_than_a_clip_are_those_of_the_shortest(dataset, model, crop, style):
    batches = Batches(train_clips(dataset), config(crop_frames=crop, style_frames=style), seed=0)
    for batch in batches.epoch(0, model, FrameNumbers(), waveforms=False):
        clips = [found_crop(batch, index, dataset)[0] for index in range(4)]
        assert batch.target.num_frames == min(crop, *(clip.num_frames for clip in clips))
        assert batch.audio.shape[1] == batch.target.num_frames
        assert 1 <= batch.style.num_frames <= 45


def numbers(batches, epoch, model):
    return [b.audio for b in batches.epoch(epoch, model, FrameNumbers(), waveforms=False)]


def test_epoch_and_seed_alone_decide_the_crops(dataset, model):
    one, other = Batches(train_clips(dataset), config(), 5), Batches(train_clips(dataset), config(), 5)
    list(one.epoch(0, model, FrameNumbers(), waveforms=False))  # what came before does not matter
    assert all(map(torch.equal, numbers(one, 3, model), numbers(other, 3, model)))
    assert not all(map(torch.equal, numbers(one, 3, model), numbers(one, 4, model)))
    third = Batches(train_clips(dataset), config(), 6)
    assert not all(map(torch.equal, numbers(one, 3, model), numbers(third, 3, model)))


def test_unfreezing_the_encoder_does_not_change_the_crops(dataset, model):
    batches = Batches(train_clips(dataset), config(), 5)
    frozen = batches.epoch(2, model, FrameNumbers(), waveforms=False)
    tuned = batches.epoch(2, model, FrameNumbers(), waveforms=True)
    for one, other in zip(frozen, tuned, strict=True):
        assert torch.equal(one.target.values, other.target.values)
        for index in range(4):
            clip, start = found_crop(one, index, dataset)
            first = round(start / 30 * 16_000)
            count = round(FRAMES / 30 * 16_000)
            expected = clip.waveform[first : first + count]
            assert len(other.audio[index]) == count
            np.testing.assert_array_equal(other.audio[index][: len(expected)], expected)
            assert not other.audio[index][len(expected) :].any()


def test_an_incomplete_batch_is_left_out(dataset, model):
    batches = Batches(train_clips(dataset), config(batch_size=5), seed=0)
    assert len(batches) == 2 == len(numbers(batches, 0, model))


def test_too_few_clips_or_no_other_sentence_are_refused(dataset):
    with pytest.raises(BadInput, match="12 training clips do not fill a batch of 13"):
        Batches(train_clips(dataset), config(batch_size=13), seed=0)
    lonely = [dataclasses.replace(c, sentence="t0") for c in train_clips(dataset)]
    with pytest.raises(BadInput, match="subject s0 has no other sentence in style 'a'.*style_source='target'"):
        Batches(lonely, config(), seed=0)
    assert len(Batches(lonely, config(style_source="target"), seed=0)) == 3


def test_dense_and_factored_clips_embed_alike(dataset, dense_dataset, model):
    for name in ("s0-0", "s3-5"):
        one, other = (whole_motion(model, data.clip(name)) for data in (dataset, dense_dataset))
        weight = model.embedding.weight
        torch.testing.assert_close(one.embed(weight), other.embed(weight), rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(one.squared_norm(), other.squared_norm(), rtol=1e-3, atol=1e-3)


def test_templates_and_motions_stack_clips_in_order(dataset, model):
    clips = dataset.clips[:3]
    assert torch.equal(templates(clips)[2], torch.from_numpy(clips[2].template))
    motion = clip_motion(model, clips, [0, 1, 2], 5)
    assert torch.equal(motion.values[2], torch.from_numpy(clips[2].coefficients[2:7]))


def test_an_encoder_has_to_say_how_it_works():
    with pytest.raises(TypeError, match="AudioEncoder has to define forward"):
        AudioEncoder()(torch.zeros(1, 10))


class Ones(FrameNumbers):
    """Features that are all one."""

    def at_frames(self, clip: Clip, start: int, frames: int) -> torch.Tensor:
        return torch.ones(1, frames, 50)


def test_feature_dropout_hides_the_share_asked_for_and_keeps_the_mean(dataset, tiny_config, model):
    config = tiny_config.training
    clips = dataset.split("train")
    hidden = Batches(clips, dataclasses.replace(config, feature_dropout=0.4), 3)
    one, again = ([b.audio for b in hidden.epoch(2, model, Ones(), False)] for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one, again, strict=True))
    audio = torch.stack(one)
    assert set(audio.unique().tolist()) == {0.0, float(torch.tensor(1.0) / (1 - 0.4))}
    assert float((audio == 0).float().mean()) == pytest.approx(0.4, abs=0.01)
    assert float(audio.mean()) == pytest.approx(1.0, abs=0.02)
    plain = next(iter(Batches(clips, config, 3).epoch(2, model, Ones(), False)))
    assert torch.equal(plain.audio, torch.ones_like(plain.audio))


@pytest.mark.parametrize("share", [-0.1, 1.0, True, "0"])
def test_a_feature_dropout_that_hides_all_or_less_than_nothing_is_refused(tiny_config, share):
    with pytest.raises(BadInput, match="feature_dropout"):
        tiny_config.replace(feature_dropout=share)
