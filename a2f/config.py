"""Every choice of a run in three frozen dataclasses, and the four presets that name whole sets of choices.

The presets differ where the paper's text (PAPER), its released code (RELEASE) and a machine with two cores and no model
hub (DEMO, SMOKE) differ. A configuration is validated when it is made, round-trips through JSON, and refuses unknown
keys.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

from a2f.errors import BadInput
from a2f.model_config import (
    METHODS,
    EncoderConfig,
    FaceFormerConfig,
    MeshTalkConfig,
    ModelConfig,
    VocaConfig,
    check,
    count,
    one_of,
    positive,
)


@dataclass(frozen=True)
class TrainingConfig:
    """The objective of Eq. 4 and how it is minimised (section 4.5)."""

    loss: str = "norm"  # per frame: the "norm" of Eq. 4, or the "squared" norm of the released code
    data_weight: float = 1.0  # of the data term against beta; the released code has 0.1 on BIWI
    sparsity_weight: float = 1e-4  # beta, Eq. 4
    sparsity_step: str = "gradient"  # how its term is minimised; "proximal" gives W exact zeros; not in the paper
    aperture_weight: float = 0.0  # of models.aperture, the height between the lips; not in the paper
    learning_rate: float = 1e-4
    schedule: str = "constant"  # or "one_cycle": linear rise over the first tenth, cosine fall to zero
    batch_size: int = 8
    epochs: int = 120
    freeze_epochs: int | None = 10  # the audio encoder is frozen for so many epochs; None: for good
    crop_frames: int = 48  # frames of one training sample
    style_frames: int = 64  # frames of the style motion in training
    feature_dropout: float = 0.0  # share of the audio features hidden from each training sample; not in the paper
    style_source: str = "other_clip"  # style from another clip of the same subject and mode, or the "target" itself
    validate_every: int = 5  # epochs
    validation_clips: int | None = 24  # clips, spread over the validation split; None: all

    def __post_init__(self) -> None:
        one_of("TrainingConfig", "loss", self.loss, ("norm", "squared"))
        one_of("TrainingConfig", "sparsity_step", self.sparsity_step, ("gradient", "proximal"))
        one_of("TrainingConfig", "schedule", self.schedule, ("constant", "one_cycle"))
        one_of("TrainingConfig", "style_source", self.style_source, ("other_clip", "target"))
        positive(self, "learning_rate", "data_weight")
        count(self, "batch_size", "epochs", "crop_frames", "style_frames", "validate_every")
        beta, frozen = self.sparsity_weight, self.freeze_epochs
        for name, value in (("sparsity_weight", beta), ("aperture_weight", self.aperture_weight)):
            check(self, name, isinstance(value, (int, float)) and 0 <= value < math.inf, "0 or more")
        hidden = self.feature_dropout
        check(self, "feature_dropout", isinstance(hidden, (int, float)) and 0 <= hidden < 1, "0 or more, below 1")
        if frozen is not None:
            check(self, "freeze_epochs", isinstance(frozen, int) and frozen >= 0, "a whole number from 0, or None")
        if self.validation_clips is not None:
            count(self, "validation_clips")


@dataclass(frozen=True)
class DataConfig:
    """Which recordings, at which frame rate, and how many of them."""

    dataset: str = "demo"
    fps: float = 30.0
    subjects_per_split: int | None = None  # the first so many subjects of each split; None: all
    clips_per_subject: int | None = None  # so many clips of each subject, spread over its modes; None: all
    rotation: int = 0  # how often the subjects' roles move on, so that other subjects are tested on
    split: str | None = None  # a name in data.splits; None: the data set's first
    regions: str | None = None  # a file that says where lips and upper face are; None: what the data set brings
    scaling: str = "subject"  # BIWI: one centre and scale a "subject", or one a "frame" as much published work has it

    def __post_init__(self) -> None:
        positive(self, "fps")
        for name in ("subjects_per_split", "clips_per_subject"):
            if getattr(self, name) is not None:
                count(self, name)
        rotation = self.rotation
        check(self, "rotation", isinstance(rotation, int) and rotation >= 0, "a whole number from 0")
        one_of("DataConfig", "scaling", self.scaling, ("subject", "frame"))


@dataclass(frozen=True)
class Config:
    """A whole run: model, training, data."""

    name: str
    model: EncoderConfig = field(default_factory=ModelConfig)  # of the method that it names
    training: TrainingConfig = field(default_factory=TrainingConfig)
    data: DataConfig = field(default_factory=DataConfig)
    seeds: int = 3  # runs of each row of a comparison

    def __post_init__(self) -> None:
        count(self, "seeds")

    @property
    def method(self) -> str:
        """The network: ``"audio2face"``, the paper's, or one that it is compared with."""
        return self.model.method

    def replace(self, **changes: Any) -> Config:
        """Return a copy with fields changed, wherever they live: ``config.replace(composite=False, batch_size=4)``.

        Raises
        ------
        BadInput
            If no part of a configuration has such a field.
        """
        top: dict[str, Any] = {}
        parts: dict[str, dict[str, Any]] = {"model": {}, "training": {}, "data": {}}
        for key, value in changes.items():
            if key in ("name", "seeds"):
                top[key] = value
                continue
            for part, found in parts.items():
                if key in _field_names(type(getattr(self, part))):
                    found[key] = value
                    break
            else:
                known = sorted(set().union(*(_field_names(type(getattr(self, part))) for part in parts)))
                raise BadInput(f"no configuration field is called {key!r}; there are {', '.join(known)}")
        for part, found in parts.items():
            if found:
                top[part] = dataclasses.replace(getattr(self, part), **found)
        return dataclasses.replace(self, **top)

    def to_dict(self) -> dict[str, Any]:
        """Return plain dicts, lists, numbers and strings, ready for JSON."""
        return {"method": self.method} | dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> Config:
        """Rebuild a configuration that `to_dict` gave.

        Raises
        ------
        BadInput
            On an unknown key or a value that a field refuses.
        """
        _refuse_unknown("configuration", value, {"method", "name", "seeds", "model", "training", "data"})
        method = value.get("method", ModelConfig.method)
        one_of("configuration", "method", method, tuple(METHODS))
        parts = {"model": METHODS[method], "training": TrainingConfig, "data": DataConfig}
        made = {}
        for part, kind in parts.items():
            _refuse_unknown(part, value.get(part, {}), _field_names(kind))
            made[part] = kind(**value.get(part, {}))
        return cls(name=str(value.get("name", "unnamed")), seeds=value.get("seeds", 3), **made)


def _field_names(kind: type) -> set[str]:
    return {f.name for f in dataclasses.fields(kind)}


def _refuse_unknown(where: str, value: Any, known: set[str]) -> None:
    if not isinstance(value, dict):
        raise BadInput(f"{where} is {type(value).__name__}, expected an object with {', '.join(sorted(known))}")
    unknown = sorted(set(value) - known)
    if unknown:
        raise BadInput(f"{where} has unknown key {unknown[0]!r}; there are {', '.join(sorted(known))}")


# What the text says. Where it is silent: 2 blocks a stage as in ResNet18, the encoder's stride in its first two stages.
PAPER = Config(name="paper")

# What the released code does, switch by switch.
RELEASE = Config(
    name="release",
    model=ModelConfig(
        audio_final_norm=False,
        normalise_waveform=False,
        style_stages=((512, 2, 2), (512, 2, 2)),
        style_normalisation="template",
        style_statistics=("mean", "std", "difference_std"),
        audio_normalisation="batch",
    ),
    training=TrainingConfig(loss="squared", style_source="target", freeze_epochs=11),
    data=DataConfig(fps=60.0),
)

# The same model, sized for two CPU cores and the bundled audio encoder. Departures from PAPER:
#   bundled Whisper-tiny encoder, frozen throughout   no model hub; features are computed once
#   a quarter of the width, squared loss, one-cycle rate       the paper's rate of 1e-4 needs several times the steps
#   beta 1e-3                                          beta acts against a data term that grows with N and (mm/std)^2;
#                                                      validation errors are flat from 0 to here, then rise
#                                                      (tools/choose_demo_settings.py): the sparsest at no cost
#   style minus template                               Eq. 1 deletes static expression; notebook 06 measures it
#   sigma around one                                   the modulation starts as the identity
DEMO = Config(
    name="demo",
    model=ModelConfig(
        audio_encoder="whisper-tiny-2",
        motion_dim=64,
        style_stages=((128, 2, 2), (128, 2, 2)),
        style_normalisation="template",
        scale_around_one=True,
    ),
    training=TrainingConfig(
        loss="squared",
        sparsity_weight=1e-3,
        learning_rate=2e-3,
        schedule="one_cycle",
        epochs=18,
        freeze_epochs=None,
        validate_every=6,
    ),
)

# The smallest run that still exercises everything, the unfreezing of the audio encoder included.
SMOKE = DEMO.replace(
    name="smoke",
    motion_dim=32,
    style_stages=((32, 1, 2), (32, 1, 2)),
    decoder_blocks=2,
    epochs=2,
    freeze_epochs=1,
    batch_size=4,
    crop_frames=32,
    style_frames=32,
    validate_every=1,
    validation_clips=4,
    seeds=2,
    subjects_per_split=2,
    clips_per_subject=8,
)

# What MeshTalk needs where steps are few, found on the validation speakers. At half of the steps DEMO's rate and a
# quarter of it are equally good (tools/choose_learning_rates.py: loss 6.22 and 6.24, lips 2.75 and 2.72 mm). At all
# steps, on a thinned mesh, lips were no better than at rest with the former on both seeds tried, and better with the
# latter on all three. Of Gumbel noise times 0, 0.3 and 1, the release's, 0.3 was best (one seed, on a thinned mesh).
SLOWER, QUIETER = 4, 0.3

PRESETS = {config.name: config for config in (PAPER, RELEASE, DEMO, SMOKE)}


def preset(name: str) -> Config:
    """Return a preset by name: ``paper``, ``release``, ``demo`` or ``smoke``.

    Raises
    ------
    BadInput
        If there is no such preset.
    """
    if name not in PRESETS:
        raise BadInput(f"no preset is called {name!r}; there are {', '.join(PRESETS)}")
    return PRESETS[name]


def on_dataset(config: Config, dataset: str, fps: float) -> Config:
    """Return a preset for another data set at a frame rate that it offers (`a2f.data.usable_rate`).

    What the released code does for one data set only comes with its preset: on BIWI its data term has a weight of 0.1,
    and VOCASET and Multiface are divided otherwise.
    """
    changes: dict[str, Any] = {"dataset": dataset, "fps": fps}
    if config.name == RELEASE.name:
        own = {"biwi": {"data_weight": 0.1}, "vocaset": {"split": "release"}, "multiface": {"split": "release"}}
        changes |= own.get(dataset, {})
    return config.replace(**changes)


def baseline(config: Config, method: str) -> Config:
    """Return a configuration with another network on the same audio features, data and budget.

    VOCA and FaceFormer keep the sizes of their papers. MeshTalk's widths, which are the largest of all, are divided as
    the preset divides the paper's K = 256, and its audio encoder sees a second at the preset's frame rate.

    Parameters
    ----------
    config : Config
    method : {"voca", "meshtalk", "faceformer"}
    """
    heard = {f.name: getattr(config.model, f.name) for f in dataclasses.fields(EncoderConfig)}
    if method == "voca":
        model: EncoderConfig = VocaConfig(**heard)
    elif method == "faceformer":
        model = FaceFormerConfig(**heard, period=round(config.data.fps))
    elif method == "meshtalk":
        share = max(1, PAPER.model.motion_dim // config.model.motion_dim)
        reach = max(1, round((config.data.fps - 5) / 4 / 6))  # convolutions of width 5, dilated once and six times so
        model = MeshTalkConfig(
            **heard,
            audio_channels=max(16, 128 // share),
            audio_dilations=(reach,) * 6,
            expression_widths=(256 // share, 128 // share),
            latent_dim=128 // share,
            fusion_dim=256 // share,
            heads=max(4, 16 // share),
            classes=max(16, 128 // share),
            decoder_widths=(512 // share, 256 // share, 128 // share),
            prior_dim=max(8, 64 // share),
        )
    else:
        raise BadInput(f"no method is called {method!r}; there are voca, meshtalk and faceformer")
    changed = dataclasses.replace(config, name=f"{config.name}:{method}", model=model)
    if method == "meshtalk" and config.training.schedule == "one_cycle":
        return changed.replace(learning_rate=config.training.learning_rate / SLOWER, noise=QUIETER)
    return changed
