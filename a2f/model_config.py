"""The networks' settings: the paper's model with its switches, and the three methods that Table 1 compares it with.

Each is a frozen dataclass, validated when it is made. Its `method` names the network in `models.stored`.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import Any, ClassVar

from a2f.errors import BadInput

MOST = 1_000_000  # of anything that is counted
DEEPEST = 1000  # residual blocks in a row
Stage = tuple[int, int, int]  # channels, residual blocks, stride of the first block


def one_of(owner: str, name: str, value: Any, choices: tuple) -> None:
    if value not in choices:
        raise BadInput(f"{owner}.{name} is {value!r}, expected one of {', '.join(map(repr, choices))}")


def check(owner: Any, name: str, fits: bool, expected: str) -> None:
    value = getattr(owner, name)
    if isinstance(value, bool) or not fits:
        raise BadInput(f"{type(owner).__name__}.{name} is {value!r}, expected {expected}")


def positive(owner: Any, *names: str) -> None:
    for name in names:
        value = getattr(owner, name)
        # whole numbers have no end, floats have
        fits = isinstance(value, (int, float)) and 0 < value <= sys.float_info.max
        check(owner, name, fits, "a positive number")


def count(owner: Any, *names: str) -> None:
    for name in names:
        value = getattr(owner, name)
        check(owner, name, isinstance(value, int) and 0 < value <= MOST, f"a whole positive number up to {MOST}")


def switch(owner: Any, *names: str) -> None:
    for name in names:
        value = getattr(owner, name)
        if not isinstance(value, bool):
            raise BadInput(f"{type(owner).__name__}.{name} is {value!r}, expected true or false")


@dataclass(frozen=True)
class EncoderConfig:
    """Which audio features a method hears; the same three fields for every method."""

    method: ClassVar[str]

    audio_encoder: str = "hubert-large"  # a name in models.encoders, a hub name or a local folder
    audio_final_norm: bool = True  # features after HuBERT's closing layer norm (text) or before it (released code)
    normalise_waveform: bool = True  # bring every clip to one level before the encoder; released code does not

    def __post_init__(self) -> None:
        switch(self, "audio_final_norm", "normalise_waveform")


@dataclass(frozen=True)
class ModelConfig(EncoderConfig):
    """The network of section 4, with a switch wherever text and released code differ."""

    method = "audio2face"

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
        super().__post_init__()
        object.__setattr__(self, "style_stages", tuple(tuple(int(x) for x in stage) for stage in self.style_stages))
        object.__setattr__(self, "style_statistics", tuple(self.style_statistics))
        count(self, "motion_dim", "decoder_blocks")
        check(self, "decoder_blocks", self.decoder_blocks <= DEEPEST, f"at most {DEEPEST}")
        positive(self, "output_scale")
        switch(self, "standardise_audio", "scale_around_one", "composite", "template_embedding")
        one_of("ModelConfig", "style_normalisation", self.style_normalisation, ("mean", "template"))
        one_of("ModelConfig", "audio_normalisation", self.audio_normalisation, ("instance", "batch"))
        known = ("mean", "std", "difference_std")
        for name in self.style_statistics:
            one_of("ModelConfig", "style_statistics", name, known)
        if not self.style_statistics or len(set(self.style_statistics)) != len(self.style_statistics):
            raise BadInput(
                f"ModelConfig.style_statistics is {self.style_statistics}, expected some of {known}, each once"
            )
        stride = 1
        for stage in self.style_stages:
            if len(stage) != 3 or min(stage) < 1 or stage[0] > MOST or stage[1] > DEEPEST:
                raise BadInput(
                    f"ModelConfig.style_stages holds {stage}, expected (channels, blocks, stride), all positive"
                )
            stride *= stage[2]
        if stride != 4:
            raise BadInput(
                f"ModelConfig.style_stages has a total stride of {stride}; Z_face has T'/4 steps (section 4.2)"
            )


@dataclass(frozen=True)
class VocaConfig(EncoderConfig):
    """VOCA (Cudeiro et al., 2019): a window of audio features and a one-hot identity drive a linear face space."""

    method = "voca"

    window_frames: int = 16  # of audio features around each mesh frame
    hidden_dim: int = 128
    expression_dim: int = 50  # columns of the output layer, which starts as the principal components of training
    velocity_weight: float = 10.0  # of the squared error of frame differences

    def __post_init__(self) -> None:
        super().__post_init__()
        count(self, "window_frames", "hidden_dim", "expression_dim")
        check(self, "window_frames", self.window_frames % 16 == 0, "a multiple of 16: four convolutions halve it")
        check(self, "velocity_weight", 0 <= self.velocity_weight < math.inf, "0 or more")


@dataclass(frozen=True)
class MeshTalkConfig(EncoderConfig):
    """MeshTalk (Richard et al., 2021): a categorical latent space shared by speech and expression, and its prior."""

    method = "meshtalk"

    audio_channels: int = 128
    audio_dilations: tuple[int, ...] = (2, 4, 6, 2, 4, 6)  # of convolutions of width 5: a second of 100 Hz features
    expression_widths: tuple[int, int] = (256, 128)  # of the expression encoder
    latent_dim: int = 128  # of both codes
    fusion_dim: int = 256
    heads: int = 16
    classes: int = 128  # categories of each head
    decoder_widths: tuple[int, int, int] = (512, 256, 128)
    prior_dim: int = 64  # channels of the autoregressive prior, for each head
    prior_dilations: tuple[int, ...] = (1, 2, 4, 8)
    dropout: float = 0.2
    temperature: float = 1.0  # of the Gumbel softmax
    noise: float = 1.0  # factor of the Gumbel noise; below one, categories that are likely are drawn more often yet
    samples: int = 5  # faces drawn from the prior and averaged

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("audio_dilations", "expression_widths", "decoder_widths", "prior_dilations"):
            value = tuple(int(x) for x in getattr(self, name))
            object.__setattr__(self, name, value)
            check(self, name, bool(value) and min(value) > 0, "whole positive numbers")
        check(self, "expression_widths", len(self.expression_widths) == 2, "two widths")
        check(self, "decoder_widths", len(self.decoder_widths) == 3, "three widths")
        count(self, "audio_channels", "latent_dim", "fusion_dim", "heads", "classes", "prior_dim", "samples")
        positive(self, "temperature")
        check(self, "noise", isinstance(self.noise, (int, float)) and 0 <= self.noise < math.inf, "0 or more")
        check(self, "dropout", 0 <= self.dropout < 1, "0 or more, below 1")


@dataclass(frozen=True)
class FaceFormerConfig(EncoderConfig):
    """FaceFormer (Fan et al., 2022): a transformer decoder that draws frame after frame from its own past."""

    method = "faceformer"

    feature_dim: int = 64  # d; the release uses 128 for BIWI
    heads: int = 4
    period: int = 30  # frames after which positions repeat; the release takes the frame rate
    dropout: float = 0.1
    teacher_forcing: bool = False  # feed true faces back in training; the release feeds its own

    def __post_init__(self) -> None:
        super().__post_init__()
        count(self, "feature_dim", "heads", "period")
        check(self, "feature_dim", self.feature_dim % (2 * self.heads) == 0, "a multiple of twice the heads")
        check(self, "dropout", 0 <= self.dropout < 1, "0 or more, below 1")
        switch(self, "teacher_forcing")


METHODS = {kind.method: kind for kind in (ModelConfig, VocaConfig, MeshTalkConfig, FaceFormerConfig)}
