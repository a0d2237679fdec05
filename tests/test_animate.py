"""Sound in, animation out: the right number of frames, style from any motion, files whole, faults named."""

from __future__ import annotations

import dataclasses
import json
import os

import numpy as np
import pytest
import torch
import trimesh

from a2f.animate import animate, load, newest_run
from a2f.animation import Animation
from a2f.audio import write_wav
from a2f.errors import A2FError, BadInput, MissingData


@pytest.fixture(scope="module")
def animator(tiny_run):
    return load(tiny_run)


@pytest.fixture
def clip(dataset):
    return dataset.split("test")[0]


@pytest.fixture
def inputs(tmp_path, clip, topology):
    """A style and a template as files, so that no data set has to be opened."""
    Animation(clip.vertices, 30.0, topology).to_npz(tmp_path / "style.npz")
    np.save(tmp_path / "face.npy", clip.template)
    return {"style": str(tmp_path / "style.npz"), "template": str(tmp_path / "face.npy"), "progress": False}


@pytest.mark.parametrize("seconds, frames", [(0.06, 1), (0.5, 15), (1.0, 30), (2.51, 75)])
def test_there_are_as_many_frames_as_the_sound_has_room_for(animator, clip, seconds, frames):
    sound = np.random.default_rng(0).normal(size=round(seconds * 16_000)).astype(np.float32) * 0.1
    animation = animator(sound, clip.template, clip)
    assert animation.num_frames == frames and animation.fps == 30
    assert animation.vertices.shape == (frames, 30, 3)
    assert animation.audio.shape == sound.shape and animation.sample_rate == 16_000


def test_an_animation_carries_the_blendshapes_it_was_made_of(animator, clip):
    animation = animator(clip.waveform, clip.template, clip, name="hello")
    rebuilt = clip.template + np.tensordot(animation.weights, animation.basis, axes=1)
    np.testing.assert_allclose(rebuilt, animation.vertices, atol=1e-4)
    assert animation.name == "hello" and animation.config["name"] == "tiny"


def test_sound_at_any_rate_of_any_type_moves_the_face_alike(animator, clip):
    tone = np.sin(2 * np.pi * 300 * np.arange(16_000) / 16_000) * 0.5
    fast = np.sin(2 * np.pi * 300 * np.arange(48_000) / 48_000) * 0.5
    usual = animator(tone.astype(np.float32), clip.template, clip).vertices
    spread = np.abs(usual - clip.template).max()
    for sound, rate in (
        (fast.astype(np.float32), 48_000),
        ((tone * 32767).astype(np.int16), 16_000),
        (np.stack([tone, tone], axis=1), 16_000),
    ):
        other = animator(sound, clip.template, clip, sample_rate=rate).vertices
        # resampled sound differs at its ends only
        np.testing.assert_allclose(other[3:-3], usual[3:-3], atol=0.05 * spread)


def test_style_may_be_a_clip_a_vector_or_an_animation(animator, clip, topology):
    vector = animator.style(clip)
    by_clip = animator(clip.waveform, clip.template, clip).vertices
    np.testing.assert_array_equal(animator(clip.waveform, clip.template, vector).vertices, by_clip)
    # an animation's first frame is its neutral face
    faces = np.concatenate([clip.template[None], clip.vertices]).astype(np.float32)
    displaced = animator.style(Animation(faces, 30.0, topology))
    motion = animator.model.motion(torch.from_numpy(faces)[None], torch.from_numpy(clip.template)[None])
    with torch.no_grad():
        torch.testing.assert_close(displaced, animator.model.style(motion))


def test_another_style_moves_the_face_otherwise_and_no_style_is_the_motionless_one(animator, dataset, clip):
    other = dataset.split("train")[1]
    usual, changed, still = (animator(clip.waveform, clip.template, s).vertices for s in (clip, other, None))
    assert not np.allclose(usual, changed) and not np.allclose(usual, still)
    motionless = Animation(np.repeat(clip.template[None], 16, axis=0), 30.0, animator.topology)
    torch.testing.assert_close(animator.style(None), animator.style(motionless))


@pytest.mark.parametrize(
    "sound, named",
    [
        (np.zeros(0, np.float32), r"shape \(0,\)"),
        (np.zeros(100, np.float32), "at least 0.05 s"),
        (np.full(16_000, np.nan, np.float32), "not finite"),
        (np.zeros((4, 4, 4), np.float32), r"shape \(4, 4, 4\)"),
    ],
)
def test_a_waveform_that_is_no_sound_is_refused(animator, clip, sound, named):
    with pytest.raises(BadInput, match=named):
        animator(sound, clip.template, clip)


def test_a_template_of_another_topology_is_refused(animator, clip):
    with pytest.raises(BadInput, match=r"the template has shape \(29, 3\)"):
        animator(clip.waveform, clip.template[:-1], clip)
    with pytest.raises(BadInput, match=r"expected \(30, 3\)"):
        animator(clip.waveform, clip.template[None], clip)


def test_loading_names_what_is_missing(tmp_path, tiny_run):
    with pytest.raises(MissingData, match="holds no config.json"):
        load(tmp_path)
    with pytest.raises(MissingData, match="third.safetensors"):
        load(tiny_run, "third")


def test_last_and_best_are_loaded_with_their_own_tuned_encoder(tiny_run):
    from safetensors.torch import load_file

    for name in ("best", "last"):
        stored = load_file(tiny_run / f"{name}.safetensors")
        state = load(tiny_run, name).encoder.state_dict()
        for key, value in stored.items():
            if key.startswith("audio_encoder."):
                assert torch.equal(state[key.removeprefix("audio_encoder.")], value), key


def test_files_are_animated_one_by_one(tmp_path, tiny_run, inputs, clip, animator):
    for name in ("one", "two"):
        write_wav(tmp_path / f"{name}.wav", clip.waveform if name == "one" else clip.waveform[:8000])
    wavs = [tmp_path / "one.wav", tmp_path / "two.wav"]
    written = animate(wavs, tmp_path / "out", ["npz"], checkpoint=tiny_run, **inputs)
    assert written == [tmp_path / "out" / "one.npz", tmp_path / "out" / "two.npz"]
    one, two = map(Animation.from_npz, written)
    assert (one.num_frames, two.num_frames) == (40, 15) and one.name == "one"
    style = animator.style(Animation.from_npz(inputs["style"]))
    expected = animator(one.audio, clip.template, style)
    np.testing.assert_allclose(one.vertices, expected.vertices, atol=1e-5)


def test_one_broken_file_does_not_stop_the_others_and_is_named_at_the_end(tmp_path, tiny_run, inputs, clip, capsys):
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    write_wav(tmp_path / "good.wav", clip.waveform)
    wavs = [tmp_path / "broken.wav", tmp_path / "nothing.wav", tmp_path / "good.wav"]
    with pytest.raises(A2FError, match=r"2 of 3 sound files.*broken\.wav.*nothing\.wav"):
        animate(wavs, tmp_path / "out", ["npz"], checkpoint=tiny_run, **inputs)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.npz"]
    assert "broken.wav" in capsys.readouterr().err


def test_two_files_of_one_name_would_overwrite_each_other_and_are_refused(tmp_path, tiny_run, inputs):
    with pytest.raises(BadInput, match="called 'a'"):
        animate(["x/a.wav", "y/a.flac"], tmp_path / "out", ["npz"], checkpoint=tiny_run, **inputs)
    assert not (tmp_path / "out").exists()
    with pytest.raises(BadInput, match="no sound file"):
        animate([], tmp_path / "out", checkpoint=tiny_run, **inputs)


@pytest.mark.parametrize("suffix", [".obj", ".ply"])
def test_the_face_to_move_may_be_a_mesh_file(tmp_path, tiny_run, inputs, clip, topology, suffix):
    """Vertices stay in the file's order, which gives them their meaning."""
    path = tmp_path / f"face{suffix}"
    trimesh.Trimesh(clip.template, topology.faces, process=False).export(path)
    write_wav(tmp_path / "a.wav", clip.waveform)
    results = []
    for template in (str(path), inputs["template"]):
        (out,) = animate(
            [tmp_path / "a.wav"], tmp_path / "out", ["npz"], checkpoint=tiny_run, **inputs | {"template": template}
        )
        results.append(Animation.from_npz(out).vertices)
    np.testing.assert_allclose(*results, atol=1e-3)


def test_templates_that_cannot_be_used_are_refused_by_name(tmp_path, tiny_run, inputs, clip):
    write_wav(tmp_path / "a.wav", clip.waveform)
    (tmp_path / "broken.obj").write_text("this is no mesh")
    (tmp_path / "broken.npy").write_bytes(b"this is no array")
    np.save(tmp_path / "small.npy", clip.template[:-1])
    (tmp_path / "empty.npy").touch()
    for name, error, named in (
        ("nothing.obj", MissingData, "nothing.obj is not a file.*30 vertices"),
        ("broken.obj", BadInput, "broken.obj"),
        ("broken.npy", BadInput, "broken.npy cannot be read"),
        ("empty.npy", BadInput, "empty.npy cannot be read"),
        ("small.npy", BadInput, r"small.npy has shape \(29, 3\)"),
    ):
        with pytest.raises(error, match=named):
            animate(
                [tmp_path / "a.wav"], tmp_path / "out", ["npz"], checkpoint=tiny_run,
                **inputs | {"template": str(tmp_path / name)},
            )  # fmt: skip


def fake_run(folder, config, age: float) -> None:
    folder.mkdir(parents=True)
    described = {"config": config.to_dict(), "num_vertices": 30, "audio_dim": 16, "seed": 0}
    (folder / "config.json").write_text(json.dumps(described))
    (folder / "finished.json").write_text("{}")
    os.utime(folder / "finished.json", (1e9 - age, 1e9 - age))


def test_the_newest_finished_full_model_is_taken_and_a_smoke_run_only_where_there_is_no_other(tmp_path, tiny_config):
    with pytest.raises(MissingData, match="no trained model is under.*make reproduce"):
        newest_run(tmp_path)
    fake_run(tmp_path / "smoke", tiny_config.replace(name="smoke:ours"), age=0)
    assert newest_run(tmp_path).name == "smoke"
    fake_run(tmp_path / "deep" / "old", tiny_config, age=30)
    fake_run(tmp_path / "new", tiny_config.replace(name="demo:ours"), age=20)
    for age, other in enumerate(("demo:without-composite", "demo:without-regional", "quickstart")):
        fake_run(tmp_path / str(age), tiny_config.replace(name=other), age=1 + age)
    fake_run(tmp_path / "unfinished", tiny_config, age=4)
    (tmp_path / "unfinished" / "finished.json").unlink()
    assert newest_run(tmp_path).name == "new"


def test_style_and_face_default_to_the_data_sets_first_test_clip(tmp_path, tiny_run, monkeypatch, dataset, clip):
    monkeypatch.setattr("a2f.animate.open_dataset", lambda name, fps: dataset)
    write_wav(tmp_path / "a.wav", clip.waveform)
    results = []
    for style in (None, clip.name, "s1-3"):
        (out,) = animate([tmp_path / "a.wav"], tmp_path, ["npz"], checkpoint=tiny_run, style=style, progress=False)
        results.append(Animation.from_npz(out).vertices)
    np.testing.assert_array_equal(results[0], results[1])
    assert not np.allclose(results[0], results[2])


def test_a_neutral_clip_is_the_default_style_where_there_is_one(tmp_path, tiny_run, monkeypatch, dataset, clip):
    last = dataset.split("test")[-1]
    neutral = dataclasses.replace(last, style="neutral")
    clips = tuple(neutral if one is last else one for one in dataset.clips)
    monkeypatch.setattr("a2f.animate.open_dataset", lambda name, fps: dataclasses.replace(dataset, clips=clips))
    write_wav(tmp_path / "a.wav", clip.waveform)
    results = []
    for style in (None, neutral.name):
        (out,) = animate([tmp_path / "a.wav"], tmp_path, ["npz"], checkpoint=tiny_run, style=style, progress=False)
        results.append(Animation.from_npz(out).vertices)
    np.testing.assert_array_equal(*results)
