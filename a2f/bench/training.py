"""A training step, timed: as the released code takes it, on kept features, and as a2f takes it."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable

import torch
from torch import Tensor

from a2f.bench import reference
from a2f.bench.clock import Timing, interleaved
from a2f.bench.setting import Setting, Size, at_frames, audio2face, speech, training_batch

RELEASED, KEPT, OURS = "reference", "reference, features kept", "a2f"


def training_step(size: Size, setting: Setting, encode: Callable[[Tensor], Tensor]) -> dict[str, Timing]:
    """Time one step, optimiser included, with the audio encoder frozen.

    Parameters
    ----------
    size : Size
    setting : Setting
    encode : callable
        HuBERT; waveforms (B, S) to features.

    Returns
    -------
    dict of str to Timing
        ``"reference"`` hears the batch anew at every step, the other two are given its features.
    """
    config = dataclasses.replace(setting.config.training, learning_rate=1e-4)
    batch = training_batch(size, setting)
    waveform = speech(setting.frames / size.fps, setting.batch)
    plain = audio2face(size, setting).train()
    ours = copy.deepcopy(plain)
    adam = reference.optimizer(plain, config)
    fused = torch.optim.Adam(ours.parameters(), lr=config.learning_rate, weight_decay=0, fused=True)

    def heard() -> Tensor:
        return at_frames(encode(waveform), setting.frames, size.fps)

    def ours_step() -> None:
        objective, _ = ours.loss(batch, config)
        fused.zero_grad()
        objective.backward()
        fused.step()

    return interleaved(
        {
            RELEASED: lambda: reference.step(plain, adam, batch, config, heard),
            KEPT: lambda: reference.step(plain, adam, batch, config),
            OURS: ours_step,
        },
        setting.repeats,
        memory=True,
    )
