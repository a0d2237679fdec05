"""Phone times of any voice: those of eSpeak NG's rendition of the same text, carried over by matching features.

Both renditions are described by the bundled audio encoder at 10 ms steps, matched by dynamic time warping, and the
path is smoothed into a map of one time axis onto the other. Edges of sibilants, where the matching is weakest and the
sound plainest, then move to the steepest change of the high band nearby, and pauses that only eSpeak NG makes go.
"""

from __future__ import annotations

import numpy as np
from demo_speech.espeak import Espeak
from demo_speech.phones import PAUSE, Phone, phones_of

from .corpus import RATE
from .levels import band, energy, steepest

STEP = 0.01  # seconds
WORDS_A_MINUTE = 130  # slow: its phones are then long next to a 10 ms step
QUIET = 10 ** (-40 / 20)  # of the loudest 10 ms: softer sound before and after the speech is silence
PENALTY = 0.05  # for a step that moves one rendition only
SIBILANTS = ("s", "z", "sh", "zh")
NO_EDGE = (*SIBILANTS, "ch", "jh", "th", "f", "t", "k", "p", PAUSE)  # noisy themselves: no edge between them and those
REACH = 25  # ms that the edge of a sibilant may move
LEAST_CHANGE = 6.0  # dB over 10 ms, below that there is no edge to move to
SHORTEST = 0.015  # seconds that every phone lasts: a path may run through one in no time
SHORTEST_PAUSE = 0.06  # seconds
LOUDEST_PAUSE = 10 ** (-30 / 20)  # of the loudest 10 ms


class Aligner:
    """Carries phone times from eSpeak NG to other voices."""

    def __init__(self) -> None:
        from a2f.config import ModelConfig
        from a2f.models import load_audio_encoder

        self._espeak = Espeak()
        self._encoder = load_audio_encoder(ModelConfig(audio_encoder="whisper-tiny-2"))

    def __call__(self, text: str, accent: str, waveform: np.ndarray) -> list[Phone]:
        """Phone times of a text spoken by another voice.

        Parameters
        ----------
        text : str
        accent : str
            eSpeak NG's language, such as "en-us".
        waveform : ndarray, float32, shape (S,)
            The text at 16 kHz, with or without silence around it.

        Returns
        -------
        list of Phone
            From the first sound to the last, without gaps, in seconds from the waveform's first sample.
        """
        phones, reference = self.reference(text, accent)
        first, last = sounding(waveform)
        path = match(self.features(reference), self.features(waveform[first:last]))
        found = without_false_pauses(carried(phones, *path, first / RATE, last / RATE), waveform)
        return with_sibilant_edges(found, waveform)

    def reference(self, text: str, accent: str) -> tuple[list[Phone], np.ndarray]:
        """eSpeak NG's phones and its waveform at 16 kHz without silence; times from the waveform's first sample."""
        import soxr

        raw = self._espeak.render(text, accent, WORDS_A_MINUTE, 50, 50)
        phones = phones_of(raw.events, raw.waveform, raw.sample_rate)
        wave = soxr.resample(raw.waveform, raw.sample_rate, RATE, quality="VHQ").astype(np.float32)
        first, last = sounding(wave)
        shifted = [Phone(p.symbol, p.start - first / RATE, p.end - first / RATE, p.stress) for p in phones]
        return shifted, wave[first:last]

    def features(self, waveform: np.ndarray) -> np.ndarray:
        """Features of unit length at 10 ms steps, (T, C): two passes 10 ms apart, interleaved."""
        from a2f.features import encode

        half = round(STEP * RATE)
        even = encode(self._encoder, waveform)
        odd = encode(self._encoder, np.concatenate([waveform[half:], np.zeros(half, np.float32)]))
        count = min(len(even), len(odd))
        both = np.stack([even[:count], odd[:count]], 1).reshape(2 * count, -1)
        both = both - both.mean(0)
        return both / np.linalg.norm(both, axis=1, keepdims=True)


def loudness(waveform: np.ndarray) -> np.ndarray:
    """Root mean square of every whole 10 ms of a waveform."""
    size = round(STEP * RATE)
    pieces = waveform[: len(waveform) // size * size].reshape(-1, size).astype(np.float64)
    return np.sqrt(np.mean(pieces**2, 1))


def sounding(waveform: np.ndarray) -> tuple[int, int]:
    """First and last sample (exclusive) of the 10 ms pieces that are louder than -40 dB of the loudest."""
    size, level = round(STEP * RATE), loudness(waveform)
    loud = np.flatnonzero(level > QUIET * level.max())
    return int(loud[0]) * size, int(loud[-1] + 1) * size


def match(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Path of least cosine distance through two sequences of unit vectors, as steps of each."""
    cost = 1.0 - first @ second.T
    rows, columns = cost.shape
    move = np.zeros((rows, columns), np.int8)
    above = [0.0] + [np.inf] * columns  # plain lists: faster than arrays one number at a time
    for i, costs in enumerate(cost.tolist()):
        here, corner = np.inf, above[0]
        above[0] = np.inf
        for j, value in enumerate(costs):
            best, kind = corner, 0
            if above[j + 1] + PENALTY < best:
                best, kind = above[j + 1] + PENALTY, 1
            if here + PENALTY < best:
                best, kind = here + PENALTY, 2
            corner = above[j + 1]
            above[j + 1] = here = best + value
            move[i, j] = kind
    i, j = rows - 1, columns - 1
    path = [(i, j)]
    while i or j:
        i, j = i - (move[i, j] != 2), j - (move[i, j] != 1)
        path.append((i, j))
    found = np.array(path[::-1])
    return found[:, 0], found[:, 1]


def carried(phones: list[Phone], first: np.ndarray, second: np.ndarray, start: float, end: float) -> list[Phone]:
    """Phones with their times put through a path.

    Parameters
    ----------
    phones : list of Phone
        Times from the first sequence's first sample.
    first, second : ndarray, int, shape (K,)
        The path, 10 ms steps of each sequence.
    start, end : float
        Seconds that the second sequence's first and last step stand for.
    """
    steps = np.arange(first[-1] + 1)
    times = np.array([second[first == step].mean() for step in steps])
    times = np.convolve(np.pad(times, 1, mode="edge"), np.ones(3) / 3, "valid")
    times = np.maximum.accumulate(times)
    knots = STEP * np.concatenate([[0.0], steps + 0.5, [steps[-1] + 1.0]])
    values = np.concatenate([[0.0], STEP * (times + 0.5), [end - start]])
    values = np.maximum.accumulate(values)
    edges = np.array([phones[0].start] + [phone.end for phone in phones])
    moved = np.interp(edges, knots, values)
    outside = edges < 0.0  # a stop's closure before the first sound
    moved[outside] = edges[outside]
    beyond = edges > knots[-1]
    moved[beyond] = values[-1] + edges[beyond] - knots[-1]
    moved = spaced(start + moved)
    return [
        Phone(phone.symbol, float(a), float(b), phone.stress)
        for phone, a, b in zip(phones, moved[:-1], moved[1:], strict=True)
    ]


def spaced(times: np.ndarray) -> np.ndarray:
    """Rising times pushed later where they lie closer than every phone lasts, none beyond the last one."""
    room = SHORTEST * np.arange(len(times))
    pushed = np.maximum.accumulate(times - room)
    return np.minimum(pushed, times[-1] - room[-1]) + room


def without_false_pauses(phones: list[Phone], waveform: np.ndarray) -> list[Phone]:
    """Phones without pauses that are short or not quiet in this voice; the phones around one share its time."""
    level = loudness(waveform)
    kept: list[Phone] = []
    middle = None  # of the pause dropped just before
    for phone in phones:
        start = phone.start if middle is None else middle
        middle = None
        if phone.symbol == PAUSE:
            steps = level[round(phone.start / STEP) : max(round(phone.end / STEP), round(phone.start / STEP) + 1)]
            if phone.end - phone.start < SHORTEST_PAUSE or np.median(steps) > LOUDEST_PAUSE * level.max():
                middle = 0.5 * (phone.start + phone.end)
                before = kept.pop()  # there always is one: no utterance starts with a pause
                kept.append(Phone(before.symbol, before.start, middle, before.stress))
                continue
        kept.append(Phone(phone.symbol, start, phone.end, phone.stress))
    return kept


def with_sibilant_edges(phones: list[Phone], waveform: np.ndarray) -> list[Phone]:
    """Phones whose sibilants start and end where the band above 3.5 kHz rises and falls."""
    level = energy(band(waveform, 3500, 7500))
    edges = [phone.start for phone in phones] + [phones[-1].end]
    for index, (before, after) in enumerate(zip(phones[:-1], phones[1:], strict=True), 1):
        if after.symbol in SIBILANTS and before.symbol not in NO_EDGE:
            at, change = steepest(level, edges[index], REACH, 1)
        elif before.symbol in SIBILANTS and after.symbol not in NO_EDGE:
            at, change = steepest(level, edges[index], REACH, -1)
        else:
            continue
        if change >= LEAST_CHANGE:
            edges[index] = min(max(at / 1000, edges[index - 1] + SHORTEST), edges[index + 1] - SHORTEST)
    return [Phone(p.symbol, a, b, p.stress) for p, a, b in zip(phones, edges[:-1], edges[1:], strict=True)]
