"""Live animation: sound in as it is heard, faces out a stated time later, from a bounded past."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from a2f.audio import SAMPLE_RATE
from a2f.chunked import (
    Deviation,
    Resampler,
    Statistics,
    deviation,
    frames_within,
    projected,
    reach,
    with_statistics,
)
from a2f.determinism import same_digits
from a2f.errors import BadInput
from a2f.features import encode
from a2f.models import Audio2Face, AudioEncoder, resample_features

HOP, AHEAD, PAST = 0.2, 0.2, 2.0  # seconds
# Until a speaker was heard for long, the sound is taken for speech recorded with headroom, as if so many seconds of it
# had gone before: else the first breath would be brought to the level of speech.
USUAL_LEVEL, USUAL_SECONDS = 0.05, 1.0
SETTLING = 2.0  # seconds after which a stream is taken to have heard its speaker


class RunningLevel:
    """Mean and root mean square of all sound heard so far, in the place of the whole clip's."""

    def __init__(self) -> None:
        self._count = USUAL_SECONDS * SAMPLE_RATE
        self._total, self._squares = 0.0, self._count * USUAL_LEVEL**2

    def add(self, sound: np.ndarray) -> None:
        """Hear sound (S,)."""
        sound = sound.astype(np.float64)
        self._count += len(sound)
        self._total += sound.sum()
        self._squares += np.square(sound).sum()

    def apply(self, sound: np.ndarray) -> np.ndarray:
        """Return sound (S,) float32 as if it were part of a clip brought to zero mean and unit root mean square."""
        mean = self._total / self._count
        deviation = math.sqrt(max(self._squares / self._count - mean**2, 1e-8))
        return ((sound - mean) / deviation).astype(np.float32)


class FaceStream:
    """Faces of sound that is still being spoken.

    Every `hop` seconds the audio encoder hears the last ``past + hop + ahead`` seconds, and the frames of the hop that
    ended `ahead` seconds ago are made. Against a pass over the whole sound, the encoder hears less around a frame, the
    decoder's convolutions see `ahead` seconds to come rather than all that they reach, and what is taken over a whole
    clip, its level and Eq. 2's mean and deviation, is taken over what was heard so far (`streaming_deviation`). Which
    faces are made depends on the sound alone, not on how it is divided into pieces.

    Parameters
    ----------
    model : Audio2Face
    encoder : AudioEncoder
    fps : float
    sound : iterable of ndarray
        Pieces (S,) or (S, channels) of any sizes, as they arrive; empty where `push` is used.
    template : ndarray, (N, 3)
    style : Tensor or None
        What `Animator.style` returned.
    sample_rate : int
        Of the sound, Hz.
    hop, ahead, past : float
        Seconds; multiples of the time between two audio features, the nearest are taken.

    Raises
    ------
    BadInput
        If the times are not of use, or the encoder does not take so much at once.
    """

    def __init__(
        self,
        model: Audio2Face,
        encoder: AudioEncoder,
        fps: float,
        sound: Iterable[np.ndarray],
        template: np.ndarray,
        style: Tensor | None,
        *,
        sample_rate: int = SAMPLE_RATE,
        hop: float = HOP,
        ahead: float = AHEAD,
        past: float = PAST,
    ) -> None:
        each = round(SAMPLE_RATE / encoder.feature_rate)  # samples a feature: windows begin on the grid of a whole pass
        for name, value, least in (("hop", hop, 1), ("ahead", ahead, 0), ("past", past, 0)):
            if not math.isfinite(value) or round(value * encoder.feature_rate) < least:
                raise BadInput(f"{name} is {value} s, expected at least {least / encoder.feature_rate:g}")
        self._hop, self._ahead, self._past = (
            each * round(value * encoder.feature_rate) for value in (hop, ahead, past)
        )
        longest = (self._hop + self._ahead + self._past) / SAMPLE_RATE
        if self._hop + self._ahead < 0.1 * SAMPLE_RATE or longest > encoder.max_seconds:
            raise BadInput(
                f"hop and ahead are {self.latency:g} s together and {longest:g} s with the past, expected at least 0.1 "
                f"and, with the past, at most the {encoder.max_seconds:g} s that the audio encoder takes at once"
            )
        self.model, self.encoder, self.fps, self.sound = model, encoder, fps, sound
        self._template, self._style = torch.from_numpy(template)[None].to(model.data_std.device), style
        self._convert = Resampler(sample_rate)
        self._levelled = [part for part in encoder.modules() if getattr(part, "normalise_waveform", False)]
        self._level, self._statistics = RunningLevel(), Statistics()
        # the past, and up to a hop and what is ahead of it
        self._kept = np.zeros(self._past + self._hop + self._ahead, np.float32)
        self._first, self._heard = 0, 0  # samples: of the buffer's beginning, and in all
        self._settled, self._frames = 0, 0  # samples whose frames are made, and these frames
        self._ended = False

    @property
    def latency(self) -> float:
        """Seconds from a sound to the faces of its moment, at most: a hop has to be full, what is ahead of it heard.

        The time of the computation, and of a resampling filter where the sound is not at 16 kHz, come on top.
        """
        return (self._hop + self._ahead) / SAMPLE_RATE

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield the faces of the stream's sound, pieces of (n, N, 3) float32, each as soon as it can be made."""
        for piece in self.sound:
            faces = self.push(piece)
            if len(faces):
                yield faces
        faces = self.finish()
        if len(faces):
            yield faces

    def push(self, piece: np.ndarray | None) -> np.ndarray:
        """Hear a piece of sound; return the faces that can now be made, (n, N, 3) float32, often none."""
        if self._ended:
            raise BadInput("this stream has ended; make another one for more sound")
        return self._hear(self._convert(piece))

    def finish(self) -> np.ndarray:
        """Return the faces that are left, (n, N, 3), once the sound has ended."""
        faces = [self.push(None)]
        self._ended = True
        last = max(1, frames_within(self._heard, self.fps))
        if self._frames < last:
            faces.append(self._make(last))
        return np.concatenate(faces)

    def _hear(self, sound: np.ndarray) -> np.ndarray:
        faces = [np.zeros((0, *self._template.shape[1:]), np.float32)]
        while len(sound):
            due = self._settled + self._hop + self._ahead  # when so much was heard, a hop's frames are made
            now, sound = sound[: due - self._heard], sound[due - self._heard :]
            self._kept[self._heard - self._first : self._heard - self._first + len(now)] = now
            self._heard += len(now)
            self._level.add(now)
            if self._heard == due:
                faces.append(self._make(frames_within(self._settled + self._hop, self.fps)))
                self._settled += self._hop
                drop = max(0, self._settled - self._past - self._first)
                rest = self._heard - self._first - drop
                self._kept[:rest] = self._kept[drop : drop + rest].copy()
                self._first += drop
        return np.concatenate(faces)

    @torch.no_grad()
    @same_digits()
    def _make(self, last: int) -> np.ndarray:
        """Return the faces from the next frame to that before `last`."""
        if self._frames == last:
            return np.zeros((0, *self._template.shape[1:]), np.float32)
        window = self._kept[: self._heard - self._first]
        with self._fixed_level():
            features = encode(self.encoder, self._at_level(window))
        # frames from the window's first, or as many before the new ones as the decoder sees
        start = max(math.ceil(self._first * self.fps / SAMPLE_RATE), self._frames - reach(self.model))
        start = min(start, self._frames)
        count = max(frames_within(self._heard, self.fps), last) - start
        rate, centre = self.encoder.feature_rate, self.encoder.first_centre + self._first / SAMPLE_RATE
        found = torch.from_numpy(features)[None].to(self._template.device)
        audio = resample_features(found, count, self.fps, rate, centre, start)
        new = slice(self._frames - start, last - start)
        model = self.model
        if model.audio_norm is None:
            self._statistics.add(projected(model, audio[:, new]))
            model = with_statistics(model, self._statistics)
        weights = model.features(audio, self._template, self._style)[:, new]
        self._frames = last
        return model.synthesise(weights, self._template)[0].cpu().numpy()

    def _at_level(self, window: np.ndarray) -> np.ndarray:
        if not self._levelled:
            return window
        return np.float32(getattr(self._levelled[0], "level", 1.0)) * self._level.apply(window)

    @contextmanager
    def _fixed_level(self) -> Iterator[None]:
        """Keep the encoder from bringing every window to one level; other users of it are served as before."""
        for part in self._levelled:
            part.normalise_waveform = False
        try:
            yield
        finally:
            for part in self._levelled:
                part.normalise_waveform = True


@dataclass(frozen=True)
class StreamingDeviation:
    """What it costs to hear a sound live: how far the faces are from a pass over the whole, and how fast they come."""

    whole: Deviation
    settled: Deviation  # without the first `SETTLING` seconds, while little was heard
    latency: float  # seconds
    real_time_factor: float  # median time of a hop's computation over the hop, on one core of this machine as it was


@same_digits()
def streaming_deviation(
    animator: Any, waveform: np.ndarray, template: np.ndarray, style: Any = None, **options: Any
) -> StreamingDeviation:
    """Compare a stream with a pass over the whole sound.

    Parameters
    ----------
    animator : Animator
    waveform : ndarray, (S,) or (S, channels)
        Longer than `SETTLING`.
    template, style
        As for a call of the animator.
    **options
        Of `Animator.stream`: sample_rate, hop, ahead, past.

    Raises
    ------
    BadInput
        If the sound is too short or an option does not fit.
    """
    rate = options.get("sample_rate", SAMPLE_RATE)
    early = round(SETTLING * animator.config.data.fps)
    if not isinstance(style, Tensor):
        style = animator.style(style)
    whole = animator(waveform, template, style, sample_rate=rate).vertices
    if len(whole) <= early:
        raise BadInput(f"the sound has {len(waveform) / rate:g} s, expected more than {SETTLING:g} s")
    stream = animator.stream((), template, style, **options)
    step = max(1, round(options.get("hop", HOP) * rate))
    faces, seconds = [], []
    for start in range(0, len(waveform), step):
        began = time.perf_counter()
        made = stream.push(waveform[start : start + step])
        if len(made):
            faces.append(made)
            seconds.append(time.perf_counter() - began)
    found = np.concatenate([*faces, stream.finish()])
    return StreamingDeviation(
        whole=deviation([found], whole, template),
        settled=deviation([found[early:]], whole[early:], template),
        latency=stream.latency,
        real_time_factor=float(np.median(seconds)) / (step / rate),
    )
