"""The composite part: statistics over time and Eq. 2, each against loops over channels and time."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from a2f.config import ModelConfig
from a2f.models import AdaptiveModulation, instance_normalise, temporal_statistics
from a2f.models.composite import EPSILON

ALL = ("mean", "std", "difference_std")
B, T, K = 2, 11, 6


def config(**changes) -> ModelConfig:
    return ModelConfig(**{"motion_dim": K, "style_stages": ((8, 1, 2), (8, 1, 2))} | changes)


def test_statistics_over_time_channel_by_channel():
    torch.manual_seed(0)
    latent = torch.randn(B, 5, 3, dtype=torch.float64)
    found = temporal_statistics(latent, ALL)
    for b in range(B):
        for c in range(3):
            values = latent[b, :, c].tolist()
            differences = [after - before for before, after in zip(values, values[1:], strict=False)]

            def std(numbers):
                mean = sum(numbers) / len(numbers)
                return math.sqrt(sum((x - mean) ** 2 for x in numbers) / len(numbers) + EPSILON)

            expected = [sum(values) / 5, std(values), std(differences)]
            np.testing.assert_allclose(found[b, c::3], expected, rtol=1e-12)


@pytest.mark.parametrize("names", [("std",), ("mean", "std"), ("difference_std", "mean")])
def test_statistics_come_in_the_order_asked_for(names):
    latent = torch.randn(B, 5, 3)
    expected = torch.cat([temporal_statistics(latent, (name,)) for name in names], dim=1)
    torch.testing.assert_close(temporal_statistics(latent, names), expected)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_statistics_of_very_short_or_still_latents_are_finite_with_finite_gradients(steps):
    """torch.std of fewer than two values, or of equal ones, gives NaN or an endless gradient."""
    for latent in (torch.randn(B, steps, 3), torch.zeros(B, steps, 3)):
        latent.requires_grad_()
        found = temporal_statistics(latent, ALL)
        found.sum().backward()
        assert found.isfinite().all() and latent.grad.isfinite().all()


def test_eq_2_channel_by_channel_and_frame_by_frame():
    torch.manual_seed(0)
    modulation = AdaptiveModulation(config()).double().eval()
    audio = 3 + 5 * torch.randn(B, T, K, dtype=torch.float64)  # Z_audio
    style = torch.randn(B, 2 * K, dtype=torch.float64)
    found = modulation(instance_normalise(audio), style)  # Z_fuse
    for b in range(B):
        for c in range(K):
            channel = audio[b, :, c].tolist()
            mean = sum(channel) / T
            std = math.sqrt(sum((x - mean) ** 2 for x in channel) / T + EPSILON)
            sigma_predict, mu_predict = style[b, c].item(), style[b, K + c].item()
            for t in range(T):
                expected = sigma_predict * (channel[t] - mean) / std + mu_predict
                assert found[b, t, c].item() == pytest.approx(expected, rel=1e-10)


def test_fused_features_have_the_predicted_mean_and_deviation():
    modulation = AdaptiveModulation(config()).double()
    audio, style = torch.randn(B, T, K, dtype=torch.float64), torch.randn(B, 2 * K, dtype=torch.float64)
    fused = modulation(instance_normalise(audio), style)
    torch.testing.assert_close(fused.mean(1), style[:, K:])
    torch.testing.assert_close(fused.std(1, correction=0), style[:, :K].abs(), rtol=1e-4, atol=0)


def test_around_one_a_zero_style_changes_nothing():
    audio = torch.randn(B, T, K)
    around_one = AdaptiveModulation(config(scale_around_one=True))
    torch.testing.assert_close(around_one(audio, torch.zeros(B, 2 * K)), audio)
    as_written = AdaptiveModulation(config())
    assert not as_written(audio, torch.zeros(B, 2 * K)).any()
    style = torch.randn(B, 2 * K)
    torch.testing.assert_close(around_one(audio, style), as_written(audio, style) + audio)


def test_normalised_audio_does_not_know_its_level_or_offset():
    audio = torch.randn(B, T, K, dtype=torch.float64)
    torch.testing.assert_close(instance_normalise(100 * audio + 7), instance_normalise(audio), rtol=1e-4, atol=1e-4)


def test_constant_audio_is_normalised_to_zero():
    audio = torch.full((B, T, K), 3.0, requires_grad=True)
    found = instance_normalise(audio)
    found.sum().backward()
    assert not found.any() and audio.grad.isfinite().all()


@pytest.mark.parametrize("names", [("mean",), ("mean", "std"), ALL])
def test_style_is_one_linear_layer_on_the_statistics_of_the_latent(names):
    torch.manual_seed(0)
    modulation = AdaptiveModulation(config(style_statistics=names)).eval()
    motion = torch.randn(B, 20, K)
    statistics = temporal_statistics(modulation.encoder(motion), names)
    layer = modulation.linear
    assert layer.weight.shape == (2 * K, 8 * len(names))
    torch.testing.assert_close(modulation.style(motion), statistics @ layer.weight.T + layer.bias)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("frames", range(1, 10))
def test_styles_shorter_than_nine_frames_are_finite_in_every_statistic(frames, training):
    torch.manual_seed(0)
    modulation = AdaptiveModulation(config(style_statistics=ALL)).train(training)
    motion = torch.randn(B, frames, K, requires_grad=True)
    found = modulation.style(motion)
    found.square().sum().backward()
    assert found.isfinite().all() and motion.grad.isfinite().all()
    for name, parameter in modulation.named_parameters():
        assert parameter.grad.isfinite().all(), name


@pytest.mark.parametrize("training", [False, True])
def test_a_motionless_style_is_finite_with_finite_gradients(training):
    modulation = AdaptiveModulation(config(style_statistics=ALL)).train(training)
    motion = torch.zeros(B, 16, K, requires_grad=True)
    found = modulation.style(motion)
    found.square().sum().backward()
    assert found.isfinite().all() and motion.grad.isfinite().all()
    assert all(p.grad.isfinite().all() for p in modulation.parameters())
