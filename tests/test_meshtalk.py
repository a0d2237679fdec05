"""MeshTalk: the published sizes, codes that see only what they may, losses as an obvious loop has them."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from a2f.batches import clip_motion, templates
from a2f.config import DEMO, PAPER, TrainingConfig, baseline
from a2f.errors import BadInput
from a2f.model_config import MeshTalkConfig
from a2f.models import Batch, MeshTalk, Motion, TrainingFaces, build_model, load_model, save_model
from a2f.models.meshtalk_parts import Fusion, SoundEncoder
from a2f.models.meshtalk_prior import CategoricalPrior, gumbel
from a2f.training import train, training_faces

VERTICES, CHANNELS = 30, 16
TINY = MeshTalkConfig(
    audio_channels=8,
    audio_dilations=(1, 2),
    expression_widths=(12, 8),
    latent_dim=8,
    fusion_dim=12,
    heads=3,
    classes=5,
    decoder_widths=(16, 12, 8),
    prior_dim=4,
    prior_dilations=(1, 2),
    samples=3,
)


def make_prior(seed: int = 0, **changes) -> CategoricalPrior:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return CategoricalPrior(dataclasses.replace(TINY, **changes))


def make_model(dataset, seed: int = 0) -> MeshTalk:
    """An untrained network after a look at the tiny data set, its weights so large that all inputs show."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = MeshTalk(TINY, VERTICES, CHANNELS)
        model.prepare(training_faces(dataset), TrainingConfig())
        for layer in (model.sound_encoder.output, model.expression_encoder.output, *model.fusion.layers[::2]):
            torch.nn.init.normal_(layer.weight)
        torch.nn.init.normal_(model.decoder.output.weight, std=0.1)
        torch.nn.init.normal_(model.decoder.vertex_bias)
    return model.eval()


def make_batch(model: MeshTalk, dataset, size: int = 4, frames: int = 20) -> Batch:
    clips = dataset.split("train")[:: 12 // size][:size]  # of both subjects
    audio = torch.randn(size, frames, CHANNELS, generator=torch.Generator().manual_seed(0))
    motion = clip_motion(model, clips, range(size), frames)
    return Batch(audio, templates(clips), motion, motion, torch.zeros(size, dtype=torch.int64))


def randn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def rand_codes(*shape: int, classes: int = TINY.classes, seed: int = 0) -> torch.Tensor:
    return torch.randint(classes, shape, generator=torch.Generator().manual_seed(seed))


# ---- sizes


def test_parameter_counts_are_those_of_the_release():
    with torch.device("meta"):
        model = MeshTalk(MeshTalkConfig(), 6172, 80)
    parts = ("sound_encoder", "expression_encoder", "decoder", "prior")
    found = {name: sum(p.numel() for p in getattr(model, name).parameters()) for name in parts}
    assert found == {
        "sound_encoder": 560_128,
        "expression_encoder": 4_921_856,
        "decoder": 19_869_608,
        "prior": 17_709_056,
    }
    assert model.sound_encoder.receptive_field == 101, "frames of 10 ms: a second"


def test_the_paper_preset_hears_a_second_at_its_frame_rate():
    for config in (PAPER, DEMO):
        model = baseline(config, "meshtalk").model
        with torch.device("meta"):
            assert abs(SoundEncoder(model, 80).receptive_field - config.data.fps) < 12


# ---- encoders


def test_a_code_of_sound_is_that_of_the_cut_around_its_frame():
    """What MeshTalk does frame by frame, the convolution over a whole clip does at once, at its ends too."""
    encoder = SoundEncoder(TINY, CHANNELS).eval()
    audio = randn(2, 25, CHANNELS)
    codes = encoder(audio)
    around = encoder.receptive_field // 2
    assert encoder.receptive_field == 17 and codes.shape == (2, 25, 8)
    padded = F.pad(audio, (0, 0, around, around))
    for t in range(25):
        cut = padded[:, t : t + 2 * around + 1]
        torch.testing.assert_close(encoder(cut)[:, around], codes[:, t])


def test_the_expression_encoder_reads_z_scores_of_faces(dataset):
    model = make_model(dataset)
    clip = dataset.split("val")[0]
    code = model.expression_code(clip_motion(model, [clip], [0], 9), model.z_scores(templates([clip])))
    encoder = model.expression_encoder
    hidden = (torch.from_numpy(clip.vertices[:9]).flatten(1) - model.vertex_mean) / model.vertex_std / 90**0.5
    for layer in (encoder.first, encoder.second):
        hidden = F.leaky_relu(layer(hidden), 0.2)
    torch.testing.assert_close(code[0], encoder.output(encoder.temporal(hidden)[0]), rtol=1e-3, atol=1e-4)


def test_z_scores_of_rigid_vertices_have_a_floor(dataset):
    faces = training_faces(dataset)
    still = faces.faces.clone()
    still[:, 20:25] = still[0, 20:25]
    model = MeshTalk(TINY, VERTICES, CHANNELS)
    model.prepare(TrainingFaces(faces.topology, faces.templates, still, faces.neutral), TrainingConfig())
    deviation = still.flatten(1).std(0, correction=0)
    floor = 0.1 * deviation.median()
    std = model.vertex_std.view(VERTICES, 3)
    torch.testing.assert_close(std[20:25], floor.expand(5, 3))
    torch.testing.assert_close(std[:20], deviation.view(VERTICES, 3)[:20].clamp_min(float(floor)))
    torch.testing.assert_close(model.vertex_mean, still.flatten(1).mean(0), rtol=1e-4, atol=1e-4)


def test_the_vertex_bias_starts_at_the_mean_motion_of_training(dataset):
    model = MeshTalk(TINY, VERTICES, CHANNELS)
    faces = training_faces(dataset)
    model.prepare(faces, TrainingConfig())
    bias = (model.decoder.vertex_bias * model.vertex_std).detach().view(VERTICES, 3)
    torch.testing.assert_close(bias, (faces.faces - faces.neutral).mean(0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("noise", [1.0, 0.3])
def test_training_draws_categories_and_lets_gradients_pass_evaluation_takes_the_best(noise):
    fusion = Fusion(dataclasses.replace(TINY, noise=noise))
    logits = randn(6, 50, 3, 5).log_softmax(-1).requires_grad_()
    best = fusion.eval().quantise(logits)
    assert torch.equal(best.argmax(-1), logits.argmax(-1)) and torch.equal(best.sum(-1), torch.ones(6, 50, 3))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        drawn = fusion.train().quantise(logits)
    torch.testing.assert_close(drawn, F.one_hot(drawn.argmax(-1), 5).float())
    right = (drawn.argmax(-1) == logits.argmax(-1)).float().mean()
    expected = (logits / noise).softmax(-1).amax(-1).mean()
    assert abs(right - expected) < 0.05, "the most probable category comes as often as its probability says"
    (drawn * randn(6, 50, 3, 5, seed=1)).sum().backward()
    assert (logits.grad != 0).any(-1).all()


# ---- decoder and losses


def decode_obviously(model: MeshTalk, categories: torch.Tensor, template: torch.Tensor) -> torch.Tensor:
    """Return faces (T, N, 3) of categories (T, heads) by the UNet as it is drawn: per frame, with all its skips."""
    decoder, frames = model.decoder, len(categories)
    z_scores = (template.flatten() - model.vertex_mean) / model.vertex_std
    value = (z_scores / 90**0.5).expand(frames, -1)
    skips = [z_scores]
    for layer in decoder.down:
        value = F.leaky_relu(layer(value), 0.2)
        skips.append(value)
    skips.pop()  # the waist itself
    one_hot = F.one_hot(categories, TINY.classes).float().flatten(1)
    value = decoder.temporal(F.leaky_relu(decoder.join(torch.cat([value, one_hot], 1)), 0.2))[0]
    for layer in (*decoder.up, decoder.output):
        value = F.leaky_relu(layer(value), 0.2) + skips.pop()
    value = (value + decoder.vertex_bias) * model.vertex_std + model.vertex_mean
    return value.view(frames, VERTICES, 3)


@torch.no_grad()
def test_the_loss_is_what_an_obvious_loop_computes(dataset):
    model = make_model(dataset)
    batch = make_batch(model, dataset)
    objective, data = model.loss(batch, TrainingConfig())
    truth = model.faces(batch.target.dense(), batch.template)
    sounds = model.sound_code(batch.audio)
    expressions = model.expression_code(batch.target, model.z_scores(batch.template))
    terms = {name: [] for name in ("reconstruction", "landmarks", "lips", "upper", "prior")}
    for i in range(4):
        other = (i - 1) % 4

        def error(sound, expression, region, i=i):
            categories = model.fusion(sounds[sound][None], expressions[expression][None])[0].argmax(-1)
            faces = decode_obviously(model, categories, batch.template[i])
            squared = ((faces - truth[i])[:, region] / model.motion_scale).square().mean()
            return float(squared), categories

        whole, categories = error(i, i, slice(None))
        terms["reconstruction"].append(whole)
        terms["landmarks"].append(error(i, i, slice(6, 16))[0])
        terms["lips"].append(error(i, other, slice(0, 6))[0])  # the lips follow the sound
        terms["upper"].append(error(other, i, slice(6, 16))[0])  # the upper face follows the expression
        likelihood = model.prior(categories[None], sounds[i][None])[0]
        terms["prior"] += [-float(likelihood[t, h, categories[t, h]]) for t in range(20) for h in range(3)]
    assert float(data) == pytest.approx(np.mean(terms["reconstruction"]), rel=1e-3)
    assert float(objective) == pytest.approx(sum(map(np.mean, terms.values())), rel=1e-3)
    assert np.mean(terms["lips"]) != pytest.approx(np.mean(terms["reconstruction"]), rel=1e-2)


def test_a_face_at_rest_has_a_reconstruction_error_of_one(dataset):
    model = make_model(dataset)
    for parameter in (model.decoder.output.weight, model.decoder.output.bias, model.decoder.vertex_bias):
        torch.nn.init.zeros_(parameter)
    clips = dataset.split("train")
    motion = clip_motion(model, clips, [0] * len(clips), 40)
    batch = Batch(randn(len(clips), 40, CHANNELS), templates(clips), motion, motion, torch.zeros(len(clips)).long())
    assert float(model.loss(batch, TrainingConfig())[1].detach()) == pytest.approx(1, rel=0.1)


@torch.no_grad()
def test_motion_in_a_basis_has_the_loss_of_its_displacements(dataset):
    model = make_model(dataset)
    batch = make_batch(model, dataset)
    dense = dataclasses.replace(batch, target=Motion(batch.target.dense()))
    assert batch.target.basis is not None and dense.target.basis is None
    torch.testing.assert_close(model.loss(dense, TrainingConfig()), model.loss(batch, TrainingConfig()))


@torch.no_grad()
def test_motion_reaches_the_categories_and_categories_the_face_from_the_start(dataset):
    """With shrinking initial weights they would not, and all categories soon be one."""
    for config in (TINY, baseline(DEMO, "meshtalk").model):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = MeshTalk(config, VERTICES, CHANNELS).eval()
            model.prepare(training_faces(dataset), TrainingConfig())
        batch = make_batch(model, dataset)
        template = model.z_scores(batch.template)
        logits = model.fusion(model.sound_code(batch.audio), model.expression_code(batch.target, template))
        hidden = model.decoder.hidden(model.fusion.quantise(logits), template)
        assert logits.std(1).mean() > 0.5 and hidden.std(1).mean() > 0.05


def test_the_prior_learns_from_codes_and_moves_nothing_else(dataset):
    model = make_model(dataset).train()
    batch = make_batch(model, dataset)

    def gradients() -> dict[str, torch.Tensor]:
        model.zero_grad()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model.loss(batch, TrainingConfig())[0].backward()
        return {name: parameter.grad.clone() for name, parameter in model.named_parameters()}

    before = gradients()
    with torch.no_grad():
        for parameter in model.prior.parameters():
            parameter.mul_(3)
    after = gradients()
    assert len(before) > 40
    for name in before:
        assert torch.equal(before[name], after[name]) is not name.startswith("prior."), name
        assert (after[name] != 0).any(), name


def test_one_item_alone_is_refused(dataset):
    model = make_model(dataset)
    with pytest.raises(BadInput, match="batch_size is 1, give 2 or more"):
        model.prepare(training_faces(dataset), TrainingConfig(batch_size=1))
    with pytest.raises(BadInput, match="no other one"):
        model.loss(make_batch(model, dataset, size=1), TrainingConfig())


def test_faces_without_motion_are_refused(dataset):
    faces = training_faces(dataset)
    with pytest.raises(BadInput, match="move by 0"):
        MeshTalk(TINY, VERTICES, CHANNELS).prepare(
            TrainingFaces(faces.topology, faces.templates, faces.neutral, faces.neutral), TrainingConfig()
        )


# ---- prior


@torch.no_grad()
def test_a_code_depends_on_all_codes_before_it_and_none_after():
    prior = make_prior().double()
    audio, codes = randn(1, 8, TINY.latent_dim).double(), rand_codes(1, 8, 3)
    before = prior(codes, audio)[0]
    reach = 1 + 1 + sum(TINY.prior_dilations) + 1  # embedding, layers, logits: frames, the current one with them
    for t, h in itertools.product(range(8), range(3)):
        changed = codes.clone()
        changed[0, t, h] = (changed[0, t, h] + 1) % TINY.classes
        moved = (prior(changed, audio)[0] != before).any(-1)
        for s, k in itertools.product(range(8), range(3)):
            assert bool(moved[s, k]) is ((t, h) < (s, k) and s - t < reach), f"({t}, {h}) on ({s}, {k})"


@torch.no_grad()
def test_the_sound_moves_every_code_from_its_frame_on():
    prior = make_prior().double()
    audio, codes = randn(1, 8, TINY.latent_dim).double(), rand_codes(1, 8, 3)
    before = prior(codes, audio)[0]
    audio[0, 3] += 1
    moved = (prior(codes, audio)[0] != before).any(-1).all(-1)
    assert moved.tolist() == [t >= 3 for t in range(8)]


@torch.no_grad()
def test_likelihoods_of_all_codes_sum_to_one():
    prior = make_prior(heads=2, classes=3).double()
    codes = torch.tensor(list(itertools.product(range(3), repeat=4))).view(81, 2, 2)
    audio = randn(1, 2, TINY.latent_dim).double().expand(81, -1, -1)
    each = prior(codes, audio).gather(-1, codes.unsqueeze(-1)).sum((1, 2, 3)).exp()
    assert float(each.sum()) == pytest.approx(1, abs=1e-12) and float(each.std()) > 0
    assert float(prior.loss(codes[:1], audio[:1])) == pytest.approx(-float(each[0].log()) / 4)


@torch.no_grad()
def sample_plainly(prior: CategoricalPrior, audio: torch.Tensor, draws: int, seed: int) -> torch.Tensor:
    """What `sample` draws, with the whole network over the whole clip for every single code."""
    batch, frames = audio.shape[:2]
    noise = gumbel((frames, prior.heads, draws, 1, prior.classes), torch.Generator().manual_seed(seed))
    codes = torch.zeros(draws, batch, frames, prior.heads, dtype=torch.int64)
    for t, h in itertools.product(range(frames), range(prior.heads)):
        found = prior(codes.flatten(0, 1), audio.repeat(draws, 1, 1)).unflatten(0, (draws, batch))
        codes[:, :, t, h] = (found[:, :, t, h] + noise[t, h]).argmax(-1)
    return codes


@pytest.mark.parametrize("dilations", [(1, 2), (1, 2, 4, 8)])
def test_the_cached_sampler_draws_what_the_plain_one_draws(dilations):
    prior, audio = make_prior(prior_dilations=dilations), randn(2, 24, TINY.latent_dim)
    found = prior.sample(audio, 3, torch.Generator().manual_seed(4))
    assert found.shape == (3, 2, 24, 3)
    assert torch.equal(found, sample_plainly(prior, audio, 3, seed=4))


@torch.no_grad()
def test_codes_come_as_often_as_the_prior_says():
    prior, audio = make_prior(heads=2, classes=3), 3 * randn(1, 2, TINY.latent_dim)
    every = torch.tensor(list(itertools.product(range(3), repeat=4))).view(81, 2, 2)
    expected = prior(every, audio.expand(81, -1, -1)).gather(-1, every.unsqueeze(-1)).sum((1, 2, 3)).exp()
    drawn = prior.sample(audio, 20_000, torch.Generator().manual_seed(0))[:, 0].flatten(1)
    counts = torch.bincount(drawn @ torch.tensor([27, 9, 3, 1]), minlength=81) / 20_000
    assert (counts - expected).abs().max() < 0.01


# ---- faces from sound


@torch.no_grad()
def test_a_seed_decides_the_faces(dataset):
    model = make_model(dataset)
    audio, template = randn(1, 30, CHANNELS), templates(dataset.split("test")[:1])
    state = torch.get_rng_state()
    faces = model.animate(audio, template)
    assert faces.shape == (1, 30, VERTICES, 3)
    assert torch.equal(faces, model.animate(audio, template, seed=0))
    assert not torch.equal(faces, model.animate(audio, template, seed=1))
    assert torch.equal(state, torch.get_rng_state()), "nobody else's random numbers move"


@torch.no_grad()
def test_faces_do_not_depend_on_the_style_or_the_neighbours(dataset):
    model = make_model(dataset)
    batch = make_batch(model, dataset)
    together = model.animate(batch.audio, batch.template, batch.style)
    for i in range(4):
        alone = model.animate(batch.audio[i : i + 1], batch.template[i : i + 1])
        torch.testing.assert_close(together[i : i + 1], alone, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_faces_are_the_mean_of_what_each_draw_decodes_to(dataset):
    model = make_model(dataset)
    audio, template = randn(1, 12, CHANNELS), templates(dataset.split("test")[:1])
    codes = model.prior.sample(model.sound_code(audio), 3, torch.Generator().manual_seed(5))
    each = torch.stack([decode_obviously(model, code[0], template[0]) for code in codes])
    torch.testing.assert_close(model.animate(audio, template, seed=5)[0], each.mean(0), rtol=1e-4, atol=1e-3)
    assert (each.std(0) > 1e-3).any()


@torch.no_grad()
def test_an_expression_of_another_length_is_repeated_or_cut(dataset):
    model = make_model(dataset)
    audio, template = randn(1, 12, CHANNELS), templates(dataset.split("test")[:1])
    motion = clip_motion(model, dataset.split("test")[:1], [0], 20)

    def rebuilt(frames):
        return model.reconstruct(audio, template, Motion(motion.values[:, frames], motion.basis))

    assert torch.equal(rebuilt(range(20)), rebuilt(range(12)))
    assert torch.equal(rebuilt(range(5)), rebuilt([*range(5), *range(5), 0, 1]))
    assert not torch.equal(rebuilt(range(5)), rebuilt(range(12)))


def test_it_learns_clips_by_heart(dataset):
    """Through both encoders, and from sound alone through the prior."""
    clips = [dataset.split("train")[i] for i in (0, 7)]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = MeshTalk(dataclasses.replace(TINY, dropout=0.0), VERTICES, CHANNELS)
        model.prepare(training_faces(dataset), TrainingConfig())
        motion = clip_motion(model, clips, [0, 0], 12)
        batch = Batch(randn(2, 12, CHANNELS), templates(clips), motion, motion, torch.tensor([0, 1]))
        optimizer = torch.optim.Adam(model.parameters())
        for step in range(200):
            optimizer.param_groups[0]["lr"] = 2e-2 * (1 - step / 200)
            optimizer.zero_grad()
            model.loss(batch, TrainingConfig())[0].backward()
            optimizer.step()
    model.eval()
    truth = model.faces(motion.dense(), batch.template)
    moved = float((truth - batch.template.unsqueeze(1)).square().mean())
    with torch.no_grad():
        for faces in (
            model.reconstruct(batch.audio, batch.template, motion),
            model.animate(batch.audio, batch.template),
        ):
            assert float((faces - truth).square().mean()) < 0.2 * moved


# ---- in the training loop


def contents(run) -> dict[str, bytes]:
    """All of a run that the seed decides."""
    found = {path.name: path.read_bytes() for path in run.iterdir()}
    marker = json.loads(found.pop("finished.json"))
    del marker["seconds"]
    return found | {"finished.json": json.dumps(marker).encode()}


class Interrupted(Exception):
    pass


@pytest.fixture(scope="module")
def meshtalk_run(tiny_config, dataset, feature_cache, tmp_path_factory):
    out = tmp_path_factory.mktemp("meshtalk") / "run"
    return train(baseline(tiny_config, "meshtalk"), dataset, out, seed=1, cache=feature_cache, progress=False)


def test_an_interrupted_run_goes_on_to_the_same_digits(meshtalk_run, tiny_config, dataset, feature_cache, tmp_path):
    stops = {3, 4}

    def on_epoch(row: dict) -> None:
        if row["epoch"] in stops:
            stops.remove(row["epoch"])
            raise Interrupted

    torch.manual_seed(12345)  # whatever else goes on in the process
    for last in (False, False, True):
        with contextlib.nullcontext() if last else pytest.raises(Interrupted):
            train(
                baseline(tiny_config, "meshtalk"),
                dataset,
                tmp_path / "run",
                seed=1,
                cache=feature_cache,
                progress=False,
                on_epoch=on_epoch,
            )
    assert contents(tmp_path / "run") == contents(meshtalk_run)


def test_a_run_is_of_its_method_and_its_loss_falls(meshtalk_run):
    model = load_model(meshtalk_run)
    assert isinstance(model, MeshTalk) and model.config.method == "meshtalk"
    rows = json.loads((meshtalk_run / "history.json").read_text())
    assert rows[-1]["train_loss"] < rows[0]["train_loss"]
    assert model.lips.sum() == 6 and model.upper_face.sum() == 10 and float(model.motion_scale) != 1


@torch.no_grad()
@pytest.mark.parametrize("half", [False, True])
def test_a_stored_network_draws_the_same_faces(dataset, tiny_config, tmp_path, half):
    config = baseline(tiny_config, "meshtalk")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build_model(config, VERTICES, CHANNELS)
    model.prepare(training_faces(dataset), config.training)
    save_model(model.eval(), tmp_path, config, half=half)
    loaded = load_model(tmp_path)
    assert torch.equal(loaded.vertex_std, model.vertex_std) and torch.equal(loaded.upper_face, model.upper_face)
    if not half:
        audio, template = randn(1, 20, CHANNELS), templates(dataset.split("test")[:1])
        assert torch.equal(loaded.animate(audio, template), model.animate(audio, template))
