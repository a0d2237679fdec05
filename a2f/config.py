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

Stage = tuple[int, int, int]  # channels, residual blocks, stride of the first block


def _one_of(owner: str, name: str, value: Any, choices: tuple) -> None:
    if value not in choices:
        raise BadInput(f"{owner}.{name} is {value!r}, expected one of {', '.join(map(repr, choices))}")


def _check(owner: Any, name: str, fits: bool, expected: str) -> None:
    value = getattr(owner, name)
    if isinstance(value, bool) or not fits:
        raise BadInput(f"{type(owner).__name__}.{name} is {value!r}, expected {expected}")


def _positive(owner: Any, *names: str) -> None:
    for name in names:
        value = getattr(owner, name)
        _check(owner, name, isinstance(value, (int, float)) and 0 < value < math.inf, "a positive number")


def _count(owner: Any, *names: str) -> None:
    for name in names:
        value = getattr(owner, name)
        _check(owner, name, isinstance(value, int) and value > 0, "a whole positive number")


def _switch(owner: Any, *names: str) -> None:
    for name in names:
        value = getattr(owner, name)
        if not isinstance(value, bool):
            raise BadInput(f"{type(owner).__name__}.{name} is {value!r}, expected true or false")


@dataclass(frozen=True)
class ModelConfig:
    """The network of section 4, with a switch wherever text and released code differ."""

    audio_encoder: str = "hubert-large"  # a name in models.encoders, a hub name or a local folder
    audio_final_norm: bool = True  # features after HuBERT's closing layer norm (text) or before it (released code)
    normalise_waveform: bool = True  # bring every clip to one level before the encoder; released code does not
    motion_dim: int = 256  # K, the columns of W; also C_face of Z_pred and C_audio after the projection
    style_stages: tuple[Stage, ...] = ((512, 2, 2), (512, 2, 2), (512, 2, 1), (512, 2, 1))  # ResNet1D encoder, T'/4
    decoder_blocks: int = 8  # ResNet1D decoder, kernel 3, stride 1
    style_normalisation: str = "mean"  # Eq. 1: subtract the "mean" face of the style sequence, or its "template"
    style_statistics: tuple[str, ...] = ("mean", "std")  # of Z_face over time; released code adds "difference_std"
    standardise_audio: bool = False  # each audio feature by the training set's mean and deviation; not in the paper
    audio_normalisation: str = "instance"  # Eq. 2 normalises Z_audio over time; released code has a "batch" norm
    scale_around_one: bool = False  # sigma_predict is 1 + the linear layer's output instead of the output itself
    output_scale: float = 0.1  # alpha, Eq. 3
    composite: bool = True  # False: no style input, sigma = 1 and mu = 0 ("w/o Composite")
    template_embedding: bool = True  # add W * template to every frame of Z_fuse (section 4.4)

    def __post_init__(self) -> None:
        object.__setattr__(self, "style_stages", tuple(tuple(int(x) for x in stage) for stage in self.style_stages))
        object.__setattr__(self, "style_statistics", tuple(self.style_statistics))
        _count(self, "motion_dim", "decoder_blocks")
        _positive(self, "output_scale")
        _switch(self, "audio_final_norm", "normalise_waveform", "standardise_audio", "scale_around_one", "composite")
        _switch(self, "template_embedding")
        _one_of("ModelConfig", "style_normalisation", self.style_normalisation, ("mean", "template"))
        _one_of("ModelConfig", "audio_normalisation", self.audio_normalisation, ("instance", "batch"))
        known = ("mean", "std", "difference_std")
        for name in self.style_statistics:
            _one_of("ModelConfig", "style_statistics", name, known)
        if not self.style_statistics or len(set(self.style_statistics)) != len(self.style_statistics):
            raise BadInput(
                f"ModelConfig.style_statistics is {self.style_statistics}, expected some of {known}, each once"
            )
        stride = 1
        for stage in self.style_stages:
            if len(stage) != 3 or min(stage) < 1:
                raise BadInput(
                    f"ModelConfig.style_stages holds {stage}, expected (channels, blocks, stride), all positive"
                )
            stride *= stage[2]
        if stride != 4:
            raise BadInput(
                f"ModelConfig.style_stages has a total stride of {stride}; Z_face has T'/4 steps (section 4.2)"
            )


@dataclass(frozen=True)
class TrainingConfig:
    """The objective of Eq. 4 and how it is minimised (section 4.5)."""

    loss: str = "norm"  # per frame: the "norm" of Eq. 4, or the "squared" norm of the released code
    sparsity_weight: float = 1e-4  # beta, Eq. 4
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
        _one_of("TrainingConfig", "loss", self.loss, ("norm", "squared"))
        _one_of("TrainingConfig", "schedule", self.schedule, ("constant", "one_cycle"))
        _one_of("TrainingConfig", "style_source", self.style_source, ("other_clip", "target"))
        _positive(self, "learning_rate")
        _count(self, "batch_size", "epochs", "crop_frames", "style_frames", "validate_every")
        beta, frozen = self.sparsity_weight, self.freeze_epochs
        for name, value in (("sparsity_weight", beta), ("aperture_weight", self.aperture_weight)):
            _check(self, name, isinstance(value, (int, float)) and 0 <= value < math.inf, "0 or more")
        hidden = self.feature_dropout
        _check(self, "feature_dropout", isinstance(hidden, (int, float)) and 0 <= hidden < 1, "0 or more, below 1")
        if frozen is not None:
            _check(self, "freeze_epochs", isinstance(frozen, int) and frozen >= 0, "a whole number from 0, or None")
        if self.validation_clips is not None:
            _count(self, "validation_clips")


@dataclass(frozen=True)
class DataConfig:
    """Which recordings, at which frame rate, and how many of them."""

    dataset: str = "demo"
    fps: float = 30.0
    subjects_per_split: int | None = None  # the first so many subjects of each split; None: all
    clips_per_subject: int | None = None  # so many clips of each subject, spread over its modes; None: all

    def __post_init__(self) -> None:
        _positive(self, "fps")
        for name in ("subjects_per_split", "clips_per_subject"):
            if getattr(self, name) is not None:
                _count(self, name)


@dataclass(frozen=True)
class Config:
    """A whole run: model, training, data."""

    name: str
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    data: DataConfig = field(default_factory=DataConfig)
    seeds: int = 3  # runs of each row of a comparison

    def __post_init__(self) -> None:
        _count(self, "seeds")

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
                known = sorted(set().union(*(_field_names(c) for c in (ModelConfig, TrainingConfig, DataConfig))))
                raise BadInput(f"no configuration field is called {key!r}; there are {', '.join(known)}")
        for part, found in parts.items():
            if found:
                top[part] = dataclasses.replace(getattr(self, part), **found)
        return dataclasses.replace(self, **top)

    def to_dict(self) -> dict[str, Any]:
        """Return plain dicts, lists, numbers and strings, ready for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> Config:
        """Rebuild a configuration that `to_dict` gave.

        Raises
        ------
        BadInput
            On an unknown key or a value that a field refuses.
        """
        parts = {"model": ModelConfig, "training": TrainingConfig, "data": DataConfig}
        _refuse_unknown("configuration", value, {"name", "seeds", *parts})
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
