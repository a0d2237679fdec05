"""An encoder by another runtime gives torch's features at every length; int8 is measured; what is missing is named."""

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
from a2f.models import kept_network, load_audio_encoder, onnx_model, openvino_model
from a2f.models.onnx_encoder import OnnxEncoder
from a2f.models.openvino_encoder import OpenVinoEncoder
from a2f.models.openvino_model import calibration_pieces
from a2f.models.runtime_package import load_package
from a2f.runtimes import (
    ONNX,
    ONNX_INT8,
    OPENVINO,
    OPENVINO_INT8,
    RUNTIMES,
    calibration_speech,
    run_by,
    runtime_deviation,
)

RATE = 16_000
installed = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("openvino", "nncf", "onnx", "onnxruntime")),
    reason="the extra runtime (OpenVINO, NNCF, ONNX Runtime and what it converts with) is not installed",
)
KEPT_FILES = {OPENVINO: ["about.json", "network.bin", "network.xml"], ONNX: ["about.json", "network.onnx"]}


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).normal(size=round(seconds * RATE))).astype(np.float32)


def apart(found, expected) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


@pytest.fixture(scope="module", autouse=True)
def kept(tmp_path_factory):
    """A folder of kept networks that all tests here share."""
    folder = tmp_path_factory.mktemp("kept")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(kept_network.CACHE, str(folder))
        yield folder


@pytest.fixture(scope="module")
def hubert(hubert_folder):
    return load_audio_encoder(ModelConfig(audio_encoder=str(hubert_folder)))


@pytest.fixture(scope="module", params=[OPENVINO, ONNX])
def runtime(request):
    return request.param


@pytest.fixture(scope="module")
def encoder_class(runtime):
    return {OPENVINO: OpenVinoEncoder, ONNX: OnnxEncoder}[runtime]


@pytest.fixture(scope="module")
def fast(encoder_class, hubert):
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        encoder = encoder_class(hubert)
    assert not said.getvalue()
    return encoder


@pytest.fixture(scope="module")
def int8(runtime, hubert):
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        encoder = OpenVinoEncoder(hubert, noise(1.5)) if runtime == OPENVINO else OnnxEncoder(hubert, True)
    assert not said.getvalue()
    return encoder


def stored(runtime: str, encoder, folder: Path) -> Path:
    """Return the file that a network in single precision is read from."""
    if runtime == OPENVINO:
        return openvino_model.stored_network(encoder, None, folder)
    return onnx_model.stored_network(encoder, False, folder)


# ---- what is missing or of no use, with and without the extra


@pytest.mark.parametrize("missing, runtime", [
    ("openvino", OPENVINO), ("nncf", OPENVINO_INT8), ("openvino", OPENVINO_INT8),
    ("onnxruntime", ONNX), ("onnx", ONNX), ("onnx", ONNX_INT8), ("onnxruntime", ONNX_INT8)])  # fmt: skip
def test_a_package_that_is_missing_is_named_with_what_to_install(hubert, monkeypatch, missing, runtime):
    first = "openvino" if runtime == OPENVINO_INT8 else "onnxruntime"
    if missing not in ("openvino", "onnxruntime") and find_spec(first) is None:
        pytest.skip(f"{first} is not there either")
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
    names = "torch, openvino, openvino-int8, onnxruntime, onnxruntime-int8"
    with pytest.raises(BadInput, match=f"runtime is 'onnx', expected one of {names}$"):
        run_by("onnx", hubert)
    for name in RUNTIMES[1:]:
        with pytest.raises(BadInput, match="log-mel.* no network"):
            run_by(name, load_audio_encoder(ModelConfig(audio_encoder="log-mel")))


@pytest.mark.parametrize("sound", [noise(0.9), noise(2).reshape(2, -1), np.full(RATE, np.nan, np.float32)])
def test_a_sound_that_cannot_calibrate_is_refused(sound):
    with pytest.raises(BadInput, match="cannot calibrate int8"):
        calibration_pieces(sound)


def test_calibration_hears_half_a_minute_in_short_pieces():
    assert [piece.shape for piece in calibration_pieces(noise(12.2))] == [(1, 5 * RATE), (1, 5 * RATE), (1, 2.2 * RATE)]
    assert sum(piece.shape[1] for piece in calibration_pieces(noise(40))) == 30 * RATE
    assert 20 * RATE < len(calibration_speech()) <= 30 * RATE


# ---- single precision


@installed
@pytest.mark.parametrize("seconds", [0.05, 0.37, 1.0, 3.3])
def test_features_are_torchs_at_every_length(hubert, fast, seconds):
    sound = noise(seconds)
    expected, found = encode(hubert, sound), encode(fast, sound)
    assert found.shape == expected.shape and found.dtype == np.float32
    assert apart(found, expected) < 1e-5
    assert (fast.feature_dim, fast.feature_rate, fast.first_centre, fast.max_seconds) == (
        hubert.feature_dim, hubert.feature_rate, hubert.first_centre, hubert.max_seconds)  # fmt: skip


@installed
def test_sound_longer_than_the_encoder_takes_goes_through_in_the_same_windows(hubert, fast, monkeypatch):
    for encoder in (hubert, fast):
        monkeypatch.setattr(encoder, "max_seconds", 6.0)
    expected, found = encode(hubert, noise(15)), encode(fast, noise(15))
    assert found.shape == expected.shape and apart(found, expected) < 1e-5


@installed
@pytest.mark.parametrize("name", ["whisper-tiny-2", "ctc-phones", "raw last layer"])
def test_other_encoders_and_several_sounds_at_once(name, encoder_class, hubert_folder):
    config = ModelConfig(audio_encoder=name)
    if name == "raw last layer":
        config = ModelConfig(audio_encoder=str(hubert_folder), audio_final_norm=False, normalise_waveform=False)
    encoder = load_audio_encoder(config)
    other = encoder_class(encoder)
    sounds = torch.from_numpy(np.stack([noise(1.3, seed=1), noise(1.3, seed=2)]))
    found, expected = other(sounds), encoder(sounds)
    assert found.shape == expected.shape and apart(found.numpy(), expected.numpy()) < 1e-5
    assert not list(other.parameters()), "torch's weights need not be kept"


@installed
def test_it_stays_frozen_and_is_no_other_runtimes_start(runtime, encoder_class, hubert, fast):
    fast.freeze()
    assert not fast(torch.from_numpy(noise(1))[None]).requires_grad
    with pytest.raises(BadInput, match="cannot be trained"):
        fast.freeze(False)
    with pytest.raises(BadInput, match=f"runs in {encoder_class.runtime} already"):
        run_by(runtime, fast)
    with pytest.raises(BadInput, match="threads is 0"):
        encoder_class(hubert, threads=0)


# ---- what is kept


@installed
def test_a_network_is_converted_once_and_again_if_damaged_or_of_other_weights(
    runtime, encoder_class, fast, kept, hubert_folder, tmp_path, monkeypatch
):
    """The folder starts as a copy of what made `fast`."""
    made = []
    module = {OPENVINO: openvino_model, ONNX: onnx_model}[runtime]
    convert = module._converted
    monkeypatch.setattr(module, "_converted", lambda *given: made.append(1) or convert(*given))
    encoder = load_audio_encoder(ModelConfig(audio_encoder=str(hubert_folder)))
    sound = noise(1)
    first = encode(fast, sound)
    name = stored(runtime, encoder, kept).parent.name
    place = Path(shutil.copytree(kept / name, tmp_path / name))
    assert sorted(path.name for path in place.iterdir()) == KEPT_FILES[runtime]
    assert read_json(place / "about.json")["made_from"]["encoder"] == encoder.identity
    assert (encode(encoder_class(encoder, folder=tmp_path), sound) == first).all() and not made
    weights = place / KEPT_FILES[runtime][1]
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    assert (encode(encoder_class(encoder, folder=tmp_path), sound) == first).all() and len(made) == 1
    with torch.no_grad():
        encoder.network.encoder.layers[0].attention.k_proj.bias += 1  # as training does, under the same identity
        encoder.network.encoder.layers[0].attention.v_proj.bias += 1
    other = encode(encoder_class(encoder, folder=tmp_path), sound)
    assert len(made) == 2 and apart(other, encode(encoder, sound)) < 1e-5 < apart(other, first)


@installed
def test_a_network_that_was_converted_wrong_is_not_used(
    runtime, encoder_class, hubert, fast, kept, tmp_path, monkeypatch
):
    path = stored(runtime, hubert, kept)
    compute = hubert.compute
    monkeypatch.setattr(openvino_model, "_converted", lambda encoder: load_package("openvino").Core().read_model(path))
    monkeypatch.setattr(onnx_model, "_converted", lambda encoder, into: shutil.copyfile(path, into))
    monkeypatch.setattr(hubert, "compute", lambda prepared: 1.001 * compute(prepared))
    with pytest.raises(A2FError, match="was not converted right.*use the runtime torch"):
        encoder_class(hubert, folder=tmp_path)
    assert not list(tmp_path.iterdir())


@installed
def test_nothing_is_sent(runtime, hubert, tmp_path, no_network):
    """OpenVINO and NNCF report to their maker what they are used for, unless the package for that is not there."""
    if runtime == ONNX:
        OnnxEncoder(hubert, True, folder=tmp_path)
    else:
        OpenVinoEncoder(hubert, noise(1.5), folder=tmp_path)
        assert sys.modules["openvino.tools.ovc"].telemetry.__module__ == "openvino.tools.ovc.telemetry_stub"
        assert not hasattr(sys.modules["nncf.telemetry.wrapper"], "Telemetry")
    assert "openvino_telemetry" not in sys.modules


# ---- int8


@installed
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


@installed
def test_an_animator_by_another_runtime_moves_alike_and_is_not_saved(runtime, encoder_class, animator, clip, tmp_path):
    told = []
    other = animator.with_runtime(runtime, clip.waveform, template=clip.template, style=clip, report=told.append)
    assert len(told) == 1 and told[0].startswith(f"{runtime} against torch, on 1.3 s of sound: audio features ")
    sound = noise(4)
    expected = animator(sound, clip.template, clip).vertices
    spread = np.abs(expected - clip.template).max()
    assert np.abs(other(sound, clip.template, clip).vertices - expected).max() < 1e-4 * spread
    assert np.abs(np.concatenate(list(other.frames(sound, clip.template, clip))) - expected).max() < 1e-4 * spread
    live = [np.concatenate(list(a.stream([sound], clip.template, clip))) for a in (animator, other)]
    assert np.abs(live[0] - live[1]).max() < 1e-4 * spread
    with pytest.raises(BadInput, match=f"{encoder_class.runtime} runs is not saved"):
        other.save_pretrained(tmp_path / "saved")
    assert not (tmp_path / "saved").exists()


@installed
def test_what_another_runtime_made_is_made_anew(runtime, tiny_run, clip, topology, tmp_path, capsys):
    from a2f.animation import Animation

    Animation(clip.vertices, 30.0, topology).to_npz(tmp_path / "style.npz")
    np.save(tmp_path / "face.npy", clip.template)
    write_wav(tmp_path / "speech.wav", noise(1), RATE)
    arguments = ["animate", str(tmp_path / "speech.wav"), "--out", str(tmp_path / "films"), "--format", "npz",
                 "--checkpoint", str(tiny_run), "--style", str(tmp_path / "style.npz"),
                 "--template", str(tmp_path / "face.npy")]  # fmt: skip
    for name, expected in (("torch", "1 animated"), (runtime, "1 animated"), (runtime, "1 there already")):
        assert main([*arguments, "--runtime", name]) == 0
        shown = capsys.readouterr().out
        assert expected in shown and ("against torch, on 1.0 s" in shown) == (name == runtime)
