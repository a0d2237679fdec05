"""Features are computed once, kept whole, named by encoder and sound, and seamless at any length."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from a2f.config import ModelConfig
from a2f.errors import BadInput
from a2f.features import CONTEXT, FeatureCache, encode, frame_count
from a2f.models import AudioEncoder, load_audio_encoder

RATE = 16_000


class Toy(AudioEncoder):
    """One strided convolution with a wide kernel, so that a feature sees 0.5 s to either side."""

    feature_dim, max_seconds = 3, 10.0

    def __init__(self, identity: str = "toy") -> None:
        super().__init__()
        self.identity, self.calls = identity, []
        self.first = torch.nn.Conv1d(1, 8, 640, stride=320, padding=160)
        self.second = torch.nn.Conv1d(8, 3, 51, padding=25)
        self.dropout = torch.nn.Dropout(0.5)
        self.eval()

    def forward(self, waveform: torch.Tensor) -> torch.Tensor:
        assert waveform.shape[1] <= self.max_seconds * RATE, "more than one call takes"
        self.calls.append(waveform.shape[1])
        return self.dropout(self.second(self.first(waveform[:, None]).tanh()).transpose(1, 2))


@pytest.fixture
def toy() -> Toy:
    torch.manual_seed(0)
    return Toy()


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=round(seconds * RATE)).astype(np.float32)


@pytest.mark.parametrize("seconds", [10.02, 12.5, 16.0, 18.0, 31.37])
def test_windows_of_long_audio_agree_with_a_whole_pass(toy, seconds):
    wave = noise(seconds)
    found = encode(toy, wave)
    assert len(toy.calls) > 1
    toy.max_seconds = 1000.0
    whole = encode(toy, wave)
    assert abs(len(found) - len(whole)) <= 1
    shared = min(len(found), len(whole))
    # a window's seam is CONTEXT seconds away from what is kept of it, the toy sees half a second
    np.testing.assert_allclose(found[: shared - 30], whole[: shared - 30], atol=1e-5)
    assert CONTEXT > 1


def test_windows_agree_for_a_convolutional_front_end_without_padding(hubert_folder):
    """HuBERT's first feature is centred 12.5 ms in, and a window has a feature less than its length."""
    encoder = load_audio_encoder(ModelConfig(audio_encoder=str(hubert_folder), normalise_waveform=False))
    encoder.network.encoder.layers = torch.nn.ModuleList()  # attention sees everything; the front end does not
    encoder.forward = lambda wave: encoder.network.feature_extractor(wave).transpose(1, 2)
    wave = noise(14.6)
    whole = encode(encoder, wave)
    encoder.max_seconds = 6.0
    found = encode(encoder, wave)
    assert found.shape == whole.shape
    np.testing.assert_allclose(found, whole, atol=1e-5)


def test_short_audio_goes_through_in_one_piece(toy):
    encode(toy, noise(10.0))
    assert toy.calls == [10 * RATE]


def test_encoding_is_without_dropout_and_gives_the_mode_back(toy):
    toy.train()
    np.testing.assert_array_equal(encode(toy, noise(1)), encode(toy, noise(1)))
    assert toy.training


def test_features_are_computed_once_and_come_back_equal(toy, dataset, tmp_path):
    clip = dataset.clips[0]
    cache = FeatureCache(toy, tmp_path)
    fresh = cache.at_encoder_rate(clip)
    assert len(toy.calls) == 1
    again = cache.at_encoder_rate(clip)
    stored = FeatureCache(toy, tmp_path).at_encoder_rate(clip)
    assert len(toy.calls) == 1, "neither memory nor disk was used"
    assert fresh.dtype == stored.dtype == np.float32
    np.testing.assert_array_equal(fresh, again)
    np.testing.assert_array_equal(fresh, stored)
    np.testing.assert_allclose(fresh, encode(toy, clip.waveform), rtol=1e-3, atol=1e-3)  # half precision


def damage(path, how: str) -> None:
    whole = path.read_bytes()
    if how == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "flipped":
        path.write_bytes(whole[:300] + bytes([whole[300] ^ 0xFF]) + whole[301:])
    elif how == "text":
        path.write_text("nothing of the kind")
    elif how == "other array":
        np.savez(path, other=np.zeros(3))
    elif how == "other width":
        np.savez(path, features=np.zeros((5, 7), np.float16))
    elif how == "not finite":
        np.savez(path, features=np.full((5, 3), np.nan, np.float16))


@pytest.mark.parametrize("how", ["cut", "empty", "flipped", "text", "other array", "other width", "not finite"])
def test_a_damaged_file_is_made_again(toy, dataset, tmp_path, how):
    clip = dataset.clips[0]
    fresh = FeatureCache(toy, tmp_path).at_encoder_rate(clip)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    damage(path, how)
    np.testing.assert_array_equal(FeatureCache(toy, tmp_path).at_encoder_rate(clip), fresh)
    assert len(toy.calls) == 2
    assert [*tmp_path.iterdir()] == [path] and path.read_bytes()[:100] == whole[:100]
    FeatureCache(toy, tmp_path).at_encoder_rate(clip)
    assert len(toy.calls) == 2, "the file is whole again"


def test_files_are_named_by_encoder_and_sound_and_by_nothing_else(toy, dataset, tmp_path):
    clip = dataset.clips[0]

    def files_after(encoder, clip):
        FeatureCache(encoder, tmp_path).at_encoder_rate(clip)
        return len(list(tmp_path.iterdir()))

    assert files_after(toy, clip) == 1
    assert files_after(toy, dataclasses.replace(clip, name="renamed", style="c")) == 1
    other_sound = clip.waveform + np.float32(1e-3)
    assert files_after(toy, dataclasses.replace(clip, read_waveform=lambda: other_sound)) == 2
    assert files_after(Toy("toy 2"), clip) == 3


def test_sound_at_another_rate_is_brought_to_16_khz(toy, dataset, tmp_path):
    clip = dataset.clips[0]
    slow = np.sin(2 * np.pi * 200 * np.arange(8000) / 8000).astype(np.float32)
    fast = np.sin(2 * np.pi * 200 * np.arange(16_000) / 16_000).astype(np.float32)
    cache = FeatureCache(toy, tmp_path)
    one = cache.at_encoder_rate(dataclasses.replace(clip, name="8k", sample_rate=8000, read_waveform=lambda: slow))
    other = cache.at_encoder_rate(dataclasses.replace(clip, name="16k", read_waveform=lambda: fast))
    np.testing.assert_allclose(one[3:-3], other[3:-3], atol=0.02)


def test_features_at_frames_are_one_for_each(toy, dataset, tmp_path):
    cache = FeatureCache(toy, tmp_path)
    cache.prepare(dataset.clips[:3], progress=False)
    assert len(toy.calls) == 3
    for clip in dataset.clips[:3]:
        assert cache.at_frames(clip).shape == (1, clip.num_frames, 3)
    assert len(toy.calls) == 3
    at_rate = cache.at_encoder_rate(dataset.clips[0])
    frame_30_is_second_1 = cache.at_frames(dataset.clips[0])[0, 30]
    np.testing.assert_allclose(frame_30_is_second_1, at_rate[50], atol=1e-6)


def test_some_frames_are_cut_from_all(toy, dataset, tmp_path):
    cache = FeatureCache(toy, tmp_path)
    clip = dataset.clips[0]
    every = cache.at_frames(clip)
    for start, frames in ((0, 5), (7, 11), (clip.num_frames - 3, 3)):
        assert torch.equal(cache.at_frames(clip, start, frames), every[:, start : start + frames])


@pytest.mark.parametrize(
    "samples, fps, frames",
    [(16_000, 30, 30), (16_000, 60, 60), (1, 30, 1), (8_100, 30, 15), (65_600, 30, 123), (65_599, 30, 122)],
)
def test_frames_that_fit_under_a_sound(samples, fps, frames):
    assert frame_count(np.zeros(samples), fps) == frames


@pytest.mark.parametrize(
    "wave, named",
    [
        (np.zeros(799, np.float32), "at least 0.05 s"),
        (np.zeros((2, 16_000), np.float32), r"\(2, 16000\).*one channel"),
        (np.full(16_000, np.inf, np.float32), "finite"),
    ],
)
def test_what_is_no_sound_is_refused_before_the_encoder_sees_it(toy, wave, named):
    with pytest.raises(BadInput, match=named):
        encode(toy, wave)
    assert not toy.calls


def test_no_sound_has_no_frames():
    with pytest.raises(BadInput, match="empty"):
        frame_count(np.zeros(0), 30)


def test_moments_are_those_of_all_features_together(toy, dataset, tmp_path):
    cache = FeatureCache(toy, tmp_path)
    clips = dataset.clips[:4]
    every = np.concatenate([cache.at_encoder_rate(clip) for clip in clips]).astype(np.float64)
    mean, deviation = cache.moments(clips)
    np.testing.assert_allclose(mean, every.mean(0), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(deviation, np.maximum(every.std(0), 1e-4), rtol=1e-3)
