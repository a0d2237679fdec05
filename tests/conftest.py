"""What the tests share: a tiny synthetic data set, factored and dense, and a tiny random HuBERT."""

from __future__ import annotations

import ctypes
import math
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from a2f.config import SMOKE, Config
from a2f.data import Clip, Dataset
from a2f.errors import RenderingUnavailable
from a2f.mesh import Topology

VERTICES, RANK, RATE = 30, 4, 16_000


def nothing_to_draw_with() -> bool:
    """True on a Linux without a display, EGL and OSMesa; asked of the loader, not of what is tested."""
    names = ("libEGL.so.1", "libOSMesa.so.8", "libOSMesa.so")
    return sys.platform == "linux" and not os.environ.get("DISPLAY") and not any(map(_can_be_loaded, names))


def _can_be_loaded(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _told_not_failed():
    """A test that needs 3D where there is nothing to draw with is skipped with what to install; elsewhere it fails."""
    try:
        return (yield)
    except RenderingUnavailable as error:
        if nothing_to_draw_with():
            pytest.skip(str(error))
        raise


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item):
    return (yield from _told_not_failed())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    return (yield from _told_not_failed())


def _topology() -> Topology:
    strip = np.array([[i, i + 1, i + 2] for i in range(VERTICES - 2)])
    regions = {"lips": np.arange(6), "upper_face": np.arange(6, 16), "face": np.arange(26)}
    return Topology("tiny", VERTICES, strip, regions, region_source="made up")


def _make_dataset(dense: bool = False, seed: int = 0, sentences: int = 6) -> Dataset:
    """Two training subjects, one to validate, one to test, each with `sentences` clips in styles a and b.

    Vertices, sound and templates depend on `seed` alone; `dense` only decides how clips offer them.
    """
    rng = np.random.default_rng(seed)
    topology = _topology()
    basis = rng.normal(size=(RANK, VERTICES, 3)).astype(np.float32)
    clips = []
    for subject, split in enumerate(("train", "train", "val", "test")):
        template = (10 * rng.normal(size=(VERTICES, 3))).astype(np.float32)
        for sentence in range(sentences):
            frames = 40 + sentence
            phase = rng.normal(size=RANK) + sentence
            motion = (np.sin(0.3 * np.arange(frames)[:, None] + phase) * (1 + subject)).astype(np.float32)
            sound = (0.1 * rng.normal(size=math.ceil(frames / 30 * RATE))).astype(np.float32)
            if dense:
                faces = template + np.tensordot(motion, basis, axes=1)
                how: dict = {"read_vertices": lambda frames, faces=faces: faces[frames]}
            else:
                how = {"coefficients": motion, "basis": basis}
            clips.append(
                Clip(
                    name=f"s{subject}-{sentence}",
                    subject=f"s{subject}",
                    sentence=f"t{sentence}",
                    split=split,
                    topology=topology,
                    template=template,
                    fps=30.0,
                    num_frames=frames,
                    sample_rate=RATE,
                    read_waveform=lambda sound=sound: sound,
                    style="ab"[sentence % 2],
                    **how,
                )
            )
    return Dataset("tiny", topology, 30.0, tuple(clips), synthetic=True)


@pytest.fixture(scope="session")
def make_dataset() -> Callable[..., Dataset]:
    """The maker itself, for tests that change what they get."""
    return _make_dataset


@pytest.fixture(scope="session")
def topology() -> Topology:
    return _topology()


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    """The tiny data set with its motion in a linear basis, as the demo corpus has it."""
    return _make_dataset()


@pytest.fixture(scope="session")
def dense_dataset() -> Dataset:
    """The same faces and sounds without a basis, as recorded data sets come."""
    return _make_dataset(dense=True)


@pytest.fixture(scope="session")
def hubert_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random HuBERT of large's make (layer-normed front end, pre-norm layers), with dropout and masking."""
    import torch
    from transformers import HubertConfig, HubertModel

    config = HubertConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        conv_dim=(8,) * 7,
        conv_kernel=(10, 3, 3, 3, 3, 2, 2),
        conv_stride=(5, 2, 2, 2, 2, 2, 2),
        feat_extract_norm="layer",
        conv_bias=True,
        do_stable_layer_norm=True,
        num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=2,
        hidden_dropout=0.1,
        attention_dropout=0.1,
        activation_dropout=0.1,
        layerdrop=0.1,
        apply_spec_augment=True,
        mask_time_prob=0.05,
    )
    folder = tmp_path_factory.mktemp("hubert")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        HubertModel(config).eval().save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_config(hubert_folder: Path) -> Config:
    """A run of seconds on the tiny data set that gets to validation, unfreezing and the schedule's end."""
    return SMOKE.replace(
        name="tiny",
        audio_encoder=str(hubert_folder),
        motion_dim=12,
        style_stages=((12, 1, 2), (12, 1, 2)),
        decoder_blocks=1,
        epochs=6,
        freeze_epochs=3,
        validate_every=2,
        crop_frames=24,
        style_frames=24,
        validation_clips=3,
        clips_per_subject=None,
    )


@pytest.fixture(scope="session")
def feature_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of audio features that all tiny runs share."""
    return tmp_path_factory.mktemp("features")


@pytest.fixture(scope="session")
def tiny_run(
    tiny_config: Config, dataset: Dataset, feature_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A finished run of `tiny_config` with seed 1, its audio encoder tuned; no test may change it."""
    from a2f.training import train

    out = tmp_path_factory.mktemp("run") / "tiny"
    return train(tiny_config, dataset, out, seed=1, cache=feature_cache, progress=False)


@pytest.fixture(scope="module")
def animator(tiny_run: Path):
    """The tuned tiny model, ready for sound."""
    from a2f.animator import load

    return load(tiny_run)


@pytest.fixture
def clip(dataset: Dataset) -> Clip:
    """The tiny data set's first test clip."""
    return dataset.split("test")[0]


@pytest.fixture
def no_network(monkeypatch):
    """Refuse every connection, and fail the test that tried one, whatever became of the error."""
    tried: list[tuple] = []

    def refuse(*args, **kwargs):
        tried.append(args)
        raise OSError("no network in tests")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    yield
    assert not tried, "the network was tried"
