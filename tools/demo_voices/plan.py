"""Who says what: the voices, how each is made, and the order in which it takes its texts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from demo_speech.plan import read_sentences

SEED = 20260202
OWN = Path(__file__).with_name("sentences.txt")
DEMO = Path(__file__).resolve().parent.parent / "demo_speech" / "sentences.txt"


@dataclass(frozen=True)
class Voice:
    """A voice of the set.

    `family` names the synthesiser, `speaker` its speaker, `clips` how many are wanted, `rates` the range of speaking
    rates (1 = the voice's own; one is drawn per clip), `warp` the factor on pitch and formants together, `shipped`
    whether its audio may be committed.
    """

    id: str
    family: str
    speaker: str
    split: str
    clips: int
    about: str
    licence: str
    rates: tuple[float, float] = (1.0, 1.0)
    warp: float = 1.0
    shipped: bool = True


CMU = "CMU Flite licence (permissive)"
APACHE = "Apache-2.0"
HEART = "distilled from Kokoro-82M's af_heart"
STYLE = "Japanese style vector"
PLAIN = (0.92, 1.14)

VOICES = (
    Voice("flite-slt", "flite", "slt", "train", 100, "American woman, statistical voice slt", CMU, PLAIN),
    Voice("flite-rms", "flite", "rms", "train", 100, "American man, statistical voice rms", CMU, PLAIN),
    Voice("flite-kal", "flite", "kal16", "train", 40, "American man, diphone voice kal", CMU, (0.95, 1.1)),
    Voice("hibari-heart", "hibari", "heart", "train", 80, f"American woman, {HEART}", APACHE, (0.9, 1.12)),
    Voice("hibari-w086", "hibari", "heart", "train", 50, f"{HEART}, warped by .86", APACHE, (0.9, 1.1), 0.86),
    Voice("hibari-w093", "hibari", "heart", "train", 50, f"{HEART}, warped by .93", APACHE, (0.9, 1.1), 0.93),
    Voice("hibari-w108", "hibari", "heart", "train", 50, f"{HEART}, warped by 1.08", APACHE, (0.9, 1.1), 1.08),
    Voice("hibari-w116", "hibari", "heart", "train", 50, f"{HEART}, warped by 1.16", APACHE, (0.9, 1.1), 1.16),
    Voice("kokoro-alpha", "kokoro", "jf_alpha", "train", 45, f"woman, {STYLE} jf_alpha", APACHE, PLAIN),
    Voice("kokoro-gongitsune", "kokoro", "jf_gongitsune", "train", 45, f"woman, {STYLE} jf_gongitsune", APACHE, PLAIN),
    Voice("kokoro-nezumi", "kokoro", "jf_nezumi", "train", 45, f"woman, {STYLE} jf_nezumi", APACHE, PLAIN),
    Voice("kokoro-tebukuro", "kokoro", "jf_tebukuro", "train", 45, f"woman, {STYLE} jf_tebukuro", APACHE, PLAIN),
    Voice("kokoro-kumo", "kokoro", "jm_kumo", "train", 45, f"man, {STYLE} jm_kumo", APACHE, PLAIN),
    Voice("pico-us", "pico", "en-US", "train", 45, "American woman, SVOX Pico lh0", APACHE, (0.95, 1.2)),
    Voice("pico-gb", "pico", "en-GB", "train", 45, "British woman, SVOX Pico kh0", APACHE, (0.9, 1.1)),
    Voice("flite-awb", "flite", "awb", "test", 40, "Scottish man, statistical voice awb", CMU),
    Voice("piper-joe", "piper", "joe", "test", 40, "American man", "not clear, see NOTICE; not shipped", shipped=False),
)


def texts_of(voice: Voice) -> list[str]:
    """Texts of a voice's split in the order the voice takes them.

    Training voices walk one shuffled list, each from where the voice before it is expected to stop, so that they share
    texts only where the list has been used up. Test voices all take the test texts in the order they are written.
    """
    if voice.split == "test":
        return list(read_sentences(OWN)["test"].values())
    pool = [*read_sentences(OWN)["train"].values(), *read_sentences(DEMO)["train"].values()]
    trained = [v for v in VOICES if v.split == "train"]
    offset = sum(v.clips for v in trained[: trained.index(voice)])
    order = np.random.default_rng(SEED).permutation(len(pool))
    return [pool[i] for i in np.roll(order, -offset)]


def generator(voice: Voice, number: int) -> np.random.Generator:
    """The random numbers of one clip: rate, silences, noise of the synthesiser."""
    return np.random.default_rng([SEED, [v.id for v in VOICES].index(voice.id), number])
