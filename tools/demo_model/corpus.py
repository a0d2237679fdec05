"""The training corpus of the shipped model: tracks of many voices and hundreds of made-up speakers."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
from demo_motion.generate import STORED_RATE, Speaker, calm_curves
from demo_motion.mouth import FaceAsset, MouthGeometry
from demo_motion.speakers import IDENTITY_SPREAD, LARGEST_COEFFICIENT, RANGES
from demo_motion.visemes import solve_targets
from tqdm import tqdm

from a2f.data import open_dataset
from a2f.data.clip import Clip, Dataset, Phone
from a2f.data.faces import load_faces
from a2f.files import atomic_path
from demo_model.tracks import RATE, Plan, Utterance, plan_tracks, render

ROOT = Path(__file__).resolve().parents[2]
FACES = ROOT / "a2f" / "assets" / "demo" / "faces.npz"


@dataclass(frozen=True)
class Recipe:
    """How much is made: `passes` over the training sentences, frames a second, and the seed of everything."""

    passes: int = 4
    fps: int = 30
    seed: int = 2023


def espeak_utterances(splits: tuple[str, ...] = ("train",)) -> list[Utterance]:
    """The sentences of the demo corpus' speakers of some splits."""
    clips = [clip for clip in open_dataset("demo").clips if clip.split in splits]
    return [
        Utterance(c.name, f"espeak-{c.subject}", c.text, c.waveform, tuple(astuple(p) for p in c.phones)) for c in clips
    ]


def draw_speaker(number: int, seed: int) -> dict:
    """An entry as in speakers.json: a head of its own and a way of speaking drawn evenly from the styles' ranges."""
    rng = np.random.default_rng([seed, 7, number])
    identity = np.clip(IDENTITY_SPREAD * rng.standard_normal(40), -LARGEST_COEFFICIENT, LARGEST_COEFFICIENT)
    style = {name: float(rng.uniform(*bounds)) for name, bounds in RANGES.items()}
    return {"id": f"p{number:04d}", "identity": identity.tolist(), "style": style}


_KEPT: dict = {}


def _face() -> tuple[FaceAsset, dict]:
    if "face" not in _KEPT:
        face = FaceAsset(FACES)
        _KEPT["face"] = face, solve_targets(MouthGeometry(face))
    return _KEPT["face"]


def motion(speaker: dict, mode: str, name: str, phones: list, samples: int, fps: int, seed: int) -> np.ndarray:
    """Unit values (T, 52) float32 of a speaker saying timed phones, without what sound cannot tell: blinks and gaze."""
    face, targets = _face()
    entry = {"id": name, "mode": mode, "phones": phones, "samples": samples}
    values = calm_curves(
        Speaker(face, speaker, targets), entry, seed, RATE, blinks=False, gaze=False, accents=False, variation=False
    )
    return values[:: STORED_RATE // fps].astype(np.float32)


def _make(job: tuple) -> None:
    plan, recipe, path = job
    waveform, phones = render(plan, _KEPT["utterances"], recipe.seed)
    speaker = draw_speaker(plan.subject, recipe.seed)
    coefficients = motion(speaker, plan.mode, plan.name, phones, len(waveform), recipe.fps, recipe.seed)
    peak = max(1.0, float(np.abs(waveform).max()) / 0.99)
    with atomic_path(path) as part:
        np.savez(part, waveform=np.rint(waveform / peak * 32767).astype(np.int16), coefficients=coefficients)


def _keep(utterances: list[Utterance]) -> None:
    _KEPT["utterances"] = utterances


def digest(utterances: list[Utterance], recipe: Recipe) -> str:
    """Names all that the tracks depend on: recipe, sound, labels, faces, and the code that makes them."""
    state = hashlib.sha256(repr(recipe).encode() + FACES.read_bytes())
    for utterance in utterances:
        state.update(repr((utterance.name, utterance.phones)).encode() + utterance.waveform.tobytes())
    for folder in ("demo_motion", "demo_model"):
        for path in sorted((ROOT / "tools" / folder).glob("*.py")):
            if path.stem in ("tracks", "augment", "corpus") or folder == "demo_motion":
                state.update(path.read_bytes())
    return state.hexdigest()[:16]


def build(train: list[Utterance], held: list[Utterance], recipe: Recipe, folder: Path, workers: int) -> Dataset:
    """Make all tracks that are not there yet and return them as a data set.

    Parameters
    ----------
    train, held : list of Utterance
        Sentences to train on, and held-out sentences of the same voices to validate on.
    recipe : Recipe
    folder : Path
        Where the tracks are kept, about 2.3 MB a minute.
    workers : int
    """
    folder = folder / digest([*train, *held], recipe)
    plans = [*plan_tracks(train, recipe.passes, "train", recipe.seed)]
    offset = 1 + max(plan.subject for plan in plans)
    both = [*train, *held]
    for plan in plan_tracks(held, 2, "val", recipe.seed + 1):
        moved = tuple(index + len(train) for index in plan.utterances)
        plans.append(Plan(plan.name, plan.subject + offset, plan.mode, "val", moved, plan.degraded, plan.silence))
    jobs = [(plan, recipe, folder / f"{plan.name}.npz") for plan in plans]
    missing = [job for job in jobs if not job[2].is_file()]
    if missing:
        folder.mkdir(parents=True, exist_ok=True)
        os.environ["OMP_NUM_THREADS"] = "1"
        with multiprocessing.get_context("spawn").Pool(workers, _keep, (both,)) as pool:
            for _ in tqdm(pool.imap_unordered(_make, missing, 4), "tracks", len(missing), unit="track"):
                pass
    return _dataset(plans, recipe, folder)


def _waveform(path: Path) -> np.ndarray:
    with np.load(path) as stored:
        return stored["waveform"].astype(np.float32) / 32767


def _dataset(plans: list[Plan], recipe: Recipe, folder: Path) -> Dataset:
    faces = load_faces()
    clips, templates = [], {}
    for plan in plans:
        path = folder / f"{plan.name}.npz"
        with np.load(path) as stored:
            coefficients = stored["coefficients"]
        if plan.subject not in templates:
            templates[plan.subject] = faces.identity(draw_speaker(plan.subject, recipe.seed)["identity"])
        clips.append(
            Clip(
                name=plan.name, subject=f"p{plan.subject:04d}", sentence=plan.name, split=plan.split,
                topology=faces.topology, template=templates[plan.subject], fps=float(recipe.fps),
                num_frames=len(coefficients), sample_rate=RATE, read_waveform=lambda path=path: _waveform(path),
                coefficients=coefficients, basis=faces.unit_basis, style=plan.mode,
                phones=(Phone("_", 0.0, len(coefficients) / recipe.fps),),
            )
        )  # fmt: skip
    return Dataset("demo-voices", faces.topology, float(recipe.fps), tuple(clips), True, faces.unit_names)
