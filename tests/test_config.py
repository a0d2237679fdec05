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
    baseline,
    preset,
)
from a2f.errors import BadInput
from a2f.model_config import METHODS, EncoderConfig, FaceFormerConfig, MeshTalkConfig, VocaConfig

BASELINES = ("voca", "meshtalk", "faceformer")


@pytest.mark.parametrize("config", PRESETS.values(), ids=PRESETS)
def test_json_gives_back_the_same_configuration(config):
    again = Config.from_dict(json.loads(json.dumps(config.to_dict())))
    assert again == config and hash(again) == hash(config)


@pytest.mark.parametrize("config", PRESETS.values(), ids=PRESETS)
@pytest.mark.parametrize("method", BASELINES)
def test_json_gives_back_the_same_method(config, method):
    made = baseline(config, method)
    again = Config.from_dict(json.loads(json.dumps(made.to_dict())))
    assert again == made and again.method == method and type(again.model) is METHODS[method]
    assert made.to_dict()["method"] == method


def test_a_configuration_that_names_no_method_is_the_papers():
    value = DEMO.to_dict()
    assert value.pop("method") == "audio2face"
    del value["data"]["rotation"]  # as old as that
    assert Config.from_dict(value) == DEMO
    with pytest.raises(BadInput, match="method is 'codetalker'.*audio2face.*voca.*meshtalk.*faceformer"):
        Config.from_dict(value | {"method": "codetalker"})


@pytest.mark.parametrize("config", PRESETS.values(), ids=PRESETS)
@pytest.mark.parametrize("method", BASELINES)
def test_a_baseline_differs_from_its_preset_in_the_network_alone(config, method):
    made = baseline(config, method)
    if method == "meshtalk" and config.training.schedule == "one_cycle":  # but for the rate, at which it does not learn
        assert made.training.learning_rate == config.training.learning_rate / 4
        made = made.replace(learning_rate=config.training.learning_rate)
    assert (made.training, made.data, made.seeds) == (config.training, config.data, config.seeds)
    assert made.name == f"{config.name}:{method}"
    for field in dataclasses.fields(EncoderConfig):
        assert getattr(made.model, field.name) == getattr(config.model, field.name), field.name


@pytest.mark.parametrize("config", PRESETS.values(), ids=PRESETS)
def test_voca_and_faceformer_keep_the_sizes_of_their_papers(config):
    voca, faceformer = baseline(config, "voca").model, baseline(config, "faceformer").model
    assert (voca.window_frames, voca.hidden_dim, voca.expression_dim, voca.velocity_weight) == (16, 128, 50, 10)
    assert (faceformer.feature_dim, faceformer.heads, faceformer.dropout) == (64, 4, 0.1)
    assert faceformer.period == config.data.fps and not faceformer.teacher_forcing
    assert baseline(config.replace(fps=15), "faceformer").model.period == 15


@pytest.mark.parametrize(("config", "share"), [(PAPER, 1), (RELEASE, 1), (DEMO, 4), (SMOKE, 8)], ids=str)
def test_meshtalk_is_narrowed_as_the_preset_narrows_the_paper(config, share):
    model = baseline(config, "meshtalk").model
    assert model.expression_widths == (256 // share, 128 // share)
    assert model.decoder_widths == (512 // share, 256 // share, 128 // share)
    assert (model.latent_dim, model.fusion_dim) == (128 // share, 256 // share)
    assert (model.heads, model.classes) == (16 // share if share < 8 else 4, 128 // share)
    assert (model.audio_channels, model.prior_dim) == (128 // share, 64 // share)
    assert (model.dropout, model.temperature, model.prior_dilations) == (0.2, 1.0, (1, 2, 4, 8))
    assert model.noise == (0.3 if config.training.schedule == "one_cycle" else 1)


@pytest.mark.parametrize("fps", [15, 25, 30, 60])
def test_meshtalk_hears_about_a_second(fps):
    """Convolutions of width 5 see 5 frames and 4 times their dilation more each."""
    dilations = baseline(DEMO.replace(fps=fps), "meshtalk").model.audio_dilations
    assert 5 + 4 * sum(dilations) == pytest.approx(fps, abs=14) and len(dilations) == 6


def test_the_narrowest_preset_still_makes_every_method():
    tiny = SMOKE.replace(motion_dim=2, fps=1)
    assert min(baseline(tiny, "meshtalk").model.decoder_widths) > 0
    assert {baseline(tiny, method).method for method in BASELINES} == set(BASELINES)


def test_a_method_that_nobody_has_is_refused_by_name():
    for name in ("audio2face", "VOCA", ""):
        with pytest.raises(BadInput, match=f"no method is called '{name}'; there are voca, meshtalk and faceformer"):
            baseline(DEMO, name)


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
    for method in METHODS.values():
        names = [f.name for kind in (method, TrainingConfig, DataConfig) for f in dataclasses.fields(kind)]
        assert len(names) == len(set(names)) and not {"name", "seeds", "method"} & set(names)


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
        ({"name": "x", "method": "voca", "model": {"motion_dim": 3}}, "motion_dim"),
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
        {"rotation": -1}, {"rotation": 1.0}, {"rotation": True}, {"audio_final_norm": 1},
    ],
    ids=str,
)  # fmt: skip
def test_bad_values_are_refused_and_named(change):
    (name,) = change
    with pytest.raises(BadInput, match=name):
        PAPER.replace(**change)


@pytest.mark.parametrize(
    "kind, change",
    [
        (VocaConfig, {"window_frames": 24}), (VocaConfig, {"window_frames": 0}), (VocaConfig, {"hidden_dim": 1.5}),
        (VocaConfig, {"velocity_weight": -1}), (VocaConfig, {"normalise_waveform": "no"}),
        (MeshTalkConfig, {"audio_dilations": ()}), (MeshTalkConfig, {"prior_dilations": (1, 0)}),
        (MeshTalkConfig, {"expression_widths": (8,)}), (MeshTalkConfig, {"decoder_widths": (8, 8)}),
        (MeshTalkConfig, {"dropout": 1}), (MeshTalkConfig, {"temperature": 0}), (MeshTalkConfig, {"samples": 0}),
        (MeshTalkConfig, {"noise": -0.1}), (MeshTalkConfig, {"noise": True}),
        (FaceFormerConfig, {"feature_dim": 12}), (FaceFormerConfig, {"heads": 0}), (FaceFormerConfig, {"period": -1}),
        (FaceFormerConfig, {"dropout": -0.1}), (FaceFormerConfig, {"teacher_forcing": 1}),
    ],
    ids=str,
)  # fmt: skip
def test_bad_values_of_the_other_methods_are_refused_and_named(kind, change):
    (name,) = change
    with pytest.raises(BadInput, match=f"{kind.__name__}.{name}"):
        kind(**change)


def test_lists_from_json_become_tuples():
    made = MeshTalkConfig(audio_dilations=[1, 2], expression_widths=[4, 4])
    assert made.audio_dilations == (1, 2) and made.expression_widths == (4, 4)
    model = ModelConfig(style_stages=[[8, 1, 2], [8, 1, 2]], style_statistics=["std"])
    assert model.style_stages == ((8, 1, 2), (8, 1, 2)) and model.style_statistics == ("std",)


def test_configurations_cannot_be_changed_in_place():
    with pytest.raises(dataclasses.FrozenInstanceError):
        PAPER.model.motion_dim = 3
