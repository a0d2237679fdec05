"""A training step, timed: as the released code takes it, on kept features, and as a2f takes it."""

from __future__ import annotations

import copy
import dataclasses

import torch
from torch import Tensor

from a2f.bench import reference
from a2f.bench.clock import Timing, interleaved
from a2f.bench.setting import Setting, Size, at_frames, audio2face, speech, training_batch, transformer
from a2f.models import Audio2Face
from a2f.precision import computes_bfloat16, lower

RELEASED, KEPT, OURS, HALVED = "reference", "reference, features kept", "a2f", "a2f, bfloat16"


def training_step(size: Size, setting: Setting) -> dict[str, Timing]:
    """Time one step, optimiser included, with the audio encoder frozen.

    Returns
    -------
    dict of str to Timing
        ``"reference"`` hears the batch anew at every step, by HuBERT, the others are given its features. Where the
        hardware multiplies bfloat16, `a2f.precision` takes a step, too.
    """
    config = dataclasses.replace(setting.config.training, learning_rate=1e-4)
    batch = training_batch(size, setting)
    waveform = speech(setting.frames / size.fps, setting, setting.batch)
    hubert = transformer("hubert-large", setting)
    plain = audio2face(size, setting).train()
    ours = copy.deepcopy(plain)
    adam = reference.optimizer(plain, config)

    def optimizer(model: Audio2Face) -> torch.optim.Optimizer:
        return torch.optim.Adam(model.parameters(), lr=config.learning_rate, weight_decay=0, fused=True)

    fused = optimizer(ours)

    def heard() -> Tensor:
        return at_frames(hubert(waveform).last_hidden_state, setting.frames, size.fps)

    def ours_step(model: Audio2Face, adam: torch.optim.Optimizer) -> None:
        objective, _ = model.loss(batch, config)
        adam.zero_grad()
        objective.backward()
        adam.step()

    cases = {
        RELEASED: lambda: reference.step(plain, adam, batch, config, heard),
        KEPT: lambda: reference.step(plain, adam, batch, config),
        OURS: lambda: ours_step(ours, fused),
    }
    if computes_bfloat16(torch.device(setting.device)):
        halved = copy.deepcopy(ours)
        lower(halved, torch.device(setting.device))
        also_fused = optimizer(halved)
        cases[HALVED] = lambda: ours_step(halved, also_fused)
    return interleaved(cases, setting.repeats, memory=True, device=setting.device)
