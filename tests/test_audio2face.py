"""The whole model: its sizes, its ablations, its objective, what it reads and what it may not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from a2f.config import DEMO, PAPER, RELEASE, Config, ModelConfig, TrainingConfig
from a2f.models import Audio2Face, Batch, Motion, data_loss

B, T, N, C, K = 2, 10, 7, 9, 8
SMALL = {"motion_dim": K, "style_stages": ((8, 1, 2), (8, 1, 2)), "decoder_blocks": 1}


def build(seed: int = 0, **changes) -> Audio2Face:
    """A small model in double precision, as if trained: no layer sits at its starting value."""
    torch.manual_seed(seed)
    model = Audio2Face(ModelConfig(**SMALL | changes), N, C).double().eval()
    model.data_mean.normal_()
    model.data_std.fill_(2.5)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.running_mean.normal_(std=0.3), module.running_var.uniform_(0.5, 2)
    return model


def narrow(preset: Config) -> ModelConfig:
    """A preset with its switches and depth at a width that runs at once."""
    stages = tuple((16, blocks, stride) for _, blocks, stride in preset.model.style_stages)
    return preset.replace(motion_dim=16, style_stages=stages).model


@pytest.fixture
def given() -> dict:
    torch.manual_seed(7)
    template = 10 * torch.randn(B, N, 3, dtype=torch.float64)
    return {
        "audio": torch.randn(B, T, C, dtype=torch.float64),
        "template": template,
        "faces": template[:, None] + torch.randn(B, 13, N, 3, dtype=torch.float64),
    }


def run(model: Audio2Face, given: dict, **changes) -> torch.Tensor:
    given = given | changes
    style = None
    if model.modulation is not None:
        style = model.motion(given["faces"], given["template"])
    return model(given["audio"], given["template"], style)


def test_released_model_has_as_many_parameters_as_the_released_code():
    """At VOCASET's 5,023 vertices and HuBERT-large's 1,024 channels, HuBERT left out."""
    model = Audio2Face(RELEASE.model, 5023, 1024)

    def count(*parts) -> int:
        return sum(p.numel() for part in parts for p in part.parameters())

    assert count(model.audio_projection, model.audio_norm) == 262_912
    assert count(model.modulation.encoder) == 6_040_576
    assert count(model.modulation.linear) == 786_944
    assert count(model.decoder) == 3_155_968
    assert count(model.embedding) == 3_857_664
    assert count(model) == 14_104_064


@pytest.mark.parametrize("preset", [PAPER, RELEASE, DEMO], ids=lambda p: p.name)
def test_every_preset_gives_a_face_for_each_audio_frame(preset):
    model = Audio2Face(narrow(preset), N, C).eval()
    template = torch.randn(B, N, 3)
    faces = model(torch.randn(B, T, C), template, Motion(torch.randn(B, 20, 3 * N)))
    assert faces.shape == (B, T, N, 3) and faces.isfinite().all()


def test_eq_3_in_the_data_sets_unit(given):
    """S_bar + alpha W^T z in normalised space, brought back: only the deviation scales the motion."""
    model = build()
    features = torch.randn(B, T, K, dtype=torch.float64)
    found = model.synthesise(features, given["template"])
    w = model.embedding.weight.detach().T
    for b in range(B):
        for t in range(T):
            normalised = (given["template"][b] - model.data_mean) / model.data_std
            moved = normalised + 0.1 * (w @ features[b, t]).view(N, 3)
            torch.testing.assert_close(found[b, t], moved * model.data_std + model.data_mean)


def test_blendshapes_are_the_exact_linear_model(given):
    model = build()
    features = torch.randn(B, T, K, dtype=torch.float64)
    found = model.synthesise(features, given["template"]).detach().numpy()
    basis = model.blendshapes()
    expected = given["template"].numpy()[:, None] + np.einsum("btk,knc->btnc", features.numpy(), basis)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_one_matrix_embeds_style_and_template_and_draws(given):
    """Doubling the one W doubles all three; there is no second matrix of its size."""
    model = build()
    assert sum(p.numel() == 3 * N * K for p in model.parameters()) == 1
    motion = model.motion(given["faces"], given["template"])
    z = torch.randn(B, T, K, dtype=torch.float64)

    def three():
        embedding = model.embedding
        return embedding.embed(motion), embedding.embed_template(given["template"]), embedding.synthesise(z)

    before = three()
    with torch.no_grad():
        model.embedding.weight.mul_(2)
    for one, other in zip(three(), before, strict=True):
        torch.testing.assert_close(one, 2 * other)


def test_eq_1_style_ignores_identity_and_static_expression_but_template_style_does_not(given):
    offset = torch.randn(B, 1, N, 3, dtype=torch.float64)  # a constant expression
    for normalisation, same in (("mean", True), ("template", False)):
        model = build(style_normalisation=normalisation)
        plain = model.style(model.motion(given["faces"], given["template"]))
        shifted = model.style(model.motion(given["faces"] + offset, given["template"]))
        assert torch.allclose(plain, shifted, rtol=1e-9) is same, normalisation
    # with the template removed, another head that moves alike has the same style
    model = build(style_normalisation="template")
    head = torch.randn(B, N, 3, dtype=torch.float64)
    moved = model.style(model.motion(given["faces"] + head[:, None], given["template"] + head))
    torch.testing.assert_close(moved, model.style(model.motion(given["faces"], given["template"])))


def test_style_of_coefficients_is_that_of_the_faces_they_make(given):
    for normalisation in ("mean", "template"):
        model = build(style_normalisation=normalisation)
        coefficients, basis = torch.randn(B, 13, 4).double(), torch.randn(4, N, 3).double()
        faces = given["template"][:, None] + torch.einsum("btr,rnc->btnc", coefficients, basis)
        factored = model.style(model.motion_in_basis(coefficients, basis))
        torch.testing.assert_close(factored, model.style(model.motion(faces, given["template"])))


def test_style_changes_the_face_and_without_composite_there_is_nothing_to_give_it_to(given):
    other = given["template"][:, None] + 3 * torch.randn(B, 20, N, 3, dtype=torch.float64)
    full = build()
    assert not torch.allclose(run(full, given), run(full, given, faces=other))
    plain = build(composite=False)
    assert plain.modulation is None and not [n for n, _ in plain.named_parameters() if "modulation" in n]
    motion = plain.motion(other, given["template"])
    assert plain.style(motion) is None
    torch.testing.assert_close(
        plain(given["audio"], given["template"], motion), plain(given["audio"], given["template"], None)
    )


def test_without_composite_is_sigma_one_and_mu_zero(given):
    full, plain = build(), build(composite=False)
    plain.load_state_dict({k: v for k, v in full.state_dict().items() if not k.startswith("modulation")})
    neutral = torch.cat([torch.ones(B, K), torch.zeros(B, K)], dim=1).double()
    torch.testing.assert_close(
        plain.features(given["audio"], given["template"], None),
        full.features(given["audio"], given["template"], neutral),
    )


def test_without_the_template_embedding_the_template_is_only_added(given):
    other = given["template"] + torch.randn(B, N, 3, dtype=torch.float64)

    def motion(model, template):
        style = torch.randn(B, 2 * K, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        return model.synthesise(model.features(given["audio"], template, style), template) - template[:, None]

    without = build(template_embedding=False)
    torch.testing.assert_close(motion(without, other), motion(without, given["template"]))
    having = build(template_embedding=True)
    assert not torch.allclose(motion(having, other), motion(having, given["template"]))


def test_template_embedding_is_added_to_every_frame_after_the_modulation(given):
    model = build()
    heard: list[torch.Tensor] = []
    model.decoder.register_forward_pre_hook(lambda module, inputs: heard.append(inputs[0]))
    style = torch.randn(B, 2 * K, dtype=torch.float64)
    model.features(given["audio"], given["template"], style)
    normalised = (given["template"] - model.data_mean) / model.data_std
    projected = model.audio_projection(given["audio"].transpose(1, 2)).transpose(1, 2)
    mean, std = projected.mean(1, keepdim=True), projected.var(1, keepdim=True, correction=0).add(1e-5).sqrt()
    fused = style[:, None, :K] * (projected - mean) / std + style[:, None, K:]
    for t in range(T):
        expected = fused[:, t] + normalised.flatten(1) @ model.embedding.weight.T
        torch.testing.assert_close(heard[0][:, t], expected)


def test_batch_normalised_audio_keeps_its_level_where_eq_2_removes_it(given):
    for normalisation, same in (("instance", True), ("batch", False)):
        model = build(audio_normalisation=normalisation)
        with torch.no_grad():
            model.audio_projection.bias.zero_()
        style = torch.randn(B, 2 * K, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        quiet = model.features(given["audio"], given["template"], style)
        loud = model.features(10 * given["audio"], given["template"], style)
        assert torch.allclose(quiet, loud, rtol=1e-3, atol=1e-3) is same, normalisation


def test_samples_of_a_batch_do_not_touch_each_other(given):
    model = build()
    together = run(model, given)
    for b in range(B):
        alone = run(model, {key: value[b : b + 1] for key, value in given.items()})
        torch.testing.assert_close(alone[0], together[b])


def test_permuting_the_vertices_everywhere_permutes_the_face(given):
    order = torch.randperm(N, generator=torch.Generator().manual_seed(3))
    model, shuffled = build(), build()
    with torch.no_grad():
        shuffled.embedding.weight.copy_(model.embedding.weight.view(K, N, 3)[:, order].flatten(1))
    found = run(shuffled, given, template=given["template"][:, order], faces=given["faces"][:, :, order])
    torch.testing.assert_close(found, run(model, given)[:, :, order])


@pytest.mark.parametrize("preset", [PAPER, RELEASE, DEMO], ids=lambda p: p.name)
def test_gradients_reach_every_parameter(preset):
    model = Audio2Face(narrow(preset), N, C).train()
    style = model.style(Motion(torch.randn(B, 20, 3 * N)))
    z = model.features(torch.randn(B, T, C), torch.randn(B, N, 3), style)
    target = Motion(torch.randn(B, T, 3 * N))
    model.embedding.frame_error(z, target).mean().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


@pytest.mark.parametrize("frames", range(1, 10))
def test_style_motions_shorter_than_nine_frames_give_finite_faces(frames):
    model = Audio2Face(narrow(RELEASE), N, C).eval()
    faces = model(torch.randn(1, T, C), torch.randn(1, N, 3), Motion(torch.randn(1, frames, 3 * N)))
    assert faces.isfinite().all()


@pytest.mark.parametrize("preset", [PAPER, RELEASE, DEMO], ids=lambda p: p.name)
def test_a_motionless_style_gives_finite_faces_and_gradients(preset):
    model = Audio2Face(narrow(preset), N, C).eval()
    model(torch.randn(1, T, C), torch.randn(1, N, 3), Motion(torch.zeros(1, 20, 3 * N))).sum().backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())


def test_a_single_frame_of_audio_gives_a_single_finite_face(given):
    faces = run(build(), given, audio=given["audio"][:, :1])
    assert faces.shape == (B, 1, N, 3) and faces.isfinite().all()


# ---- the objective


@pytest.mark.parametrize("form", ["norm", "squared"])
def test_the_data_term_is_the_mean_over_frames_of_what_its_name_says(form):
    difference = torch.randn(B, T, 3 * N, dtype=torch.float64)
    sizes = [float(np.sqrt(sum(float(x) ** 2 for x in frame))) for item in difference for frame in item]
    expected = np.mean(sizes) if form == "norm" else np.mean(np.square(sizes))
    assert float(data_loss(difference.square().sum(-1), form)) == pytest.approx(expected, rel=1e-9)


def test_a_perfect_frame_has_a_finite_gradient():
    squared = torch.zeros(1, 3, dtype=torch.float64, requires_grad=True)
    data_loss(squared, "norm").backward()
    assert squared.grad.isfinite().all()


@pytest.mark.parametrize("form", ["norm", "squared"])
@pytest.mark.parametrize("beta", [0.0, 0.3])
def test_eq_4_is_the_distance_of_the_faces_and_beta_times_the_sum_of_w(given, form, beta):
    """Against the faces themselves, which the loss never forms."""
    model = build()
    target, style = given["faces"][:, :T], given["faces"].flip(1)
    batch = Batch(
        given["audio"], given["template"], model.motion(target, given["template"]),
        model.motion(style, given["template"]), torch.zeros(B, dtype=torch.int64),
    )  # fmt: skip
    objective, data = model.loss(batch, TrainingConfig(loss=form, sparsity_weight=beta))
    faces = model.animate(given["audio"], given["template"], batch.style)
    squared = ((faces - target) / model.data_std).square().sum((2, 3))
    expected = squared.sqrt().mean() if form == "norm" else squared.mean()
    torch.testing.assert_close(data, expected)
    torch.testing.assert_close(objective - data, beta * model.embedding.weight.abs().sum())


def test_what_the_history_keeps_of_w():
    model = build()
    with torch.no_grad():
        model.embedding.weight.fill_(1.0)[:2].fill_(-1e-4)  # a quarter of K = 8
    quarter, whole = 3 * N * 2, 3 * N * K
    assert model.measures(False) == {"sparsity": pytest.approx(whole - quarter * (1 - 1e-4))}
    assert model.measures(True)["small_entries"] == 0.25
