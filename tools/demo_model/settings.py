"""The shipped model's recipe and settings in one place: corpus, network, training, and what its card says of them."""

from __future__ import annotations

from collections import Counter

from a2f.config import DEMO
from demo_model.corpus import Recipe
from demo_model.hardening import Hardening
from demo_model.noisy import Pairs
from demo_model.tracks import RATE, Utterance

SEED = 0
RECIPE = Recipe(passes=4, fps=60, seed=2023)
PAIRS = Pairs()
HARDENING = Hardening()

# The paper's network on the bundled encoder, with the paper's beta. Departures from PAPER beyond those of DEMO:
#   no template embedding       the template is only added (Eq. 3), so that a head never met moves as any other
#   batch norm on the audio     as the released code has it: instance norm blows the noise of a silent clip up to speech
#   aperture weight             closures weigh what they weigh to the eye (models/aperture.py)
#   standardised, hidden audio  voices of one synthesiser are few: what is hidden at random cannot be learned by heart
#   64 channels throughout, batches of 32 crops, 4e-3      as much as two cores train in half an hour
#   60 frames a second          a closure lasts three frames instead of one or two
# When it is trained, encoder and decoder go on together in noise (hardening.py).
MODEL = DEMO.replace(
    name="demo-model",
    style_stages=((64, 2, 2), (64, 2, 2)),
    template_embedding=False,
    standardise_audio=True,
    audio_normalisation="batch",
    sparsity_weight=1e-4,
    aperture_weight=10.0,
    feature_dropout=0.4,
    learning_rate=4e-3,
    batch_size=32,
    epochs=120,
    validate_every=12,
    validation_clips=48,
    fps=float(RECIPE.fps),
    crop_frames=96,
    style_frames=128,
)
REFERENCE = MODEL.replace(name="demo-model-log-mel", audio_encoder="log-mel")

SAMPLE = "Mushrooms popped up behind the old pump house."  # the sentence of the quickstart, as awb says it

ABOUT = (
    "Measured on voices that were never trained on, against the motion rules' targets for aligned phone times. Speech, "
    "faces and motion are synthetic; no human mouth was recorded. Phone times are the synthesiser's own for flite and "
    "eSpeak, aligned with the model's own audio encoder for piper. Intervals: 95 %, bootstrap over sentences."
)


def facts(train: list[Utterance], held: list[Utterance], voices: dict[str, list[Utterance]], finished: dict) -> dict:
    """What the model card states beside the measurements, counted from what was used (`a2f.card.FACTS`)."""
    minutes = sum(len(u.waveform) for u in train) / RATE / 60
    families = Counter(u.voice.partition("-")[0] for u in train)
    speech = ", ".join(f"{family} {count}" for family, count in sorted(families.items()))
    tested = ", ".join(f"{voice} ({len(found)} sentences)" for voice, found in voices.items())
    return {
        "name": "a2f demo model",
        "model_id": "demo",
        "summary": "Speech in, a moving 3D face out, for voices and faces that it never met: the paper's network on "
        "the bundled audio encoder, trained on synthetic voices and rule-made motion.",
        "license": "mit",
        "language": "en",
        "synthetic": True,
        "data": {
            "voices": f"{len(train)} sentences ({minutes:.0f} min) of {len({u.voice for u in train})} voices by speech "
            f"synthesisers of {len(families)} families ({speech}), each used {RECIPE.passes} times with other speeds "
            "and pauses, half of them with rooms, noise, music, codecs or low sample rates; 5 % of the tracks without "
            "speech. "
            f"{len(held)} further recordings of the same voices, most of sentences heard in training, chose the "
            "checkpoint. Phone times are the synthesiser's own (flite, eSpeak) or aligned.",
            "voices kept for tests": tested,
            "faces": "heads drawn from the demo corpus' 40 identity components; the test heads are others",
            "motion": "the demo corpus' rules of articulation, for a new way of speaking in every pair of tracks; no "
            "blinks, gaze or brow accents, which cannot be heard",
        },
        "training": {
            "steps": finished["steps"],
            "then, in noise, audio encoder too": f"{HARDENING.steps} steps on {HARDENING.batch_size} of {PAIRS.clips} "
            f"clips of {PAIRS.seconds:g} s, {1 - HARDENING.unspoilt:.0%} in noise at {PAIRS.ratios[0]:g} to "
            f"{PAIRS.ratios[1]:g} dB, towards the trained model's own features and movement for the clean sound; "
            f"{HARDENING.share:g} of the way to the mean of {len(HARDENING.seeds)} such runs",
            "seconds": finished["seconds"],
            "epochs": MODEL.training.epochs,
            "batch": f"{MODEL.training.batch_size} crops of {MODEL.training.crop_frames} frames",
            "learning rate": f"{MODEL.training.learning_rate:g}, one cycle",
            "sparsity weight (beta)": MODEL.training.sparsity_weight,
            "aperture weight": MODEL.training.aperture_weight,
            "feature dropout": MODEL.training.feature_dropout,
            "standardised audio features": MODEL.model.standardise_audio,
            "best validation loss": finished["best_val_loss"],
            "seed": SEED,
        },
        "limits": [
            "No recording of a person speaking was in training or testing, only synthesisers, some of them built from "
            "recordings, and no human mouth: what it follows is what rules say mouths do. Expect less on real "
            "recordings than on the voices below.",
            "The targets of all voices but flite's and eSpeak's follow an alignment that uses the same audio encoder, "
            "which may favour the model a little.",
            "English phones of a few accents; other languages were not tried.",
            "The eyes do not blink or look around, the tongue does not move.",
            "It knows one mesh topology, that of the demo corpus.",
            "A style is learned from made-up ways of speaking; a motion far from them gives something between.",
            "Of the training in noise five variants were tried and their results on the test voices seen, so that what "
            "is stated for noise may be a little too good.",
            "Shouting, singing, laughing and several speakers at once were not trained on.",
        ],
    }
