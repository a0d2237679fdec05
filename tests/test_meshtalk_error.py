"""MeshTalk's errors block by block: values and gradients of all coordinates of all frames at once."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from a2f.models import Motion
from a2f.models import meshtalk_error as module
from a2f.models.meshtalk_error import output_error

M, T, WIDE, C, R = 3, 5, 4, 26, 6
LEARNED = ("hidden", "weight", "bias", "constant")


@pytest.fixture(params=[4, 13, 1024], ids=lambda size: f"block-{size}")
def block(request, monkeypatch) -> int:
    monkeypatch.setattr(module, "BLOCK", request.param)
    return request.param


def randn(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def given(in_basis: bool) -> dict:
    return {
        "hidden": randn(M, T, WIDE, seed=0).requires_grad_(),
        "weight": randn(C, WIDE, seed=1).requires_grad_(),
        "bias": randn(C, seed=2).requires_grad_(),
        "constant": randn(C, seed=3).requires_grad_(),
        "scale": randn(C, seed=4).abs() + 0.1,
        "target": Motion(randn(M, T, R, seed=5), randn(R, C, seed=6)) if in_basis else Motion(randn(M, T, C, seed=7)),
        "shares": randn(C, seed=8).abs(),
    }


def plain(hidden, weight, bias, constant, scale, target: Motion, shares):
    found = (F.leaky_relu(F.linear(hidden, weight, bias), 0.2) + constant) * scale
    errors = (found - target.dense()).square().mean((0, 1))
    return errors @ shares, errors


@pytest.mark.parametrize("in_basis", [False, True])
def test_values_and_gradients_are_those_of_all_coordinates_at_once(block, in_basis):
    found = []
    for way in (output_error, plain):
        values = given(in_basis)
        total, errors = way(**values)
        (0.3 * total).backward()
        found.append((total, errors, *(values[name].grad for name in LEARNED)))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    assert not found[0][1].requires_grad and found[0][2].abs().sum() > 0


def test_the_gradient_is_that_of_finite_differences(block):
    values = given(in_basis=True)

    def total(*learned):
        return output_error(**values | dict(zip(LEARNED, learned, strict=True)))[0]

    assert torch.autograd.gradcheck(total, [values[name] for name in LEARNED])


def test_layers_that_start_at_zero_learn():
    """There LeakyReLU is at its corner; torch takes the slope of its negative side."""
    found = []
    for way in (output_error, plain):
        values = given(in_basis=False)
        with torch.no_grad():
            values["weight"].zero_()
            values["bias"].zero_()
        way(**values)[0].backward()
        found.append((values["weight"].grad, values["bias"].grad))
    torch.testing.assert_close(*found, rtol=1e-12, atol=1e-12)
    assert found[0][0].abs().min() > 0


def test_a_coordinate_that_does_not_count_learns_nothing():
    values = given(in_basis=False)
    values["shares"][3] = 0
    total, errors = output_error(**values)
    total.backward()
    assert errors[3] > 0
    assert all((values[name].grad[3] == 0).all() for name in ("weight", "bias", "constant"))


def test_where_nothing_learns_the_values_are_the_same():
    with torch.no_grad():
        found = output_error(**given(in_basis=True))
    torch.testing.assert_close(found, output_error(**given(in_basis=True)), rtol=0, atol=0, check_stride=False)
