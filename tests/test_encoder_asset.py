"""The shipped audio encoder: loads with no network, runs unpadded, tells sounds apart."""

from __future__ import annotations

import socket
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors import safe_open
from torch.nn.functional import gelu
from transformers import WhisperFeatureExtractor
from transformers.models.whisper.modeling_whisper import WhisperEncoder

import a2f
from a2f.files import read_json

ASSETS = Path(a2f.__file__).parent / "assets"
FOLDER = ASSETS / "encoder"


@cache
def load() -> tuple[WhisperEncoder, WhisperFeatureExtractor, dict]:
    encoder, report = WhisperEncoder.from_pretrained(
        FOLDER, dtype=torch.float32, local_files_only=True, output_loading_info=True
    )
    return encoder.eval(), WhisperFeatureExtractor.from_pretrained(FOLDER, local_files_only=True), report


def features(wave: np.ndarray) -> np.ndarray:
    """Raw output of layer 2, (S // 320, 384), with no padding."""
    encoder, extractor, _ = load()
    with torch.no_grad():
        mel = extractor(wave, sampling_rate=16000, padding=False, truncation=False, return_tensors="pt")
        x = gelu(encoder.conv2(gelu(encoder.conv1(mel.input_features)))).transpose(1, 2)
        x = x + encoder.embed_positions.weight[: x.shape[1]]
        for layer in encoder.layers:
            x = layer(x, None)
    return x[0].numpy()


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.05, round(16000 * seconds)).astype(np.float32)


def test_every_key_matches_with_the_network_shut(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError("the encoder asked for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    load.cache_clear()
    encoder, _, report = load()
    assert not any(report.values()), report
    assert len(encoder.layers) == 2 and encoder.config.d_model == 384


def test_weights_are_half_precision_and_small() -> None:
    assert (FOLDER / "model.safetensors").stat().st_size < 9_500_000
    with safe_open(FOLDER / "model.safetensors", framework="numpy") as file:
        assert {file.get_tensor(name).dtype for name in file.keys()} == {np.dtype(np.float16)}  # noqa: SIM118
        # the closing norm of the full encoder belongs to layer 4, so a neutral one stands here
        assert np.all(file.get_tensor("layer_norm.weight") == 1) and not np.any(
            file.get_tensor("layer_norm.bias")
        )


@pytest.mark.parametrize("seconds", [0.5, 2.0, 3.26])
def test_fifty_frames_a_second_without_padding(seconds: float) -> None:
    found = features(noise(seconds))
    assert found.shape == (int(50 * seconds), 384) and found.dtype == np.float32
    assert np.isfinite(found).all() and found.std() > 0.1


def test_same_audio_same_features() -> None:
    assert np.array_equal(features(noise(1.0)), features(noise(1.0)))
    assert not np.allclose(features(noise(1.0)), features(noise(1.0, seed=1)), atol=0.1)


def test_hidden_state_of_the_padded_call_is_the_raw_layer() -> None:
    """`hidden_states[-1]` of transformers' own call is layer 2 before the closing norm."""
    encoder, extractor, _ = load()
    mel = extractor(noise(2.0), sampling_rate=16000, return_tensors="pt").input_features
    with torch.no_grad():
        output = encoder(mel, output_hidden_states=True)
    raw = output.hidden_states[-1]
    assert raw.shape == (1, 1500, 384)
    normed = torch.nn.functional.layer_norm(raw, (384,), eps=encoder.layer_norm.eps)
    assert torch.allclose(normed, output.last_hidden_state, atol=1e-5)
    assert not torch.allclose(raw, output.last_hidden_state, atol=0.1)


def test_a_sound_moves_the_features_at_its_own_time() -> None:
    """Frame k is centred on second k / 50: a click at 1 s changes frame 50 most."""
    encoder, extractor, _ = load()
    quiet, click = noise(2.0) * 0.01, noise(2.0) * 0.01
    click[16000] += 0.5

    def embedded(wave: np.ndarray) -> torch.Tensor:
        mel = extractor(wave, sampling_rate=16000, padding=False, truncation=False, return_tensors="pt")
        with torch.no_grad():
            return gelu(encoder.conv2(gelu(encoder.conv1(mel.input_features))))[0].T

    distance = (embedded(click) - embedded(quiet)).norm(dim=1).numpy()
    centre = (distance * np.arange(100))[45:56].sum() / distance[45:56].sum()
    assert abs(centre - 50) < 0.75


def test_vowels_are_told_apart_across_voices() -> None:
    """Nearest mean of four vowels, fitted to train voices, is right for most frames of unheard voices."""
    corpus = read_json(ASSETS / "demo" / "speech.json")
    split = {speaker["id"]: speaker["split"] for speaker in corpus["speakers"]}
    audio = {}
    rows: dict[bool, dict[str, list]] = {
        half: {v: [] for v in ("iy", "aa", "uw", "ow")} for half in (True, False)
    }
    for clip in corpus["clips"][::10]:
        name = clip["speaker"]
        if name not in audio:
            audio[name] = soundfile.read(ASSETS / "demo" / "speech" / f"{name}.ogg", dtype="float32")[0]
        found = features(audio[name][clip["start"] : clip["start"] + clip["samples"]])
        for symbol, start, end, _ in clip["phones"]:
            if symbol in rows[True]:
                rows[split[name] == "train"][symbol].append(found[round(25 * (start + end))])
    means = {v: np.mean(frames, axis=0) for v, frames in rows[True].items()}
    right = [
        min(means, key=lambda v: np.linalg.norm(frame - means[v])) == vowel
        for vowel, frames in rows[False].items()
        for frame in frames
    ]
    assert len(right) >= 25 and np.mean(right) > 0.6, (len(right), np.mean(right))
