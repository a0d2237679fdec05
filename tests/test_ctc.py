"""The phone recogniser behind `ctc-phones`: posteriors in time, training the same each time and on its own split."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save

from a2f.config import ModelConfig
from a2f.data import open_dataset
from a2f.errors import BadInput, MissingData
from a2f.features import encode
from a2f.files import read_json, sha256, write_json
from a2f.models import load_audio_encoder
from a2f.models.ctc import BLANK, CtcFeatures

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))

import build_ctc  # noqa: E402

FOLDER = build_ctc.ASSETS / "encoder"


@pytest.fixture(scope="module")
def encoder():
    return load_audio_encoder(ModelConfig(audio_encoder="ctc-phones"))


@pytest.fixture(scope="module")
def demo():
    return open_dataset("demo")


@pytest.fixture
def sound() -> torch.Tensor:
    return 0.05 * torch.randn(2, 32_000, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def copied(tmp_path) -> Path:
    """The encoder's folder without the larger Whisper weights."""
    for name in ("ctc.safetensors", "ctc.json", "preprocessor_config.json"):
        shutil.copyfile(FOLDER / name, tmp_path / name)  # not its permissions: the package may be read-only
    return tmp_path


def test_features_are_log_posteriors_at_fifty_a_second(encoder, sound):
    features = encoder(sound)
    assert features.shape == (2, 100, encoder.feature_dim) and not features.requires_grad
    assert encoder.feature_dim == len(encoder.symbols) == len(set(encoder.symbols)) and encoder.symbols[0] == BLANK
    torch.testing.assert_close(features.exp().sum(-1), torch.ones(2, 100))
    for index in range(2):
        torch.testing.assert_close(encoder(sound[index : index + 1])[0], features[index], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("samples", [800, 16_000])
def test_silence_gives_finite_features_without_phones(encoder, samples):
    features = encoder(torch.zeros(1, samples))
    assert features.shape[1] == samples // 320 and features.isfinite().all()
    assert {encoder.symbols[k] for k in features[0].argmax(-1)} <= {BLANK, build_ctc.PAUSE}


def test_a_clip_is_in_time_with_its_posteriors(encoder, demo):
    """CTC learns no times, but where it finds a phone there is one: on validation speakers, within two frames."""
    near, offsets = [], []
    for clip in demo.split("val")[::8]:
        best = encode(encoder, clip.waveform).argmax(1)
        for k in np.flatnonzero(best):
            symbol, time = encoder.symbols[best[k]], encoder.first_centre + k / encoder.feature_rate
            gaps = [(max(p.start - time, time - p.end, 0), time - (p.start + p.end) / 2) for p in clip.phones
                    if p.symbol == symbol]  # fmt: skip
            gap, offset = min(gaps, default=(9.0, 0.0))
            near.append(gap <= 0.04)
            if near[-1]:
                offsets.append(offset)
    assert len(near) > 500 and np.mean(near) > 0.85, np.mean(near)
    assert abs(np.median(offsets)) < 0.01


def test_features_hardly_know_how_loud_the_recording_is_unless_they_shall(encoder, demo):
    wave = torch.from_numpy(demo.split("test")[0].waveform)[None]
    torch.testing.assert_close(encoder(0.3 * wave), encoder(wave), rtol=1e-2, atol=1e-2)
    raw = load_audio_encoder(ModelConfig(audio_encoder="ctc-phones", normalise_waveform=False))
    assert (raw(0.1 * wave) - raw(wave)).abs().max() > 0.1


def test_unfreezing_lets_gradients_into_every_layer(sound):
    encoder = load_audio_encoder(ModelConfig(audio_encoder="ctc-phones"))
    encoder.freeze(False)
    encoder(sound).square().sum().backward()
    assert all(p.grad.any() for p in encoder.parameters())
    encoder.freeze()
    assert not encoder(sound).requires_grad


def test_identity_names_weights_and_settings(encoder, copied):
    assert CtcFeatures(copied, True).identity == encoder.identity
    others = {CtcFeatures(copied, False).identity}
    tensors = load_file(copied / "ctc.safetensors")
    tensors["readout.bias"][3] += 1e-3
    (copied / "ctc.safetensors").write_bytes(save(tensors))
    described = read_json(copied / "ctc.json")
    write_json(copied / "ctc.json", described | {"sha256": sha256(copied / "ctc.safetensors")})
    others.add(CtcFeatures(copied, True).identity)
    assert len(others) == 2 and encoder.identity not in others


@pytest.mark.parametrize("damage", ["bit", "cut"])
def test_damaged_weights_are_refused(copied, damage):
    path = copied / "ctc.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data if damage == "bit" else data[:1000])
    with pytest.raises(BadInput, match="ctc.safetensors is damaged.*build_ctc.py"):
        CtcFeatures(copied, True)


@pytest.mark.parametrize("name", ["ctc.safetensors", "ctc.json"])
def test_a_missing_file_is_named(copied, name):
    (copied / name).unlink()
    with pytest.raises(MissingData, match=name):
        CtcFeatures(copied, True)


def test_the_assets_are_small_and_listed():
    files = read_json(build_ctc.ASSETS / "manifest.json")["files"]
    assert files["encoder/ctc.safetensors"]["sha256"] == read_json(FOLDER / "ctc.json")["sha256"]
    assert files["encoder/ctc.safetensors"]["bytes"] < 1_200_000
    corpus = [entry["bytes"] for name, entry in files.items() if not name.startswith("model/")]
    assert sum(corpus) < 25_000_000  # the trained model has a bound of its own


def test_the_error_rates_are_those_it_states(encoder, demo):
    stated = read_json(FOLDER / "ctc.json")["phone_error_rate"]
    assert stated["train"] < stated["val"] < 0.25 and stated["test"] < 0.25
    clips = demo.split("val")[::4]
    assert build_ctc.error_rate(encoder, clips) == pytest.approx(stated["val"], abs=0.03)


# ---- training


def test_same_seed_same_bytes():
    generator = torch.Generator().manual_seed(0)
    bands = [torch.randn(30 + n, 160, generator=generator) for n in range(9)]
    targets = [torch.arange(1, 5) for _ in bands]
    before = torch.get_rng_state()
    states = [build_ctc.train(bands, targets, 5, seed, steps=3).state_dict() for seed in (1, 1, 2)]
    assert torch.equal(torch.get_rng_state(), before)
    first, again, other = (save(state) for state in states)
    assert first == again != other


def test_training_learns_to_spell_a_made_up_alphabet():
    """Three sounds, each its own bands, in random order: the trained network reads them off."""
    rng = np.random.default_rng(0)
    targets = [torch.from_numpy(rng.permutation(3) + 1) for _ in range(16)]
    bands = []
    for phones in targets:
        rows = np.zeros((len(phones), 8, 2, 80), np.float32)
        for row, phone in zip(rows, phones.tolist(), strict=True):
            row[..., 25 * phone - 20 : 25 * phone] = 1
        rows += 0.1 * rng.standard_normal(rows.shape).astype(np.float32)
        bands.append(torch.from_numpy(rows.reshape(-1, 160)))
    network = build_ctc.train(bands, targets, 4, seed=0, steps=60)
    with torch.no_grad():
        found = [build_ctc.decode(network(b[None])[0].numpy(), (BLANK, "1", "2", "3")) for b in bands]
    wanted = [[str(k) for k in phones.tolist()] for phones in targets]
    assert np.mean([a == b for a, b in zip(found, wanted, strict=True)]) > 0.8


def test_only_training_speakers_are_learnt_from(monkeypatch):
    class Seen(Exception):
        pass

    def look(clips):
        raise Seen({clip.split for clip in clips}, len(clips))

    monkeypatch.setattr(build_ctc, "bands_of", look)
    monkeypatch.setattr(sys, "argv", ["build_ctc.py"])
    with pytest.raises(Seen) as caught:
        build_ctc.main()
    assert caught.value.args == ({"train"}, 320)


def test_decoding_joins_repetitions_that_no_blank_divides():
    symbols = (BLANK, "a", "b")
    best = np.array([0, 1, 1, 0, 1, 2, 2, 0])
    assert build_ctc.decode(np.eye(3)[best], symbols) == ["a", "a", "b"]
    assert build_ctc.decode(np.eye(3)[[0, 0]], symbols) == []


@pytest.mark.parametrize(
    ("found", "wanted", "edits"),
    [("", "", 0), ("abc", "abc", 0), ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("abcd", "bcde", 2)],
)
def test_edit_distance(found, wanted, edits):
    assert build_ctc.distance(found, wanted) == edits
