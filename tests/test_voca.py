"""VOCA: its windows and its objective against loops, its first output layer, and a run like any other method's."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest
import torch

from a2f.config import TrainingConfig, baseline
from a2f.errors import BadInput
from a2f.model_config import VocaConfig
from a2f.models import Batch, Motion, TrainingFaces, Voca, load_audio_encoder, load_model, read_weights, save_model
from a2f.models.voca import voca_terms
from a2f.training import train

N, C, B, T = 9, 5, 2, 13
SUBJECTS = ("ann", "bob", "cy")


def make(seed: int = 0, **changes) -> Voca:
    """A small network in double precision, its output layer drawn at random."""
    torch.manual_seed(seed)
    model = Voca(VocaConfig(**{"hidden_dim": 12, "expression_dim": 6} | changes), N, C, SUBJECTS).double().eval()
    torch.nn.init.normal_(model.output.weight)
    torch.nn.init.normal_(model.output.bias)
    model.data_std.fill_(3.0)
    return model


def sound(frames: int = T, batch: int = B, seed: int = 1) -> torch.Tensor:
    return torch.randn(batch, frames, C, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def heads(batch: int = B) -> torch.Tensor:
    return torch.randn(batch, N, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def in_basis(frames: int = T, seed: int = 3) -> Motion:
    generator = torch.Generator().manual_seed(seed)
    basis = torch.randn(4, 3 * N, generator=generator, dtype=torch.float64)
    return Motion(torch.randn(B, frames, 4, generator=generator, dtype=torch.float64), basis)


def make_batch(motion: Motion) -> Batch:
    return Batch(sound(), heads(), motion, motion, torch.tensor([2, 0]))


# ---- size and start


def test_the_paper_s_size_on_vocaset():
    model = Voca(VocaConfig(), 5023, 29, tuple("abcdefgh"))
    assert sum(p.numel() for p in model.parameters()) == 809_563


def faces_of_rank(topology, rank: int, frames: int = 40) -> TrainingFaces:
    """Frames of two subjects whose motion is a mixture of `rank` shapes."""
    torch.manual_seed(0)
    count = topology.num_vertices
    neutral = 10 * torch.randn(2, count, 3)
    each = neutral.repeat_interleave(frames // 2, 0)
    moved = (torch.randn(frames, rank) @ torch.randn(rank, 3 * count)).view(frames, count, 3)
    return TrainingFaces(topology, neutral, each + moved, each)


def test_the_output_layer_starts_as_principal_components_one_deviation_long(topology):
    """Orthogonal, longest first, spanning the training motion; the columns that are left over do nothing."""
    training = faces_of_rank(topology, 4)
    model = Voca(VocaConfig(expression_dim=6), topology.num_vertices, C, SUBJECTS)
    model.prepare(training, TrainingConfig())
    weight = model.output.weight.detach()
    assert not weight[:, 4:].any() and not model.output.bias.any()
    gram = weight[:, :4].T @ weight[:, :4]
    lengths = gram.diag()
    torch.testing.assert_close(gram, lengths.diag(), atol=1e-4 * lengths.max().item(), rtol=0)
    assert lengths.tolist() == sorted(lengths.tolist(), reverse=True)
    moved = ((training.faces - training.neutral) / model.data_std).flatten(1)
    coefficients = moved @ weight[:, :4] / lengths
    torch.testing.assert_close(coefficients @ weight[:, :4].T, moved, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(coefficients.square().mean(0), torch.ones(4), atol=1e-3, rtol=0)


def test_fewer_frames_than_components_are_enough_to_start(topology):
    model = Voca(VocaConfig(expression_dim=50), topology.num_vertices, C, SUBJECTS)
    model.prepare(faces_of_rank(topology, 4, frames=6), TrainingConfig())
    assert model.output.weight.isfinite().all() and model.output.weight[:, :4].any(dim=0).all()
    assert not model.output.weight[:, 4:].any()


# ---- what a frame hears


@pytest.mark.parametrize("size", [16, 32])
@pytest.mark.parametrize("frames", [1, 13, 40])
def test_windows_hold_the_features_around_each_frame(size, frames):
    audio = sound(frames)
    found = make(window_frames=size).windows(audio)
    assert found.shape == (B, frames, size, C)
    for t in range(frames):
        for place in range(size):
            source = t - size // 2 + place
            expected = audio[:, source] if 0 <= source < frames else torch.zeros(B, C, dtype=audio.dtype)
            assert torch.equal(found[:, t, place], expected)


def test_a_frame_hears_its_window_and_nothing_else():
    model, audio = make(), sound(40)
    changed = audio.clone()
    changed[:, 20] += 1
    moved = (model.animate(audio, heads()) - model.animate(changed, heads())).abs().amax(dim=(0, 2, 3))
    # the window of frame t is t - 8 ... t + 7
    assert [t for t in range(40) if moved[t] > 1e-9] == list(range(13, 29))


# ---- the objective


def test_position_and_velocity_terms_vertex_by_vertex():
    torch.manual_seed(0)
    predicted, target = torch.randn(B, 4, 3 * N, dtype=torch.float64), torch.randn(B, 4, 3 * N, dtype=torch.float64)

    def distance(one, other, b, t, vertex):
        return sum((one[b, t, 3 * vertex + axis] - other[b, t, 3 * vertex + axis]).item() ** 2 for axis in range(3))

    position = [distance(predicted, target, b, t, v) for b in range(B) for t in range(4) for v in range(N)]
    steps = [x[:, 1:] - x[:, :-1] for x in (predicted, target)]
    velocity = [distance(*steps, b, t, v) for b in range(B) for t in range(3) for v in range(N)]
    # with the identity for W, displacements are the codes themselves
    whole = torch.eye(3 * N, dtype=torch.float64), torch.zeros(3 * N, dtype=torch.float64)
    found = [term.item() for term in voca_terms(predicted, *whole, Motion(target))]
    assert found == pytest.approx([sum(position) / len(position), sum(velocity) / len(velocity)])


@pytest.mark.parametrize("weight", [0.0, 10.0])
def test_the_objective_adds_velocity_by_its_weight(weight):
    model, motion = make(velocity_weight=weight), in_basis()
    faces = torch.cat([model.animate_as(sound()[[i]], heads()[[i]], subject) for i, subject in enumerate((2, 0))])
    predicted = model.motion(faces, heads()).dense()
    whole = torch.eye(3 * N, dtype=torch.float64), torch.zeros(3 * N, dtype=torch.float64)
    position, velocity = voca_terms(predicted, *whole, motion)
    objective, data = model.loss(make_batch(motion), TrainingConfig())
    torch.testing.assert_close(data, position)
    torch.testing.assert_close(objective, position + weight * velocity)
    dense = model.loss(make_batch(Motion(motion.dense())), TrainingConfig())
    torch.testing.assert_close(dense, (objective, data))


def test_vertices_may_be_listed_in_any_order():
    model, motion, order = make(), in_basis(), torch.randperm(N, generator=torch.Generator().manual_seed(5))
    coordinates = (3 * order.unsqueeze(1) + torch.arange(3)).flatten()
    other = make()
    with torch.no_grad():
        other.output.weight.copy_(model.output.weight[coordinates])
        other.output.bias.copy_(model.output.bias[coordinates])
    torch.testing.assert_close(other.animate(sound(), heads()[:, order]), model.animate(sound(), heads())[:, :, order])
    shuffled = Motion(motion.values, motion.basis[:, coordinates])
    losses = [m.loss(make_batch(x), TrainingConfig())[0] for m, x in ((model, motion), (other, shuffled))]
    torch.testing.assert_close(*losses)


def test_one_clip_can_be_learnt_by_heart():
    torch.manual_seed(0)
    model = Voca(VocaConfig(), N, C, SUBJECTS)
    torch.nn.init.normal_(model.output.weight, std=0.1)
    target = Motion(torch.sin(0.5 * torch.arange(20)[None, :, None] + torch.randn(3 * N)))
    data = Batch(torch.randn(1, 20, C), torch.randn(1, N, 3), target, target, torch.tensor([1]))
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(100):
        objective, loss = model.loss(data, TrainingConfig())
        optimizer.zero_grad()
        objective.backward()
        optimizer.step()
    assert loss < 0.05 * 3 * target.dense().square().mean()  # of three axes


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
    with pytest.raises(BadInput, match="one condition for each training subject"):
        Voca(VocaConfig(), N, C)


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

    config = baseline(tiny_config, "voca").replace(epochs=3, freeze_epochs=1, validate_every=1)
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
    config = baseline(tiny_config, "voca").replace(epochs=1, freeze_epochs=None, validate_every=1)
    one, other = (
        history(train(config, data, tmp_path / name, cache=feature_cache, progress=False))
        for name, data in (("basis", dataset), ("dense", dense_dataset))
    )
    assert one[0] == pytest.approx(other[0], rel=1e-3)


def test_it_is_kept_and_read_back(tiny_config, tmp_path):
    model = make().float()
    save_model(model, tmp_path, dataclasses.replace(baseline(tiny_config, "voca"), model=model.config))
    found = load_model(tmp_path)
    assert isinstance(found, Voca) and found.subjects == SUBJECTS
    audio, template = sound().float(), heads().float()
    assert torch.equal(found.animate(audio, template), model.animate(audio, template))
