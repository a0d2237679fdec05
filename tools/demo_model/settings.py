"""The shipped model's recipe and settings in one place: corpus, network, training, and what its card says of them."""

from __future__ import annotations

from collections import Counter

from a2f.config import DEMO
from demo_model.corpus import Recipe
from demo_model.tracks import Utterance

SEED = 0
RECIPE = Recipe(passes=4, fps=30, seed=2023)

# The paper's network on the bundled encoder. Departures from PAPER beyond those of DEMO:
#   no template embedding       the template is only added (Eq. 3), so that a head never met moves as any other
#   batch norm on the audio     as the released code has it: instance norm blows the noise of a silent clip up to speech
#   aperture weight             closures weigh what they weigh to the eye (models/aperture.py)
MODEL = DEMO.replace(
    name="demo-model",
    motion_dim=96,
    style_stages=((96, 2, 2), (96, 2, 2)),
    template_embedding=False,
    audio_normalisation="batch",
    aperture_weight=1.0,
    epochs=60,
    validate_every=10,
    validation_clips=48,
)
REFERENCE = MODEL.replace(name="demo-model-log-mel", audio_encoder="log-mel")

ABOUT = (
    "Measured on voices that were never trained on, against the motion rules' targets for aligned phone times. Speech, "
    "faces and motion are synthetic; no human mouth was recorded. Intervals: 95 %, bootstrap over sentences."
)


def facts(train: list[Utterance], held: list[Utterance], voices: dict[str, list[Utterance]], finished: dict) -> dict:
    """What the model card states beside the measurements, counted from what was used."""
    minutes = sum(len(u.waveform) for u in train) / 16000 / 60
    families = Counter(u.voice.split("-")[0] for u in train)
    return {
        "train_sentences": len(train),
        "train_minutes": round(minutes, 1),
        "train_voices": len({u.voice for u in train}),
        "families": dict(families),
        "validation_sentences": len(held),
        "test_voices": {voice: len(us) for voice, us in voices.items()},
        "passes": RECIPE.passes,
        "training": finished,
        "config": MODEL.to_dict(),
    }
