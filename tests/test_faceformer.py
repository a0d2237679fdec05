"""FaceFormer: its fast loop against the plain one, its masks against loops, and a run like any other method's."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest
import torch

from a2f.config import TrainingConfig, baseline
from a2f.errors import BadInput
from a2f.model_config import FaceFormerConfig
from a2f.models import Batch, FaceFormer, Motion, load_audio_encoder, load_model, read_weights, save_model
from a2f.models.faceformer import periodic_positions, staircase, staircase_mask
from a2f.training import train

N, C, D, B, T = 9, 5, 16, 2, 11
SUBJECTS = ("ann", "bob", "cy")


def make(seed: int = 0, **changes) -> FaceFormer:
    """A small network in double precision that moves: its output layer is not zero."""
    torch.manual_seed(seed)
    config = FaceFormerConfig(**{"feature_dim": D, "period": 4} | changes)
    model = FaceFormer(config, N, C, SUBJECTS).double().eval()
    torch.nn.init.normal_(model.motion_out.weight, std=0.5)
    torch.nn.init.normal_(model.motion_out.bias, std=0.5)
    model.data_std.fill_(3.0)
    return model


def sound(frames: int = T, batch: int = B, seed: int = 1) -> torch.Tensor:
    return torch.randn(batch, frames, C, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def heads(batch: int = B) -> torch.Tensor:
    return torch.randn(batch, N, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def make_batch(motion: Motion, audio: torch.Tensor) -> Batch:
    return Batch(audio, heads(len(audio)), motion, motion, torch.arange(len(audio)) % len(SUBJECTS))


def in_basis(frames: int = T, seed: int = 3) -> Motion:
    generator = torch.Generator().manual_seed(seed)
    basis = torch.randn(4, 3 * N, generator=generator, dtype=torch.float64)
    return Motion(torch.randn(B, frames, 4, generator=generator, dtype=torch.float64), basis)


# ---- size and start


def test_the_paper_s_size_on_vocaset():
    model = FaceFormer(FaceFormerConfig(), 5023, 768, tuple("abcdefgh"))
    assert sum(p.numel() for p in model.parameters()) == 2_043_933


def test_training_starts_from_the_neutral_face():
    model = FaceFormer(FaceFormerConfig(feature_dim=D), N, C, SUBJECTS).double().eval()
    assert torch.equal(model.animate(sound(), heads()), heads().unsqueeze(1).expand(-1, T, -1, -1))


# ---- masks and positions


@pytest.mark.parametrize(
    "count, slopes",
    [
        (4, [1 / 4, 1 / 16, 1 / 64, 1 / 256]),
        (1, [1 / 256]),
        (8, [2.0**-i for i in range(1, 9)]),
        (6, [1 / 4, 1 / 16, 1 / 64, 1 / 256, 1 / 2, 1 / 8]),
    ],
)
def test_slopes_of_the_heads(count, slopes):
    assert staircase(8, count, 7)[:, 7].neg().tolist() == slopes


def test_the_mask_is_causal_and_falls_by_one_step_a_period():
    found = staircase_mask(T, 4, 3)
    for head, slope in enumerate((1 / 4, 1 / 16, 1 / 64, 1 / 256)):
        for now in range(T):
            for then in range(T):
                expected = -math.inf if then > now else -slope * ((now - then) // 3)
                assert found[head, now, then] == expected


def test_positions_are_sinusoids_that_start_anew_each_period():
    found = periodic_positions(10, 6, 4)
    for frame in range(10):
        for pair in range(3):
            angle = (frame % 4) / 10_000 ** (2 * pair / 6)
            assert found[frame, 2 * pair].item() == pytest.approx(math.sin(angle))
            assert found[frame, 2 * pair + 1].item() == pytest.approx(math.cos(angle))
    assert torch.equal(found[4:8], found[:4])


# ---- the fast loop is the plain loop


@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 1e-5), (torch.float64, 1e-10)])
@pytest.mark.parametrize("count", [1, 4])
def test_kept_keys_give_what_recomputing_everything_gives(dtype, tolerance, count):
    model = make(heads=count).to(dtype)
    identity = model.one_hot(torch.tensor([2, 0]))
    audio = sound().to(dtype)
    expected = model.plain(audio, identity)
    assert expected.std(dim=1).mean() > 0.1, "a face that moves"
    found = model.motion_out(model.states(audio, identity))
    torch.testing.assert_close(found, expected, atol=tolerance, rtol=tolerance)


def test_kept_keys_give_the_same_gradients():
    model = make()
    identity, audio, target = model.one_hot(torch.tensor([1, 2])), sound(), in_basis().dense()

    def gradients(displacements: torch.Tensor) -> dict[str, torch.Tensor]:
        model.zero_grad()
        (displacements - target).square().mean().backward()
        return {name: p.grad.clone() for name, p in model.named_parameters()}

    expected = gradients(model.plain(audio, identity))
    found = gradients(model.motion_out(model.states(audio, identity)))
    assert set(found) == set(expected)
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, atol=1e-10, rtol=1e-10, msg=name)
        assert gradient.abs().max() > 0, name


def test_of_cross_attention_only_the_values_learn():
    model = make()
    model.states(sound(), model.one_hot(torch.tensor([1, 2]))).square().mean().backward()
    gradient = model.decoder.multihead_attn.in_proj_weight.grad
    assert not gradient[: 2 * D].any() and gradient[2 * D :].any()


def test_true_frames_fed_back_are_the_loop_s_own_where_it_is_right():
    model = make()
    identity = model.one_hot(torch.tensor([0, 1]))
    states = model.states(sound(), identity)
    forced = model.forced(sound(), identity, Motion(model.motion_out(states)))
    torch.testing.assert_close(forced, states, atol=1e-10, rtol=1e-10)
    other = model.forced(sound(), identity, in_basis())
    torch.testing.assert_close(other[:, 0], states[:, 0], atol=1e-10, rtol=1e-10)
    assert not torch.allclose(other[:, 1], states[:, 1])


def test_a_frame_depends_on_sound_up_to_itself():
    model, audio = make(), sound()
    changed = audio.clone()
    changed[:, 5] += 1
    before, after = (model.animate(a, heads()) for a in (audio, changed))
    assert torch.equal(before[:, :5], after[:, :5])
    moved = (before - after).abs().amax(dim=(0, 2, 3))
    assert (moved[5:] > 0).all(), "the frame itself, and through it all that follow"


def test_no_limit_on_length():
    model = make()
    with torch.no_grad():
        long = model.animate(sound(620, 1), heads(1))
        torch.testing.assert_close(long[:, :T], model.animate(sound(620, 1)[:, :T], heads(1)))
    assert long.shape == (1, 620, N, 3) and long.isfinite().all()


# ---- identities


def test_a_new_speaker_gets_the_mean_of_all_identities():
    model = make()
    single = torch.stack([model.animate_as(sound(), heads(), i) for i in range(len(SUBJECTS))])
    assert single.std(dim=0).max() > 0.01
    torch.testing.assert_close(model.animate(sound(), heads()), single.mean(0))


@pytest.mark.parametrize("identity", [-1, 3])
def test_an_unknown_identity_is_refused(identity):
    with pytest.raises(BadInput, match=f"identity is {identity}, expected 0 to 2"):
        make().animate_as(sound(), heads(), identity)


def test_no_training_subjects_are_refused():
    with pytest.raises(BadInput, match="one style for each training subject"):
        FaceFormer(FaceFormerConfig(), N, C)


# ---- the loss


@pytest.mark.parametrize("teacher_forcing", [False, True])
def test_the_loss_is_the_mean_squared_error_of_all_coordinates(teacher_forcing):
    model, motion = make(teacher_forcing=teacher_forcing), in_basis()
    data = make_batch(motion, sound())
    identity = model.one_hot(data.subject)
    states = model.forced(sound(), identity, motion) if teacher_forcing else model.states(sound(), identity)
    expected = (model.motion_out(states) - motion.dense()).square().mean()
    objective, found = model.loss(data, TrainingConfig())
    torch.testing.assert_close(found, expected)
    assert objective is found
    dense = model.loss(make_batch(Motion(motion.dense()), sound()), TrainingConfig())[0]
    torch.testing.assert_close(dense, found)


def test_vertices_may_be_listed_in_any_order():
    model, motion, order = make(), in_basis(), torch.randperm(N, generator=torch.Generator().manual_seed(5))
    coordinates = (3 * order.unsqueeze(1) + torch.arange(3)).flatten()
    other = make()
    with torch.no_grad():
        other.motion_in.weight.copy_(model.motion_in.weight[:, coordinates])
        other.motion_out.weight.copy_(model.motion_out.weight[coordinates])
        other.motion_out.bias.copy_(model.motion_out.bias[coordinates])
    torch.testing.assert_close(other.animate(sound(), heads()[:, order]), model.animate(sound(), heads())[:, :, order])
    shuffled = Motion(motion.values, motion.basis[:, coordinates])
    losses = [m.loss(make_batch(x, sound()), TrainingConfig())[0] for m, x in ((model, motion), (other, shuffled))]
    torch.testing.assert_close(*losses)


def test_dropout_belongs_to_training_and_leaves_what_is_heard_right_on_average():
    model = make(dropout=0.3)
    identity = model.one_hot(torch.tensor([0, 1]))
    assert torch.equal(model.states(sound(), identity), model.states(sound(), identity))
    once = sound(1, 1)
    expected = model._heard(once)
    model.train()
    assert not torch.equal(model.states(sound(), identity), model.states(sound(), identity))
    torch.manual_seed(0)
    many = model._heard(once.expand(20_000, -1, -1))
    torch.testing.assert_close(many.mean(0, keepdim=True), expected, atol=0.02, rtol=0)
    assert many.std(0).min() > 0.02


@pytest.mark.parametrize("teacher_forcing", [False, True])
def test_one_clip_can_be_learnt_by_heart(teacher_forcing):
    torch.manual_seed(0)
    config = FaceFormerConfig(feature_dim=32, period=8, dropout=0.0, teacher_forcing=teacher_forcing)
    model = FaceFormer(config, N, C, SUBJECTS)
    target = Motion(torch.sin(0.5 * torch.arange(6)[None, :, None] + torch.randn(3 * N)))
    data = Batch(torch.randn(1, 6, C), torch.randn(1, N, 3), target, target, torch.tensor([1]))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(50):
        loss, _ = model.loss(data, TrainingConfig())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.05 * target.dense().square().mean()


# ---- as part of a run


def contents(run) -> dict[str, bytes]:
    """All of a run that the seed decides; the wall clock it does not."""
    return {path.name: path.read_bytes() for path in run.iterdir() if path.name != "finished.json"}


def history(run) -> list[dict]:
    return json.loads((run / "history.json").read_text())


def test_a_run_unfreezes_its_audio_encoder_and_goes_on_exactly(tiny_config, dataset, feature_cache, tmp_path):
    class Interrupted(Exception):
        pass

    def stop(row: dict) -> None:
        if row["epoch"] in (1, 2):
            raise Interrupted

    config = baseline(tiny_config, "faceformer").replace(
        feature_dim=D, epochs=3, freeze_epochs=1, validate_every=1, crop_frames=12
    )
    assert config.model.period == 30
    whole = train(config, dataset, tmp_path / "whole", seed=1, cache=feature_cache, progress=False)
    for _ in range(2):
        with pytest.raises(Interrupted):
            train(config, dataset, tmp_path / "cut", seed=1, cache=feature_cache, progress=False, on_epoch=stop)
    cut = train(config, dataset, tmp_path / "cut", seed=1, cache=feature_cache, progress=False)
    assert contents(cut) == contents(whole)
    rows = history(whole)
    assert [row["encoder_frozen"] for row in rows] == [True, False, False]
    assert all(math.isfinite(row["train_loss"] + row["val_lip"]) for row in rows)
    tuned = {k: v for k, v in read_weights(whole, "last").items() if k.startswith("audio_encoder.")}
    first = load_audio_encoder(config.model).state_dict()
    assert any(not torch.equal(v, first[k.removeprefix("audio_encoder.")]) for k, v in tuned.items())


def test_dense_and_factored_clips_train_alike(tiny_config, dataset, dense_dataset, feature_cache, tmp_path):
    config = baseline(tiny_config, "faceformer").replace(feature_dim=D, epochs=1, freeze_epochs=None, validate_every=1)
    one, other = (
        history(train(config, data, tmp_path / name, cache=feature_cache, progress=False))
        for name, data in (("basis", dataset), ("dense", dense_dataset))
    )
    assert one[0] == pytest.approx(other[0], rel=1e-3)


def test_it_is_kept_and_read_back(tiny_config, tmp_path):
    config = dataclasses.replace(baseline(tiny_config, "faceformer"), model=make().config)
    model = make().float()
    save_model(model, tmp_path, config)
    found = load_model(tmp_path)
    assert isinstance(found, FaceFormer) and found.subjects == SUBJECTS
    audio, template = sound().float(), heads().float()
    assert torch.equal(found.animate(audio, template), model.animate(audio, template))
