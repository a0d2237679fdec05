"""The regional part: one W read in both directions, Eq. 3 vertex by vertex, Eq. 4 in both forms."""

from __future__ import annotations

import pytest
import torch

from a2f.models import Motion, MotionEmbedding, data_loss

B, T, R, N, K, ALPHA = 2, 6, 3, 8, 5, 0.1


@pytest.fixture
def embedding() -> MotionEmbedding:
    torch.manual_seed(0)
    return MotionEmbedding(N, K, ALPHA).double()


@pytest.fixture
def features() -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randn(B, T, K, dtype=torch.float64, requires_grad=True)  # Z_pred


@pytest.fixture(params=["factored", "dense"])
def target(request) -> Motion:
    torch.manual_seed(2)
    motion = Motion(torch.randn(B, T, R, dtype=torch.float64), torch.randn(R, 3 * N, dtype=torch.float64))
    return motion if request.param == "factored" else Motion(motion.dense())


def test_eq_3_vertex_by_vertex(embedding, features):
    w = embedding.weight.detach().T  # W, 3N x K
    found = embedding.synthesise(features)
    assert found.shape == (B, T, N, 3)
    for b in range(B):
        for t in range(T):
            for v in range(N):
                for axis in range(3):
                    moved = ALPHA * sum(w[3 * v + axis, k] * features[b, t, k] for k in range(K))
                    torch.testing.assert_close(found[b, t, v, axis], moved)


def test_some_vertices_move_as_they_do_among_all(embedding, features):
    ids = torch.tensor([6, 0, 3])
    torch.testing.assert_close(embedding.synthesise(features, ids), embedding.synthesise(features)[:, :, ids])


def test_weights_are_tied(embedding, features):
    """Embedding and synthesis are one matrix and its transpose, and it is the only parameter."""
    assert [name for name, _ in embedding.named_parameters()] == ["weight"]
    identity = torch.eye(3 * N, dtype=torch.float64)[None]
    read = embedding.embed(Motion(identity))[0]  # rows: what each coordinate alone embeds to, that is W
    drawn = embedding.synthesise(torch.eye(K, dtype=torch.float64)[None])[0].flatten(1)  # alpha W^T
    torch.testing.assert_close(drawn, ALPHA * read.T)
    # <W d, z> = <d, W^T z>: one is the adjoint of the other
    d = torch.randn(1, T, 3 * N, dtype=torch.float64)
    z = features[:1].detach()
    left = (embedding.embed(Motion(d)) * z).sum()
    right = (d * embedding.synthesise(z).flatten(2)).sum() / ALPHA
    torch.testing.assert_close(left, right)


def test_template_is_embedded_by_the_same_matrix(embedding):
    template = torch.randn(B, N, 3, dtype=torch.float64)
    as_motion = embedding.embed(Motion(template.flatten(1)[:, None]))[:, 0]
    torch.testing.assert_close(embedding.embed_template(template), as_motion)


@pytest.mark.parametrize("scale", [0.0, 0.5, 1.0, 3.0])
def test_alpha_scales_motion_linearly(embedding, features, scale):
    usual = embedding.synthesise(features)
    embedding.output_scale = scale * ALPHA
    torch.testing.assert_close(embedding.synthesise(features), scale * usual)


def direct_error(embedding: MotionEmbedding, features: torch.Tensor, target: Motion) -> torch.Tensor:
    """|| S_hat_t - S_t ||^2 of every frame as written, through all the vertices."""
    difference = embedding.synthesise(features).flatten(2) - target.dense()
    return torch.stack([torch.stack([(frame * frame).sum() for frame in clip]) for clip in difference])


def test_frame_error_is_the_direct_sum(embedding, features, target):
    torch.testing.assert_close(
        embedding.frame_error(features, target), direct_error(embedding, features, target), rtol=1e-12, atol=0
    )


@pytest.mark.parametrize("form", ["squared", "norm"])
def test_eq_4_data_term_and_its_gradients_are_those_of_the_direct_sum(embedding, features, target, form):
    found = data_loss(embedding.frame_error(features, target), form)
    squared = direct_error(embedding, features, target)
    expected = sum((squared[b, t].sqrt() if form == "norm" else squared[b, t]) for b in range(B) for t in range(T))
    expected = expected / (B * T)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=0)
    wanted = torch.autograd.grad(expected, [embedding.weight, features])
    given = torch.autograd.grad(found, [embedding.weight, features])
    for one, other in zip(given, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


def test_the_norm_of_a_perfect_prediction_has_a_finite_gradient(embedding, features):
    perfect = Motion(embedding.synthesise(features).flatten(2).detach())
    loss = data_loss(embedding.frame_error(features, perfect), "norm")
    loss.backward()
    assert loss < 1e-5
    assert features.grad.isfinite().all() and embedding.weight.grad.isfinite().all()


def test_regulariser_is_the_plain_sum_of_absolute_values(embedding):
    """Neither divided by the size of W nor taken per row (Eq. 4)."""
    expected = sum(abs(x) for row in embedding.weight.tolist() for x in row)
    assert embedding.sparsity().item() == pytest.approx(expected, rel=1e-12)
    embedding.sparsity().backward()
    torch.testing.assert_close(embedding.weight.grad, embedding.weight.detach().sign())


def test_the_sum_stays_right_at_the_size_of_a_real_mesh():
    """float32 summed naively over 256 x 3 x 5023 entries is off by percents."""
    weight = MotionEmbedding(5023, 256, ALPHA)
    exact = weight.weight.detach().double().abs().sum().item()
    assert weight.sparsity().item() == pytest.approx(exact, rel=1e-5)


def test_permuting_the_vertices_of_w_permutes_the_face(embedding, features, target):
    order = torch.randperm(N, generator=torch.Generator().manual_seed(3))
    shuffled = MotionEmbedding(N, K, ALPHA).double()
    with torch.no_grad():
        shuffled.weight.copy_(embedding.weight.view(K, N, 3)[:, order].flatten(1))
    torch.testing.assert_close(shuffled.synthesise(features), embedding.synthesise(features)[:, :, order])
    moved = Motion(target.dense().view(B, T, N, 3)[:, :, order].flatten(2))
    torch.testing.assert_close(shuffled.embed(moved), embedding.embed(target))
    torch.testing.assert_close(shuffled.frame_error(features, moved), embedding.frame_error(features, target))
