"""Training: a seed decides every digit, an interruption changes none, and mistakes stop it without harm."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from a2f import training
from a2f.config import Config, TrainingConfig, baseline
from a2f.data import Dataset, limit
from a2f.errors import BadInput, TrainingDiverged
from a2f.features import FeatureCache
from a2f.mesh import Topology
from a2f.model_config import METHODS
from a2f.models import Audio2Face, load_audio_encoder, load_model, read_run_config
from a2f.training import learning_rate, train, training_faces, validate


def contents(run) -> dict[str, bytes]:
    """All of a run that the seed decides; the wall clock it does not."""
    found = {path.name: path.read_bytes() for path in run.iterdir()}
    marker = json.loads(found.pop("finished.json"))
    assert marker.pop("seconds") >= 0
    return found | {"finished.json": json.dumps(marker).encode()}


def history(run) -> list[dict]:
    return json.loads((run / "history.json").read_text())


# ---- the learning rate


def test_constant_rate_is_constant():
    config = TrainingConfig(schedule="constant", learning_rate=3e-4)
    assert {learning_rate(config, step, 100) for step in range(100)} == {3e-4}


@pytest.mark.parametrize("total", [1, 7, 100, 1000])
def test_one_cycle_rises_over_a_tenth_and_falls_along_a_cosine_to_nearly_nothing(total):
    config = TrainingConfig(schedule="one_cycle", learning_rate=2e-3)
    rates = [learning_rate(config, step, total) for step in range(total)]
    peak = max(1, total // 10) - 1
    assert rates[peak] == 2e-3 == max(rates) and min(rates) > 0
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    if total >= 100:
        assert rates[0] == pytest.approx(2e-3 / (total // 10))
        assert rates[(total + total // 10) // 2] == pytest.approx(1e-3, rel=0.05), "half way down at half time"
        assert rates[-1] < 1e-3 * 2e-3


# ---- what a run leaves


def test_a_finished_run_holds_what_it_needs_to_be_used(tiny_run, tiny_config, dataset):
    assert {path.name for path in tiny_run.iterdir()} == {
        "config.json", "best.safetensors", "last.safetensors", "history.json", "finished.json", "topology.npz",
    }  # fmt: skip
    described = json.loads((tiny_run / "config.json").read_text())
    assert Config.from_dict(described["config"]) == tiny_config
    assert (described["num_vertices"], described["audio_dim"], described["seed"]) == (30, 16, 1)
    assert Topology.load(tiny_run / "topology.npz").region("lips").tolist() == list(range(6))
    marker = json.loads((tiny_run / "finished.json").read_text())
    assert marker["epochs"] == 6 and marker["steps"] == 6 * 3
    model = load_model(tiny_run)
    assert marker["parameters"] == sum(p.numel() for p in model.parameters())


def test_history_has_a_row_an_epoch_and_validates_when_asked(tiny_run, tiny_config):
    rows = history(tiny_run)
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [row["step"] for row in rows] == [3, 6, 9, 12, 15, 18]
    assert [row["epoch"] for row in rows if "val_loss" in row] == [2, 4, 6]
    assert [row["encoder_frozen"] for row in rows] == [True] * 3 + [False] * 3
    marker = json.loads((tiny_run / "finished.json").read_text())
    assert marker["best_val_loss"] == min(row["val_loss"] for row in rows if "val_loss" in row)
    assert rows[-1]["learning_rate"] == learning_rate(tiny_config.training, 17, 18)


@pytest.fixture(scope="module")
def short(tiny_config):
    """The settings of a method's run of two epochs, the second of them validated."""

    def make(method: str, **changes) -> Config:
        config = tiny_config if method == "audio2face" else baseline(tiny_config, method)
        return config.replace(name="tiny", epochs=2, freeze_epochs=None, **changes)

    return make


@pytest.mark.parametrize("method", METHODS)
def test_every_method_leaves_the_history_of_its_own_measures(method, short, dataset, feature_cache, tmp_path):
    run = train(short(method), dataset, tmp_path / "run", seed=1, cache=feature_cache, progress=False)
    plain, validated = history(run)
    always = {"epoch", "step", "train_loss", "learning_rate", "encoder_frozen"}
    errors = {"val_loss", "val_lip", "val_upper", "val_face"}
    ours = method == "audio2face"  # the others have no W that could be sparse
    assert set(plain) == always | ({"sparsity"} if ours else set())
    assert set(validated) == always | errors | ({"sparsity", "small_entries"} if ours else set())
    assert all(math.isfinite(value) for value in validated.values())
    config, described = read_run_config(run)
    assert config.method == method and described["subjects"] == ["s0", "s1"]
    model = load_model(run)
    assert model.subjects == ("s0", "s1")
    assert json.loads((run / "finished.json").read_text())["parameters"] == sum(p.numel() for p in model.parameters())


def test_the_data_is_normalised_by_training_templates_alone(tiny_run, dataset):
    faces = np.stack(list({c.subject: c.template for c in dataset.split("train")}.values())).astype(np.float64)
    model = load_model(tiny_run)
    mean = faces.mean((0, 1))
    np.testing.assert_allclose(model.data_mean, mean, rtol=1e-5)
    assert model.data_std.item() == pytest.approx(math.sqrt(((faces - mean) ** 2).mean()), rel=1e-5)


def test_unfreezing_changes_the_encoder_and_the_run_keeps_it(tiny_run, tiny_config):
    pretrained = load_audio_encoder(tiny_config.model).state_dict()
    last = load_file(tiny_run / "last.safetensors")
    tuned = {k.removeprefix("audio_encoder."): v for k, v in last.items() if k.startswith("audio_encoder.")}
    assert set(tuned) == set(pretrained)
    changed = {key for key in tuned if not torch.equal(tuned[key], pretrained[key])}
    assert any("feature_extractor" in key for key in changed) and any("encoder.layers.1" in key for key in changed)


def test_a_frozen_encoder_is_not_stored_with_the_run(tiny_config, dataset, feature_cache, tmp_path):
    config = tiny_config.replace(freeze_epochs=None, epochs=1)
    run = train(config, dataset, tmp_path / "run", cache=feature_cache, progress=False)
    assert not any(key.startswith("audio_encoder.") for key in load_file(run / "last.safetensors"))
    assert all(row["encoder_frozen"] for row in history(run))


# ---- reproducibility


def test_the_same_seed_gives_the_same_digits(tiny_run, tiny_config, dataset, feature_cache, tmp_path):
    torch.manual_seed(12345)  # whatever else goes on in the process
    again = train(tiny_config, dataset, tmp_path / "b", seed=1, cache=feature_cache, progress=False)
    assert contents(again) == contents(tiny_run)


def test_another_seed_gives_other_digits(tiny_run, tiny_config, dataset, feature_cache, tmp_path):
    config = tiny_config.replace(epochs=2)
    rows = [
        history(train(config, dataset, tmp_path / str(seed), seed=seed, cache=feature_cache, progress=False))
        for seed in (1, 2)
    ]
    assert rows[0][0]["train_loss"] != rows[1][0]["train_loss"]
    assert rows[0][1]["val_loss"] != rows[1][1]["val_loss"]


def test_nobody_elses_random_numbers_move(tiny_config, dataset, feature_cache, tmp_path):
    """Through the unfreezing too, where dropout would draw from torch's and masking from numpy's numbers."""
    config = tiny_config.replace(epochs=2, freeze_epochs=1, validate_every=1)
    torch.manual_seed(7)
    torch_before = torch.get_rng_state()
    numpy_before = json.dumps(np.random.get_state(legacy=False), default=str)  # noqa: NPY002
    train(config, dataset, tmp_path / "run", cache=feature_cache, progress=False)
    assert torch.equal(torch.get_rng_state(), torch_before)
    assert json.dumps(np.random.get_state(legacy=False), default=str) == numpy_before  # noqa: NPY002


class Interrupted(Exception):
    pass


def interrupt_after(*epochs: int):
    def on_epoch(row: dict) -> None:
        if row["epoch"] in epochs:
            raise Interrupted

    return on_epoch


def test_an_interrupted_run_goes_on_to_the_same_digits(tiny_run, tiny_config, dataset, feature_cache, tmp_path):
    """Cut off after a validated frozen epoch, between validations, just after and well after the unfreezing."""
    out = tmp_path / "run"
    for epoch in (1, 2, 3, 4, 5):
        with pytest.raises(Interrupted):
            train(
                tiny_config,
                dataset,
                out,
                seed=1,
                cache=feature_cache,
                progress=False,
                on_epoch=interrupt_after(epoch),
            )
        assert not (out / "finished.json").exists()
        assert (out / "state.pt").exists()
    train(tiny_config, dataset, out, seed=1, cache=feature_cache, progress=False)
    assert contents(out) == contents(tiny_run)


@pytest.mark.parametrize("method", ["paper", "faceformer", "meshtalk"])
def test_a_run_stopped_at_any_step_goes_on_from_the_next(method, short, tiny_config, dataset, feature_cache, tmp_path,
                                                        monkeypatch):  # fmt: skip
    """Its state is written after each step if asked for; dropped units, losses and weights are those of one go."""
    config = tiny_config if method == "paper" else short(method, dropout=0.5)
    options = {"seed": 1, "cache": feature_cache, "progress": False}
    whole, taken, once = train(config, dataset, tmp_path / "whole", **options), [], training._step
    steps = json.loads((whole / "finished.json").read_text())["steps"]
    stops = [1, steps // 2, steps - 1]

    def step(run, batch, config):
        if stops and len(taken) == stops[0]:
            stops.pop(0)
            raise Interrupted
        taken.append(run.epoch)
        return once(run, batch, config)

    monkeypatch.setattr(training, "_step", step)
    for _ in range(3):
        with pytest.raises(Interrupted):
            train(config, dataset, tmp_path / "parts", save_seconds=0, **options)
    parts = train(config, dataset, tmp_path / "parts", save_seconds=0, **options)
    assert contents(parts) == contents(whole)
    assert len(taken) == steps, "no step was taken twice"


def test_a_negative_time_between_states_is_refused(tiny_config, dataset, tmp_path):
    with pytest.raises(BadInput, match="save_seconds is -1"):
        train(tiny_config, dataset, tmp_path / "run", save_seconds=-1)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("method", ["faceformer", "meshtalk"])
def test_what_drops_out_is_decided_by_seed_and_epoch(method, short, dataset, feature_cache, tmp_path):
    """So a resumed run drops what an undisturbed one does, and nobody else's random numbers move."""
    config = short(method, dropout=0.5, validate_every=1)
    rows = {}
    for name, elsewhere in (("whole", 1), ("resumed", 2)):
        torch.manual_seed(elsewhere)
        before = torch.get_rng_state()
        if name == "resumed":
            with pytest.raises(Interrupted):
                train(config, dataset, tmp_path / name, seed=1, cache=feature_cache, progress=False,
                      on_epoch=interrupt_after(1))  # fmt: skip
            assert torch.equal(torch.get_rng_state(), before)
            torch.manual_seed(3)
            before = torch.get_rng_state()
        run = train(config, dataset, tmp_path / name, seed=1, cache=feature_cache, progress=False)
        assert torch.equal(torch.get_rng_state(), before)
        rows[name] = contents(run)
    assert rows["whole"] == rows["resumed"]
    without = short(method, dropout=0.0, validate_every=1)
    run = train(without, dataset, tmp_path / "without", seed=1, cache=feature_cache, progress=False)
    assert history(run)[0]["train_loss"] != history(tmp_path / "whole")[0]["train_loss"], "nothing dropped out"


def test_going_on_starts_where_it_stopped(tiny_config, dataset, feature_cache, tmp_path):
    with pytest.raises(Interrupted):
        train(tiny_config, dataset, tmp_path, seed=1, cache=feature_cache, progress=False, on_epoch=interrupt_after(4))
    seen: list[int] = []
    train(
        tiny_config,
        dataset,
        tmp_path,
        seed=1,
        cache=feature_cache,
        progress=False,
        on_epoch=lambda r: seen.append(r["epoch"]),
    )
    assert seen == [5, 6]


def test_dense_and_factored_clips_train_alike(tiny_config, dataset, dense_dataset, feature_cache, tmp_path):
    """A basis is a way to compute, not another objective."""
    config = tiny_config.replace(epochs=2, freeze_epochs=None, validate_every=1)
    one, other = (
        history(train(config, data, tmp_path / str(data.basis is None), cache=feature_cache, progress=False))
        for data in (dataset, dense_dataset)
    )
    for a, b in zip(one, other, strict=True):
        assert a == pytest.approx(b, rel=1e-3)


# ---- what a model may look at beforehand


def test_a_model_is_shown_frames_spread_over_the_training_clips(dataset, dense_dataset, monkeypatch):
    train_clips = dataset.split("train")
    shown = training_faces(dataset)
    every = np.concatenate([clip.vertices for clip in train_clips])  # few enough to be shown all
    np.testing.assert_allclose(shown.faces, every, rtol=1e-5, atol=1e-5)
    assert torch.equal(shown.templates, torch.from_numpy(np.stack([train_clips[0].template, train_clips[6].template])))
    neutral = np.concatenate([np.repeat(clip.template[None], clip.num_frames, 0) for clip in train_clips])
    np.testing.assert_array_equal(shown.neutral, neutral)
    assert shown.topology is dataset.topology
    monkeypatch.setattr("a2f.training.SAMPLED", 36)
    few, dense = training_faces(dataset), training_faces(dense_dataset)
    frames = [clip.vertices[i] for clip in train_clips for i in (0, round((clip.num_frames - 1) / 2), -1)]
    np.testing.assert_allclose(few.faces, np.stack(frames), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(dense.faces, few.faces)
    monkeypatch.setattr("a2f.training.SAMPLED", 5)
    assert len(training_faces(dataset).faces) == 5, "a frame a clip is the least, but not of all clips"


def test_a_rotated_run_is_trained_on_the_speakers_of_its_rotation(
    tiny_config, make_dataset, feature_cache, tmp_path
):
    """Whether the roles move here or moved before, and never twice: its test speaker stays unseen."""
    data = make_dataset()
    own_texts = tuple(dataclasses.replace(clip, sentence=f"{clip.subject} {clip.sentence}") for clip in data.clips)
    data = dataclasses.replace(data, clips=own_texts)
    config = tiny_config.replace(rotation=1, epochs=1, freeze_epochs=None)
    runs = [
        train(config, given, tmp_path / name, cache=feature_cache, progress=False)
        for name, given in (("here", data), ("before", limit(data, config.data)))
    ]
    for run in runs:
        assert load_model(run).subjects == ("s1", "s2")
    assert contents(runs[0]) == contents(runs[1])


# ---- folders


def test_a_finished_run_is_left_as_it_is(tiny_run, tiny_config, dataset):
    before = {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in tiny_run.iterdir()}

    def nobody(row):
        raise AssertionError("trained again")

    assert train(tiny_config, dataset, tiny_run, seed=1, progress=False, on_epoch=nobody) == tiny_run
    assert before == {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in tiny_run.iterdir()}


@pytest.mark.parametrize("change, seed", [({"learning_rate": 1e-3}, 1), ({"composite": False}, 1), ({}, 2)])
def test_a_folder_of_another_run_is_refused_and_unharmed(tiny_run, tiny_config, dataset, change, seed):
    before = contents(tiny_run)
    with pytest.raises(BadInput, match=f"already holds run 'tiny' with seed 1.*seed {seed}; give another folder"):
        train(tiny_config.replace(**change), dataset, tiny_run, seed=seed, progress=False)
    assert contents(tiny_run) == before


# ---- learning


@pytest.mark.parametrize("loss", ["squared", "norm"])
def test_one_clip_can_be_learnt_by_heart(loss, tiny_config, dataset, feature_cache, tmp_path):
    """Far below the error of the best motionless face, so it is the motion that is learnt."""
    clip = dataset.clips[0]
    copies = [dataclasses.replace(clip, name=f"copy {i}") for i in range(30)]  # an epoch of 30 steps
    alone = Dataset("one", dataset.topology, 30.0, (*copies, *dataset.split("val")), synthetic=True)
    config = tiny_config.replace(
        motion_dim=32, epochs=5, freeze_epochs=None, batch_size=1, crop_frames=40, style_source="target",
        learning_rate=1e-2, validate_every=5, validation_clips=1, loss=loss, sparsity_weight=0.0,
    )  # fmt: skip
    run = train(config, alone, tmp_path / "run", cache=feature_cache, progress=False)
    moved = (clip.vertices - clip.template) / load_model(run).data_std.item()
    residual = np.square(moved - moved.mean(0)).sum((1, 2))
    still = residual.mean() if loss == "squared" else np.sqrt(residual).mean()
    losses = [row["train_loss"] for row in history(run)]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < (0.05 if loss == "squared" else 0.25) * still


def test_beta_makes_w_smaller(tiny_config, dataset, feature_cache, tmp_path):
    sizes = []
    for beta in (0.0, 1e-2, 1.0):
        config = tiny_config.replace(sparsity_weight=beta, epochs=4, freeze_epochs=None, validate_every=4)
        run = train(config, dataset, tmp_path / str(beta), cache=feature_cache, progress=False)
        sizes.append(history(run)[-1]["sparsity"])
    assert sizes == sorted(sizes, reverse=True) and sizes[2] < sizes[0]


@pytest.mark.parametrize(
    "change",
    [
        {"composite": False},
        {"template_embedding": False},
        {"style_normalisation": "mean"},
        {
            "audio_normalisation": "batch",
            "style_statistics": ("mean", "std", "difference_std"),
            "loss": "norm",
        },
        {"style_source": "target", "schedule": "constant", "scale_around_one": False},
    ],
    ids=lambda change: ",".join(change),
)
def test_every_ablation_trains(change, tiny_config, dataset, feature_cache, tmp_path):
    config = tiny_config.replace(epochs=1, **change)
    (row,) = history(train(config, dataset, tmp_path / "run", cache=feature_cache, progress=False))
    assert math.isfinite(row["train_loss"]) and math.isfinite(row["val_face"])


# ---- when it goes wrong


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_checkpoint(
    tiny_config, make_dataset, feature_cache, tmp_path
):
    data, out = make_dataset(), tmp_path / "run"
    good: dict[str, bytes] = {}

    def spoil(row: dict) -> None:
        if row["epoch"] == 2:
            good.update({path.name: path.read_bytes() for path in out.iterdir()})
            data.clips[3].coefficients[:] = np.nan

    with pytest.raises(TrainingDiverged, match=r"loss is nan at step \d+ \(epoch 2.*last.safetensors"):
        train(tiny_config, data, out, seed=1, cache=feature_cache, progress=False, on_epoch=spoil)
    for name in ("last.safetensors", "best.safetensors", "state.pt"):
        assert (out / name).read_bytes() == good[name], name
    assert not (out / "finished.json").exists()


def test_an_epoch_whose_last_step_breaks_the_weights_leaves_the_last_checkpoint(
    tiny_config, dataset, feature_cache, tmp_path, monkeypatch
):
    import a2f.training as training

    step, out, taken = training._step, tmp_path / "run", []

    def break_at_12(run, batch, config):
        loss = step(run, batch, config)
        taken.append(loss)
        if len(taken) == 12:  # the last of epoch 4, which is validated
            with torch.no_grad():
                run.model.embedding.weight[0, 0] = torch.nan
        return loss

    monkeypatch.setattr(training, "_step", break_at_12)
    kept: dict[str, bytes] = {}

    def keep(row: dict) -> None:
        if row["epoch"] == 3:
            kept.update({path.name: path.read_bytes() for path in out.iterdir()})

    with pytest.raises(TrainingDiverged, match="validation loss is nan after epoch 4"):
        train(tiny_config, dataset, out, seed=1, cache=feature_cache, progress=False, on_epoch=keep)
    for name in ("last.safetensors", "best.safetensors", "state.pt", "history.json"):
        assert (out / name).read_bytes() == kept[name], name


# ---- validation


def test_validation_is_the_mean_over_whole_clips_against_their_vertices(tiny_run, tiny_config, dataset, feature_cache):
    model, encoder = load_model(tiny_run), load_audio_encoder(tiny_config.model)
    features = FeatureCache(encoder, feature_cache)
    clips = dataset.split("val")[:3]
    found = validate(model, encoder, dataset, clips, features, tiny_config, seed=1)
    losses, lips = [], []
    for clip in clips:
        partner = dataset.style_partner(clip, 1)
        style = model.motion(torch.from_numpy(partner.vertices)[None], torch.from_numpy(partner.template)[None])
        with torch.no_grad():
            faces = model(features.at_frames(clip), torch.from_numpy(clip.template)[None], style)[0].numpy()
        difference = faces - clip.vertices
        losses.append(np.square(difference / model.data_std.item()).sum((1, 2)).mean())
        lips.append(np.sqrt(np.square(difference[:, :6]).sum(-1)).mean())
    assert found["val_loss"] == pytest.approx(np.mean(losses), rel=1e-3)
    assert found["val_lip"] == pytest.approx(np.mean(lips), rel=1e-4)


def test_validation_of_an_unfrozen_encoder_takes_sound_of_any_rate_and_length(
    tiny_run, tiny_config, dataset, feature_cache
):
    model, encoder = load_model(tiny_run), load_audio_encoder(tiny_config.model)
    features = FeatureCache(encoder, feature_cache)
    clips = dataset.split("val")[:2]

    def at_double_rate(clip):
        import soxr

        sound = soxr.resample(clip.waveform, 16_000, 32_000)
        return dataclasses.replace(clip, sample_rate=32_000, read_waveform=lambda: sound)

    frozen = validate(model, encoder, dataset, clips, features, tiny_config, 1)
    tuned = validate(model, encoder, dataset, clips, features, tiny_config, 1, unfrozen=True)
    faster = validate(model, encoder, dataset, [at_double_rate(c) for c in clips], features, tiny_config, 1, True)
    assert tuned == pytest.approx(frozen, rel=0.01)
    assert faster == pytest.approx(tuned, rel=0.02)


def test_standardised_audio_enters_the_projection_with_mean_zero_and_deviation_one(
    tmp_path, tiny_config, dataset, feature_cache
):
    config = tiny_config.replace(
        standardise_audio=True, feature_dropout=0.3, freeze_epochs=None, epochs=2, validate_every=2
    )
    run = train(config, dataset, tmp_path / "run", cache=feature_cache, progress=False)
    model = load_model(run)
    features = FeatureCache(load_audio_encoder(config.model), feature_cache)
    every = np.concatenate([features.at_encoder_rate(clip) for clip in dataset.split("train")])
    inside = (torch.from_numpy(every) - model.audio_mean) / model.audio_std
    torch.testing.assert_close(inside.mean(0), torch.zeros(every.shape[1]), atol=1e-3, rtol=0)
    torch.testing.assert_close(inside.std(0), torch.ones(every.shape[1]), atol=1e-2, rtol=0)
    assert Audio2Face(tiny_config.model, 30, every.shape[1]).audio_mean is None
