"""Mean opinion scores with their intervals, a panel a criterion, as in Fig. 5."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from a2f.errors import BadInput
from a2f.plotting.style import COLOURS, SMALL, picture, tidy

Score = tuple[float, float | None, float | None]


def plot_opinions(found: Mapping[str, Mapping[str, Score]], raters: int) -> Figure:
    """Draw a dot a method at its mean opinion score, with its interval.

    Parameters
    ----------
    found : dict of str to dict of str to (mean, low, high)
        For each criterion and method; low and high are None where there is no interval.
    raters : int
        How many there are, for the axis.
    """
    if not found or not all(found.values()):
        raise BadInput("there are no scores to draw")
    methods: Sequence[str] = list(dict.fromkeys(method for scores in found.values() for method in scores))
    figure = picture(1.2 + 0.36 * len(methods))
    panels = figure.subplots(1, len(found), sharey=True, squeeze=False)[0]
    for index, (axes, (criterion, scores)) in enumerate(zip(panels, found.items(), strict=True)):
        for place, method in enumerate(methods):
            if method not in scores:
                continue
            mean, low, high = scores[method]
            reach = None if low is None else [[mean - low], [high - mean]]
            axes.errorbar(mean, place, xerr=reach, fmt="o", color=COLOURS[index % len(COLOURS)], capsize=3)
            axes.annotate(f"{mean:.2f}", (mean, place), xytext=(0, 6), textcoords="offset points", ha="center",
                          fontsize=SMALL)  # fmt: skip
        axes.set(xlim=(0.8, 5.2), xticks=range(1, 6))
        axes.set_title(criterion, fontsize=10)
        axes.set_xlabel(f"mean opinion score, {raters} rater{'s' * (raters != 1)}", fontsize=SMALL)
        tidy(axes, "x")
    panels[0].set_yticks(range(len(methods)), methods, fontsize=SMALL)
    panels[0].set_ylim(len(methods) - 0.4, -0.6)  # the first method on top
    return figure
