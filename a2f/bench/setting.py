"""What is timed: mesh sizes, lengths of speech, and networks of the published sizes with random weights.

Time does not depend on a weight's value, so that nothing has to be trained or fetched. The network is that of the
released code; FaceFormer has the width of its release for each data set.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from a2f.audio import SAMPLE_RATE
from a2f.config import RELEASE, Config
from a2f.errors import BadInput
from a2f.mesh import Topology
from a2f.model_config import FaceFormerConfig
from a2f.models import Audio2Face, Batch, FaceFormer, Motion, load_audio_encoder, resample_features
from a2f.models.encoder_base import BUNDLED

SUBJECTS = tuple("abcdefgh")
KEPT = 0.1  # of W's entries where files are written: the others of an L1-trained W are near zero
RATE, FIRST = 50.0, 200 / SAMPLE_RATE  # HuBERT's features a second, and the time of its first


@dataclass(frozen=True)
class Size:
    """One data set's size: N, frames a second, and FaceFormer's width for it."""

    vertices: int
    fps: float
    feature_dim: int


@dataclass(frozen=True)
class Setting:
    """The extent of a bench.

    Parameters
    ----------
    sizes : tuple of Size
    seconds : tuple of float
        Lengths of speech.
    batch, frames : int
        Of a training step.
    config : Config
        Of the network.
    encoder : dict
        HuBERT-large's settings that are changed, for a small stand-in.
    repeats : int or None
        None: as many as `clock.interleaved` finds right.
    lengths : tuple of float
        Seconds of sound that are animated piece by piece: short, to be compared with a pass at once, and long.
    warped : int
        Frames of both sequences of F-DTW.
    product, copied : int
        Rows of the square matrix product, and bytes of the copy, that rate the machine.
    device : {"cpu", "cuda"}
    apart : bool
        Time each part in a process of its own.
    """

    sizes: tuple[Size, ...]
    seconds: tuple[float, ...] = (1.0, 5.0, 10.0)
    batch: int = 8
    frames: int = 100
    config: Config = RELEASE
    encoder: dict = field(default_factory=dict)
    repeats: int | None = None
    lengths: tuple[float, float, float] = (10.0, 120.0, 1800.0)
    warped: int = 300
    product: int = 2048
    copied: int = 256 * 2**20
    device: str = "cpu"
    apart: bool = True


# The meshes of VOCASET, Multiface as MeshTalk has it, and BIWI.
FULL = Setting((Size(5_023, 30.0, 64), Size(6_172, 30.0, 64), Size(23_370, 25.0, 128)))
QUICK = Setting(
    sizes=(Size(400, 30.0, 16), Size(900, 25.0, 32)),
    seconds=(0.5, 1.0),
    batch=2,
    frames=24,
    config=RELEASE.replace(motion_dim=32, style_stages=((32, 1, 2), (32, 1, 2)), decoder_blocks=2),
    encoder={"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64,
             "conv_dim": (16,) * 7, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 2},
    repeats=3,
    lengths=(1.0, 6.0, 8.0),
    warped=20,
    product=256,
    copied=2**20,
    apart=False,  # to start a process takes longer than to time it
)  # fmt: skip


def draw(*shape: int, seed: int = 0) -> Tensor:
    """Return normal numbers."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def speech(seconds: float, setting: Setting, batch: int = 1) -> Tensor:
    """Return noise at 16 kHz in place of speech, (B, S)."""
    return 0.1 * draw(batch, round(seconds * SAMPLE_RATE)).to(setting.device)


def transformer(kind: str, setting: Setting) -> torch.nn.Module:
    """Return HuBERT-large or wav2vec 2.0 base, with random weights, frozen.

    Parameters
    ----------
    kind : {"hubert-large", "wav2vec2-base"}
    setting : Setting
        Its `encoder` makes both of them smaller.
    """
    from transformers import HubertConfig, HubertModel, Wav2Vec2Config, Wav2Vec2Model

    from a2f.estimates import hubert_large

    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        if kind == "hubert-large":
            large = hubert_large()
            made = HubertModel(HubertConfig(**large.config.to_dict() | setting.encoder)) if setting.encoder else large
        elif kind == "wav2vec2-base":
            made = Wav2Vec2Model(Wav2Vec2Config(**setting.encoder))
        else:
            raise BadInput(f"kind is {kind!r}, expected 'hubert-large' or 'wav2vec2-base'")
    made = made.to_empty(device="cpu").eval().requires_grad_(False)
    made.feature_extractor._requires_grad = False  # it would ask for a gradient of its own accord
    generator = torch.Generator().manual_seed(0)
    for name, tensor in made.state_dict().items():
        tensor.normal_(0.0, 0.02, generator=generator)
        if tensor.ndim == 1 and name.endswith("weight"):  # a norm's
            tensor.fill_(1.0)
    return made.to(setting.device)


def encoders(setting: Setting) -> dict[str, Callable[[Tensor], Tensor]]:
    """Return audio encoders by name, waveforms (B, S) to features (B, T_a, C); only the bundled one has learnt."""
    networks = {kind: transformer(kind, setting) for kind in ("hubert-large", "wav2vec2-base")}
    found = {kind: (lambda wave, n=network: n(wave).last_hidden_state) for kind, network in networks.items()}
    found[BUNDLED] = load_audio_encoder(setting.config.replace(audio_encoder=BUNDLED).model).to(setting.device)
    return found


def audio_dim(setting: Setting, kind: str = "hubert-large") -> int:
    """Return the channels of an encoder's features."""
    return setting.encoder.get("hidden_size", {"hubert-large": 1024, "wav2vec2-base": 768}[kind])


def audio2face(size: Size, setting: Setting) -> Audio2Face:
    """Return the paper's network with random weights, its data one unit in size."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Audio2Face(setting.config.model, size.vertices, audio_dim(setting)).to(setting.device)


def faceformer(size: Size, setting: Setting) -> FaceFormer:
    """Return FaceFormer with random weights for eight training speakers."""
    config = FaceFormerConfig(feature_dim=size.feature_dim, period=round(size.fps))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = FaceFormer(config, size.vertices, audio_dim(setting, "wav2vec2-base"), SUBJECTS)
        torch.nn.init.normal_(model.motion_out.weight, std=0.01)
    return model.to(setting.device)


def training_batch(size: Size, setting: Setting) -> Batch:
    """Return a batch of one training step whose style motion is its target, as in the released code."""
    motion = Motion(0.01 * draw(setting.batch, setting.frames, 3 * size.vertices).to(setting.device))
    audio = draw(setting.batch, setting.frames, audio_dim(setting), seed=1).to(setting.device)
    template = draw(setting.batch, size.vertices, 3, seed=2).to(setting.device)
    subjects = torch.zeros(setting.batch, dtype=torch.int64, device=setting.device)
    return Batch(audio, template, motion, motion, subjects)


def at_frames(features: Tensor, frames: int, fps: float) -> Tensor:
    """Return HuBERT's features at the mesh's frames, (B, T, C)."""
    return resample_features(features, frames, fps, RATE, FIRST)


def head(size: Size) -> tuple[np.ndarray, Topology]:
    """Return a sphere of N points, (N, 3) in mm, and a topology of triangles between points that lie near."""
    count = size.vertices
    height = 1 - 2 * (np.arange(count) + 0.5) / count
    angle = np.pi * (3 - np.sqrt(5)) * np.arange(count)  # the golden angle spreads points evenly
    radius = np.sqrt(1 - height**2)
    points = 100 * np.stack([radius * np.cos(angle), height, radius * np.sin(angle)], axis=1)
    first = np.arange(count - 21)
    faces = np.concatenate([np.stack([first, first + 8, first + 21], 1), np.stack([first, first + 21, first + 13], 1)])
    return points.astype(np.float32), Topology("sphere", count, faces, {"face": np.arange(count)})
