"""Audio features of clips, computed once by a frozen encoder and kept on disk."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from a2f.arrays import read_npz
from a2f.audio import SAMPLE_RATE, resample
from a2f.data import Clip
from a2f.determinism import same_digits
from a2f.errors import BadInput, MissingData
from a2f.files import atomic_path
from a2f.models import AudioEncoder, resample_features

CONTEXT = 2.0  # seconds that windows of long audio overlap on each side


@torch.no_grad()
@same_digits()
def encode(encoder: AudioEncoder, waveform: np.ndarray) -> np.ndarray:
    """Return the features of one waveform of any length.

    Parameters
    ----------
    encoder : AudioEncoder
    waveform : ndarray, (S,) float32 at 16 kHz
        What is longer than the encoder takes goes through in windows that overlap by twice `CONTEXT`; each feature
        comes from the window that sees most around it.

    Returns
    -------
    ndarray, (T_a, C) float32

    Raises
    ------
    BadInput
        If the waveform is not one channel of at least 0.05 s of finite samples.
    """
    if waveform.ndim != 1 or len(waveform) < 0.05 * SAMPLE_RATE or not np.isfinite(waveform).all():
        raise BadInput(
            f"a waveform of shape {waveform.shape} cannot be encoded; at least 0.05 s of finite samples of one channel "
            f"are needed, {SAMPLE_RATE // 20} at {SAMPLE_RATE} Hz"
        )
    was_training = encoder.training
    encoder.eval()
    try:
        if len(waveform) <= encoder.max_seconds * SAMPLE_RATE:
            return _features(encoder, waveform)
        context = round(CONTEXT * encoder.feature_rate)
        size = int(encoder.max_seconds * encoder.feature_rate)
        hop = size - 2 * context
        samples_per_feature = round(SAMPLE_RATE / encoder.feature_rate)
        total = len(waveform) // samples_per_feature
        pieces = []
        for start in range(0, total, hop):
            first = max(0, start - context)
            window = waveform[first * samples_per_feature : (start + hop + context) * samples_per_feature]
            if len(window) < SAMPLE_RATE // 10:
                break
            found = _features(encoder, window)
            pieces.append(found[start - first : start - first + hop])
        return np.concatenate(pieces)
    finally:
        encoder.train(was_training)


def _features(encoder: AudioEncoder, waveform: np.ndarray) -> np.ndarray:
    return encoder(torch.from_numpy(waveform)[None].to(encoder.device))[0].cpu().numpy()


class FeatureCache:
    """Features of clips, from disk where they are already there.

    A file is named by what it depends on, encoder and sound, so it is never stale; a damaged one is made again.

    Parameters
    ----------
    encoder : AudioEncoder
    folder : path-like
    """

    def __init__(self, encoder: AudioEncoder, folder: str | os.PathLike) -> None:
        self.encoder, self.folder = encoder, Path(folder)
        self._kept: dict[str, np.ndarray] = {}

    def _path(self, waveform: np.ndarray) -> Path:
        key = hashlib.sha256(self.encoder.identity.encode() + waveform.tobytes()).hexdigest()[:32]
        return self.folder / f"{key}.npz"

    def at_encoder_rate(self, clip: Clip) -> np.ndarray:
        """Return a clip's features at the encoder's rate, (T_a, C) float32, rounded to half precision as on disk."""
        if clip.name not in self._kept:
            waveform = resample(clip.waveform, clip.sample_rate, SAMPLE_RATE)
            path = self._path(waveform)
            features = _read(path, self.encoder.feature_dim)
            if features is None:
                try:
                    features = encode(self.encoder, waveform).astype(np.float16)
                except BadInput as error:
                    raise BadInput(f"clip {clip.name}: {error}") from None
                with atomic_path(path) as temporary:
                    np.savez(temporary, features=features)
            self._kept[clip.name] = features
        return self._kept[clip.name].astype(np.float32)

    def at_frames(self, clip: Clip, start: int = 0, frames: int | None = None) -> torch.Tensor:
        """Return a clip's features at its mesh frames, (1, T, C): all of them, or `frames` from `start`."""
        features = torch.from_numpy(self.at_encoder_rate(clip))[None]
        count = clip.num_frames - start if frames is None else frames
        return resample_features(
            features, count, clip.fps, self.encoder.feature_rate, self.encoder.first_centre, start
        )

    def moments(self, clips: Iterable[Clip]) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean and the deviation of each feature over clips, (C,) float32 each; none below 1e-4."""
        count, total, squares = 0, 0.0, 0.0
        for clip in clips:
            features = self.at_encoder_rate(clip).astype(np.float64)
            count += len(features)
            total = total + features.sum(axis=0)
            squares = squares + np.square(features).sum(axis=0)
        mean = total / count
        deviation = np.sqrt(np.maximum(squares / count - mean**2, 1e-8))
        return mean.astype(np.float32), deviation.astype(np.float32)

    def prepare(self, clips: Iterable[Clip], progress: bool = True) -> None:
        """Compute and keep the features of clips, with a progress bar on standard error."""
        from tqdm.auto import tqdm

        for clip in tqdm(list(clips), desc="audio features", unit="clip", disable=not progress, leave=False):
            self.at_encoder_rate(clip)


def _read(path: Path, feature_dim: int) -> np.ndarray | None:
    """Return stored features, or None where the file is missing or damaged."""
    try:
        features = read_npz(path).get("features")
    except (MissingData, BadInput):
        return None
    if features is None or features.ndim != 2 or features.shape[1] != feature_dim or not np.isfinite(features).all():
        return None
    return features


def frame_count(waveform: np.ndarray, fps: float) -> int:
    """Return how many whole mesh frames a waveform at 16 kHz lasts, at least one.

    Raises
    ------
    BadInput
        If the waveform is empty.
    """
    if len(waveform) == 0:
        raise BadInput("the waveform is empty")
    # multiplied first: n / 16000 * 30 falls short of a whole number of frames for some n
    return max(1, int(len(waveform) * fps / SAMPLE_RATE))
