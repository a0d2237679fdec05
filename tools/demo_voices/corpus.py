"""The set of voices on disk: one Ogg file a voice, and speech.json with the phone times of every clip."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

RATE = 16000
FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True)
class VoiceClip:
    """One utterance: `waveform` (S,) float32 at 16 kHz, `phones` (symbol, start s, end s, stress) without gaps."""

    id: str
    voice: str
    family: str
    split: str
    text: str
    waveform: np.ndarray
    phones: list[tuple[str, float, float, int]]


def read_voices(folder: Path = FOLDER) -> list[VoiceClip]:
    """Reads all clips of a folder that tools/build_voices.py wrote.

    Parameters
    ----------
    folder : Path
        Holds speech.json and speech/<voice>.ogg.

    Returns
    -------
    list of VoiceClip
        In the order of speech.json.

    Raises
    ------
    FileNotFoundError
        If the folder or one of its recordings is not there.
    ValueError
        If a recording has another sample rate or length than speech.json says.
    """
    import soundfile

    folder = Path(folder)
    listing = folder / "speech.json"
    if not listing.exists():
        raise FileNotFoundError(f"no {listing}; python tools/build_voices.py writes it")
    corpus = json.loads(listing.read_text(encoding="utf-8"))
    voices = {voice["id"]: voice for voice in corpus["voices"]}
    recordings: dict[str, np.ndarray] = {}
    for name in voices:
        path = folder / "speech" / f"{name}.ogg"
        if not path.exists():
            raise FileNotFoundError(f"no {path}, which {listing} names; python tools/build_voices.py writes it")
        wave, rate = soundfile.read(path, dtype="float32")
        expected = sum(clip["samples"] for clip in corpus["clips"] if clip["voice"] == name)
        if rate != RATE or wave.shape != (expected,):
            raise ValueError(f"{path} holds {wave.shape} samples at {rate} Hz, {listing} says {expected} at {RATE} Hz")
        recordings[name] = wave
    clips = []
    for clip in corpus["clips"]:
        voice = voices[clip["voice"]]
        wave = recordings[voice["id"]][clip["start"] : clip["start"] + clip["samples"]]
        phones = [(symbol, start, end, stress) for symbol, start, end, stress in clip["phones"]]
        clips.append(VoiceClip(clip["id"], voice["id"], voice["family"], voice["split"], clip["text"], wave, phones))
    return clips
