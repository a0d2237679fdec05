"""Jobs: what cannot be done is told before anything is done, and no file stops the others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from a2f.animation import FOLDERS, FORMATS, Animation
from a2f.audio import SAMPLE_RATE, write_wav
from a2f.errors import BadInput, MissingData, RenderingUnavailable
from a2f.jobs import Job, animate_one, plan

MADE_FROM = {"model": "1", "style": "2", "template": "3"}


@pytest.fixture
def speak(clip, topology):
    """Stands for a model: the clip's motion, whatever the sound; counts how often it was asked."""

    def make(waveform: np.ndarray, name: str) -> Animation:
        make.asked.append(name)
        return Animation(clip.vertices, clip.fps, topology, waveform, SAMPLE_RATE, name)

    make.asked = []
    return make


@pytest.fixture
def wav(tmp_path, clip):
    write_wav(tmp_path / "a.wav", clip.waveform)
    return tmp_path / "a.wav"


def files(folder: Path) -> dict[str, tuple[int, int]]:
    """What lies in a folder, and whether it is still the same file."""
    return {str(path.relative_to(folder)): (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.rglob("*")}


def test_a_plan_has_a_job_for_each_file_in_their_order(tmp_path, wav):
    jobs = plan([tmp_path / "gone.wav", wav], tmp_path / "out", ["npz", "glb", "npz"])
    assert [job.wav.name for job in jobs] == ["gone.wav", "a.wav"]
    assert jobs[1] == Job(wav, tmp_path / "out", ("npz", "glb"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("wavs", "out", "formats", "error", "named"),
    [
        ([], "out", ["npz"], BadInput, "no sound file was given"),
        (["gone.wav", "nor.wav"], "out", ["npz"], MissingData, "gone.wav, .*nor.wav: no such file"),
        (["a.wav", "b/a.flac"], "out", ["npz"], BadInput, "several sound files are called 'a'"),
        (["a.wav"], "out", ["npz", "avi"], BadInput, "format 'avi' is unknown; there are mp4, npz"),
        (["a.wav"], "out", [], BadInput, "format '' is unknown"),
        (["a.wav"], "a.wav", ["npz"], BadInput, "a.wav is a file; results need a folder"),
        (["a.wav"], "made", ["glb", "npz"], BadInput, "a.npz would take the place of .*a.npz, which is read"),
        (["a.wav"], "made", ["ply"], BadInput, "a-ply would take the place of .*frame_0001.ply, which is read"),
    ],
)
def test_a_call_that_cannot_be_carried_out_is_refused_at_once(tmp_path, wav, wavs, out, formats, error, named):
    inputs = [tmp_path / "made" / "a.npz", tmp_path / "made" / "a-ply" / "frame_0001.ply", None]
    with pytest.raises(error, match=named):
        plan([tmp_path / name for name in wavs], tmp_path / out, formats, inputs)
    assert plan([wav], tmp_path / "made", ["glb"], inputs)


def test_results_lie_where_an_animation_exports_them(tmp_path, wav, speak):
    formats = tuple(name for name in FORMATS if name not in ("mp4", "csv"))  # drawing; the demo's own topology
    job = Job(wav, tmp_path / "out", formats)
    outcome = animate_one(job, speak, MADE_FROM)
    assert not outcome.failures and [result.path for result in outcome.results] == [job.result(n) for n in formats]
    exported = speak(np.ones(800, np.float32), "a").export(formats, tmp_path / "exported", "a")
    assert [path.name for path in exported] == [result.path.name for result in outcome.results]
    assert all(result.path.is_dir() == (name in FOLDERS) for name, result in zip(formats, outcome.results, strict=True))


def test_a_second_call_makes_nothing_and_asks_no_model(tmp_path, wav, speak):
    job = Job(wav, tmp_path / "out", ("npz", "glb", "obj"))
    first = animate_one(job, speak, MADE_FROM)
    before = files(job.folder)
    second = animate_one(job, speak, MADE_FROM)
    assert files(job.folder) == before and speak.asked == ["a"]
    assert all(result.new for result in first.results) and not any(result.new for result in second.results)
    assert [(r.path, r.error, r.unit) for r in first.results] == [(r.path, r.error, r.unit) for r in second.results]
    glb = second.results[1]
    assert glb.unit == "mm" and 0 < glb.error < 0.1 and first.results[0].error is None


def test_forced_everything_is_made_anew_alike(tmp_path, wav, speak):
    job = Job(wav, tmp_path / "out", ("npz", "glb"))
    animate_one(job, speak, MADE_FROM)
    before, content = files(job.folder), [path.read_bytes() for path in sorted(job.folder.iterdir())]
    assert all(result.new for result in animate_one(job, speak, MADE_FROM, force=True).results)
    after = files(job.folder)
    assert all(after[name] != before[name] for name in before)
    assert [path.read_bytes() for path in sorted(job.folder.iterdir())] == content


def test_only_what_is_missing_or_damaged_is_made(tmp_path, wav, speak):
    def new(*formats: str) -> list[str]:
        results = animate_one(Job(wav, tmp_path / "out", formats), speak, MADE_FROM).results
        return [result.path.name for result in results if result.new]

    assert new("npz") == ["a.npz"]
    assert new("pc2", "npz") == ["a.pc2"]
    damaged = tmp_path / "out" / "a.npz"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    assert new("pc2", "npz") == ["a.npz"]
    (tmp_path / "out" / "a.pc2").unlink()
    assert new("pc2", "npz") == ["a.pc2"]
    (tmp_path / "out" / "a.a2f.json").unlink()
    assert new("pc2", "npz") == ["a.pc2", "a.npz"]
    assert new("pc2", "npz") == []


def test_another_sound_or_model_makes_all_anew_and_going_back_does_too(tmp_path, wav, speak, clip):
    job = Job(wav, tmp_path / "out", ("npz",))

    def new(model: str = "1") -> bool:
        return animate_one(job, speak, MADE_FROM | {"model": model}).results[0].new

    assert new() and not new()
    assert new(model="9") and new()  # the file of before was overwritten
    write_wav(wav, clip.waveform[::2])
    assert new() and not new()


def test_a_sound_that_cannot_be_read_is_an_outcome_that_names_it_once(tmp_path, speak):
    (tmp_path / "noise.wav").write_bytes(b"RIFF")
    for name, why in (("noise.wav", "cannot be read as a sound file"), ("gone.wav", "is not there")):
        outcome = animate_one(Job(tmp_path / name, tmp_path / "out", ("npz",)), speak, MADE_FROM)
        (failure,) = outcome.failures
        assert not outcome.results and why in failure
        assert failure.split("(")[0].count(name) == 1
    assert not (tmp_path / "out").exists() and not speak.asked


def test_a_format_that_fails_stops_no_other_and_is_tried_again(tmp_path, wav, speak, monkeypatch):
    def fail(*args):
        raise RenderingUnavailable("no way to draw")

    job = Job(wav, tmp_path / "out", ("mp4", "npz"))
    with monkeypatch.context() as patch:
        patch.setitem(FORMATS, "mp4", fail)
        for new in (True, False):
            outcome = animate_one(job, speak, MADE_FROM)
            assert outcome.failures == (f"{wav} as mp4: no way to draw",)
            assert [(result.path.name, result.new) for result in outcome.results] == [("a.npz", new)]
    monkeypatch.setitem(FORMATS, "mp4", lambda animation, path, progress: path.write_bytes(b"film"))
    outcome = animate_one(job, speak, MADE_FROM)
    assert not outcome.failures
    assert [(result.path.name, result.new) for result in outcome.results] == [("a.mp4", True), ("a.npz", False)]


def test_what_a_stopped_call_had_finished_is_kept(tmp_path, wav, speak, monkeypatch):
    def stop(*args):
        raise KeyboardInterrupt

    job = Job(wav, tmp_path / "out", ("npz", "glb"))
    with monkeypatch.context() as patch:
        patch.setitem(FORMATS, "glb", stop)
        with pytest.raises(KeyboardInterrupt):
            animate_one(job, speak, MADE_FROM)
    assert [result.new for result in animate_one(job, speak, MADE_FROM).results] == [False, True]


def test_a_programming_error_is_not_taken_for_a_bad_file(tmp_path, wav, speak, monkeypatch):
    monkeypatch.setitem(FORMATS, "npz", lambda *args: [][0])
    with pytest.raises(IndexError):
        animate_one(Job(wav, tmp_path / "out", ("npz",)), speak, MADE_FROM)
