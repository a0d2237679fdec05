"""Methods x protocols x metrics: what Table 1 compares, on the same frames for every method."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from a2f.data import Clip, Dataset
from a2f.determinism import same_digits
from a2f.errors import BadInput
from a2f.methods import Method
from a2f.metrics import sequence_errors, vertex_distance
from a2f.protocols import HEADLINE, PROTOCOLS, style_motions

METRICS = ("lip_mean", "lip_max", "upper", "face", "f_dtw", "f_dtw_per_frame")  # Table 1, and F-DTW per frame
BESIDE = ("lve", "fdd", "fdd_absolute")  # what other papers report


@same_digits()
def evaluate(
    method: Method,
    dataset: Dataset,
    *,
    split: str = "test",
    protocol: str = HEADLINE,
    seed: int = 0,
    clips: Sequence[Clip] | None = None,
    every: int = 1,
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
    every : int
        Score every so many-th frame, as if the faces had been made at a lower frame rate. 1 scores all.

    Returns
    -------
    list of dict
        A row a clip: its name, subject and style, the style clip's name, and the errors of `SequenceErrors`. Under
        ``random-K`` the errors are means over K motions and the style clip is ``""``.
    """
    if protocol not in PROTOCOLS:
        raise BadInput(f"no protocol is called {protocol!r}; there are {', '.join(PROTOCOLS)}")
    if isinstance(every, bool) or not isinstance(every, int) or every < 1:
        raise BadInput(f"every is {every!r}, expected a whole positive number of frames")
    rows = []
    for clip in dataset.split(split) if clips is None else clips:
        motions = style_motions(dataset, clip, protocol, seed)
        truth = clip.vertices[::every]

        def measured(prediction: np.ndarray, clip: Clip = clip, truth: np.ndarray = truth) -> dict:
            return dataclasses.asdict(sequence_errors(prediction[::every], truth, clip.template, dataset.topology))

        style = motions[0]
        if protocol == "random-K":
            drawn = [measured(method.predict(clip, motion)) for motion in motions]
            errors = {key: type(value)(np.mean([row[key] for row in drawn])) for key, value in drawn[0].items()}
        elif protocol == "best-of-K":
            errors, style = _oracle(method, clip, motions, truth, every, measured)
        else:
            errors = measured(method.predict(clip, style))
        described = {"clip": clip.name, "subject": clip.subject, "style": clip.style}
        rows.append(described | {"style_clip": "" if protocol == "random-K" else style.name} | errors)
    return rows


def _oracle(method: Method, clip: Clip, motions: list[Clip], truth: np.ndarray, every: int, measured) -> tuple:
    """Return the errors of the motion whose result is nearest to the truth, over all vertices as released, and it."""
    best, nearest = None, math.inf
    for motion in {motion.name: motion for motion in motions}.values():  # drawn with replacement
        prediction = method.predict(clip, motion)
        distance = float(vertex_distance(prediction[::every], truth).mean())
        if best is None or distance < nearest:  # of equals the first: a method may not look at motion at all
            best, nearest = (prediction, motion), distance
    return measured(best[0]), best[1]


def means(rows: Sequence[dict]) -> dict[str, float]:
    """Return the mean of each metric over sequences, unweighted, as Table 1 has it.

    LVE is pooled over all frames of all sequences, as its authors do, so longer sequences weigh more.
    """
    found = {name: float(np.mean([row[name] for row in rows])) for name in (*METRICS, "fdd", "fdd_absolute")}
    frames = np.array([row["frames"] for row in rows], dtype=np.float64)
    return found | {"lve": float(np.array([row["lve"] for row in rows]) @ frames / frames.sum())}


def interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """Return the mean of some values and the half-width of Student's t interval around it; zero for a single value."""
    from scipy import stats

    values = np.asarray(values, dtype=np.float64)
    if len(values) < 2:
        return float(values.mean()), 0.0
    spread = values.std(ddof=1) / math.sqrt(len(values))
    return float(values.mean()), float(stats.t.ppf(0.5 + confidence / 2, len(values) - 1) * spread)
