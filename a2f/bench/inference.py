"""Synthesis, timed by part: audio encoder, style, decoder, projection; and FaceFormer's loop over frames."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from a2f.bench import reference
from a2f.bench.clock import Timing, interleaved
from a2f.bench.setting import Setting, Size, audio2face, audio_dim, draw, encoders, faceformer, speech
from a2f.models import Motion
from a2f.models.folded import folded


@torch.no_grad()
def encoding(setting: Setting) -> dict[float, dict[str, Timing]]:
    """Time each audio encoder on speech of every length; returns that by seconds and by name."""
    networks, found = encoders(setting), {}
    for seconds in setting.seconds:
        waveform = speech(seconds, setting)
        cases = {name: (lambda e=encode, w=waveform: e(w)) for name, encode in networks.items()}
        found[seconds] = interleaved(cases, setting.repeats, device=setting.device)
    return found


@torch.no_grad()
def synthesis(size: Size, seconds: float, setting: Setting) -> tuple[dict[tuple[str, str], Timing], dict[str, Any]]:
    """Time what comes after the encoder, for T frames in the style of T others.

    Returns
    -------
    dict of (part, method) to Timing
        Parts ``"style"``, ``"decoder"`` and ``"projection"`` of ``"reference"`` and ``"a2f"``; and what of FaceFormer
        comes after its encoder, ``"faceformer, as published"`` and ``"faceformer"`` without the work done twice.
    dict
        ``moved``: bytes that a part has to read and write at least.
    """
    frames, device = round(seconds * size.fps), setting.device
    model, former = (made(size, setting).eval().requires_grad_(False) for made in (audio2face, faceformer))
    template = draw(1, size.vertices, 3).to(device)
    motion = Motion(0.01 * draw(1, frames, 3 * size.vertices).to(device))
    audio = draw(1, frames, audio_dim(setting)).to(device)
    heard = draw(1, frames, audio_dim(setting, "wav2vec2-base")).to(device)
    identity = former.one_hot(torch.zeros(1, dtype=torch.int64, device=device))
    style = model.style(motion)
    features = model.features(audio, template, style)
    quick, written = folded(model), torch.empty(1, frames, size.vertices, 3, device=device)
    cases = {
        ("style", "reference"): lambda: reference.style(model, motion),
        ("style", "a2f"): lambda: model.style(motion),
        ("decoder", "reference"): lambda: model.features(audio, template, style),
        ("decoder", "a2f"): lambda: quick.features(audio, template, style),
        ("projection", "reference"): lambda: reference.project(model, features, template),
        ("projection", "a2f"): lambda: model.synthesise(features, template),
        ("projection", "a2f, memory used again"): lambda: model.synthesise(features, template, out=written),
        ("loop", "faceformer, as published"): lambda: former.faces(former.plain(heard, identity), template),
        ("loop", "faceformer"): lambda: former.faces(former.motion_out(former.states(heard, identity)), template),
    }
    # quick and slow cases in rounds of their own, or the quick ones would get few repeats
    found = {}
    for chosen in (("style",), ("decoder",), ("projection",), ("loop",)):
        names = {f"{part}|{method}": call for (part, method), call in cases.items() if part in chosen}
        timed = interleaved(names, setting.repeats, device=device)
        found |= {tuple(name.split("|")): timing for name, timing in timed.items()}
    counted = found["projection", "reference"].operations  # those of torch: the counter does not see NumPy's
    found |= {case: replace(found[case], operations=counted) for case in found if case[0] == "projection"}
    weights = 4 * model.embedding.weight.numel()
    drawn = 4 * frames * 3 * size.vertices
    return found, {"style": weights + drawn, "projection": weights + drawn}


