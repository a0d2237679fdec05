"""Builds the speech of the demo corpus: 480 short clips of twelve synthetic speakers, with phone times.

    python tools/build_speech.py            needs the PyPI packages espeakng-loader 0.2.4, soxr and soundfile

Writes a2f/assets/demo/speech/<speaker>.ogg (all clips of a speaker, one after another) and
a2f/assets/demo/speech.json. Every speaker says 20 sentences, each in two of the four modes, every mode ten
times. The same run gives the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent)]

from demo_speech.espeak import Espeak  # noqa: E402
from demo_speech.ogg import write_ogg  # noqa: E402
from demo_speech.phones import PAUSE, PHONE_SET, VOWELS, Phone, phones_of  # noqa: E402
from demo_speech.plan import MANNERS, SPEAKERS, Speaker, assign, mode_pairs, read_sentences  # noqa: E402

from a2f.files import atomic_path  # noqa: E402

RATE = 16000
LEVEL = 10 ** (-26 / 20)  # root mean square of a neutral clip's speech
SHORTEST, LONGEST = 2.2, 4.0  # seconds of a clip
LONGEST_SPEECH = LONGEST - 0.8  # leaves the longest silences before and after
SHORTEST_SPEECH = SHORTEST - 0.5
TAIL = 0.03  # seconds kept after the last phone, faded out
GRID = 320  # clips are whole 20 ms steps long
SEED = 20260101
COMPRESSION = 0.55
ASSETS = Path(__file__).resolve().parent.parent / "a2f" / "assets" / "demo"


@dataclass(frozen=True)
class Speech:
    """Speech without silence around it: `waveform` (S,) float32 at 16 kHz, `phones` timed from its start."""

    waveform: np.ndarray
    phones: list[Phone]

    @property
    def seconds(self) -> float:
        return self.phones[-1].end


def speak(espeak: Espeak, speaker: Speaker, text: str, mode: str) -> Speech:
    """Renders a sentence in a mode, level set, resampled to 16 kHz."""
    import soxr

    manner = MANNERS[mode]
    rate, pitch = round(speaker.rate * manner.speed), speaker.pitch + manner.pitch_step
    raw = espeak.render(text, speaker.voice, rate, pitch, manner.pitch_range)
    phones = phones_of(raw.events, raw.waveform, raw.sample_rate)
    end = int((phones[-1].end + TAIL) * raw.sample_rate)
    wave = raw.waveform[:end].copy()
    fade = int(TAIL * raw.sample_rate)
    wave[-fade:] *= 0.5 + 0.5 * np.cos(np.pi * np.arange(fade) / fade)
    active = wave[np.abs(wave) > 1e-4]
    wave *= LEVEL * 10 ** (manner.level / 20) / np.sqrt(np.mean(active.astype(np.float64) ** 2))
    wave = soxr.resample(wave, raw.sample_rate, RATE, quality="VHQ").astype(np.float32)
    peak = np.abs(wave).max()
    if peak > 0.98:
        raise ValueError(f"{speaker.name} {mode} {text!r} would clip, its peak is {peak:.2f}: lower LEVEL")
    return Speech(wave, phones)


def with_silence(speech: Speech, rng: np.random.Generator) -> tuple[np.ndarray, list[list]]:
    """Puts silence around speech.

    Returns
    -------
    waveform : ndarray, float32, shape (S,), S a multiple of 320
    phones : list of [symbol, start, end, stress]
        Seconds from the clip's first sample, rounded to 0.1 ms, first and last one a pause, no gaps.
    """
    lead = round(rng.uniform(0.25, 0.40) * RATE)
    total = lead + speech.seconds * RATE + rng.uniform(0.25, 0.40) * RATE
    samples = max(round(total / GRID), -(-int(SHORTEST * RATE) // GRID)) * GRID
    wave = np.zeros(samples, np.float32)
    wave[lead : lead + len(speech.waveform)] = speech.waveform
    shift = lead / RATE
    times = [round(phone.start + shift, 4) for phone in speech.phones] + [round(speech.seconds + shift, 4)]
    rows: list[list] = [[PAUSE, 0.0, times[0], 0]]
    for phone, start, end in zip(speech.phones, times[:-1], times[1:], strict=True):
        rows.append([phone.symbol, start, end, phone.stress])
    rows.append([PAUSE, times[-1], samples / RATE, 0])
    return wave, rows


def render() -> tuple[dict, dict[str, np.ndarray]]:
    """Renders the corpus.

    Returns
    -------
    corpus : dict
        The contents of speech.json.
    audio : dict of str to ndarray, float32, shape (S,)
        All clips of a speaker, one after another, by speaker.
    """
    espeak = Espeak()
    sentences = read_sentences(Path(__file__).with_name("demo_speech") / "sentences.txt")
    uses: dict[str, int] = {}
    clips, speakers, audio = [], [], {}
    for index, speaker in enumerate(SPEAKERS):
        rng = np.random.default_rng([SEED, index])
        pool = sentences[speaker.split]

        def fits(text: str, mode: str, speaker: Speaker = speaker) -> bool:
            return SHORTEST_SPEECH <= speak(espeak, speaker, text, mode).seconds <= LONGEST_SPEECH

        plan = assign(index, mode_pairs(index, rng), pool, uses, fits, rng)
        waves, start = [], 0
        for number, (sentence, pair) in enumerate(plan, 1):
            for mode in pair:
                wave, phones = with_silence(speak(espeak, speaker, pool[sentence], mode), rng)
                clips.append(
                    {
                        "id": f"{speaker.name}-{number:02d}-{mode}",
                        "speaker": speaker.name,
                        "sentence": sentence,
                        "text": pool[sentence],
                        "mode": mode,
                        "start": start,
                        "samples": len(wave),
                        "phones": phones,
                    }
                )
                waves.append(wave)
                start += len(wave)
        speakers.append({"id": speaker.name, "split": speaker.split, "voice": speaker.describe()})
        audio[speaker.name] = np.concatenate(waves)
    corpus = {
        "sample_rate": RATE,
        "about": "Synthetic speech rendered with eSpeak NG. Phone times are seconds from the clip's first "
        "sample; a stop (p t k b d g ch jh) starts at its closure, not at its release.",
        "phone_set": {
            "name": "lower-case ARPAbet-like, 39 phones and the pause '_'",
            "symbols": list(PHONE_SET),
            "vowels": list(VOWELS),
            "stress": "0 none, 1 main, 2 side; on vowels only",
        },
        "speakers": speakers,
        "clips": clips,
    }
    return corpus, audio


def write_json(path: Path, corpus: dict) -> None:
    """Writes speech.json with one clip a line, whole or not at all."""

    def short(value) -> str:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    head = ",\n".join(f"{short(key)}:{short(value)}" for key, value in corpus.items() if key != "clips")
    lines = ",\n".join(short(clip) for clip in corpus["clips"])
    with atomic_path(path) as part:
        part.write_text("{" + head + ',\n"clips":[\n' + lines + "\n]}\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=ASSETS)
    arguments = parser.parse_args()
    corpus, audio = render()
    (arguments.out / "speech").mkdir(parents=True, exist_ok=True)
    for serial, (name, wave) in enumerate(audio.items(), 1):
        write_ogg(arguments.out / "speech" / f"{name}.ogg", wave, RATE, serial, COMPRESSION)
    write_json(arguments.out / "speech.json", corpus)
    files = [arguments.out / "speech.json", *sorted((arguments.out / "speech").glob("*.ogg"))]
    for path in files:
        print(path.name, path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest()[:16])
    print(
        len(corpus["clips"]),
        "clips,",
        round(sum(c["samples"] for c in corpus["clips"]) / RATE / 60, 1),
        "min,",
        round(sum(path.stat().st_size for path in files[1:]) / 1e6, 2),
        "MB of audio",
    )


if __name__ == "__main__":
    main()
