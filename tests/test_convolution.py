"""The convolution of training: values and gradients of torch's own, whichever way they are computed."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils import fuse_conv_bn_eval

from a2f.models import convolution
from a2f.models.convolution import TimeConvolution, product_is_quicker

BATCH, IN, OUT = 3, 4, 5


def pair(width: int, stride: int) -> tuple[TimeConvolution, nn.Conv1d]:
    """Ours and torch's with the same weights."""
    torch.manual_seed(0)
    ours = TimeConvolution(IN, OUT, width, stride).double()
    plain = nn.Conv1d(IN, OUT, width, stride, padding=width // 2, bias=False).double()
    plain.load_state_dict(ours.state_dict())  # also: a checkpoint of one is one of the other
    return ours, plain


def refused(*_):
    raise AssertionError("torch's convolution was called")


def on_a_processor(monkeypatch, by_product: bool) -> None:
    monkeypatch.setattr(convolution, "product_is_quicker", lambda: by_product)


@pytest.mark.parametrize("frames", [1, 2, 3, 8, 17])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("width", [1, 3, 5])
def test_in_training_values_and_gradients_are_torchs_without_its_convolution(width, stride, frames, monkeypatch):
    on_a_processor(monkeypatch, by_product=True)
    ours, plain = pair(width, stride)
    x = torch.randn(BATCH, IN, frames, dtype=torch.float64)
    found = []
    for layer in (plain, ours):
        if layer is ours:
            monkeypatch.setattr(torch.nn.functional, "conv1d", refused)
        given = x.clone().requires_grad_()
        values = layer(given)
        values.sin().sum().backward()
        found.append((values, given.grad, layer.weight.grad))
    for theirs, own in zip(*found, strict=True):
        assert own.shape == theirs.shape
        torch.testing.assert_close(own, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("training, by_product", [(False, True), (False, False), (True, False)])
def test_out_of_training_or_where_a_product_is_slower_it_is_torchs_own_digit_for_digit(
    training, by_product, monkeypatch
):
    on_a_processor(monkeypatch, by_product)
    ours, plain = pair(3, 1)
    x = torch.randn(1, IN, 20, dtype=torch.float64)
    assert torch.equal(ours.train(training)(x), plain(x))


@pytest.mark.parametrize(
    "name, avx512, quicker",
    [
        ("AMD EPYC", False, True),
        ("AMD EPYC", True, False),
        ("Intel Xeon", True, True),
        (None, None, True),  # a processor of which torch knows nothing
    ],
)
def test_a_product_is_quicker_but_on_an_amd_with_avx512(name, avx512, quicker, monkeypatch):
    known = {"cpu_name": name, "avx512_f": avx512}
    known = {key: value for key, value in known.items() if value is not None}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: known)
    assert product_is_quicker.__wrapped__() is quicker


@pytest.mark.parametrize("by_product", [True, False])
def test_a_norm_folded_into_it_counts_in_training_too(by_product, monkeypatch):
    on_a_processor(monkeypatch, by_product)
    ours, _ = pair(3, 1)
    norm = nn.BatchNorm1d(OUT).double()
    with torch.no_grad():
        for values in (norm.weight, norm.bias, norm.running_mean):
            values.normal_()
        norm.running_var.uniform_(0.5, 2)
    fused = fuse_conv_bn_eval(ours.eval(), norm.eval())
    x = torch.randn(2, IN, 9, dtype=torch.float64)
    expected = norm(ours(x))
    for layer in (fused.eval(), fused.train()):
        torch.testing.assert_close(layer(x), expected, rtol=1e-12, atol=1e-12)
