"""The sentence that the quickstart animates: stored with the package, said by a voice that stays out of training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from demo_motion.generate import SCALE, STORED_RATE
from demo_speech.ogg import write_ogg

from a2f.data.assets import asset
from a2f.files import atomic_path, read_json, write_json
from demo_model.corpus import motion
from demo_model.measure import MOTION_SEED
from demo_model.tracks import RATE, Utterance

SPEAKER, MODE = "s11", "neutral"
COMPRESSION = 0.3


def store_sample(utterance: Utterance, folder: Path) -> None:
    """Write the sample's sound, its phones and the motion that the rules give for them.

    Parameters
    ----------
    utterance : Utterance
    folder : Path
        a2f/assets/sample.
    """
    speakers = {entry["id"]: entry for entry in read_json(asset("demo/speakers.json"))["speakers"]}
    entry, phones = speakers[SPEAKER], [list(phone) for phone in utterance.phones]
    coefficients = motion(entry, MODE, utterance.name, phones, len(utterance.waveform), STORED_RATE, MOTION_SEED)
    folder.mkdir(parents=True, exist_ok=True)
    write_ogg(folder / "speech.ogg", utterance.waveform, RATE, 1, COMPRESSION)
    with atomic_path(folder / "motion.npz") as part:
        np.savez_compressed(part, coefficients=np.rint(coefficients / SCALE).astype(np.int16), scale=np.float32(SCALE),
                            fps=np.int64(STORED_RATE))  # fmt: skip
    write_json(folder / "sample.json", {
        "id": utterance.name, "voice": utterance.voice, "text": utterance.text, "sample_rate": RATE, "synthetic": True,
        "speaker": SPEAKER, "mode": MODE, "identity": entry["identity"], "phones": phones,
    })  # fmt: skip
