"""Training tracks: several sentences of a voice with pauses between, said by a made-up speaker in one of four modes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import soxr

from demo_model import augment

RATE = augment.RATE
MODES = ("neutral", "happy", "angry", "sad")
MARGIN = 0.02  # seconds of a clip's own silence that is kept around its speech
FLOOR = (-75.0, -38.0)  # dB below the speech, the room's own noise


@dataclass(frozen=True)
class Utterance:
    """One sentence: `waveform` (S,) float32 at 16 kHz, `phones` of (symbol, start, end, stress), pauses outermost."""

    name: str
    voice: str
    text: str
    waveform: np.ndarray
    phones: tuple


@dataclass(frozen=True)
class Plan:
    """What a track will be: its utterances by number, who says it and how, and whether its sound is degraded."""

    name: str
    subject: int
    mode: str
    split: str
    utterances: tuple[int, ...] = ()
    degraded: bool = False
    silence: float = field(default=0.0)  # seconds, of a track without speech


def plan_tracks(utterances: list[Utterance], passes: int, split: str, seed: int, silent: float = 0.05) -> list[Plan]:
    """Deal all utterances out, `passes` times, into tracks of one voice and pairs of tracks of one speaker and mode.

    Parameters
    ----------
    utterances : list of Utterance
    passes : int
        How often each utterance is used; half of the passes are degraded.
    split : {"train", "val"}
    seed : int
    silent : float
        Share of additional tracks in which nobody speaks.
    """
    rng = np.random.default_rng([seed, len(utterances), passes])
    plans: list[Plan] = []
    by_voice: dict[str, list[int]] = {}
    for index, utterance in enumerate(utterances):
        by_voice.setdefault(utterance.voice, []).append(index)
    groups: list[tuple[tuple[int, ...], bool]] = []
    for number in range(passes):
        for members in by_voice.values():
            order = list(rng.permutation(members))
            while order:
                size = int(rng.choice([1, 2, 3, 4, 5, 7], p=[0.12, 0.24, 0.24, 0.2, 0.12, 0.08]))
                groups.append((tuple(int(i) for i in order[:size]), number % 2 == 1))
                order = order[size:]
    order = rng.permutation(len(groups))
    modes = rng.permutation(np.resize(MODES, -(-len(groups) // 2)))
    for place, index in enumerate(order):
        chosen, degraded = groups[index]
        pair = min(place // 2, len(groups) // 2 - 1)  # an odd last one joins its neighbours
        plans.append(Plan(f"{split}-{place:05d}", pair, str(modes[pair]), split, chosen, degraded))
    pairs = len(groups) // 2
    for number in range(round(silent * len(groups))):
        pair = int(rng.integers(pairs))
        length = float(rng.uniform(2.5, 8.0))
        plans.append(Plan(f"{split}-silent-{number:04d}", pair, str(modes[pair]), split, (), number % 4 > 0, length))
    return plans


def join(utterances: list[Utterance], rng: np.random.Generator) -> tuple[np.ndarray, list]:
    """Set sentences one after another with pauses of .25 to 1.6 s before, between and after them.

    Returns
    -------
    waveform : ndarray, (S,) float32
    phones : list of [symbol, start, end, stress]
        Without gaps, pauses outermost.
    """
    pieces, spoken, samples = [], [], 0
    for position, utterance in enumerate(utterances):
        short, long = rng.uniform(0.15, 0.4), rng.uniform(0.4, 1.6)
        pause = rng.uniform(0.25, 0.9) if position == 0 or rng.random() < 0.2 else (short, long)[rng.integers(2)]
        begin = max(0, round((utterance.phones[0][2] - MARGIN) * RATE))
        piece = utterance.waveform[begin : round((utterance.phones[-1][1] + MARGIN) * RATE)].copy()
        fade = np.linspace(0, 1, round(MARGIN * RATE / 2), dtype=np.float32)
        piece[: len(fade)] *= fade
        piece[-len(fade) :] *= fade[::-1]
        silence = np.zeros(round(pause * RATE), np.float32)
        shift = (samples + len(silence) - begin) / RATE
        spoken += [[name, start + shift, end + shift, stress] for name, start, end, stress in utterance.phones[1:-1]]
        pieces += [silence, piece]
        samples += len(silence) + len(piece)
    pieces.append(np.zeros(round(rng.uniform(0.25, 0.9) * RATE), np.float32))
    waveform = np.concatenate(pieces)
    phones, now = [], 0.0
    for phone in [*spoken, ["_", len(waveform) / RATE, len(waveform) / RATE, 0]]:
        if phone[1] > now + 1e-6:
            phones.append(["_", now, phone[1], 0])
        if phone[0] != "_" or phone[2] > phone[1]:
            phones.append(phone)
        now = phone[2]
    return waveform, phones


def warp(waveform: np.ndarray, phones: list, factor: float) -> tuple[np.ndarray, list]:
    """Play `factor` times as fast: pitch, formants and rate rise together, as from a smaller head."""
    faster = soxr.resample(waveform, RATE * factor, RATE).astype(np.float32)
    return faster, [[symbol, start / factor, end / factor, stress] for symbol, start, end, stress in phones]


def render(plan: Plan, utterances: list[Utterance], seed: int) -> tuple[np.ndarray, list]:
    """Make a track's sound and its phone times; the same plan and seed give the same samples."""
    rng = np.random.default_rng([seed, *plan.name.encode()])

    def another() -> np.ndarray:
        return utterances[rng.integers(len(utterances))].waveform

    if not plan.utterances:
        waveform, phones = _nobody(plan, rng, another)
        return waveform, phones
    waveform, phones = join([utterances[i] for i in plan.utterances], rng)
    if rng.random() < 0.6:
        waveform, phones = warp(waveform, phones, float(rng.uniform(0.9, 1.13)))
    if plan.degraded:
        waveform = augment.degrade(waveform, rng, another)
    elif rng.random() < 0.5:
        waveform = augment.tilt(waveform, rng.uniform(-2, 2))
    if rng.random() < 0.8:
        hiss = augment.noise(str(rng.choice(["white", "pink", "brown"])), len(waveform), rng)
        waveform = augment.with_noise(waveform, hiss, -rng.uniform(*FLOOR))
    return waveform, phones


def _nobody(plan: Plan, rng: np.random.Generator, another) -> tuple[np.ndarray, list]:
    """A track in which nobody speaks: nothing at all, a room, noise or music."""
    samples = round(plan.silence * RATE)
    phones = [["_", 0.0, samples / RATE, 0]]
    if not plan.degraded:
        return np.zeros(samples, np.float32), phones
    kind = str(rng.choice(["white", "pink", "brown", "hum", "music", "music"]))
    return augment.noise(kind, samples, rng, another) * np.float32(10 ** (rng.uniform(-70, -20) / 20)), phones
