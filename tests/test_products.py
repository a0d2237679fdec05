"""Products by W: the same values and gradients as term by term, whatever the block."""

from __future__ import annotations

import pytest
import torch

from a2f.models import products as module
from a2f.models.products import draw, products

K, N3, B, T = 5, 39, 2, 7


@pytest.fixture(params=[4, 13, 39, 1024], ids=lambda size: f"block-{size}")
def block(request, monkeypatch) -> int:
    monkeypatch.setattr(module, "BLOCK", request.param)
    monkeypatch.setattr(module, "DRAWN", request.param)
    return request.param


def drawn(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def plain(weight: torch.Tensor, *rows: torch.Tensor):
    return weight @ weight.T, weight.abs().sum(), tuple(row @ weight.T for row in rows)


def objective(found, leave_out: str = "") -> torch.Tensor:
    gram, total, read = found
    terms = {"gram": (gram * drawn(K, K, seed=5)).sum(), "total": 0.3 * total}
    terms |= {f"read {i}": value.sin().sum() for i, value in enumerate(read)}
    return sum(term for name, term in terms.items() if name != leave_out)


@pytest.mark.parametrize("leave_out", ["", "gram", "total", "read 0", "read 1"])
def test_values_and_gradient_are_those_of_the_terms_one_by_one(block, leave_out):
    motion, template = drawn(B, T, N3, seed=1), drawn(B, N3, seed=2)
    weight, same = drawn(K, N3).requires_grad_(), drawn(K, N3).requires_grad_()
    for ours, theirs in zip(products(weight, motion, template), plain(same, motion, template), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    objective(products(weight, motion, template), leave_out).backward()
    objective(plain(same, motion, template), leave_out).backward()
    torch.testing.assert_close(weight.grad, same.grad, rtol=1e-12, atol=1e-12)


def test_the_gradient_is_that_of_finite_differences(block):
    motion = drawn(B, T, N3, seed=1)
    weight = drawn(K, N3) + 0.2  # away from |.|'s corner
    assert torch.autograd.gradcheck(lambda w: objective(products(w, motion)), weight.requires_grad_())


def test_an_entry_at_zero_is_not_pushed_by_the_l1_term(block):
    weight = drawn(K, N3)
    weight[1, 3] = 0
    products(weight.requires_grad_())[1].backward()
    assert weight.grad[1, 3] == 0
    assert torch.equal(weight.grad, weight.detach().sign())


def test_the_sum_of_a_large_w_keeps_its_digits_in_single_precision():
    weight = drawn(256, 20_000, dtype=torch.float32)
    assert products(weight)[1].item() == pytest.approx(weight.double().abs().sum().item(), rel=1e-6)


@pytest.mark.parametrize("into", ["fresh", "given"])
def test_drawn_faces_are_the_start_and_the_product(block, into):
    features, weight, start = drawn(B, T, K, seed=1), drawn(K, N3), drawn(B, N3, seed=2)
    out = torch.full((B, T, N3), torch.nan, dtype=torch.float64) if into == "given" else None
    found = draw(features, weight, start, out)
    torch.testing.assert_close(found, start[:, None] + features @ weight, rtol=1e-12, atol=1e-12)
    assert out is None or found.data_ptr() == out.data_ptr()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_other_numbers_are_drawn_in_their_own_precision(dtype):
    given = (drawn(B, T, K, seed=1).to(dtype), drawn(K, N3).to(dtype), drawn(B, N3, seed=2).to(dtype))
    features, weight, start = (tensor.double() for tensor in given)
    found = draw(*given)
    assert found.dtype == dtype
    bound = 8 * torch.finfo(dtype).eps
    torch.testing.assert_close(found.double(), start[:, None] + features @ weight, rtol=bound, atol=bound)


def test_features_and_faces_may_lie_in_memory_in_any_order():
    features, weight, start = drawn(B, K, T, seed=1).transpose(1, 2), drawn(N3, K).T, drawn(N3, B, seed=2).T
    wide = torch.zeros(B, T, 2 * N3, dtype=torch.float64)
    draw(features, weight, start, wide[..., :N3])
    torch.testing.assert_close(wide[..., :N3], start[:, None] + features @ weight, rtol=1e-12, atol=1e-12)
    assert not wide[..., N3:].any()


@pytest.mark.filterwarnings("error")
def test_a_frame_that_is_no_number_stays_alone_and_is_not_warned_of():
    features = drawn(1, T, K)
    features[0, 2] = torch.nan
    found = draw(features, drawn(K, N3), drawn(1, N3))
    assert found[0, 2].isnan().all() and found.isfinite().sum() == (T - 1) * N3
