"""A validation's measurements of the mouth, each beside the range of the literature."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from a2f.data.demo_report import Report, Row
from a2f.errors import BadInput
from a2f.plotting.style import BLACK, COLOURS, GREY, SMALL, picture, tidy

RANGE = "#F6D5B5"
SPEEDS = {"lower lip peak speed": "lower lip", "jaw peak speed": "jaw", "upper lip peak speed": "upper lip"}
CLOSURES = {"p b m contact": "how long lips touch (ms)", "contact after closure's start": "when they meet (ms)"}


def plot_articulation(report: Report) -> Figure:
    """Draw apertures by sound, peak speeds and closures; orange is what the literature knows.

    Parameters
    ----------
    report : Report
        With the rows of the mouth, as `validate_demo` returns it.

    Raises
    ------
    BadInput
        If a row that is drawn has no values.
    """
    areas = [row for row in report.rows if row.quantity.startswith("area of ")]
    if not areas:
        raise BadInput("there is no area in the report; draw one that validate_demo made")
    figure = picture(6.4)
    upper, lower = figure.subfigures(2, 1, height_ratios=[1.15, 1.0])
    _spreads(upper.subplots(), areas, [row.quantity.removeprefix("area of ") for row in areas], "open area (mm$^2$)")
    left, *others = lower.subplots(1, 3, width_ratios=[1.0, 1.15, 1.15])
    _spreads(left, [_row(report, name) for name in SPEEDS], list(SPEEDS.values()), "peak speed (mm/s)")
    for axes, (name, text) in zip(others, CLOSURES.items(), strict=True):
        _histogram(axes, _row(report, name), text)
    others[0].set_ylabel("p, b and m", fontsize=SMALL)
    handles = [
        Patch(facecolor=RANGE, label="range of the literature"),
        Line2D([], [], color=COLOURS[0], linewidth=5, solid_capstyle="butt", label="middle half, synthetic corpus"),
        Line2D([], [], color=GREY, linewidth=1, label="5 to 95 %"),
        Line2D([], [], color=BLACK, marker="o", linestyle="", markersize=4, label="median"),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=4, fontsize=SMALL, frameon=False)
    return figure


def _row(report: Report, quantity: str) -> Row:
    row = report.row(quantity)
    if not row.values:
        raise BadInput(f"row {quantity!r} holds no values to draw")
    return row


def _spreads(axes: Axes, rows: list[Row], names: list[str], text: str) -> None:
    for place, row in enumerate(rows):
        low, first, middle, third, high = np.percentile(row.values, (5, 25, 50, 75, 95))
        axes.bar(place, row.high - row.low, 0.78, bottom=row.low, color=RANGE, zorder=0)
        axes.plot([place, place], [low, high], color=GREY, linewidth=1)
        axes.plot([place, place], [first, third], color=COLOURS[0], linewidth=5, solid_capstyle="butt")
        axes.plot(place, middle, "o", color=BLACK, markersize=4, zorder=3)
    tidy(axes, "y").set_xticks(range(len(rows)), names)
    axes.set_ylim(bottom=0)
    axes.set_ylabel(text, fontsize=SMALL)


def _histogram(axes: Axes, row: Row, text: str) -> None:
    low, high = np.percentile(row.values, (0.5, 99.5))
    reach = min(low, row.low), max(high, row.high)
    axes.axvspan(row.low, row.high, color=RANGE, linewidth=0, zorder=0)
    axes.hist(np.clip(row.values, *reach), bins=30, range=reach, color=COLOURS[0])
    axes.axvline(row.measured, color=BLACK, linewidth=1.2)
    tidy(axes).set_xlabel(text, fontsize=SMALL)
