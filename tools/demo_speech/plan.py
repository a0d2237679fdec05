"""Who says what how: twelve synthetic speakers, four modes, every sentence in two of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

MODES = ("neutral", "happy", "angry", "sad")
# Three ways to split the modes into two pairs. Both pairs of a way, equally often, keep the modes balanced.
PAIRINGS = (
    (("neutral", "happy"), ("angry", "sad")),
    (("neutral", "angry"), ("happy", "sad")),
    (("neutral", "sad"), ("happy", "angry")),
)
SENTENCES_A_SPEAKER = 20


@dataclass(frozen=True)
class Manner:
    """What a mode does: pitch step (1 % each), pitch range (50 = own), speed factor, level in dB."""

    pitch_step: int
    pitch_range: int
    speed: float
    level: float


MANNERS = {
    "neutral": Manner(0, 50, 1.0, 0.0),
    "happy": Manner(2, 66, 1.06, 1.0),
    "angry": Manner(1, 58, 1.10, 2.5),
    "sad": Manner(-3, 36, 0.90, -2.5),
}


@dataclass(frozen=True)
class Speaker:
    """A synthetic speaker: eSpeak voice, pitch setting (0-100, 50 = the voice's own), words a minute."""

    name: str
    split: str
    voice: str
    pitch: int
    rate: int

    def describe(self) -> str:
        return f"espeak-ng {self.voice}, pitch {self.pitch}, {self.rate} words/min (synthetic)"


SPEAKERS = (
    Speaker("s01", "train", "en-us+f1", 50, 165),
    Speaker("s02", "train", "en-us+m3", 50, 155),
    Speaker("s03", "train", "en-gb-x-rp+Annie", 38, 172),
    Speaker("s04", "train", "en-gb-x-rp+m7", 60, 150),
    Speaker("s05", "train", "en-gb-scotland+shelby", 56, 160),
    Speaker("s06", "train", "en-gb-scotland+m1", 42, 145),
    Speaker("s07", "train", "en-us-nyc+Andrea", 50, 178),
    Speaker("s08", "train", "en-us-nyc+Gene2", 56, 185),
    Speaker("s09", "val", "en-us-nyc+steph", 42, 158),
    Speaker("s10", "val", "en-us+m6", 56, 176),
    Speaker("s11", "test", "en-gb-x-rp+linda", 46, 170),
    Speaker("s12", "test", "en-gb-scotland+m8", 36, 152),
)


def read_sentences(path: Path) -> dict[str, dict[str, str]]:
    """Sentences by split and id ("t012" is the twelfth of the train section; v = val, e = test)."""
    sections: dict[str, dict[str, str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        line = line.strip()
        if line.startswith("["):
            split = line[1:-1]
            sections[split] = {}
        elif line and not line.startswith("#"):
            letter = {"train": "t", "val": "v", "test": "e"}[split]
            sections[split][f"{letter}{len(sections[split]) + 1:03d}"] = line
    return sections


def mode_pairs(index: int, rng: np.random.Generator) -> list[tuple[str, str]]:
    """Twenty mode pairs for speaker number `index`: every mode ten times, all six pairs in use."""
    pairs = []
    for number, (first, second) in enumerate(PAIRINGS):
        times = 4 if number == index % 3 else 3
        pairs += [first] * times + [second] * times
    return [pairs[i] for i in rng.permutation(len(pairs))]


def assign(
    index: int,
    pairs: list[tuple[str, str]],
    sentences: dict[str, str],
    uses: dict[str, int],
    fits,
    rng: np.random.Generator,
) -> list[tuple[str, tuple[str, str]]]:
    """Chooses one sentence for every mode pair of a speaker, the least used ones first.

    Parameters
    ----------
    index : int
        Number of the speaker, only for the error message.
    pairs : list of (str, str)
        Mode pairs.
    sentences : dict of str to str
        Pool of the speaker's split.
    uses : dict of str to int
        How often each sentence was given out; changed here.
    fits : callable (text, mode) -> bool
        Whether the clip's length is within the limits.
    rng : numpy Generator

    Raises
    ------
    ValueError
        If too few sentences fit.
    """
    order = sorted(rng.permutation(sorted(sentences)).tolist(), key=lambda name: uses.get(name, 0))
    plan = []
    for pair in pairs:
        name = next((n for n in order if all(fits(sentences[n], mode) for mode in pair)), None)
        if name is None:
            raise ValueError(f"speaker {index}: no sentence left whose {pair} clips have an allowed length")
        order.remove(name)
        uses[name] = uses.get(name, 0) + 1
        plan.append((name, pair))
    return plan
