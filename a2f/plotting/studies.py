"""Studies as figures: frames behind F-DTW, errors rotation by rotation, changes with intervals, errors over beta."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from a2f.errors import BadInput
from a2f.plotting.results import METRIC_TITLES
from a2f.plotting.style import BLACK, COLOURS, GREY, LINES, MARKERS, PALE, SMALL, picture, tidy

DECIDED = {"lower": (COLOURS[2], "o"), "higher": (COLOURS[5], "s"), "undecided": (GREY, "D")}


def _name_rows(panels: Sequence[Axes], labels: Sequence[str], places: Sequence[float]) -> None:
    """Name the rows at the left of panels that share them."""
    panels[0].set_yticks(places, labels, fontsize=SMALL)
    panels[0].set_ylim(places[-1] + 0.6, -0.6)  # the first row on top
    for axes in panels:
        axes.tick_params(axis="y", length=0)


def plot_implied_frames(found: Mapping[str, Mapping[str, tuple[float, float, float]]]) -> Figure:
    """Draw F-DTW over the face error, which is the number of frames where both were measured alike.

    Parameters
    ----------
    found : dict of str to dict of str to (value, low, high)
        For each data set, each method's ratio and the range that rounding leaves, as `reported.implied_frames` gives
        them.
    """
    if not found or not all(found.values()):
        raise BadInput("there are no ratios to draw")
    methods = list(next(iter(found.values())))
    figure = picture(1.2 + 0.34 * len(methods))
    panels = figure.subplots(1, len(found), sharey=True, squeeze=False)[0]
    for index, (axes, (data, rows)) in enumerate(zip(panels, found.items(), strict=True)):
        for place, method in enumerate(methods):
            value, low, high = rows[method]
            axes.plot([0, value], [place, place], color=PALE, linewidth=1)
            axes.errorbar(value, place, xerr=[[value - low], [high - value]], fmt="o", color=COLOURS[index], capsize=3)
            axes.annotate(f"{value:.0f}", (high, place), xytext=(6, 0), textcoords="offset points", va="center",
                          fontsize=SMALL)  # fmt: skip
        axes.set_xlim(0, 1.25 * max(high for _, _, high in rows.values()))
        axes.set_title(data, fontsize=10)
        axes.set_xlabel("F-DTW / face error (frames)", fontsize=SMALL)
        tidy(axes, "x")
    _name_rows(panels, methods, range(len(methods)))
    return figure


def plot_rotations(
    groups: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]], metrics: Sequence[str], unit: str = "mm"
) -> Figure:
    """Draw errors with a dot a rotation of the speakers and a line at their mean, rows in groups of one colour.

    Parameters
    ----------
    groups : dict of str to dict
        For each group its rows, for each row and metric the values of the rotations.
    metrics : sequence of str
        One panel each.
    unit : str
    """
    rows = [(group, label, values) for group, own in groups.items() for label, values in own.items()]
    if not rows:
        raise BadInput("there are no rows to draw")
    for _, label, values in rows:
        missing = [metric for metric in metrics if metric not in values]
        if missing:
            raise BadInput(f"row {label!r} has no {', '.join(missing)}; it has {', '.join(values)}")
    order = {group: index for index, group in enumerate(groups)}
    places = [index + 0.5 * order[group] for index, (group, _, _) in enumerate(rows)]  # a gap between groups
    figure = picture(1.3 + 0.28 * (places[-1] + 1))
    panels = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
    for axes, metric in zip(panels, metrics, strict=True):
        reach = max(max(values[metric]) for _, _, values in rows)
        for place, (group, _, values) in zip(places, rows, strict=True):
            colour, found = COLOURS[order[group] % len(COLOURS)], values[metric]
            mean = sum(found) / len(found)
            axes.plot(found, [place] * len(found), MARKERS[order[group]], color=colour, markersize=5, alpha=0.55)
            axes.plot([mean, mean], [place - 0.36, place + 0.36], color=colour, linewidth=2.2)
            axes.annotate(f"{mean:.2f}", (max(found), place), xytext=(7, 0), textcoords="offset points", va="center",
                          fontsize=SMALL)  # fmt: skip
        axes.set_xlim(0, 1.22 * reach)
        axes.set_title(METRIC_TITLES.get(metric, metric), fontsize=10)
        axes.set_xlabel(unit, fontsize=SMALL)
        tidy(axes, "x")
    _name_rows(panels, [label for _, label, _ in rows], places)
    keys = [
        Line2D([], [], color=COLOURS[i % len(COLOURS)], marker=MARKERS[i], linestyle="", label=group)
        for group, i in order.items()
    ]
    keys.append(Line2D([], [], color=BLACK, marker="|", markersize=11, markeredgewidth=2, linestyle="", label="mean"))
    figure.legend(handles=keys, loc="outside lower center", ncols=len(keys), fontsize=SMALL, frameon=False)
    return figure


def plot_effects(
    effects: Mapping[str, Mapping[str, tuple[float, float, str]]], metrics: Sequence[str], against: str
) -> Figure:
    """Draw relative changes with their intervals, rows downwards in the order given, one panel a metric.

    Parameters
    ----------
    effects : dict of str to dict of str to (relative, half_width, verdict)
        For each row and metric the change over the reference's error, the half-width of its interval on the same
        scale, and `comparison.Difference.verdict`.
    metrics : sequence of str
    against : str
        What the changes are measured against, for the axis.
    """
    if not effects:
        raise BadInput("there are no changes to draw")
    figure = picture(1.5 + 0.34 * len(effects))
    panels = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
    for axes, metric in zip(panels, metrics, strict=True):
        axes.axvline(0, color=BLACK, linewidth=0.8)
        for place, found in enumerate(effects.values()):
            relative, half_width, verdict = found[metric]
            colour, marker = DECIDED[verdict]
            axes.errorbar(
                100 * relative, place, xerr=100 * half_width, fmt=marker, color=colour, capsize=3, linewidth=1.3
            )
        axes.set_title(METRIC_TITLES.get(metric, metric), fontsize=10)
        axes.set_xlabel(f"change against {against} (%)", fontsize=SMALL)
        axes.margins(x=0.08)
        tidy(axes, "x")
    _name_rows(panels, list(effects), range(len(effects)))
    words = {"lower": "lower error", "higher": "higher error", "undecided": "undecided: interval holds zero"}
    keys = [
        Line2D([], [], color=colour, marker=marker, linestyle="", label=words[verdict])
        for verdict, (colour, marker) in DECIDED.items()
    ]
    figure.legend(handles=keys, loc="outside lower center", ncols=3, fontsize=SMALL, frameon=False)
    return figure


def plot_over_beta(
    curves: Mapping[str, Mapping[float, Mapping[str, Sequence[float]]]], panels: Mapping[str, tuple[str, str]]
) -> Figure:
    """Draw what happens as the weight of the sparsity regulariser grows: a dot a rotation, a line through the means.

    Parameters
    ----------
    curves : dict of str to dict of float to dict of str to sequence of float
        For each kind of model, each beta and each quantity, the values of the rotations.
    panels : dict of str to (title, unit)
        The quantities to draw, one panel each.
    """
    if not curves or not panels:
        raise BadInput("there are no curves or no panels to draw")
    betas = sorted(next(iter(curves.values())))
    figure = picture(3.6)
    drawn = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (key, (title, unit)) in zip(drawn, panels.items(), strict=True):
        for index, own in enumerate(curves.values()):
            colour, marker = COLOURS[index % len(COLOURS)], MARKERS[index]
            shift = 0.1 * (index - (len(curves) - 1) / 2)  # dots side by side
            places = [place + shift for place in range(len(betas))]
            values = [own[beta][key] for beta in betas]
            axes.plot(places, [sum(v) / len(v) for v in values], color=colour, linestyle=LINES[index % len(LINES)])
            for place, dots in zip(places, values, strict=True):
                axes.plot([place] * len(dots), dots, marker, color=colour, markersize=5, alpha=0.6)
        axes.set_xticks(range(len(betas)), [f"{beta:g}" for beta in betas])  # evenly: a logarithm has no place for 0
        axes.set_ylim(0, None)
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("beta", fontsize=SMALL)
        axes.set_ylabel(unit, fontsize=SMALL)
        tidy(axes, "y")
    keys = [
        Line2D([], [], color=COLOURS[i % len(COLOURS)], marker=MARKERS[i], linestyle=LINES[i % len(LINES)], label=name)
        for i, name in enumerate(curves)
    ]
    figure.legend(handles=keys, loc="outside lower center", ncols=len(keys), fontsize=SMALL, frameon=False)
    return figure
