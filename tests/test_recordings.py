"""Batches of recordings: folders, shares that have nothing in common, kills, and lengths beyond memory."""

from __future__ import annotations

import os
import re
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import trimesh

import a2f.long_recordings as long_recordings
from a2f.animating import animate
from a2f.animation import Animation
from a2f.audio import SAMPLE_RATE, read_audio, write_wav
from a2f.errors import A2FError, BadInput
from a2f.jobs import plan
from a2f.locks import LOCK, alone_in
from a2f.recordings import Shard, SoundPieces, find


@pytest.fixture
def inputs(tmp_path, clip, topology):
    Animation(clip.vertices, 30.0, topology).to_npz(tmp_path / "style.npz")
    np.save(tmp_path / "face.npy", clip.template)
    return {"style": str(tmp_path / "style.npz"), "template": str(tmp_path / "face.npy")}


@pytest.fixture
def wavs(tmp_path, clip):
    """A folder with a recording, one in a folder in it, and what is to be passed over."""
    folder = tmp_path / "wavs"
    for name in ("b.wav", "a/b.WAV", "a/.hidden.wav", ".git/c.wav"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_wav(folder / name, clip.waveform)
    (folder / "notes.txt").touch()
    return folder


def test_a_folder_is_searched_through_and_its_folders_keep_their_names(wavs, tmp_path):
    assert find([wavs, wavs / "b.wav"]) == [
        (wavs / "b.wav", Path(".")), (wavs / "a" / "b.WAV", Path("a")), (wavs / "b.wav", Path("."))
    ]  # fmt: skip
    jobs = plan([wavs], tmp_path / "out", ["npz"])
    assert [job.result("npz") for job in jobs] == [tmp_path / "out" / "b.npz", tmp_path / "out" / "a" / "b.npz"]
    with pytest.raises(BadInput, match="several sound files are called 'b'"):
        plan([wavs, wavs / "b.wav"], tmp_path / "out", ["npz"])
    (tmp_path / "none").mkdir()
    with pytest.raises(BadInput, match=r"none holds no sound file; their names end in .*\.wav"):
        plan([wavs, tmp_path / "none"], tmp_path / "out", ["npz"])


@pytest.mark.parametrize("count", [1, 2, 3, 16])
def test_shares_have_nothing_in_common_and_together_all(count, monkeypatch):
    things = [f"{i}.wav" for i in range(10)]
    shares = [Shard.parse(f"{number}/{count}").of(things) for number in range(1, count + 1)]
    assert sorted(sum(shares, [])) == sorted(things) and max(map(len, shares)) - min(map(len, shares)) <= 1
    monkeypatch.setenv("WORLD_SIZE", "2")
    inner = []
    for rank in "01":
        monkeypatch.setenv("RANK", rank)
        inner += Shard.parse(f"1/{count}").within().of(things)
    assert sorted(inner) == sorted(shares[0])


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "a/b", "1/", "-1/3", "1/3/5"])
def test_a_share_that_is_none_is_refused(text):
    with pytest.raises(BadInput, match="expected a number and a count such as 3/16, numbers from 1"):
        Shard.parse(text)


def test_pieces_of_a_sound_file_are_the_whole_of_it_as_often_as_asked(tmp_path, monkeypatch):
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, SAMPLE_RATE).astype(np.float32)
    write_wav(tmp_path / "a.wav", sound)
    monkeypatch.setattr("a2f.recordings.BLOCK", 0.3)
    pieces = SoundPieces(tmp_path / "a.wav")
    for _ in range(2):
        assert [len(piece) for piece in pieces] == [4800, 4800, 4800, 1600]
    np.testing.assert_array_equal(np.concatenate(list(pieces))[:, 0], read_audio(tmp_path / "a.wav")[0])


def test_long_recordings_are_written_from_pieces_as_from_a_whole(
    wavs, tiny_run, inputs, tmp_path, topology, monkeypatch
):
    formats = ["pc2", "ply", "npz"]
    animate([wavs], tmp_path / "whole", formats, checkpoint=tiny_run, progress=False, **inputs)
    monkeypatch.setattr(long_recordings, "PIECEWISE", 0)
    monkeypatch.setattr("a2f.chunked.FACES", 0.5)
    animate([wavs], tmp_path / "pieces", formats, checkpoint=tiny_run, progress=False, **inputs)
    whole, pieces = ((tmp_path / name / "a" / "b.pc2").read_bytes() for name in ("whole", "pieces"))
    assert struct.unpack("<12siiffi", pieces[:32]) == struct.unpack("<12siiffi", whole[:32])
    faces = Animation.from_npz(tmp_path / "whole" / "a" / "b.npz").vertices
    for content in (whole, pieces):
        np.testing.assert_allclose(np.frombuffer(content[32:], "<f4").reshape(faces.shape), faces, atol=1e-3)
    drawn = sorted((tmp_path / "pieces" / "a" / "b-ply").iterdir())
    assert len(drawn) == len(faces)
    np.testing.assert_allclose(trimesh.load(drawn[-1], process=False).vertices, faces[-1], atol=1e-3)


def test_a_recording_beyond_memory_is_told_with_the_formats_that_take_it(wavs, tiny_run, inputs, tmp_path, monkeypatch):
    monkeypatch.setattr(long_recordings, "PIECEWISE", 0)
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=1000))
    with pytest.raises(A2FError, match=r"b.wav: its faces take 0.0 GB .* written piece by piece: pc2, ply, obj"):
        animate([wavs / "b.wav"], tmp_path, ["npz", "pc2"], checkpoint=tiny_run, progress=False, **inputs)
    assert (tmp_path / "b.pc2").is_file() and not (tmp_path / "b.npz").exists()


def test_a_recording_that_another_process_is_at_is_left_to_it(wavs, tiny_run, inputs, tmp_path):
    call = lambda: animate([wavs], tmp_path / "out", ["pc2"], checkpoint=tiny_run, progress=False, **inputs)  # noqa: E731
    with alone_in(tmp_path / "out" / "a", "animating", f".b{LOCK}"):
        with pytest.raises(A2FError, match=r"1 of 2 .*another process \(\d+\) is animating b.WAV"):
            call()
    assert [path.name for path in call()] == ["b.pc2", "b.pc2"]


def test_a_batch_that_is_killed_and_restarted_makes_each_file_once(tiny_run, inputs, tmp_path, clip):
    """Killed without a chance to tidy up; then two processes divide what is left, as torchrun would start them."""
    for number in range(30):
        write_wav(tmp_path / "wavs" / f"{number:02d}.wav", clip.waveform[number:8000])
    out = tmp_path / "out"
    command = [sys.executable, "-m", "a2f.cli", "animate", tmp_path / "wavs", "--out", out, "--format", "pc2",
               "--checkpoint", tiny_run, "--style", inputs["style"], "--template", inputs["template"]]  # fmt: skip

    def start(**environment: str) -> subprocess.Popen:
        environment = os.environ | {"OMP_NUM_THREADS": "1"} | environment
        return subprocess.Popen(list(map(str, command)), env=environment, stdout=subprocess.PIPE, text=True)

    def done() -> dict[str, tuple[int, int]]:
        return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in out.glob("[0-9]*.json")}

    first = start()
    while len(done()) < 3 and first.poll() is None:
        time.sleep(0.002)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    before = done()
    assert 3 <= len(before) < 30, "killed half-way"
    both = [start(RANK=str(rank), WORLD_SIZE="2") for rank in (0, 1)]
    said = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    totals = [re.search(r"share (\d)/2 of 30: 15 sound files: (\d+) animated, (\d+) there already, 0 failed", text)
              for text in said]  # fmt: skip
    assert [total[1] for total in totals] == ["1", "2"]
    assert sum(int(total[3]) for total in totals) == len(before)
    assert sum(int(total[2]) for total in totals) == 30 - len(before)
    after = done()
    assert {name: after[name] for name in before} == before
    assert sorted(path.name for path in out.iterdir()) == sorted(
        f"{number:02d}.{end}" for number in range(30) for end in ("pc2", "a2f.json")
    )
