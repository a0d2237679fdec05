"""Configurations: presets say what text and code say, JSON gives back what it got, mistakes are named."""

from __future__ import annotations

import dataclasses
import json

import pytest

from a2f.config import (
    DEMO,
    PAPER,
    PRESETS,
    RELEASE,
    SMOKE,
    Config,
    DataConfig,
    ModelConfig,
    TrainingConfig,
    preset,
)
from a2f.errors import BadInput


@pytest.mark.parametrize("config", PRESETS.values(), ids=PRESETS)
def test_json_gives_back_the_same_configuration(config):
    again = Config.from_dict(json.loads(json.dumps(config.to_dict())))
    assert again == config and hash(again) == hash(config)


def test_presets_are_found_by_their_name():
    assert {name: preset(name) for name in ("paper", "release", "demo", "smoke")} == PRESETS
    assert all(config.name == name for name, config in PRESETS.items())
    with pytest.raises(BadInput, match="'papers'.*paper, release, demo, smoke"):
        preset("papers")


def test_paper_preset_is_what_the_text_says():
    model, training = PAPER.model, PAPER.training
    assert model.audio_encoder == "hubert-large" and model.audio_final_norm  # "the final layer", 4.4
    assert model.motion_dim == 256  # W is 3N x 256, 4.5
    assert model.style_normalisation == "mean" and model.style_statistics == ("mean", "std")  # Eq. 1, 4.2
    assert model.audio_normalisation == "instance" and not model.scale_around_one  # Eq. 2
    assert model.output_scale == 0.1 and model.composite and model.template_embedding  # Eq. 3, 4.4
    assert len(model.style_stages) == 4 and model.decoder_blocks == 8  # ResNet18
    assert (training.loss, training.sparsity_weight) == ("norm", 1e-4)  # Eq. 4
    assert (training.learning_rate, training.schedule) == (1e-4, "constant")
    assert (training.batch_size, training.epochs, training.freeze_epochs) == (8, 120, 10)  # 4.5
    assert training.style_source == "other_clip"  # "no information leakage", 5.1


def test_release_differs_from_paper_exactly_where_the_released_code_does():
    differing = {
        f"{part}.{field.name}": getattr(getattr(RELEASE, part), field.name)
        for part in ("model", "training", "data")
        for field in dataclasses.fields(getattr(PAPER, part))
        if getattr(getattr(RELEASE, part), field.name) != getattr(getattr(PAPER, part), field.name)
    }
    assert differing == {
        "model.audio_final_norm": False,  # torchaudio returns the last layer before the closing norm
        "model.normalise_waveform": False,
        "model.style_stages": ((512, 2, 2), (512, 2, 2)),  # a ResNet "10" encoder
        "model.style_normalisation": "template",
        "model.style_statistics": ("mean", "std", "difference_std"),
        "model.audio_normalisation": "batch",
        "training.loss": "squared",
        "training.style_source": "target",  # the target crop is its own style
        "training.freeze_epochs": 11,  # epochs 0 to 10
        "data.fps": 60.0,
    }


def test_demo_and_smoke_need_nothing_from_a_model_hub():
    assert DEMO.model.audio_encoder == SMOKE.model.audio_encoder == "whisper-tiny-2"
    assert DEMO.data.dataset == SMOKE.data.dataset == "demo"


def test_smoke_unfreezes_the_encoder_before_its_end_and_validates_on_either_side():
    training = SMOKE.training
    assert 0 < training.freeze_epochs < training.epochs
    assert training.validate_every <= training.freeze_epochs


def test_replace_finds_fields_wherever_they_live_and_leaves_the_original_alone():
    before = PAPER.to_dict()
    changed = PAPER.replace(name="mine", composite=False, sparsity_weight=0, fps=25)
    assert (changed.name, changed.model.composite, changed.training.sparsity_weight, changed.data.fps) == (
        "mine", False, 0, 25,
    )  # fmt: skip
    assert changed.model.motion_dim == PAPER.model.motion_dim
    assert PAPER.to_dict() == before


def test_no_two_parts_share_a_field_name():
    """`replace` would otherwise be ambiguous."""
    names = [f.name for kind in (ModelConfig, TrainingConfig, DataConfig) for f in dataclasses.fields(kind)]
    assert len(names) == len(set(names)) and "name" not in names


def test_replace_names_an_unknown_field():
    with pytest.raises(BadInput, match="'betta'.*sparsity_weight"):
        PAPER.replace(betta=1)


@pytest.mark.parametrize(
    "value, named",
    [
        ({"name": "x", "modell": {}}, "modell"),
        ({"name": "x", "model": {"motion_dims": 3}}, "motion_dims"),
        ({"name": "x", "training": {"beta": 3}}, "beta"),
        ({"name": "x", "data": [1]}, "data is list"),
        (["x"], "configuration is list"),
    ],
)
def test_unknown_keys_are_refused_by_name(value, named):
    with pytest.raises(BadInput, match=named):
        Config.from_dict(value)


@pytest.mark.parametrize(
    "change",
    [
        {"motion_dim": 0}, {"motion_dim": -1}, {"motion_dim": True}, {"motion_dim": "256"},
        {"motion_dim": 2.5},
        {"output_scale": 0}, {"output_scale": float("nan")}, {"decoder_blocks": 0},
        {"style_normalisation": "median"}, {"audio_normalisation": "layer"},
        {"style_statistics": ()}, {"style_statistics": ("mean", "mean")}, {"style_statistics": ("max",)},
        {"style_stages": ((8, 1, 2),)}, {"style_stages": ((8, 1, 2), (8, 1, 4))},
        {"style_stages": ((8, 0, 4),)},
        {"style_stages": ((8, 1),)}, {"composite": "no"}, {"template_embedding": 1},
        {"loss": "l2"}, {"schedule": "cosine"}, {"style_source": "self"},
        {"sparsity_weight": -1e-9}, {"sparsity_weight": float("nan")}, {"sparsity_weight": "0"},
        {"learning_rate": 0}, {"learning_rate": float("inf")}, {"batch_size": 0}, {"batch_size": 1.5},
        {"epochs": 0}, {"epochs": 2.5}, {"freeze_epochs": -1}, {"freeze_epochs": 1.5}, {"crop_frames": 0},
        {"style_frames": 0}, {"validate_every": 0}, {"validation_clips": 0},
        {"fps": 0}, {"fps": "30"}, {"subjects_per_split": 0}, {"clips_per_subject": 0},
    ],
    ids=str,
)  # fmt: skip
def test_bad_values_are_refused_and_named(change):
    (name,) = change
    with pytest.raises(BadInput, match=name):
        PAPER.replace(**change)


def test_lists_from_json_become_tuples():
    model = ModelConfig(style_stages=[[8, 1, 2], [8, 1, 2]], style_statistics=["std"])
    assert model.style_stages == ((8, 1, 2), (8, 1, 2)) and model.style_statistics == ("std",)


def test_configurations_cannot_be_changed_in_place():
    with pytest.raises(dataclasses.FrozenInstanceError):
        PAPER.model.motion_dim = 3
