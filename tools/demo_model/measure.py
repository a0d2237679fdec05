"""What the shipped model is judged by: mouth opening against aligned targets, closures, open vowels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from a2f.animating import Animator
from a2f.data.faces import Faces
from a2f.observations import mouth_area
from demo_model.corpus import motion
from demo_model.tracks import RATE, Utterance

OPEN_VOWELS = ("aa", "ae", "ay", "aw", "ao")
CLOSED = 1.0  # mm over rest
MOTION_SEED = 5


@dataclass(frozen=True, eq=False)
class Speaker:
    """Who is animated: a head, a mode, and a style motion of that speaker that the model gets; none was in training.

    Parameters
    ----------
    entry : dict
        As in speakers.json.
    template : ndarray, (N, 3)
    mode : str
    style : Tensor
        What `Animator.style` made of a motion of that speaker.
    clip : str
        Name of the clip with that motion, which is not to be animated with it.
    """

    entry: dict
    template: np.ndarray
    mode: str
    style: torch.Tensor
    clip: str


@dataclass(frozen=True, eq=False)
class Mouth:
    """One sentence, frame by frame: opening area (mm^2) and height between the lips (mm), predicted and wanted."""

    utterance: Utterance
    area: np.ndarray  # (T,)
    height: np.ndarray  # (T, P)
    target_area: np.ndarray
    target_height: np.ndarray
    fps: float

    def speech(self) -> np.ndarray:
        """(T,) whether a phone other than a pause sounds at the frame."""
        times = np.arange(len(self.area)) / self.fps
        out = np.zeros(len(times), bool)
        for symbol, start, end, _ in self.utterance.phones:
            if symbol != "_":
                out |= (times >= start) & (times < end)
        return out

    def correlation(self) -> float:
        """Pearson r of the two areas while there is speech, without lag."""
        mask = self.speech()
        return float(np.corrcoef(self.area[mask], self.target_area[mask])[0, 1])

    def amplitude(self) -> float:
        """Standard deviation of the predicted area over that of the wanted one."""
        mask = self.speech()
        return float(self.area[mask].std() / self.target_area[mask].std())

    def closures(self, height: np.ndarray | None = None) -> list[bool]:
        """Whether the lips come within `CLOSED` all along the rim at each p, b and m."""
        height = self.height if height is None else height
        found = []
        for symbol, start, end, _ in self.utterance.phones:
            if symbol in ("p", "b", "m"):
                frames = self._frames(start, end, 1)
                found.append(bool(height[frames].max(axis=1).min() <= CLOSED))
        return found

    def open_vowels(self) -> list[bool]:
        """Whether the lips stay apart at the mid-line in the middle half of each open vowel."""
        found = []
        for symbol, start, end, stress in self.utterance.phones:
            if symbol in OPEN_VOWELS and (stress or symbol != "ao"):
                quarter = 0.25 * (end - start)
                frames = self._frames(start + quarter, end - quarter, 0)
                found.append(bool(self.height[frames, self.height.shape[1] // 2].min() > CLOSED))
        return found

    def _frames(self, start: float, end: float, around: int) -> slice:
        first = int(np.floor(start * self.fps)) if around else int(np.round(start * self.fps))
        last = int(np.ceil(end * self.fps)) if around else max(int(np.round(end * self.fps)), first)
        return slice(max(first - around + (1 if around else 0), 0), max(last + around, first + 1))


def heights(vertices: np.ndarray, topology) -> np.ndarray:
    """(T, P) height between the paired points of the inner rims but the corners, mm."""
    upper, lower = topology.landmarks["upper_lip_inner"][1:-1], topology.landmarks["lower_lip_inner"][1:-1]
    return vertices[:, upper, 1].astype(np.float64) - vertices[:, lower, 1]


def wanted(utterance: Utterance, speaker: Speaker, faces: Faces, fps: float) -> np.ndarray:
    """Faces (T, N, 3) that the motion rules give for the aligned phones of a sentence."""
    name, phones, samples = utterance.name, list(map(list, utterance.phones)), len(utterance.waveform)
    coefficients = motion(speaker.entry, speaker.mode, name, phones, samples, int(fps), MOTION_SEED)
    return speaker.template + np.tensordot(coefficients, faces.unit_basis, axes=1)


def mouth(
    animator: Animator, utterance: Utterance, speaker: Speaker, target: np.ndarray, sound=None, rate: int = RATE
) -> Mouth:
    """Animate one sentence (or `sound`, the same sentence treated otherwise) and measure it beside its target."""
    sound = utterance.waveform if sound is None else sound
    animation = animator(sound, speaker.template, speaker.style, sample_rate=rate)
    frames = min(len(target), animation.num_frames)
    topology = animator.topology
    return Mouth(
        utterance,
        mouth_area(animation.vertices[:frames], topology),
        heights(animation.vertices[:frames], topology),
        mouth_area(target[:frames], topology),
        heights(target[:frames], topology),
        animation.fps,
    )


def interval(values: Sequence, draws: int = 2000, seed: int = 0) -> tuple[float, float]:
    """95 % interval of a mean, by bootstrap over sentences.

    Parameters
    ----------
    values : sequence of float or of sequences
        One number a sentence, or all that were counted in it: what happens in one sentence stays together.
    """
    rng = np.random.default_rng(seed)
    counts = np.array([np.size(value) for value in values])
    sums = np.array([np.sum(value) for value in values], dtype=float)
    drawn = rng.integers(len(counts), size=(draws, len(counts)))
    means = sums[drawn].sum(axis=1) / np.maximum(counts[drawn].sum(axis=1), 1)
    return float(np.percentile(means, 2.5)), float(np.percentile(means, 97.5))
