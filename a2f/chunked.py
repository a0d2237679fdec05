"""Animations of sound of any length in the memory of its parts: the frames of a whole pass, piece by piece."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from a2f.audio import SAMPLE_RATE, to_mono_float
from a2f.determinism import same_digits
from a2f.errors import BadInput
from a2f.features import CONTEXT, encode
from a2f.models import Audio2Face, AudioEncoder, resample_features
from a2f.models.composite import EPSILON

READ = 10.0  # seconds of sound that are converted at once
FACES = 1.0  # seconds of faces, the largest of all arrays, that are formed at once


def sound_pieces(waveform: np.ndarray | Iterable[np.ndarray], sample_rate: int) -> Iterator[np.ndarray]:
    """Yield a waveform, whole or given in pieces of any sizes, as mono float32 pieces at 16 kHz.

    Parameters
    ----------
    waveform : ndarray, (S,) or (S, channels), or iterable of such
    sample_rate : int
        Hz.
    """
    convert = Resampler(sample_rate)
    if isinstance(waveform, np.ndarray):
        if waveform.ndim not in (1, 2):
            raise BadInput(f"audio has shape {waveform.shape}, expected (samples,) or (samples, channels)")
        step = max(1, round(READ * sample_rate))
        pieces: Iterable[np.ndarray] = np.split(waveform, range(step, len(waveform), step))  # views
    elif isinstance(waveform, Iterable):
        pieces = waveform
    else:
        raise BadInput(f"audio is a {type(waveform).__name__}, not an array of samples nor an iterable of arrays")
    for piece in pieces:
        yield convert(piece)
    yield convert(None)


class Resampler:
    """Pieces of sound of any type and rate in, mono float32 at 16 kHz out, without a seam between them.

    Parameters
    ----------
    sample_rate : int
        Hz, of what is given.
    """

    def __init__(self, sample_rate: int) -> None:
        if not 0 < sample_rate < np.inf:
            raise BadInput(f"cannot resample from {sample_rate} to {SAMPLE_RATE} Hz; both rates must be positive")
        self._stream = None
        if sample_rate != SAMPLE_RATE:
            import soxr

            self._stream = soxr.ResampleStream(sample_rate, SAMPLE_RATE, 1, dtype="float32", quality="HQ")

    def __call__(self, piece: np.ndarray | None) -> np.ndarray:
        """Return what is ready after a piece (S,) or (S, channels); None says that none follows."""
        samples = np.zeros(0, np.float32) if piece is None else to_mono_float(piece)
        if self._stream is None:
            return samples
        return self._stream.resample_chunk(samples, last=piece is None)


def feature_pieces(
    encoder: AudioEncoder, sound: Iterable[np.ndarray], chunk_seconds: float | None = None
) -> Iterator[tuple[Tensor, int]]:
    """Yield the audio features of `sound`, pieces of (n, C), each with the number of samples heard so far.

    Parameters
    ----------
    encoder : AudioEncoder
    sound : iterable of ndarray, (S,) float32 at 16 kHz
    chunk_seconds : float, optional
        Seconds that one call of the encoder adds; it sees `features.CONTEXT` more on each side. By default as many as
        the encoder takes: then the windows, and with them the features, are those of `features.encode`.
    """
    limit = encoder.max_seconds
    if chunk_seconds is not None:
        if not 0.5 <= chunk_seconds < np.inf:
            raise BadInput(f"chunk_seconds is {chunk_seconds}, expected at least 0.5")
        limit = min(limit, chunk_seconds + 2 * CONTEXT)
    context = round(CONTEXT * encoder.feature_rate)
    hop = int(limit * encoder.feature_rate) - 2 * context
    each = round(SAMPLE_RATE / encoder.feature_rate)  # samples a feature
    whole = int(limit * SAMPLE_RATE)  # what is no longer than this goes through at once
    kept, dropped, start = np.zeros(0, np.float32), 0, 0  # the sound from sample `dropped` on; the next feature
    for piece in sound:
        kept = np.concatenate([kept, piece])
        heard = dropped + len(kept)
        while heard > whole and heard >= (start + hop + context) * each:
            first = max(0, start - context)
            kept, dropped = kept[first * each - dropped :], first * each
            found = encode(encoder, kept[: (start + hop + context) * each - dropped])
            yield torch.from_numpy(found[start - first : start - first + hop]), heard
            start += hop
    heard = dropped + len(kept)
    if heard <= whole:
        yield torch.from_numpy(encode(encoder, kept)), heard
        return
    while start < heard // each:
        first = max(0, start - context)
        rest = kept[first * each - dropped :][: (start + hop + context - first) * each]
        if len(rest) < SAMPLE_RATE // 10:
            break
        found = encode(encoder, rest)
        yield torch.from_numpy(found[start - first : start - first + hop]), heard
        start += hop


def frames_within(samples: int, fps: float) -> int:
    """Return how many whole mesh frames so many samples at 16 kHz last, as `features.frame_count` counts them."""
    return int(samples * fps / SAMPLE_RATE)


def frame_pieces(encoder: AudioEncoder, features: Iterable[tuple[Tensor, int]], fps: float) -> Iterator[Tensor]:
    """Yield the features at the mesh's frames, pieces of (1, n, C), from what `feature_pieces` yields."""
    rate, centre = encoder.feature_rate, encoder.first_centre
    kept, dropped, done, heard = torch.zeros(0, encoder.feature_dim), 0, 0, 0

    def resampled(frames: int) -> Tensor:
        return resample_features(kept[None], frames, fps, rate, centre + dropped / rate, done)

    for piece, heard in features:
        kept = torch.cat([kept, piece])
        # frames between two features that are there, as far as they are sure to lie within the sound
        ready = int(((dropped + len(kept) - 1) / rate + centre) * fps)
        ready = min(ready, frames_within(heard, fps)) - done
        if ready > 0:
            yield resampled(ready)
            done += ready
            below = min(int((done / fps - centre) * rate), dropped + len(kept) - 2)
            if below > dropped:
                kept, dropped = kept[below - dropped :], below
    rest = max(1, frames_within(heard, fps)) - done
    if rest > 0:
        yield resampled(rest)


def reach(model: Audio2Face) -> int:
    """Return how many frames to each side a frame of the decoder sees: two convolutions of width 3 a block."""
    return 2 * len(model.decoder.blocks)


def weight_pieces(model: Audio2Face, audio: Iterable[Tensor], face: Tensor, style: Tensor | None) -> Iterator[Tensor]:
    """Yield Z_pred, pieces of (1, n, K), for features at frames (1, n, C); no sum over time may be left in the model.

    The decoder gets as many frames more on each side as it sees, so that its frames are those of a whole pass.
    """
    around = reach(model)
    kept, start, done = None, 0, 0  # the frames from `start` on; the next one to yield
    for piece in audio:
        kept = piece if kept is None else torch.cat([kept, piece], dim=1)
        ready = start + kept.shape[1] - around
        if ready > done:
            with same_digits():  # not while the caller has its turn
                weights = model.features(kept, face, style)
            yield weights[:, done - start : ready - start]
            done = ready
            drop = max(0, done - around - start)
            kept, start = kept[:, drop:], start + drop
    if kept is not None:
        with same_digits():
            weights = model.features(kept, face, style)
        yield weights[:, done - start :]


@same_digits()
def projected(model: Audio2Face, audio: Tensor) -> Tensor:
    """Return the features (1, n, C) as the model normalises them, (1, n, K): behind its first layer."""
    if model.audio_mean is not None:
        audio = (audio - model.audio_mean) / model.audio_std
    return model.audio_projection(audio.transpose(1, 2)).transpose(1, 2)


@dataclass
class Statistics:
    """Mean and variance over time, gathered in pieces and in double precision."""

    count: float = 0
    total: Tensor | float = 0.0
    squares: Tensor | float = 0.0

    def add(self, values: Tensor) -> None:
        """Take in values (1, n, K)."""
        values = values[0].detach().double()
        self.count += len(values)
        self.total = self.total + values.sum(0)
        self.squares = self.squares + values.square().sum(0)

    def moments(self) -> tuple[Tensor, Tensor]:
        """Return mean and variance, (K,) float32."""
        mean = self.total / self.count
        return mean.float(), (self.squares / self.count - mean.square()).clamp_min(0).float()


def with_statistics(model: Audio2Face, found: Statistics) -> Audio2Face:
    """Return the model with the normalisation over time of Eq. 2 at given statistics; it shares all weights."""
    fixed = copy.copy(model)
    fixed._modules = dict(model._modules)  # the original keeps its own
    mean, variance = found.moments()
    norm = nn.BatchNorm1d(len(mean), eps=EPSILON, affine=False).eval()
    norm.running_mean, norm.running_var = mean, variance
    fixed.audio_norm = norm
    return fixed


@torch.no_grad()
def face_pieces(
    model: Audio2Face,
    encoder: AudioEncoder,
    fps: float,
    waveform: np.ndarray | Iterable[np.ndarray],
    template: np.ndarray,
    style: Tensor | None,
    *,
    sample_rate: int = SAMPLE_RATE,
    chunk_seconds: float | None = None,
    reuse: bool = False,
) -> Iterator[np.ndarray]:
    """Yield the faces of `Animator.frames`, which describes the parameters, pieces of (n, N, 3)."""

    def audio() -> Iterator[Tensor]:
        sound = sound_pieces(waveform, sample_rate)
        pieces = frame_pieces(encoder, feature_pieces(encoder, sound, chunk_seconds), fps)
        return (piece.to(model.data_std.device) for piece in pieces)

    if model.audio_norm is None:  # Eq. 2 looks at the whole sound: once through for its statistics
        if isinstance(waveform, Iterator):
            raise BadInput(
                "this model normalises over the whole sound, which is read twice; give an array or a list of arrays "
                "rather than an iterator"
            )
        found = Statistics()
        for piece in audio():
            found.add(projected(model, piece))
        model = with_statistics(model, found)
    face = torch.from_numpy(template)[None].to(model.data_std.device)
    step = max(1, round(FACES * fps))
    written = face.new_empty(1, step, *face.shape[1:]) if reuse else None
    for weights in weight_pieces(model, audio(), face, style):
        for start in range(0, weights.shape[1], step):
            piece = weights[:, start : start + step]
            out = None if written is None else written[:, : piece.shape[1]]
            with same_digits():
                faces = model.synthesise(piece, face, out=out)
            yield faces[0].cpu().numpy()


@dataclass(frozen=True)
class Deviation:
    """How far faces lie from those of a whole pass over the same sound."""

    relative: float  # root mean square of the difference over that of the motion, displacements from the template
    largest: float  # the largest distance of a vertex from its place, in the topology's unit
    frames: int


def deviation(faces: Iterable[np.ndarray], whole: np.ndarray, template: np.ndarray) -> Deviation:
    """Compare pieces of faces with those of a whole pass.

    Parameters
    ----------
    faces : iterable of ndarray, (n, N, 3)
        What `Animator.frames` or a stream yields.
    whole : ndarray, (T, N, 3)
        What a call of the animator made of the same sound.
    template : ndarray, (N, 3)

    Raises
    ------
    BadInput
        If the pieces hold another number of frames.
    """
    difference, motion, largest, done = 0.0, 0.0, 0.0, 0
    for piece in faces:
        expected = whole[done : done + len(piece)]
        if len(expected) != len(piece):
            raise BadInput(f"the pieces hold more than the {len(whole)} frames of the whole pass")
        apart = np.square(piece - expected, dtype=np.float64).sum(-1)
        difference += apart.sum()
        motion += np.square(expected - template, dtype=np.float64).sum()
        largest = max(largest, float(apart.max()))
        done += len(piece)
    if done != len(whole):
        raise BadInput(f"the pieces hold {done} frames, the whole pass {len(whole)}")
    return Deviation(float((difference / motion) ** 0.5) if motion else 0.0, largest**0.5, done)
