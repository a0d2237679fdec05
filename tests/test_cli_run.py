"""The command line from training to a film, as a user types it, on the smallest run of the demo corpus."""

from __future__ import annotations

import numpy as np
import pytest

from a2f.audio import read_audio, write_wav
from a2f.cli import main
from a2f.data import open_dataset
from a2f.export.video import probe_mp4
from a2f.files import read_json
from a2f.observations import mouth_opening

TINY = {
    "epochs": 2,
    "freeze_epochs": 2,
    "subjects_per_split": 1,
    "clips_per_subject": 8,
    "motion_dim": 8,
    "decoder_blocks": 1,
    "style_stages": [[8, 1, 2], [8, 1, 2]],
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("build") / "runs" / "mine"
    settings = [word for name, value in TINY.items() for word in ("--set", f"{name}={value}")]
    assert main(["train", "--preset", "smoke", "--out", str(folder), *settings]) == 0
    return folder


@pytest.fixture
def wav(tmp_path):
    clip = open_dataset("demo").split("test")[5]
    write_wav(tmp_path / "my speech.wav", clip.waveform, clip.sample_rate)
    return tmp_path / "my speech.wav"


def test_train_leaves_a_finished_run(run):
    assert read_json(run / "finished.json")["epochs"] == 2
    assert (run / "best.safetensors").is_file() and not (run / "state.pt").exists()


def test_evaluate_prints_and_writes_the_errors_of_every_test_clip(run, tmp_path, capsys):
    assert main(["evaluate", str(run), "--out", str(tmp_path / "errors.json")]) == 0
    result = read_json(tmp_path / "errors.json")
    assert len(result["clips"]) == len(open_dataset("demo").split("test")) == 80
    assert result["synthetic"] is True and result["split"] == "test"
    assert f"{result['means']['lip_mean']:.4f}" in capsys.readouterr().out


def test_animate_gives_a_film_with_sound_and_the_vertices_behind_it(run, wav, tmp_path, capsys):
    out = tmp_path / "films"
    assert main(["animate", str(wav), "--out", str(out), "--checkpoint", str(run)]) == 0
    assert f"written: {out / 'my speech.mp4'}" in capsys.readouterr().out
    waveform, rate = read_audio(wav)
    film = probe_mp4(out / "my speech.mp4")
    assert film.video_codec == "h264" and film.audio_codec == "aac"
    assert film.seconds == pytest.approx(len(waveform) / rate, abs=0.1)
    with np.load(out / "my speech.npz", allow_pickle=False) as stored:
        vertices, faces, fps = stored["vertices"], stored["faces"], float(stored["fps"])
        assert np.allclose(stored["audio"], waveform, atol=1e-4)
    assert vertices.dtype == np.float32 and vertices.shape[0] == int(len(waveform) / rate * fps)
    assert faces.dtype == np.int32 and faces.max() < vertices.shape[1]
    assert mouth_opening(vertices, open_dataset("demo").topology).std() > 0


def test_a_missing_recording_stops_no_other(run, wav, tmp_path, capsys):
    out, gone = tmp_path / "films", str(tmp_path / "gone.wav")
    arguments = ["animate", gone, str(wav), "--out", str(out), "--checkpoint", str(run), "--format", "npz"]
    assert main(arguments) == 2
    assert [path.name for path in out.iterdir()] == ["my speech.npz"]
    assert "1 of 2 sound files" in (shown := capsys.readouterr().err) and "gone.wav is not there" in shown


def test_a_sound_file_that_is_none_is_named_and_nothing_is_written(run, tmp_path, capsys):
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"RIFF nothing")
    assert main(["animate", str(bad), "--out", str(tmp_path / "films"), "--checkpoint", str(run)]) != 0
    assert "bad.wav" in capsys.readouterr().err
    assert not (tmp_path / "films").exists()
