"""Sound in, animation out: the right number of frames, style from any motion, files whole, faults named."""

from __future__ import annotations

import dataclasses
import re
import shutil

import numpy as np
import pytest
import torch
import trimesh
from safetensors.torch import load_file, save_file

from a2f.animating import animate
from a2f.animation import Animation
from a2f.audio import write_wav
from a2f.data import open_dataset
from a2f.errors import A2FError, BadInput, MissingData


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


@pytest.mark.parametrize("rate", [8_000, 11_025, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_recordings_of_any_rate_give_as_many_finite_frames(animator, clip, rate, channels):
    sound = 0.1 * np.random.default_rng(0).normal(size=(2 * rate, channels))
    found = animator(sound, clip.template, clip, sample_rate=rate).vertices
    assert abs(len(found) - 60) <= 1 and np.isfinite(found).all()


@pytest.mark.parametrize("level", [0.0, 1e-7, 1e-5, 1e-3, 1.0, 100.0])
def test_silence_faint_noise_and_clipping_give_finite_motion_of_usual_size(animator, clip, level):
    noise = np.random.default_rng(0).normal(size=16_000).astype(np.float32)
    usual, found = (animator(x * noise, clip.template, clip).vertices - clip.template for x in (0.1, level))
    assert np.isfinite(found).all() and np.abs(found).max() < 5 * np.abs(usual).max()


def test_a_minute_and_more_goes_through_in_windows_without_a_jump(animator, clip):
    rng = np.random.default_rng(0)
    sound = (0.1 * rng.normal(size=70 * 16_000)).astype(np.float32)
    motion = animator(sound, clip.template, clip).vertices - clip.template
    assert len(motion) == 2100 and np.isfinite(motion).all()
    step = np.abs(np.diff(motion, axis=0)).max(axis=(1, 2))
    assert step.max() < 3 * np.quantile(step, 0.99)


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
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["good.a2f.json", "good.npz"]
    assert "broken.wav" in capsys.readouterr().err


def test_what_is_there_is_kept_until_sound_model_style_face_or_force_ask_for_it_anew(
    tmp_path, tiny_run, inputs, clip, topology
):
    """Names of files decide nothing: what was made from the same numbers is kept, wherever they lie."""
    wav, style, face = tmp_path / "a.wav", tmp_path / "style.npz", tmp_path / "face.npy"
    write_wav(wav, clip.waveform)
    out = tmp_path / "out" / "a.npz"

    def made(checkpoint=tiny_run, **changed) -> bool:
        before = out.stat().st_ino if out.exists() else None
        assert animate([wav], out.parent, ["npz"], checkpoint=checkpoint, **inputs | changed) == [out]
        return out.stat().st_ino != before  # a file written whole or not at all is another file

    def set_weights(folder):
        (folder / "finished.json").unlink()  # which says that these are not the weights of its run
        tensors = load_file(folder / "best.safetensors")
        save_file(tensors | {"data_mean": tensors["data_mean"] + 1}, folder / "best.safetensors")

    assert made() and not made()
    shutil.copy(style, tmp_path / "renamed.npz")
    assert not made(style=str(tmp_path / "renamed.npz"))
    shutil.copytree(tiny_run, tmp_path / "copied")
    assert not made(tmp_path / "copied")
    set_weights(tmp_path / "copied")
    assert made(tmp_path / "copied") and made()
    Animation(clip.vertices[::-1], 30.0, topology).to_npz(style)
    assert made() and not made()
    np.save(face, clip.template * np.float32(1.01))
    assert made() and not made()
    write_wav(wav, clip.waveform[::-1])
    assert made() and not made()
    assert made(force=True)


def test_two_files_of_one_name_would_overwrite_each_other_and_are_refused(tmp_path, tiny_run, inputs):
    with pytest.raises(BadInput, match="called 'a'"):
        animate(["x/a.wav", "y/a.flac"], tmp_path / "out", ["npz"], checkpoint=tiny_run, **inputs)
    assert not (tmp_path / "out").exists()


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
    np.save(tmp_path / "frames.npy", clip.vertices[:2])
    np.save(tmp_path / "words.npy", np.array(["lips", "nose"]))
    (tmp_path / "empty.npy").touch()
    (tmp_path / "face.gltf").touch()
    for name, error, named in (
        ("nothing.obj", MissingData, "nothing.obj is not a file.*30 vertices"),
        ("broken.obj", BadInput, "broken.obj"),
        ("broken.npy", BadInput, "broken.npy is not a whole .npy file of numbers"),
        ("empty.npy", BadInput, "empty.npy is not a whole .npy file of numbers"),
        ("small.npy", BadInput, r"small.npy has shape \(29, 3\)"),
        ("frames.npy", BadInput, r"frames.npy has shape \(2, 30, 3\), expected \(30, 3\)"),
        ("words.npy", BadInput, "words.npy holds no array of numbers"),
        ("face.gltf", BadInput, "face.gltf is not a mesh file; give an .obj or a .ply"),
    ):
        with pytest.raises(error, match=named):
            animate(
                [tmp_path / "a.wav"], tmp_path / "out", ["npz"], checkpoint=tiny_run,
                **inputs | {"template": str(tmp_path / name)},
            )  # fmt: skip


def test_a_seam_of_the_texture_does_not_double_the_vertices_of_a_face(tmp_path, tiny_run, inputs, clip):
    path = tmp_path / "face.obj"
    corners = "".join(f"f {i}/{2 * i} {i + 1}/{i} {i + 2}/1\n" for i in range(1, 29))
    points = "".join("v {:.9g} {:.9g} {:.9g}\n".format(*point) for point in clip.template)
    path.write_text(points + "".join(f"vt {i / 60} 0\n" for i in range(60)) + corners)
    write_wav(tmp_path / "a.wav", clip.waveform)
    (out,) = animate([tmp_path / "a.wav"], tmp_path, ["npz"], checkpoint=tiny_run, **inputs | {"template": str(path)})
    np.testing.assert_allclose(Animation.from_npz(out).template, clip.template, atol=1e-3)


def test_a_face_in_another_unit_is_refused_and_both_sizes_are_named(
    tmp_path, tiny_run, inputs, animator, clip, topology
):
    write_wav(tmp_path / "a.wav", clip.waveform)

    def with_template(scale: float) -> list:
        np.save(tmp_path / "scaled.npy", clip.template * scale)
        given = inputs | {"template": str(tmp_path / "scaled.npy")}
        return animate([tmp_path / "a.wav"], tmp_path / "out", ["npz"], checkpoint=tiny_run, **given)

    assert with_template(0.1) and with_template(10.0)
    spread = (clip.template - clip.template.mean(axis=0)).std()
    own = float(animator.model.data_std)
    for scale, back in ((1e-3, "1000"), (1e3, "0.001")):
        both = rf"spread by {re.escape(f'{spread * scale:.3g}')} .*by {own:.3g} mm .*Scale it to mm, by about {back}$"
        with pytest.raises(BadInput, match=f"scaled.npy .*{both}"):
            with_template(scale)
    with pytest.raises(BadInput, match="scaled.npy has all of its vertices in one place"):
        with_template(0.0)
    Animation(clip.vertices * 1e-3, 30.0, topology).to_npz(tmp_path / "metres.npz")
    with pytest.raises(BadInput, match=r"style .*metres.npz .*in another unit. Scale it to mm, by about 1000"):
        animate(
            [tmp_path / "a.wav"], tmp_path / "out", ["npz"], checkpoint=tiny_run,
            **inputs | {"style": str(tmp_path / "metres.npz")},
        )  # fmt: skip


def test_styles_that_cannot_be_used_are_refused_by_name(
    tmp_path, tiny_run, inputs, clip, topology, monkeypatch, dataset
):
    monkeypatch.setattr("a2f.animating.open_dataset", lambda name, fps: dataset)
    write_wav(tmp_path / "a.wav", clip.waveform)
    np.savez(tmp_path / "numbers.npz", numbers=np.arange(3))
    fewer = dataclasses.replace(topology, num_vertices=29, faces=topology.faces[:-1], regions={})
    Animation(clip.vertices[:, :29], 30.0, fewer).to_npz(tmp_path / "fewer.npz")
    for style, error, named in (
        (tmp_path / "none.npz", MissingData, "none.npz is not a file"),
        (tmp_path / "numbers.npz", BadInput, "numbers.npz is not an animation written by a2f"),
        (tmp_path / "fewer.npz", BadInput, r"fewer.npz has shape \(40, 29, 3\)"),
        (tmp_path / "a.wav", BadInput, "a.wav is not an .npz that a2f wrote; give one, or the name of a clip"),
        ("s9-9", BadInput, "no clip 's9-9'"),
    ):
        with pytest.raises(error, match=named):
            animate([tmp_path / "a.wav"], tmp_path, ["npz"], checkpoint=tiny_run, **inputs | {"style": str(style)})


def test_a_model_of_data_that_is_not_shipped_asks_for_a_face_and_a_motion(tmp_path, tiny_run, clip, monkeypatch):
    """The tiny run's own data set is "demo" by name, so the data set is made to be one that is elsewhere."""
    monkeypatch.setattr("a2f.animating.open_dataset", lambda name, fps: open_dataset("vocaset", fps=fps))
    write_wav(tmp_path / "a.wav", clip.waveform)
    with pytest.raises(MissingData, match="not shipped: name a face and a motion of your own, --template .*--style"):
        animate([tmp_path / "a.wav"], tmp_path / "out", ["npz"], checkpoint=tiny_run, progress=False)


def test_style_and_face_default_to_the_data_sets_first_test_clip(tmp_path, tiny_run, monkeypatch, dataset, clip):
    monkeypatch.setattr("a2f.animating.open_dataset", lambda name, fps: dataset)
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
    monkeypatch.setattr("a2f.animating.open_dataset", lambda name, fps: dataclasses.replace(dataset, clips=clips))
    write_wav(tmp_path / "a.wav", clip.waveform)
    results = []
    for style in (None, neutral.name):
        (out,) = animate([tmp_path / "a.wav"], tmp_path, ["npz"], checkpoint=tiny_run, style=style, progress=False)
        results.append(Animation.from_npz(out).vertices)
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("as_animation", [False, True])
def test_a_style_motion_at_another_rate_is_brought_to_the_models(animator, clip, as_animation):
    def at(fps: float):
        times = np.arange(round(1.4 * fps) + 1) / fps  # straight lines: interpolation between frames is exact
        motion = np.stack([times, 0.5 - times, 0 * times, 2 * times], axis=1).astype(np.float32)
        moving = dataclasses.replace(clip, fps=fps, num_frames=len(times), coefficients=motion)
        return Animation(moving.vertices, fps, animator.topology) if as_animation else moving

    own = animator.style(at(animator.config.data.fps))
    for fps in (60.0, 15.0, 10.0):
        torch.testing.assert_close(animator.style(at(fps)), own, atol=2e-4, rtol=1e-3)


def test_the_public_name_stays_a_function_after_its_first_use():
    import importlib

    import a2f

    assert callable(a2f.animate)
    importlib.import_module("a2f.animating")
    assert a2f.animate is animate is a2f.animate


def test_a_device_that_is_not_there_is_refused(tmp_path, tiny_run, inputs, animator, clip, monkeypatch):
    write_wav(tmp_path / "one.wav", clip.waveform)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    for device, said in (("cuda", "no CUDA device"), ("tpu", "device is 'tpu'")):
        with pytest.raises(BadInput, match=said):
            animate([tmp_path / "one.wav"], tmp_path / "out", ["npz"], checkpoint=tiny_run, device=device, **inputs)
        with pytest.raises(BadInput, match=said):
            animator.to(device)
    assert not (tmp_path / "out").exists() and animator.to("cpu") is animator


def test_another_runtime_is_refused_on_a_gpu(tmp_path, tiny_run, inputs, clip, monkeypatch):
    write_wav(tmp_path / "one.wav", clip.waveform)
    monkeypatch.setattr("a2f.animating.usable_device", lambda name: torch.device(name))
    with pytest.raises(BadInput, match="onnxruntime runs the audio encoder on the processor"):
        animate(
            [tmp_path / "one.wav"], tmp_path / "out", ["npz"], checkpoint=tiny_run, device="cuda",
            runtime="onnxruntime", **inputs,
        )  # fmt: skip
