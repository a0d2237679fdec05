"""The command line from training to a film, as a user types it, on the smallest run of the demo corpus."""

from __future__ import annotations

import re

import numpy as np
import pytest
import soundfile

from a2f.animation import Animation
from a2f.audio import read_audio, resample, write_wav
from a2f.cli import main
from a2f.data import open_dataset
from a2f.export.render import ensure_rendering
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
    ensure_rendering()
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
    assert main(arguments) == 1
    assert sorted(path.name for path in out.iterdir()) == ["my speech.a2f.json", "my speech.npz"]
    assert "1 of 2 sound files" in (shown := capsys.readouterr().err) and "gone.wav is not there" in shown


def test_a_sound_file_that_is_none_is_named_and_nothing_is_written(run, tmp_path, capsys):
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"RIFF nothing")
    assert main(["animate", str(bad), "--out", str(tmp_path / "films"), "--checkpoint", str(run)]) == 1
    assert "bad.wav cannot be read as a sound file" in capsys.readouterr().err
    assert not (tmp_path / "films").exists()


def test_of_ten_recordings_nine_are_animated_and_a_second_call_makes_nothing(run, tmp_path, capsys):
    """Any rate, channels and sample type; one file is cut in its header."""
    clips, recordings, out = open_dataset("demo").split("test"), tmp_path / "recordings", tmp_path / "films"
    recordings.mkdir()
    rates = (8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000)
    for number, rate in enumerate(rates):
        sound = resample(clips[number].waveform[:12_000], clips[number].sample_rate, rate)
        samples = np.stack([sound, sound], axis=1) if number % 2 else sound
        subtype = ("PCM_16", "FLOAT", "PCM_24")[number % 3]
        soundfile.write(recordings / f"{rate}.wav", samples, rate, subtype=subtype)
    (recordings / "cut.wav").write_bytes((recordings / "16000.wav").read_bytes()[:30])
    wavs = sorted(map(str, recordings.iterdir()))
    arguments = ["animate", *wavs, "--out", str(out), "--checkpoint", str(run), "--format", "npz,glb"]
    states = []
    for words in ("9 animated, 0 there already, 1 failed", "0 animated, 9 there already, 1 failed"):
        assert main(arguments) == 1
        shown = capsys.readouterr()
        assert f"10 sound files: {words}" in shown.out
        assert len(re.findall(r"/8000.glb \(vertices within 0\.\d+ mm\)", shown.out)) == 1
        assert shown.err.count("cut.wav cannot be read as a sound file") == 1
        assert shown.err.endswith(f"1 of 10 sound files could not be animated: {recordings / 'cut.wav'}\n")
        states.append({path.name: path.stat().st_mtime_ns for path in out.iterdir()})
    assert states[0] == states[1]
    assert set(states[0]) == {f"{rate}.{kind}" for rate in rates for kind in ("npz", "glb", "a2f.json")}
    frames = {len(Animation.from_npz(out / f"{rate}.npz").vertices) for rate in rates}
    assert max(frames) - min(frames) <= 1, "as long at every rate"
    assert main([*arguments, "--force"]) == 1
    assert "9 animated, 0 there already, 1 failed" in capsys.readouterr().out
    wavs.remove(str(recordings / "cut.wav"))
    assert main(["animate", *wavs, "--out", str(out), "--checkpoint", str(run), "--format", "npz,glb"]) == 0
    assert "9 sound files: 0 animated, 9 there already, 0 failed" in capsys.readouterr().out


def test_bad_calls_for_a_good_recording_exit_with_2(run, wav, tmp_path, capsys):
    given = ["animate", str(wav), "--out", str(tmp_path / "films"), "--checkpoint", str(run), "--format", "npz"]
    np.save(tmp_path / "metres.npy", open_dataset("demo").split("test")[0].template / 1000)
    for more, words in (
        (["--style", "nobody-0"], "has no clip 'nobody-0'"),
        (["--style", str(wav)], "is not an .npz that a2f wrote"),
        (["--template", str(tmp_path / "metres.npy")], "is in another unit. Scale it to mm, by about 1000"),
        (["--out", str(wav)], "is a file; results need a folder"),
    ):
        assert main([*given, *more]) == 2
        shown = capsys.readouterr().err
        assert shown.startswith("a2f: error: ") and words in shown and shown.count("\n") == 1
    assert not (tmp_path / "films").exists()
