"""An encoder that OpenVINO runs gives torch's features at every length; int8 is measured; what is missing is named."""

from __future__ import annotations

import io
import shutil
import sys
from contextlib import redirect_stderr, redirect_stdout
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from a2f.audio import write_wav
from a2f.cli import main, parser
from a2f.config import ModelConfig
from a2f.errors import A2FError, BadInput, MissingData
from a2f.features import encode
from a2f.files import read_json
from a2f.models import load_audio_encoder, openvino_model
from a2f.models.openvino_encoder import OpenVinoEncoder
from a2f.models.openvino_model import calibration_pieces
from a2f.models.openvino_package import load_package
from a2f.runtimes import INT8, RUNTIMES, calibration_speech, run_by, runtime_deviation

RATE = 16_000
openvino = pytest.mark.skipif(
    find_spec("openvino") is None or find_spec("nncf") is None,
    reason="the extra runtime, OpenVINO and NNCF, is not installed",
)


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).normal(size=round(seconds * RATE))).astype(np.float32)


def apart(found, expected) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


@pytest.fixture(scope="module", autouse=True)
def kept(tmp_path_factory):
    """A folder of kept networks that all tests here share."""
    folder = tmp_path_factory.mktemp("kept")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(openvino_model.CACHE, str(folder))
        yield folder


@pytest.fixture(scope="module")
def hubert(hubert_folder):
    return load_audio_encoder(ModelConfig(audio_encoder=str(hubert_folder)))


@pytest.fixture(scope="module")
def fast(hubert):
    return OpenVinoEncoder(hubert)


@pytest.fixture(scope="module")
def int8(hubert):
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        encoder = OpenVinoEncoder(hubert, noise(1.5))
    assert not said.getvalue()
    return encoder


# ---- what is missing or of no use, with and without OpenVINO


@pytest.mark.parametrize("missing, runtime", [("openvino", "openvino"), ("nncf", INT8), ("openvino", INT8)])
def test_a_package_that_is_missing_is_named_with_what_to_install(hubert, monkeypatch, missing, runtime):
    if missing == "nncf" and find_spec("openvino") is None:
        pytest.skip("OpenVINO is not there either")
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(MissingData, match=rf'needs {missing}, .*; run `pip install "a2f\[runtime\]"`'):
        run_by(runtime, hubert, noise(1))


def test_the_command_line_says_what_to_install_and_writes_nothing(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "openvino", None)
    write_wav(tmp_path / "speech.wav", noise(1), RATE)
    arguments = ["animate", str(tmp_path / "speech.wav"), "--out", str(tmp_path / "films"), "--format", "npz"]
    assert main([*arguments, "--runtime", "openvino"]) == 2
    assert 'pip install "a2f[runtime]"' in capsys.readouterr().err and not (tmp_path / "films").exists()
    assert main([*arguments, "--calibration", str(tmp_path / "speech.wav")]) == 2
    assert "calibration is for the runtime openvino-int8" in capsys.readouterr().err


def test_the_command_line_offers_every_runtime():
    for name in RUNTIMES:
        assert parser().parse_args(["animate", "a.wav", "--out", "b", "--runtime", name]).runtime == name
    assert parser().parse_args(["animate", "a.wav", "--out", "b"]).runtime == "torch"


def test_torch_is_the_encoder_as_it_is_and_other_names_are_refused(hubert):
    assert run_by("torch", hubert) is hubert
    with pytest.raises(BadInput, match="runtime is 'onnx', expected one of torch, openvino, openvino-int8"):
        run_by("onnx", hubert)
    with pytest.raises(BadInput, match="log-mel.* no network"):
        run_by("openvino", load_audio_encoder(ModelConfig(audio_encoder="log-mel")))


@pytest.mark.parametrize("sound", [noise(0.9), noise(2).reshape(2, -1), np.full(RATE, np.nan, np.float32)])
def test_a_sound_that_cannot_calibrate_is_refused(sound):
    with pytest.raises(BadInput, match="cannot calibrate int8"):
        calibration_pieces(sound)


def test_calibration_hears_half_a_minute_in_short_pieces():
    assert [piece.shape for piece in calibration_pieces(noise(12.2))] == [(1, 5 * RATE), (1, 5 * RATE), (1, 2.2 * RATE)]
    assert sum(piece.shape[1] for piece in calibration_pieces(noise(40))) == 30 * RATE
    assert 20 * RATE < len(calibration_speech()) <= 30 * RATE


# ---- single precision


@openvino
@pytest.mark.parametrize("seconds", [0.05, 0.37, 1.0, 3.3])
def test_features_are_torchs_at_every_length(hubert, fast, seconds):
    sound = noise(seconds)
    expected, found = encode(hubert, sound), encode(fast, sound)
    assert found.shape == expected.shape and found.dtype == np.float32
    assert apart(found, expected) < 1e-5
    assert (fast.feature_dim, fast.feature_rate, fast.first_centre, fast.max_seconds) == (
        hubert.feature_dim, hubert.feature_rate, hubert.first_centre, hubert.max_seconds)  # fmt: skip


@openvino
def test_sound_longer_than_the_encoder_takes_goes_through_in_the_same_windows(hubert, fast, monkeypatch):
    for encoder in (hubert, fast):
        monkeypatch.setattr(encoder, "max_seconds", 6.0)
    expected, found = encode(hubert, noise(15)), encode(fast, noise(15))
    assert found.shape == expected.shape and apart(found, expected) < 1e-5


@openvino
@pytest.mark.parametrize("name", ["whisper-tiny-2", "ctc-phones", "raw last layer"])
def test_other_encoders_and_several_sounds_at_once(name, hubert_folder):
    config = ModelConfig(audio_encoder=name)
    if name == "raw last layer":
        config = ModelConfig(audio_encoder=str(hubert_folder), audio_final_norm=False, normalise_waveform=False)
    encoder = load_audio_encoder(config)
    other = OpenVinoEncoder(encoder)
    sounds = torch.from_numpy(np.stack([noise(1.3, seed=1), noise(1.3, seed=2)]))
    found, expected = other(sounds), encoder(sounds)
    assert found.shape == expected.shape and apart(found.numpy(), expected.numpy()) < 1e-5
    assert not list(other.parameters()), "torch's weights need not be kept"


@openvino
def test_it_stays_frozen_and_is_no_other_runtimes_start(hubert, fast):
    fast.freeze()
    assert not fast(torch.from_numpy(noise(1))[None]).requires_grad
    with pytest.raises(BadInput, match="cannot be trained"):
        fast.freeze(False)
    with pytest.raises(BadInput, match="runs in OpenVINO already"):
        run_by("openvino", fast)
    with pytest.raises(BadInput, match="threads is 0"):
        OpenVinoEncoder(hubert, threads=0)


# ---- what is kept


@openvino
def test_a_network_is_converted_once_and_again_if_damaged_or_of_other_weights(
    fast, kept, hubert_folder, tmp_path, monkeypatch
):
    """The folder starts as a copy of what made `fast`."""
    made = []
    convert = openvino_model._converted
    monkeypatch.setattr(openvino_model, "_converted", lambda encoder: made.append(1) or convert(encoder))
    encoder = load_audio_encoder(ModelConfig(audio_encoder=str(hubert_folder)))
    sound = noise(1)
    first = encode(fast, sound)
    name = openvino_model.stored_network(encoder, None, kept).parent.name
    place = Path(shutil.copytree(kept / name, tmp_path / name))
    assert sorted(path.name for path in place.iterdir()) == ["about.json", "network.bin", "network.xml"]
    assert read_json(place / "about.json")["made_from"]["encoder"] == encoder.identity
    assert (encode(OpenVinoEncoder(encoder, folder=tmp_path), sound) == first).all() and not made
    content = bytearray((place / "network.bin").read_bytes())
    content[len(content) // 2] ^= 1
    (place / "network.bin").write_bytes(content)
    assert (encode(OpenVinoEncoder(encoder, folder=tmp_path), sound) == first).all() and len(made) == 1
    with torch.no_grad():
        encoder.network.encoder.layers[0].attention.k_proj.bias += 1  # as training does, under the same identity
        encoder.network.encoder.layers[0].attention.v_proj.bias += 1
    other = encode(OpenVinoEncoder(encoder, folder=tmp_path), sound)
    assert len(made) == 2 and apart(other, encode(encoder, sound)) < 1e-5 < apart(other, first)


@openvino
def test_a_network_that_was_converted_wrong_is_not_used(hubert, fast, kept, tmp_path, monkeypatch):
    path = openvino_model.stored_network(hubert, None, kept)
    compute = hubert.compute
    monkeypatch.setattr(openvino_model, "_converted", lambda encoder: load_package("openvino").Core().read_model(path))
    monkeypatch.setattr(hubert, "compute", lambda prepared: 1.001 * compute(prepared))
    with pytest.raises(A2FError, match="was not converted right.*use the runtime torch"):
        OpenVinoEncoder(hubert, folder=tmp_path)
    assert not list(tmp_path.iterdir())


@openvino
def test_nothing_is_sent(int8, no_network):
    """OpenVINO and NNCF report to their maker what they are used for, unless the package for that is not there."""
    assert "openvino_telemetry" not in sys.modules
    assert sys.modules["openvino.tools.ovc"].telemetry.__module__ == "openvino.tools.ovc.telemetry_stub"
    assert not hasattr(sys.modules["nncf.telemetry.wrapper"], "Telemetry")


# ---- int8


@openvino
def test_int8_deviates_and_says_by_how_much(animator, clip, hubert, fast, int8):
    assert len({hubert.identity, fast.identity, int8.identity}) == 3
    sound = noise(2, seed=3)
    by = {}
    style = animator.style(clip)
    for name, other in (("same", hubert), ("fast", fast), ("int8", int8)):
        by[name] = runtime_deviation(animator.model, (hubert, other), sound, 30.0, "mm", clip.template, style)
    assert by["same"].features == by["same"].largest == 0
    assert 0 < by["fast"].features < 1e-5 < 1e-3 < by["int8"].features < 0.2
    assert by["int8"].features == pytest.approx(apart(encode(int8, sound), encode(hubert, sound)), rel=1e-3)
    assert 0 < by["int8"].vertices < by["int8"].largest and by["int8"].seconds == 2 and by["int8"].speed_up > 0
    assert f"vertices by {by['int8'].vertices:.2g} mm" in str(by["int8"])


@openvino
def test_an_animator_by_another_runtime_moves_alike_and_is_not_saved(animator, clip, tmp_path):
    told = []
    other = animator.with_runtime("openvino", clip.waveform, template=clip.template, style=clip, report=told.append)
    assert len(told) == 1 and told[0].startswith("openvino against torch, on 1.3 s of sound: audio features ")
    sound = noise(4)
    expected = animator(sound, clip.template, clip).vertices
    spread = np.abs(expected - clip.template).max()
    assert np.abs(other(sound, clip.template, clip).vertices - expected).max() < 1e-4 * spread
    assert np.abs(np.concatenate(list(other.frames(sound, clip.template, clip))) - expected).max() < 1e-4 * spread
    live = [np.concatenate(list(a.stream([sound], clip.template, clip))) for a in (animator, other)]
    assert np.abs(live[0] - live[1]).max() < 1e-4 * spread
    with pytest.raises(BadInput, match="OpenVINO runs is not saved"):
        other.save_pretrained(tmp_path / "saved")
    assert not (tmp_path / "saved").exists()


@openvino
def test_what_another_runtime_made_is_made_anew(tiny_run, clip, topology, tmp_path, capsys):
    from a2f.animation import Animation

    Animation(clip.vertices, 30.0, topology).to_npz(tmp_path / "style.npz")
    np.save(tmp_path / "face.npy", clip.template)
    write_wav(tmp_path / "speech.wav", noise(1), RATE)
    arguments = ["animate", str(tmp_path / "speech.wav"), "--out", str(tmp_path / "films"), "--format", "npz",
                 "--checkpoint", str(tiny_run), "--style", str(tmp_path / "style.npz"),
                 "--template", str(tmp_path / "face.npy")]  # fmt: skip
    for runtime, expected in (("torch", "1 animated"), ("openvino", "1 animated"), ("openvino", "1 there already")):
        assert main([*arguments, "--runtime", runtime]) == 0
        shown = capsys.readouterr().out
        assert expected in shown and ("against torch, on 1.0 s" in shown) == (runtime == "openvino")
