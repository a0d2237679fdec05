"""What an animator keeps: the same faces with less work, made anew once a weight has changed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import a2f
from a2f.bench.setting import QUICK, audio2face, draw
from a2f.data import open_dataset
from a2f.kept import Kept
from a2f.models import Audio2Face
from a2f.models.folded import folded


@pytest.fixture
def model() -> Audio2Face:
    """Its batch norms have seen data, and scale and shift."""
    made = audio2face(QUICK.sizes[0], QUICK).double()
    generator = torch.Generator().manual_seed(1)
    for part in made.modules():
        if isinstance(part, nn.BatchNorm1d):
            for tensor in (part.running_mean, part.weight.data, part.bias.data):
                tensor.normal_(generator=generator)
            part.running_var.uniform_(0.5, 2.0, generator=generator)
    return made.eval().requires_grad_(False)


def decoded(model: Audio2Face, frames: int = 20) -> torch.Tensor:
    audio = draw(1, frames, model.audio_dim).double()
    style = draw(1, 2 * model.config.motion_dim, seed=1).double()
    return model.features(audio, draw(1, model.num_vertices, 3, seed=2).double(), style)


def norms(part: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm1d) for module in part.modules())


def test_folded_norms_change_nothing_but_rounding(model):
    quick = folded(model)
    torch.testing.assert_close(decoded(quick), decoded(model), rtol=1e-10, atol=1e-10)
    assert norms(quick.decoder) == 0 < norms(model.decoder), "the original keeps its norms"
    assert quick.embedding.weight is model.embedding.weight


def test_what_is_kept_is_made_once(model):
    kept = Kept(model)
    assert kept.model is kept.model
    assert kept.blendshapes is kept.blendshapes
    np.testing.assert_array_equal(kept.blendshapes, model.blendshapes())
    with pytest.raises(ValueError, match="read-only"):
        kept.blendshapes[0] = 0


def test_a_changed_weight_is_noticed(model):
    kept = Kept(model)
    before, shapes = decoded(kept.model), kept.blendshapes
    next(model.decoder.parameters()).mul_(2.0)
    model.embedding.weight.mul_(3.0)
    assert not torch.allclose(decoded(kept.model), before)
    torch.testing.assert_close(decoded(kept.model), decoded(model), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(kept.blendshapes, 3 * shapes, rtol=1e-6)


@pytest.mark.parametrize("still", [True, False])
def test_an_animator_makes_a_clips_style_once(still):
    animator = a2f.load("demo")
    clip = None if still else open_dataset("demo").split("test")[0]
    calls = []
    animator.model.modulation.encoder.register_forward_hook(lambda *_: calls.append(1))
    face = draw(animator.topology.num_vertices, 3).numpy()
    first, second = (animator(draw(8000).numpy(), face, clip) for _ in range(2))
    assert len(calls) == 1
    np.testing.assert_array_equal(first.vertices, second.vertices)
    with torch.no_grad():
        animator.model.modulation.linear.bias.add_(1.0)
    third = animator(draw(8000).numpy(), face, clip)
    assert len(calls) == 2 and not np.array_equal(third.vertices, first.vertices)
