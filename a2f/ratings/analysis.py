"""What ratings say: mean opinion scores with intervals over raters, and paired tests between methods."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from a2f.errors import BadInput
from a2f.ratings.places import CRITERIA
from a2f.ratings.record import read_ratings

FEW = 6  # with fewer raters no two-sided signed-rank test can come below 0.05: 2 / 2^5 is 0.0625
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Opinion:
    """The mean opinion score of a method: the mean over raters of each rater's mean.

    `low` and `high` bound the 95 % interval of Student's t over the raters' means; None where there is one rater.
    """

    method: str
    criterion: str
    mean: float
    low: float | None
    high: float | None
    raters: int
    answers: int


@dataclass(frozen=True)
class Comparison:
    """First minus second, on sentences that a rater rated for both.

    `test` says what was tested: "Wilcoxon over raters", or, with fewer than `FEW` raters, "sign over sentences", which
    tells of these raters only. `adjusted` is p after Benjamini and Hochberg over the comparisons of a criterion.
    """

    first: str
    second: str
    criterion: str
    difference: float
    test: str
    pairs: int
    p: float
    adjusted: float


@dataclass(frozen=True)
class Analysis:
    """Everything that a file of ratings says.

    `raters` gives the number of answers of each; `notes` say what was left out.
    """

    opinions: tuple[Opinion, ...]
    comparisons: tuple[Comparison, ...]
    raters: dict[str, int]
    notes: tuple[str, ...]


def analyse(path: str | os.PathLike) -> Analysis:
    """Return mean opinion scores and paired tests of a file of ratings.

    Raters who stopped early count with what they rated: their order is random, so that what is missing is, too.

    Parameters
    ----------
    path : path-like

    Raises
    ------
    MissingData
        If there is no such file.
    BadInput
        If it is no file of ratings, has none in it, or has one sentence by one method in two films, as after a new
        training: such films must not be taken together.
    """
    ratings, note = read_ratings(path)
    if not ratings:
        raise BadInput(f"{path} holds no rating")
    films: dict[tuple[str, str], str] = {}
    for rating in ratings:
        if films.setdefault((rating.sentence, rating.method), rating.clip) != rating.clip:
            raise BadInput(
                f"{path} has ratings of two films of {rating.method}, {rating.sentence}: they are of different studies "
                "and must lie in files of their own"
            )
    scores = {(r.criterion, r.method, r.rater, r.sentence): r.score for r in ratings}
    raters = list(dict.fromkeys(rating.rater for rating in ratings))
    answers = {rater: sum(rating.rater == rater for rating in ratings) for rater in raters}
    opinions, comparisons = [], []
    for criterion in CRITERIA:
        own = [_opinion(scores, method, criterion) for method in sorted({rating.method for rating in ratings})]
        own = sorted((opinion for opinion in own if opinion is not None), key=lambda opinion: -opinion.mean)
        opinions += own
        comparisons += _comparisons(scores, [opinion.method for opinion in own], criterion)
    notes = [] if note is None else [note]
    most = max(answers.values())
    notes += [f"rater {name} gave {count} of {most} answers" for name, count in answers.items() if count < most]
    return Analysis(tuple(opinions), tuple(comparisons), answers, tuple(notes))


def _opinion(scores: dict, method: str, criterion: str) -> Opinion | None:
    from scipy import stats

    by_rater: dict[str, list[int]] = {}
    for (asked, shown, rater, _), score in scores.items():
        if (asked, shown) == (criterion, method):
            by_rater.setdefault(rater, []).append(score)
    if not by_rater:
        return None
    means = np.array([np.mean(given) for given in by_rater.values()])
    low = high = None
    if len(means) > 1:
        half = stats.t.ppf((1 + CONFIDENCE) / 2, len(means) - 1) * stats.sem(means)
        low, high = float(means.mean() - half), float(means.mean() + half)
    count = sum(map(len, by_rater.values()))
    return Opinion(method, criterion, float(means.mean()), low, high, len(means), count)


def _comparisons(scores: dict, methods: Sequence[str], criterion: str) -> list[Comparison]:
    from scipy.stats import false_discovery_control

    tested = []
    for first, second in itertools.combinations(methods, 2):
        apart = {
            (rater, sentence): score - scores[criterion, second, rater, sentence]
            for (asked, shown, rater, sentence), score in scores.items()
            if (asked, shown) == (criterion, first) and (criterion, second, rater, sentence) in scores
        }
        if apart:
            tested.append((first, second, *_test(apart)))
    if not tested:
        return []
    adjusted = false_discovery_control([row[-1] for row in tested])
    return [
        Comparison(first, second, criterion, difference, test, pairs, p, float(other))
        for (first, second, difference, test, pairs, p), other in zip(tested, adjusted, strict=True)
    ]


def _test(apart: dict[tuple[str, str], int]) -> tuple[float, str, int, float]:
    """Return the mean difference over raters, the test's name, how many pairs it has, and p."""
    from scipy import stats

    raters = _means(apart, 0)
    difference = float(raters.mean())
    if len(raters) >= FEW:
        return difference, "Wilcoxon over raters", len(raters), signed_ranks(raters)
    sentences = _means(apart, 1)
    higher, lower = int((sentences > 0).sum()), int((sentences < 0).sum())
    p = float(stats.binomtest(higher, higher + lower).pvalue) if higher + lower else 1.0
    return difference, "sign over sentences", len(sentences), p


def signed_ranks(differences: np.ndarray) -> float:
    """Return p of Wilcoxon's signed-rank test, two-sided and exact with ties; zeros are left out.

    SciPy goes through all signs one by one where differences tie, which takes seconds a test with 14 raters. Here the
    distribution of the sum of positive ranks is built rank by rank.

    Parameters
    ----------
    differences : ndarray, (n,)
    """
    from scipy.stats import rankdata

    moved = differences[differences != 0]
    twice = np.rint(2 * rankdata(np.abs(moved))).astype(int)  # whole numbers even where ranks are shared
    chances = np.ones(1)
    for rank in twice:
        longer = np.zeros(len(chances) + rank)
        longer[: len(chances)] += chances / 2
        longer[rank:] += chances / 2
        chances = longer
    extreme = abs(2 * twice[moved > 0].sum() - twice.sum())
    return float(min(1.0, chances[np.abs(2 * np.arange(len(chances)) - twice.sum()) >= extreme].sum()))


def _means(apart: dict[tuple[str, str], int], place: int) -> np.ndarray:
    """Return the mean difference of each rater (place 0) or of each sentence (place 1)."""
    groups: dict[str, list[int]] = {}
    for key, value in apart.items():
        groups.setdefault(key[place], []).append(value)
    return np.array([np.mean(values) for values in groups.values()])


def as_text(analysis: Analysis) -> str:
    """Return the scores and the tests as lines to print."""
    count = len(analysis.raters)
    lines = [f"{count} rater{'s' * (count != 1)}, {sum(analysis.raters.values())} answers", *analysis.notes]
    for criterion in CRITERIA:
        lines.append(f"\n{criterion}, mean opinion score and 95 % interval over raters")
        for one in analysis.opinions:
            if one.criterion == criterion:
                bounds = "one rater, no interval" if one.low is None else f"{one.low:.2f} to {one.high:.2f}"
                lines.append(f"   {one.method:14s} {one.mean:.2f}   {bounds}   ({one.answers} answers)")
        for one in analysis.comparisons:
            if one.criterion == criterion:
                lines.append(
                    f"   {one.first} - {one.second}: {one.difference:+.2f}, p {_chance(one.p)}, adjusted "
                    f"{_chance(one.adjusted)} ({one.test}, {one.pairs} pairs)"
                )
    return "\n".join(lines)


def _chance(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"
