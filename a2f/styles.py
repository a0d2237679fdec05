"""One utterance in many styles (Fig. 6): where styles are taken from, how far results lie apart, what lies between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from a2f.animation import Animation
from a2f.animator import Animator
from a2f.data import Clip
from a2f.errors import BadInput


def style_clips(clips: Sequence[Clip], each: int, but: str) -> dict[str, list[Clip]]:
    """Return clips to take styles from, by speaker and style label.

    Parameters
    ----------
    clips : sequence of Clip
    each : int
        At most so many of every style.
    but : str
        The sentence that will be spoken; no clip that says it is taken, so that nothing of the target is in a style.

    Returns
    -------
    dict of str to list of Clip
        By ``"<subject>, <style>"``, or the subject alone where clips have no style label, in the order of the clips.
    """
    found: dict[str, list[Clip]] = {}
    for clip in clips:
        if clip.sentence != but:
            found.setdefault(clip.subject if clip.style is None else f"{clip.subject}, {clip.style}", []).append(clip)
    return {name: own[:each] for name, own in found.items()}


@dataclass(frozen=True, eq=False)
class StyleDistances:
    """How far animations of one utterance lie apart.

    Parameters
    ----------
    matrix : ndarray, (A, A)
        Mean distance of corresponding vertices over all frames, in the topology's unit.
    labels : tuple of A str
        The style of each.
    """

    matrix: np.ndarray
    labels: tuple[str, ...]

    def _pairs(self, same: bool) -> np.ndarray:
        labels = np.array(self.labels)
        alike = labels[:, None] == labels
        return self.matrix[np.triu(alike if same else ~alike, 1)]

    @property
    def within(self) -> float | None:
        """Mean distance between animations whose style clips are of one style; None where no style has two."""
        pairs = self._pairs(same=True)
        return float(pairs.mean()) if len(pairs) else None

    @property
    def between(self) -> float | None:
        """Mean distance between animations of two styles; None where there is one style."""
        pairs = self._pairs(same=False)
        return float(pairs.mean()) if len(pairs) else None

    @property
    def nearest_between(self) -> float | None:
        """Mean distance between the two styles that are nearest to each other; None where there is one style."""
        names = list(dict.fromkeys(self.labels))
        labels = np.array(self.labels)
        means = [
            float(self.matrix[np.ix_(labels == one, labels == other)].mean())
            for place, one in enumerate(names)
            for other in names[place + 1 :]
        ]
        return min(means) if means else None

    @property
    def furthest(self) -> tuple[int, int]:
        """The two animations that lie furthest apart."""
        first, second = np.unravel_index(int(np.argmax(self.matrix)), self.matrix.shape)
        return int(first), int(second)


def style_distances(motions: Sequence[np.ndarray], labels: Sequence[str], ids: np.ndarray) -> StyleDistances:
    """Measure how far animations of one utterance lie apart.

    Parameters
    ----------
    motions : sequence of ndarray, (T, N, 3)
        The same sound on the same face, at least two.
    labels : sequence of str
        The style of each.
    ids : ndarray of int
        The vertices that count, the region ``face`` for example.
    """
    shapes = {np.shape(motion) for motion in motions}
    if len(motions) < 2 or len(shapes) > 1 or len(motions) != len(labels):
        raise BadInput(
            f"{len(motions)} motions of shapes {sorted(shapes)} with {len(labels)} labels were given, expected at "
            "least two of one shape with a label each"
        )
    kept = [np.asarray(motion)[:, ids] for motion in motions]
    matrix = np.zeros((len(kept), len(kept)))
    for i, one in enumerate(kept):
        for j in range(i):
            matrix[i, j] = matrix[j, i] = np.linalg.norm(one - kept[j], axis=-1).mean(dtype=np.float64)
    return StyleDistances(matrix, tuple(labels))


def interpolate(
    animator: Animator,
    clip: Clip,
    first: Clip,
    second: Clip,
    weights: Sequence[float],
) -> list[Animation]:
    """Speak a clip's words with its face in styles between two.

    The style vector (sigma and mu of Eq. 2) is affine in the statistics of the style motion, so that mixing vectors is
    mixing statistics.

    Parameters
    ----------
    animator : Animator
    clip : Clip
        For its sound and its template.
    first, second : Clip
        The style motions at weight 0 and 1.
    weights : sequence of float
    """
    ends = [animator.style(motion) for motion in (first, second)]
    if ends[0] is None:
        raise BadInput("this model was made without the composite part and has no style to mix")
    return [
        animator(
            clip.waveform,
            clip.template,
            (1 - weight) * ends[0] + weight * ends[1],
            sample_rate=clip.sample_rate,
            name=f"{100 * weight:.0f} %",
        )
        for weight in weights
    ]


def way(motions: Sequence[np.ndarray], ids: np.ndarray) -> list[float]:
    """Return how much of the way from the first motion to the last each lies at: 0 for the first, 1 for the last.

    It is the part of the difference from the first that points to the last, over all frames of the vertices `ids`.
    """
    kept = [np.asarray(motion, dtype=np.float64)[:, ids].ravel() for motion in (motions[0], motions[-1])]
    whole = kept[1] - kept[0]
    length = float(whole @ whole)
    if length == 0:
        raise BadInput("the first and the last motion are the same; there is no way between them")
    return [float((np.asarray(one, dtype=np.float64)[:, ids].ravel() - kept[0]) @ whole) / length for one in motions]
