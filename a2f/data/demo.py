"""The embedded demo corpus: 12 synthetic speakers, synthesised speech, generated motion on one head topology.

Nothing in it was recorded from a person. Its errors are never compared with those of VOCASET, BIWI or MeshTalk.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from a2f.audio import read_audio
from a2f.data.assets import asset
from a2f.data.clip import Clip, Dataset, Phone
from a2f.data.faces import load_faces
from a2f.errors import BadInput
from a2f.files import read_json


@lru_cache(maxsize=2)
def _speaker_sound(speaker: str) -> np.ndarray:
    """Return all of a speaker's sound, one clip after another; the two newest speakers are kept."""
    return read_audio(asset(f"demo/speech/{speaker}.ogg"))[0]


def open_demo(fps: float = 30.0) -> Dataset:
    """Open the demo corpus.

    Parameters
    ----------
    fps : float
        60, or a whole fraction of it: 30, 20, 15, ...

    Returns
    -------
    Dataset
        480 clips; `Clip.style` is the expressive mode.
    """
    faces = load_faces()
    speech = read_json(asset("demo/speech.json"))
    speakers = {entry["id"]: entry for entry in read_json(asset("demo/speakers.json"))["speakers"]}
    with np.load(asset("demo/motion.npz"), allow_pickle=False) as stored:
        coefficients = stored["coefficients"]
        scale, starts, stored_fps = float(stored["scale"]), stored["starts"], float(stored["fps"])
        order = {str(name): index for index, name in enumerate(stored["clip_ids"])}
    step = stored_fps / fps
    if step < 1 or step != int(step):
        raise BadInput(f"the demo corpus is stored at {stored_fps:g} frames a second; fps {fps:g} does not divide it")
    templates = {name: faces.identity(entry["identity"]) for name, entry in speakers.items()}
    clips = []
    for entry in speech["clips"]:
        index = order[entry["id"]]
        motion = coefficients[starts[index] : starts[index + 1] : int(step)].astype(np.float32) * scale
        first, count = entry["start"], entry["samples"]
        clips.append(
            Clip(
                name=entry["id"],
                subject=entry["speaker"],
                sentence=entry["sentence"],
                split=speakers[entry["speaker"]]["split"],
                topology=faces.topology,
                template=templates[entry["speaker"]],
                fps=fps,
                num_frames=len(motion),
                sample_rate=speech["sample_rate"],
                read_waveform=lambda s=entry["speaker"], a=first, n=count: _speaker_sound(s)[a : a + n],
                coefficients=motion,
                basis=faces.unit_basis,
                style=entry["mode"],
                text=entry["text"],
                phones=tuple(Phone(*phone) for phone in entry["phones"]),
            )
        )
    return Dataset("demo", faces.topology, fps, tuple(clips), synthetic=True, unit_names=faces.unit_names)
