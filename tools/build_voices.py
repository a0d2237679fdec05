"""Builds the speech of several synthetic voices that the shipped model is trained and tested on, with phone times.

    python tools/build_voices.py [--voice ID ...]   render the voices that may be shipped, or only these of them
    python tools/build_voices.py --piper            render the test voice that may not be, into build/demo-model/piper
    python tools/build_voices.py --check            measure what is there again and compare with the stored figures

Needs the packages in tools/requirements-voices.txt, and flite 2.2 (Debian: apt-get install flite). Writes
tools/demo_voices/speech/<voice>.ogg, speech.json and checks.json. demo_voices/NOTICE says where the voices come from.
"""

from __future__ import annotations

import argparse
import json
import sys
from functools import cache
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent)]

from demo_speech.ogg import write_ogg  # noqa: E402
from demo_speech.phones import Phone  # noqa: E402
from demo_voices import audio, checks, corpus, plan  # noqa: E402

from a2f.files import atomic_path, write_json  # noqa: E402

COMPRESSION = 0.55
SHORTEST, LONGEST = 1.7, 4.2  # seconds of a clip
SPARE = 1.6  # times as many texts are tried as clips are wanted, at most
PIPER = Path(__file__).resolve().parent.parent / "build" / "demo-model" / "piper"
ABOUT = (
    "Synthetic speech of several synthesisers, see NOTICE. Phone times are seconds from the clip's first sample; a "
    "stop (p t k b d g ch jh) starts at its closure, not at its release. Symbols are those of the demo speech; "
    "stress is 0 none, 1 main, 2 side."
)


@cache
def engine(family: str):
    """The synthesiser of a family, loaded once."""
    from demo_voices import engines

    if family == "flite":
        from demo_voices.flite import Flite

        return Flite()
    if family == "kokoro":
        return engines.Kokoro(engine("hibari"))
    return {"hibari": engines.Hibari, "pico": engines.Pico, "piper": engines.Piper}[family]()


@cache
def aligner():
    """What carries phone times from eSpeak NG's rendition to another, loaded once."""
    from demo_voices.alignment import Aligner

    return Aligner()


def utterance(voice: plan.Voice, text: str, rate: float, seed: int) -> tuple[np.ndarray, list[Phone]]:
    """One sentence of a voice: waveform at 16 kHz and its phones, from the first sound to the last."""
    if voice.family == "flite":
        waveform, sample_rate, phones = engine("flite")(text, voice.speaker, rate)
        return audio.resampled(waveform, sample_rate), phones
    # what resampling does to the tempo is taken back beforehand
    waveform, sample_rate = engine(voice.family)(text, voice.speaker, round(rate / voice.warp, 3), seed)
    waveform = audio.resampled(waveform, sample_rate, voice.warp)
    return waveform, aligner()(text, "en-gb-x-rp" if voice.speaker == "en-GB" else "en-us", waveform)


def candidates(voice: plan.Voice) -> list[tuple[str, np.ndarray, checks.Rows]]:
    """Renders texts of a voice until enough of them have an allowed length for some to be rejected."""
    texts = plan.texts_of(voice)
    wanted = min(len(texts), round(SPARE * voice.clips))
    found = []
    for number, text in enumerate(texts):
        if len(found) == wanted:
            break
        rng = plan.generator(voice, number)
        rate = round(float(rng.uniform(*voice.rates)), 3)
        waveform, phones = utterance(voice, text, rate, int(rng.integers(2**31)))
        waveform, rows = audio.clip_of(waveform, phones, rng)
        if SHORTEST <= len(waveform) / audio.RATE <= LONGEST:
            found.append((text, waveform, rows))
    return found


def render(voice: plan.Voice) -> tuple[list[dict], np.ndarray, int]:
    """Clips of a voice as in speech.json, their audio one after another, and how many were rejected."""
    found = candidates(voice)
    usual = checks.medians_of([e for _, wave, rows in found for e in checks.boundary_errors(wave, rows)])
    clips, waves, start, rejected = [], [], 0, 0
    for text, wave, rows in found:
        if len(clips) == voice.clips:
            break
        faults = checks.faults(wave, rows, usual)
        if faults:
            rejected += 1
            print(f"  {voice.id} rejects {text!r}: {', '.join(faults)}")
            continue
        name = f"{voice.id}-{len(clips) + 1:03d}"
        clips.append(
            {"id": name, "voice": voice.id, "text": text, "start": start, "samples": len(wave), "phones": rows}
        )
        waves.append(wave)
        start += len(wave)
    return clips, np.concatenate(waves), rejected


def write_speech(folder: Path, voices: list[dict], clips: list[dict]) -> None:
    """Writes speech.json with one clip a line, whole or not at all."""

    def short(value) -> str:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    head = {"sample_rate": audio.RATE, "about": ABOUT}
    lines = [f"{short(key)}:{short(value)}" for key, value in head.items()]
    lines += ['"voices":[\n' + ",\n".join(map(short, voices)) + "\n]", '"clips":[\n' + ",\n".join(map(short, clips))]
    with atomic_path(folder / "speech.json") as part:
        part.write_text("{" + ",\n".join(lines) + "\n]}\n", encoding="utf-8")


def table(figures: dict[str, dict]) -> str:
    """The figures of all voices as text, one voice a line."""
    lines = [f"{'voice':18s} clips   min  rejected  lag ms: sibilants stops vowels  boundaries: spread ms (n)"]
    for name, row in figures.items():
        lags = " ".join(f"{value:+7d}" for value in row["lag_ms"].values())
        lines.append(
            f"{name:18s} {row['clips']:5d} {row['minutes']:5.1f} {row['rejected']:9d}        {lags}"
            f"            {row['boundary_spread_ms']:6.1f} ({row['boundaries']})"
        )
    return "\n".join(lines)


def measure(folder: Path, rejected: dict[str, int]) -> dict[str, dict]:
    """Figures of the voices as they are on disk, after coding; `rejected` counts are passed on."""
    by_voice: dict[str, list] = {}
    for clip in corpus.read_voices(folder):
        by_voice.setdefault(clip.voice, []).append((clip.waveform, clip.phones))
    return {name: {**checks.summary(own), "rejected": rejected[name]} for name, own in by_voice.items()}


def stored_figures(folder: Path) -> dict[str, dict]:
    """The figures in checks.json; none where there is no such file yet."""
    path = folder / "checks.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def build(folder: Path, voices: list[plan.Voice], only: list[str]) -> None:
    """Renders voices into a folder; those not in `only`, if it names any, stay as they are."""
    clips: dict[str, list[dict]] = {}
    rejected = {name: row["rejected"] for name, row in stored_figures(folder).items()}
    listing = folder / "speech.json"
    if only and listing.exists():
        for clip in json.loads(listing.read_text(encoding="utf-8"))["clips"]:
            clips.setdefault(clip["voice"], []).append(clip)
    for serial, voice in enumerate(voices, 1):
        if only and voice.id not in only:
            continue
        clips[voice.id], wave, rejected[voice.id] = render(voice)
        write_ogg(folder / "speech" / f"{voice.id}.ogg", wave, audio.RATE, serial, COMPRESSION)
        print(f"{voice.id}: {len(clips[voice.id])} clips, {rejected[voice.id]} rejected", flush=True)
    there = [voice for voice in voices if voice.id in clips]
    heads = [{key: getattr(voice, key) for key in ("id", "family", "split", "about", "licence")} for voice in there]
    write_speech(folder, heads, [clip for voice in there for clip in clips[voice.id]])
    figures = measure(folder, rejected)
    write_json(folder / "checks.json", figures)
    print(table(figures))
    files = sorted((folder / "speech").glob("*.ogg"))
    print(f"{len(files)} voices, {sum(path.stat().st_size for path in files) / 1e6:.2f} MB of audio in {folder}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--voice", action="append", default=[], choices=[v.id for v in plan.VOICES if v.shipped])
    parser.add_argument("--piper", action="store_true", help="render piper's test voice, which is never committed")
    parser.add_argument("--check", action="store_true", help="measure what is there, render nothing")
    arguments = parser.parse_args()
    folder = PIPER if arguments.piper else corpus.FOLDER
    if arguments.check:
        stored = stored_figures(folder)
        figures = measure(folder, {name: row["rejected"] for name, row in stored.items()})
        print(table(figures))
        different = [name for name in figures if figures[name] != stored[name]]
        if different:
            sys.exit(f"checks.json says otherwise about {', '.join(different)}: build these voices again")
        return
    build(folder, [voice for voice in plan.VOICES if voice.shipped != arguments.piper], arguments.voice)


if __name__ == "__main__":
    main()
