"""From clips to the tensors of one training step: crops of motion, the sound under them, and a style motion."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from a2f.audio import SAMPLE_RATE, resample
from a2f.config import TrainingConfig
from a2f.data import Clip
from a2f.errors import BadInput
from a2f.features import FeatureCache
from a2f.models import Batch, FaceModel, Motion
from a2f.processes import Processes


def clip_motion(model: FaceModel, clips: Sequence[Clip], starts: Sequence[int], frames: int) -> Motion:
    """Return the motion of `frames` frames of each clip from its start frame, in the model's units.

    Clips of a data set with a linear basis give coefficients; others give their displacements. Both lie on the model's
    device.
    """
    device = model.data_std.device
    pieces = [slice(start, start + frames) for start in starts]
    if clips[0].basis is not None:
        coefficients = np.stack([clip.coefficients[piece] for clip, piece in zip(clips, pieces, strict=True)])
        return model.motion_in_basis(_on(coefficients, device), _on(clips[0].basis, device))
    vertices = np.stack([clip.vertices_at(piece) for clip, piece in zip(clips, pieces, strict=True)])
    return model.motion(_on(vertices, device), templates(clips, device))


def whole_motion(model: FaceModel, clip: Clip) -> Motion:
    """Return the motion of a whole clip as a batch of one."""
    return clip_motion(model, [clip], [0], clip.num_frames)


def templates(clips: Sequence[Clip], device: torch.device | str = "cpu") -> Tensor:
    """Return the neutral faces of clips, (B, N, 3)."""
    return _on(np.stack([clip.template for clip in clips]).astype(np.float32), device)


def _on(values: np.ndarray, device: torch.device | str) -> Tensor:
    return torch.from_numpy(values).to(device)


class Batches:
    """Random crops of training clips; epoch and seed alone decide them, so a resumed run sees the same ones.

    Parameters
    ----------
    clips : sequence of Clip
    config : TrainingConfig
    seed : int
    """

    def __init__(self, clips: Sequence[Clip], config: TrainingConfig, seed: int) -> None:
        self.clips, self.config, self.seed = list(clips), config, seed
        if len(self.clips) < config.batch_size:
            raise BadInput(f"{len(self.clips)} training clips do not fill a batch of {config.batch_size}")
        self.subjects = tuple(dict.fromkeys(clip.subject for clip in self.clips))
        self._others = {clip.name: self._style_sources(clip) for clip in self.clips}

    def _style_sources(self, clip: Clip) -> list[Clip]:
        if self.config.style_source == "target":
            return [clip]
        others = [
            c for c in self.clips if c.subject == clip.subject and c.style == clip.style and c.sentence != clip.sentence
        ]
        if not others:
            raise BadInput(
                f"clip {clip.name}: subject {clip.subject} has no other sentence in style {clip.style!r} to take its "
                "style from; use more clips a subject, or style_source='target'"
            )
        return others

    def __len__(self) -> int:
        return len(self.clips) // self.config.batch_size

    def _order(self, epoch: int) -> tuple[np.random.Generator, np.ndarray]:
        rng = np.random.default_rng([self.seed, epoch])
        return rng, rng.permutation(len(self.clips))

    def clips_of(self, epoch: int, index: int) -> list[Clip]:
        """Return the clips of one batch of an epoch."""
        size = self.config.batch_size
        return [self.clips[i] for i in self._order(epoch)[1][index * size : (index + 1) * size]]

    def epoch(
        self,
        epoch: int,
        model: FaceModel,
        features: FeatureCache,
        waveforms: bool,
        processes: Processes | None = None,
        first: int = 0,
    ) -> Iterator[Batch]:
        """Yield the batches of an epoch; an incomplete last one is left out.

        Parameters
        ----------
        epoch : int
        model : FaceModel
            Only its normalisation is read.
        features : FeatureCache
        waveforms : bool
            Give sound instead of features, for an encoder that is being trained.
        processes : Processes, optional
            Each yields its share of the same batches: together they draw what one draws.
        first : int
            Begin with this one: those before it are drawn, and not read.
        """
        rng, order = self._order(epoch)
        size = self.config.batch_size
        mine = (processes or Processes()).share(size)
        for index in range(len(self)):
            clips = [self.clips[i] for i in order[index * size : (index + 1) * size]]
            frames = min(self.config.crop_frames, *(clip.num_frames for clip in clips))
            starts = [int(rng.integers(clip.num_frames - frames + 1)) for clip in clips]
            sources = [self._others[c.name][rng.integers(len(self._others[c.name]))] for c in clips]
            style_starts: list[int] = []
            if self.config.style_source != "target":
                style_frames = min(self.config.style_frames, *(clip.num_frames for clip in sources))
                style_starts = [int(rng.integers(clip.num_frames - style_frames + 1)) for clip in sources]
            if index < first:
                continue
            clips, starts, sources, style_starts = clips[mine], starts[mine], sources[mine], style_starts[mine]
            target = clip_motion(model, clips, starts, frames)
            if self.config.style_source == "target":
                # one object where motion is dense: what is made of it for the style is not made again for the loss
                style = target if target.basis is None else clip_motion(model, clips, starts, frames)
            else:
                style = clip_motion(model, sources, style_starts, style_frames)
            if waveforms:
                audio = torch.stack([_waveform_crop(c, s, frames) for c, s in zip(clips, starts, strict=True)])
            else:
                crops = [features.at_frames(c, s, frames)[0] for c, s in zip(clips, starts, strict=True)]
                audio = torch.stack(crops)
            if self.config.feature_dropout and not waveforms:
                # drawn here and not by a layer: epoch and seed decide it, as they decide everything else
                kept = rng.random((size, *audio.shape[1:]), dtype=np.float32)[mine] >= self.config.feature_dropout
                middle = 0 if model.audio_mean is None else model.audio_mean.cpu()
                audio = middle + (audio - middle) * torch.from_numpy(kept) / (1 - self.config.feature_dropout)
            device = model.data_std.device
            subject = torch.tensor([self.subjects.index(clip.subject) for clip in clips], device=device)
            yield Batch(audio.to(device), templates(clips, device), target, style, subject)


def _waveform_crop(clip: Clip, start: int, frames: int) -> Tensor:
    """Return the sound under some frames of a clip at 16 kHz, padded with silence where the recording ends early."""
    waveform = resample(clip.waveform, clip.sample_rate, SAMPLE_RATE)
    first, count = round(start / clip.fps * SAMPLE_RATE), round(frames / clip.fps * SAMPLE_RATE)
    crop = waveform[first : first + count]
    return torch.from_numpy(np.pad(crop, (0, count - len(crop))))
