"""Rows of Table 1 with their intervals, and whether one row is lower than another beyond the interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from a2f.errors import BadInput
from a2f.evaluation import BESIDE, METRICS, interval, means

# How the rows of a study are called in tables and figures.
LABELS = {
    "voca": "VOCA",
    "meshtalk": "MeshTalk",
    "meshtalk-expression": "MeshTalk, expression path",
    "faceformer": "FaceFormer",
    "without-composite": "Ours w/o Composite",
    "without-regional": "Ours w/o Regional",
    "ours": "Ours",
}


def trained_row(method: str, results: Sequence[Mapping]) -> dict:
    """Return the row of a trained method: each metric's mean over seeds with its 95 % interval, and its budget.

    Parameters
    ----------
    method : str
    results : sequence of dict
        One a seed, as `study.run_study` returns them.
    """
    metrics = {}
    for name in (*METRICS, *BESIDE):
        values = [result["test_means"][name] for result in results]
        mean, half_width = interval(values)
        metrics[name] = {"mean": mean, "half_width": half_width, "seeds": values}
    budget = {
        "steps": results[0]["steps"],
        "parameters": results[0]["parameters"],
        "seconds": [result["seconds"] for result in results],
        "seeds": [result["seed"] for result in results],
    }
    return {"method": LABELS.get(method, method), "trained": True, "metrics": metrics, "budget": budget}


def expression_path(results: Sequence[Mapping]) -> list[dict]:
    """Return MeshTalk's results with those of its other test path in place of the audio-only one's."""
    return [
        {**result, "test": result["expression_test"], "test_means": means(result["expression_test"])}
        for result in results
    ]


def floor_row(name: str, rows: Sequence[Mapping]) -> dict:
    """Return the row of a method without training: one value a metric, no interval."""
    values = {metric: {"mean": value, "half_width": 0.0, "seeds": [value]} for metric, value in means(rows).items()}
    return {"method": name, "trained": False, "metrics": values, "budget": {}}


@dataclass(frozen=True)
class Difference:
    """How much lower or higher one method's error is than another's, on the same clips with the same seeds.

    `mean` is first minus second, `half_width` the half-width of its 95 % t interval over seeds, `relative` the mean
    over the second's error, `clips_lower` the share of test clips on which the first is lower (mean over seeds), `p`
    the two-sided p of Wilcoxon's signed-rank test over clips, each averaged over seeds. Clips of one speaker resemble
    each other, so `p` is too small by an unknown factor: the verdict is the interval's.
    """

    metric: str
    first: float
    second: float
    mean: float
    half_width: float
    relative: float
    clips_lower: float
    p: float
    seeds: int

    @property
    def verdict(self) -> str:
        """``"lower"`` or ``"higher"`` where the interval excludes zero, else ``"undecided"``."""
        if abs(self.mean) <= self.half_width or self.seeds < 2:
            return "undecided"
        return "lower" if self.mean < 0 else "higher"

    def __str__(self) -> str:
        return (
            f"{self.metric}: {self.first:.3f} against {self.second:.3f} ({100 * self.relative:+.1f} %, "
            f"difference {self.mean:+.3f} ± {self.half_width:.3f}), {self.verdict}"
        )


def compare(first: Sequence[Mapping], second: Sequence[Mapping], metric: str) -> Difference:
    """Compare two methods' results seed by seed and clip by clip.

    Raises
    ------
    BadInput
        If the two were not measured on the same clips, style clips and seeds.
    """
    if [r["seed"] for r in first] != [r["seed"] for r in second]:
        raise BadInput("the two methods were not trained with the same seeds")
    from scipy.stats import wilcoxon

    lower, differences, by_clip = [], [], []
    for one, other in zip(first, second, strict=True):
        if [(r["clip"], r["style_clip"]) for r in one["test"]] != [(r["clip"], r["style_clip"]) for r in other["test"]]:
            raise BadInput("the two methods were not measured on the same clips and style clips")
        gaps = np.array([a[metric] - b[metric] for a, b in zip(one["test"], other["test"], strict=True)])
        by_clip.append(gaps)
        differences.append(float(gaps.mean()))
        lower.append(float((gaps < 0).mean()))
    mean, half_width = interval(differences)
    # with rotating test speakers every seed has its own clips
    same = len({tuple(r["clip"] for r in result["test"]) for result in first}) == 1
    gaps = np.mean(by_clip, axis=0) if same else np.concatenate(by_clip)
    base = float(np.mean([r["test_means"][metric] for r in second]))
    return Difference(
        metric=metric,
        first=float(np.mean([r["test_means"][metric] for r in first])),
        second=base,
        mean=mean,
        half_width=half_width,
        relative=mean / base,
        clips_lower=float(np.mean(lower)),
        p=float(wilcoxon(gaps).pvalue) if np.any(gaps) else 1.0,
        seeds=len(differences),
    )


def as_text(rows: Sequence[Mapping], unit: str, metrics: Sequence[str] = METRICS) -> str:
    """Return rows as an aligned table: mean and half-width of the 95 % interval; nearer to zero is better."""
    titles = {
        "lip_mean": f"lip mean ({unit})",
        "lip_max": f"lip max ({unit})",
        "upper": f"upper ({unit})",
        "face": f"face ({unit})",
        "f_dtw": f"F-DTW ({unit})",
        "f_dtw_per_frame": "F-DTW / T",
        "lve": f"LVE ({unit}²)",
        "fdd": f"FDD ({unit}²)",
        "fdd_absolute": f"|FDD| ({unit}²)",
    }
    width = max(len(row["method"]) for row in rows)
    lines = [" " * width + "".join(f"{titles[name]:>18s}" for name in metrics)]
    for row in rows:
        cells = []
        for name in metrics:
            cell = row["metrics"][name]
            digits = 1 if name == "f_dtw" else 3
            interval_text = f" ± {cell['half_width']:.{digits}f}" if len(cell["seeds"]) > 1 else ""
            cells.append(f"{cell['mean']:.{digits}f}{interval_text}".rjust(18))
        lines.append(row["method"].ljust(width) + "".join(cells))
    return "\n".join(lines)


def as_numbers(difference: Difference) -> dict[str, float | str]:
    """Return a difference for a json."""
    kept = ("first", "second", "mean", "half_width", "relative", "clips_lower", "p")
    return {name: getattr(difference, name) for name in kept} | {"verdict": difference.verdict}
