"""Clips in pairs, the same sentences in noise and without, as the bands that the audio encoder starts from."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from a2f.files import atomic_path
from a2f.model_config import ModelConfig
from a2f.models import load_audio_encoder
from demo_model import augment
from demo_model.tracks import RATE, Utterance, join, warp

# White and pink noise and babble, which cost the mouth most, come more often.
KINDS = ("white", "white", "pink", "pink", "brown", "babble", "babble", "babble", "music", "hum")
ALONE = ("white", "pink", "brown", "hum", "music")  # what is heard where nobody speaks


@dataclass(frozen=True)
class Pairs:
    """How many clips, how long (seconds), the range of speech over noise (dB), and the shares of two kinds.

    `nobody` is without any speech; of `spliced`, sentences are cut up and put together again, so that they cannot be
    learned by heart: the pairs need no phone times. The first `held_out` clips are there to measure on.
    """

    clips: int = 3000
    seconds: float = 6.0
    ratios: tuple[float, float] = (2.0, 22.0)
    nobody: float = 0.05
    spliced: float = 0.3
    held_out: int = 48
    seed: int = 2024


def by_voice(utterances: list[Utterance]) -> dict[str, list[Utterance]]:
    """The sentences of each voice."""
    voices: dict[str, list[Utterance]] = {}
    for utterance in utterances:
        voices.setdefault(utterance.voice, []).append(utterance)
    return voices


def splice(spoken: list[Utterance], samples: int, rng: np.random.Generator) -> np.ndarray:
    """Put pieces of .25 to .9 s of sentences one after another, faded into each other over 10 ms."""
    fade = RATE // 100
    rise = np.linspace(0, 1, fade, dtype=np.float32)
    out, end = np.zeros(samples + 2 * RATE, np.float32), 0
    while end < samples:
        waveform = spoken[rng.integers(len(spoken))].waveform
        length = min(round(rng.uniform(0.25, 0.9) * RATE), len(waveform))
        start = rng.integers(len(waveform) - length + 1)
        piece = waveform[start : start + length].copy()
        piece[:fade] *= rise
        piece[-fade:] *= rise[::-1]
        begin = max(0, end - fade)
        out[begin : begin + length] += piece
        end = begin + length
    return out[:samples]


def _clean(spoken: list[Utterance], samples: int, spliced: float, rng: np.random.Generator) -> np.ndarray:
    """Return what one voice says, at some speed."""
    if rng.random() < spliced:
        waveform, phones = splice(spoken, round(1.15 * samples), rng), []
    else:
        waveform, phones = join([spoken[rng.integers(len(spoken))] for _ in range(4)], rng)
    if rng.random() < 0.6:
        waveform, _ = warp(waveform, phones, float(rng.uniform(0.9, 1.13)))
    waveform = np.pad(waveform, (0, max(0, samples - len(waveform))))
    start = rng.integers(len(waveform) - samples + 1)
    return waveform[start : start + samples]


def render_pair(
    voices: dict[str, list[Utterance]], recipe: Pairs, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return what one voice says in noise, and the same without, (S,) float32 each; babble is of the voices too."""
    names, samples = list(voices), round(recipe.seconds * RATE)

    def another() -> np.ndarray:
        spoken = voices[names[rng.integers(len(names))]]
        return spoken[rng.integers(len(spoken))].waveform

    if rng.random() < recipe.nobody:
        sound = augment.noise(ALONE[rng.integers(len(ALONE))], samples, rng, another)
        return sound * np.float32(10 ** (rng.uniform(-70, -20) / 20)), np.zeros(samples, np.float32)
    spoken = voices[names[rng.integers(len(names))]]  # every voice as often as any other
    clean = _clean(spoken, samples, recipe.spliced, rng)
    if rng.random() < 0.06:
        clean = augment.whispered(clean, rng)
    if rng.random() < 0.7:
        clean = augment.tilt(clean, rng.uniform(-4, 4))
    if rng.random() < 0.15:
        clean = augment.reverberant(clean, rng.uniform(0.12, 0.6), rng.uniform(0, 15), rng)
    if rng.random() < 0.8:
        hiss = augment.noise(str(rng.choice(["white", "pink", "brown"])), samples, rng)
        clean = augment.with_noise(clean, hiss, rng.uniform(38, 75))
    sound = augment.noise(KINDS[rng.integers(len(KINDS))], samples, rng, another)
    noisy = augment.with_noise(clean, sound, rng.uniform(*recipe.ratios))
    if rng.random() < 0.2:
        rate = int(rng.choice([8000, 8000, 11025]))
        noisy, clean = augment.band_limited(noisy, rate), augment.band_limited(clean, rate)
    return noisy, clean


_KEPT: dict = {}


def _keep(voices: dict[str, list[Utterance]], recipe: Pairs, config: ModelConfig) -> None:
    torch.set_num_threads(1)
    _KEPT.update(voices=voices, recipe=recipe, encoder=load_audio_encoder(config))


def _bands(number: int) -> np.ndarray:
    rng = np.random.default_rng([_KEPT["recipe"].seed, number])
    both = render_pair(_KEPT["voices"], _KEPT["recipe"], rng)
    return np.stack([_KEPT["encoder"].prepare(torch.from_numpy(w)[None])[0].numpy() for w in both]).astype(np.float16)


def paired_bands(
    utterances: list[Utterance], recipe: Pairs, config: ModelConfig, folder: Path, workers: int
) -> np.ndarray:
    """Return the bands of all clips, in noise and without, from `folder` where they are already there.

    Returns
    -------
    ndarray, (clips, 2, 80, T) float16
        Mapped from the file.
    """
    state = hashlib.sha256(repr((recipe, config.audio_encoder, config.normalise_waveform)).encode())
    for name in ("noisy", "augment", "tracks"):
        state.update((Path(__file__).parent / f"{name}.py").read_bytes())
    for utterance in utterances:
        state.update(repr((utterance.name, utterance.phones)).encode() + utterance.waveform.tobytes())
    path = folder / f"{state.hexdigest()[:16]}.npy"
    if not path.is_file():
        os.environ["OMP_NUM_THREADS"] = "1"
        arguments = (by_voice(utterances), recipe, config)
        with multiprocessing.get_context("spawn").Pool(workers, _keep, arguments) as pool:
            made = pool.imap(_bands, range(recipe.clips), 4)
            found = np.stack(list(tqdm(made, "noise", recipe.clips, unit="clip")))
        with atomic_path(path) as part, open(part, "wb") as file:
            np.save(file, found)
    return np.load(path, mmap_mode="r")
