"""The rows of Table 1 as one thing: a clip and a style motion in, faces out; trained networks and floors alike."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from a2f.batches import templates, whole_motion
from a2f.data import Clip, Dataset
from a2f.errors import BadInput
from a2f.features import FeatureCache
from a2f.models import FaceFormer, FaceModel, MeshTalk, Voca, load_encoder, load_model, read_run_config


class Method(Protocol):
    """Anything that predicts the faces of a clip from its speech, its template and a style clip."""

    name: str

    def predict(self, clip: Clip, style: Clip) -> np.ndarray:
        """Return faces (T, N, 3) float32 in the data set's unit."""


class TrainedModel:
    """A trained network as a method.

    Parameters
    ----------
    name : str
    model : FaceModel
    features : FeatureCache
    """

    def __init__(self, name: str, model: FaceModel, features: FeatureCache) -> None:
        self.name, self.model, self.features = name, model.eval(), features

    @torch.no_grad()
    def predict(self, clip: Clip, style: Clip) -> np.ndarray:
        """Return the faces for the clip's speech and template and, for methods that read motion, the style clip's."""
        motion = whole_motion(self.model, style)
        return self.model.animate(self.features.at_frames(clip), templates([clip]), motion)[0].numpy()


class ExpressionPath:
    """MeshTalk with the expression code of the style clip, the way that the paper's section 5.1 describes it.

    Its released inference has no such input (`TrainedModel` is that).

    Parameters
    ----------
    trained : TrainedModel
        A MeshTalk.
    """

    def __init__(self, trained: TrainedModel) -> None:
        if not isinstance(trained.model, MeshTalk):
            raise BadInput(f"{trained.name} is a {type(trained.model).__name__}; only MeshTalk reads expressions")
        self.name, self.trained = f"{trained.name} with expression", trained

    @torch.no_grad()
    def predict(self, clip: Clip, style: Clip) -> np.ndarray:
        """Return the faces decoded from the clip's speech and the style clip's expression, repeated or cut to T."""
        model = self.trained.model
        audio = self.trained.features.at_frames(clip)
        return model.reconstruct(audio, templates([clip]), whole_motion(model, style))[0].numpy()


class OneIdentity:
    """VOCA or FaceFormer under a single training identity instead of the mean over all.

    Parameters
    ----------
    trained : TrainedModel
    identity : int
        Place in `FaceModel.subjects`.
    """

    def __init__(self, trained: TrainedModel, identity: int) -> None:
        if not isinstance(trained.model, (Voca, FaceFormer)):
            raise BadInput(f"{trained.name} is a {type(trained.model).__name__}, which has no identities")
        self.name, self.trained, self.identity = f"{trained.name} as {identity}", trained, identity

    @torch.no_grad()
    def predict(self, clip: Clip, style: Clip) -> np.ndarray:
        """Return the faces under the identity; the style clip is not looked at."""
        audio = self.trained.features.at_frames(clip)
        return self.trained.model.animate_as(audio, templates([clip]), self.identity)[0].numpy()


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


def load_method(run: str | os.PathLike, dataset: Dataset, cache: str | os.PathLike, name: str = "best") -> TrainedModel:
    """Return a trained run's network as a method for a data set.

    Parameters
    ----------
    run : path-like
        The folder of `training.train`.
    dataset : Dataset
    cache : path-like
        Folder of the audio features.
    name : {"best", "last"}
        Which of its weights.

    Raises
    ------
    BadInput
        If the run was trained on another topology.
    """
    config, _ = read_run_config(run)
    model = load_model(run, name)
    if model.num_vertices != dataset.topology.num_vertices:
        raise BadInput(
            f"run {Path(run).name} was trained on {model.num_vertices} vertices, data set {dataset.name} has "
            f"{dataset.topology.num_vertices}"
        )
    encoder, _ = load_encoder(run, config, name)
    return TrainedModel(Path(run).name, model, FeatureCache(encoder, cache))
