"""Validation: how far a model is from the recorded faces of whole clips, styled by another clip of the speaker."""

from __future__ import annotations

import numpy as np
import torch

from a2f.audio import SAMPLE_RATE, resample
from a2f.batches import templates, whole_motion
from a2f.config import Config
from a2f.data import Clip, Dataset
from a2f.features import FeatureCache, encode
from a2f.models import AudioEncoder, FaceModel, data_loss, resample_features
from a2f.processes import Processes


@torch.no_grad()
def validate(
    model: FaceModel,
    encoder: AudioEncoder,
    dataset: Dataset,
    clips: list[Clip],
    features: FeatureCache,
    config: Config,
    seed: int,
    unfrozen: bool = False,
    processes: Processes | None = None,
) -> dict[str, float]:
    """Return the mean data term and the lip, upper-face and face errors over whole clips, style from another clip.

    Parameters
    ----------
    model : FaceModel
    encoder : AudioEncoder
    dataset : Dataset
    clips : list of Clip
    features : FeatureCache
    config : Config
    seed : int
        Decides the other clip.
    unfrozen : bool
        The encoder has learned: features are its own, not the kept ones.
    processes : Processes, optional
        Each takes its share of the clips, and all get the means.

    Returns
    -------
    dict of str to float
    """
    processes = processes or Processes()
    model.eval()
    encoder.eval()
    rows = []
    regions = {k: dataset.topology.region(r) for k, r in (("lip", "lips"), ("upper", "upper_face"), ("face", "face"))}
    for clip in clips[processes.share(len(clips))]:
        if unfrozen:
            found = torch.from_numpy(encode(encoder, resample(clip.waveform, clip.sample_rate, SAMPLE_RATE)))[None]
            audio = resample_features(found, clip.num_frames, clip.fps, encoder.feature_rate, encoder.first_centre)
        else:
            audio = features.at_frames(clip)
        style = whole_motion(model, dataset.style_partner(clip, seed))
        guess = model.animate(audio.to(model.data_std.device), templates([clip], model.data_std.device), style)
        guess = guess[0].cpu().numpy()
        truth = clip.vertices
        squared = np.square((guess - truth) / float(model.data_std)).sum(axis=(1, 2), dtype=np.float64)
        row = {"val_loss": float(data_loss(torch.from_numpy(squared), config.training.loss))}
        for key, ids in regions.items():
            row[f"val_{key}"] = float(np.linalg.norm(guess[:, ids] - truth[:, ids], axis=-1).mean())
        rows.append(row)
    rows = processes.gather(rows)
    return model.measures(True) | {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
