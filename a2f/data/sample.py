"""One sentence of a synthetic voice that the shipped model never heard, with the motion that the corpus' rules want."""

from __future__ import annotations

import numpy as np

from a2f.audio import read_audio
from a2f.data.assets import asset
from a2f.data.clip import Clip, Phone
from a2f.data.faces import load_faces
from a2f.errors import BadInput
from a2f.files import read_json


def open_sample(fps: float = 30.0) -> Clip:
    """Return the sample sentence.

    Parameters
    ----------
    fps : float
        60, or a whole fraction of it.

    Returns
    -------
    Clip
        Its sound was rendered by a speech synthesiser whose voice is in no training set here, its phones were aligned,
        and its faces follow from the phones by the rules of the demo corpus: a target, not a recording.
    """
    faces, described = load_faces(), read_json(asset("sample/sample.json"))
    with np.load(asset("sample/motion.npz"), allow_pickle=False) as stored:
        coefficients, scale, stored_fps = stored["coefficients"], float(stored["scale"]), float(stored["fps"])
    step = stored_fps / fps
    if step < 1 or step != int(step):
        raise BadInput(f"the sample is stored at {stored_fps:g} frames a second; fps {fps:g} does not divide it")
    motion = coefficients[:: int(step)].astype(np.float32) * scale
    return Clip(
        name=f"sample-{described['voice']}",
        subject=described["speaker"],
        sentence=described["id"],
        split="test",
        topology=faces.topology,
        template=faces.identity(described["identity"]),
        fps=fps,
        num_frames=len(motion),
        sample_rate=described["sample_rate"],
        read_waveform=lambda: read_audio(asset("sample/speech.ogg"))[0],
        coefficients=motion,
        basis=faces.unit_basis,
        style=described["mode"],
        text=described["text"],
        phones=tuple(Phone(*phone) for phone in described["phones"]),
    )
