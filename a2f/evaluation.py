"""Methods x protocols x metrics: what Table 1 compares, on the same frames for every method."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from a2f.batches import templates, whole_motion
from a2f.data import Clip, Dataset
from a2f.determinism import one_thread
from a2f.errors import BadInput
from a2f.features import FeatureCache
from a2f.metrics import sequence_errors
from a2f.models import Audio2Face, AudioEncoder

METRICS = ("lip_mean", "lip_max", "upper", "face", "f_dtw", "f_dtw_per_frame")

# Which motion a method may see besides the speech.
PROTOCOLS = {
    "same-speaker-other-sentence": "another sentence of the same speaker in the same style; the headline, no leak",
    "self": "the ground truth itself, as the released inference script does: its statistics leak",
}
HEADLINE = "same-speaker-other-sentence"


class Method(Protocol):
    """Anything that predicts the faces of a clip from its speech, its template and a style clip."""

    name: str

    def predict(self, clip: Clip, style: Clip) -> np.ndarray:
        """Return faces (T, N, 3) float32 in the data set's unit."""


class TrainedModel:
    """A trained `Audio2Face` as a method.

    Parameters
    ----------
    name : str
    model : Audio2Face
    features : FeatureCache
    """

    def __init__(self, name: str, model: Audio2Face, features: FeatureCache) -> None:
        self.name, self.model, self.features = name, model.eval(), features

    @torch.no_grad()
    def predict(self, clip: Clip, style: Clip) -> np.ndarray:
        """Return Eq. 3 for the clip's speech and template and the style clip's motion."""
        motion = whole_motion(self.model, style)
        return self.model(self.features.at_frames(clip), templates([clip]), motion)[0].numpy()


class NeutralFace:
    """Floor: the template, unmoved."""

    name = "Neutral face"

    def predict(self, clip: Clip, style: Clip) -> np.ndarray:
        """Return the template T times."""
        return np.broadcast_to(clip.template, (clip.num_frames, *clip.template.shape))


class MeanTrainingMotion:
    """Floor: the mean displacement over all training frames, unmoved.

    Parameters
    ----------
    clips : iterable of Clip
        The training clips.
    """

    name = "Mean training motion"

    def __init__(self, clips: Iterable[Clip]) -> None:
        total, frames = 0.0, 0
        for clip in clips:
            total = total + _mean_displacement(clip) * clip.num_frames
            frames += clip.num_frames
        self.displacement = (total / frames).astype(np.float32)

    def predict(self, clip: Clip, style: Clip) -> np.ndarray:
        """Return the template plus the mean displacement, T times."""
        face = clip.template + self.displacement
        return np.broadcast_to(face, (clip.num_frames, *face.shape))


class StyleClipMean:
    """Floor: the mean displacement of the style clip, unmoved, where a model ends that only copies expression."""

    name = "Mean of the style clip"

    def predict(self, clip: Clip, style: Clip) -> np.ndarray:
        """Return the template plus the style clip's mean displacement, T times."""
        face = (clip.template + _mean_displacement(style)).astype(np.float32)
        return np.broadcast_to(face, (clip.num_frames, *face.shape))


def floors(dataset: Dataset) -> list[Method]:
    """Return the three floor rows of Table 1."""
    return [NeutralFace(), MeanTrainingMotion(dataset.split("train")), StyleClipMean()]


def _mean_displacement(clip: Clip) -> np.ndarray:
    if clip.coefficients is not None:
        return np.tensordot(clip.coefficients.mean(0, dtype=np.float64), clip.basis, axes=1)
    return (clip.vertices - clip.template).mean(0, dtype=np.float64)


@one_thread()
def evaluate(
    method: Method,
    dataset: Dataset,
    *,
    split: str = "test",
    protocol: str = HEADLINE,
    seed: int = 0,
    clips: Sequence[Clip] | None = None,
) -> list[dict]:
    """Measure a method on every clip of a split.

    Parameters
    ----------
    method : Method
    dataset : Dataset
    split : {"train", "val", "test"}
    protocol : str
        A key of `PROTOCOLS`.
    seed : int
        Chooses the style clips; one seed gives every method the same ones.
    clips : sequence of Clip, optional
        Only these.

    Returns
    -------
    list of dict
        A row a clip: its name, subject and style, the style clip's name, and the errors of `SequenceErrors`.
    """
    if protocol not in PROTOCOLS:
        raise BadInput(f"no protocol is called {protocol!r}; there are {', '.join(PROTOCOLS)}")
    rows = []
    for clip in dataset.split(split) if clips is None else clips:
        style = clip if protocol == "self" else dataset.style_partner(clip, seed)
        errors = sequence_errors(method.predict(clip, style), clip.vertices, dataset.topology)
        described = {"clip": clip.name, "subject": clip.subject, "style": clip.style, "style_clip": style.name}
        rows.append(described | dataclasses.asdict(errors))
    return rows


def means(rows: Sequence[dict]) -> dict[str, float]:
    """Return the unweighted mean over sequences of each metric."""
    return {name: float(np.mean([row[name] for row in rows])) for name in METRICS}


def interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """Return the mean of some values and the half-width of Student's t interval around it; zero for a single value."""
    from scipy import stats

    values = np.asarray(values, dtype=np.float64)
    if len(values) < 2:
        return float(values.mean()), 0.0
    spread = values.std(ddof=1) / math.sqrt(len(values))
    return float(values.mean()), float(stats.t.ppf(0.5 + confidence / 2, len(values) - 1) * spread)


def load_method(run: str | os.PathLike, dataset: Dataset, cache: str | os.PathLike, name: str = "best") -> TrainedModel:
    """Return a trained run's model as a method for a data set.

    Raises
    ------
    BadInput
        If the run was trained on another topology.
    """
    from a2f.animate import load

    animator = load(run, name)
    if animator.model.num_vertices != dataset.topology.num_vertices:
        raise BadInput(
            f"run {Path(run).name} was trained on {animator.model.num_vertices} vertices, data set {dataset.name} has "
            f"{dataset.topology.num_vertices}"
        )
    encoder: AudioEncoder = animator.encoder
    return TrainedModel(Path(run).name, animator.model, FeatureCache(encoder, cache))
