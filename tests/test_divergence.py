"""A training that cannot go on says which step and clips, what is not finite, and what is still good."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

import a2f.training as training
from a2f.config import SMOKE
from a2f.divergence import diverged
from a2f.errors import BadInput, TrainingDiverged
from a2f.training import train

FINE = {"w": torch.ones(2)}
TINY = SMOKE.replace(audio_encoder="log-mel", motion_dim=8, style_stages=((8, 1, 2), (8, 1, 2)), decoder_blocks=1,
                     freeze_epochs=None, crop_frames=24, style_frames=24, clips_per_subject=None)  # fmt: skip
HISTORY = [{"epoch": 1}, {"epoch": 2, "val_loss": 1.0}, {"epoch": 3}]


@pytest.mark.parametrize(
    ("part", "word"),
    [("vertices", "faces that are"), ("template", "a neutral face that is"), ("sound", "sound that is")],
)
def test_a_clip_that_is_not_finite_is_named_before_all_else(make_dataset, part, word):
    clips = list(make_dataset(dense=True).clips[:4])
    spoiled = clips[2]
    if part == "vertices":
        faces = spoiled.vertices.copy()
        faces[3, 2, 1] = np.inf
        clips[2] = dataclasses.replace(spoiled, read_vertices=lambda frames: faces[frames])
    elif part == "template":
        clips[2] = dataclasses.replace(spoiled, template=spoiled.template * np.nan)
    else:
        clips[2] = dataclasses.replace(spoiled, read_waveform=lambda: np.float32([0, np.nan]))
    text = str(diverged("the loss is nan at step 7", clips[:2], clips, {"w": torch.tensor(np.nan)}, HISTORY))
    assert text.startswith("the loss is nan at step 7 (clips s0-0, s0-1); clip s0-2 holds " + word + " not finite")
    assert text.endswith("the last good checkpoint is last.safetensors in the run's folder, of epoch 2")


def test_weights_that_were_broken_before_and_a_mere_divergence_are_told_apart(dataset):
    broken = {"fine": torch.ones(2), "w": torch.tensor([1.0, np.nan])}
    text = str(diverged("x", [], dataset.clips[:1], broken, []))
    assert "w was not finite before it: the gradient of the step before was not" in text
    assert text.endswith("no checkpoint was written before")
    assert "all that went into it is finite. Lower learning_rate" in str(diverged("x", [], dataset.clips[:1], FINE, []))


def test_a_gradient_that_is_not_finite_is_told_at_the_next_step(dataset, tmp_path, monkeypatch):
    start, calls = training._start, []

    def spoiled(*arguments):
        run = start(*arguments)
        weight = run.model.embedding.weight
        weight.register_hook(lambda gradient: gradient * (np.nan if calls.append(0) or len(calls) == 2 else 1))
        return run

    monkeypatch.setattr(training, "_start", spoiled)
    with pytest.raises(TrainingDiverged, match=r"nan at step 2 \(epoch 0, batch 2\) \(clips s.-., s.-.") as stopped:
        train(TINY, dataset, tmp_path / "run", seed=1, progress=False)
    assert "the gradient of the step before was not" in str(stopped.value) and len(calls) in (2, 3)


def test_faces_and_sound_that_are_not_finite_are_refused_before_the_first_step(make_dataset, tmp_path):
    data = make_dataset()
    data.clips[3].coefficients[:] = np.nan
    with pytest.raises(BadInput, match="clip s0-3 holds faces that are not finite; `a2f validate-data`"):
        train(TINY, data, tmp_path / "a", seed=1, progress=False)
    data = make_dataset()
    data.clips[3].waveform[5] = np.nan
    with pytest.raises(BadInput, match="clip s0-3: a waveform of shape .* finite samples"):
        train(TINY, data, tmp_path / "b", seed=1, progress=False)
