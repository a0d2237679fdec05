"""How long things take, drawn: seconds for a second of speech by part, and a training step's time and memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from a2f.errors import BadInput
from a2f.plotting.style import COLOURS, SMALL, picture, tidy

PARTS = {"audio encoder": COLOURS[4], "style": COLOURS[3], "decoder": COLOURS[1], "projection": COLOURS[0],
         "loop": COLOURS[5]}  # fmt: skip


def plot_seconds(times: Mapping[int, Sequence[tuple[str, Mapping[str, float]]]]) -> Figure:
    """Draw seconds for a second of speech, a bar a method made of its parts, a panel a mesh.

    Parameters
    ----------
    times : dict of int to sequence of (str, dict of str to float)
        For each number of vertices the methods, each with the seconds of its parts: ``"audio encoder"``, ``"style"``,
        ``"decoder"``, ``"projection"`` or ``"loop"``.
    """
    if not times or not all(times.values()):
        raise BadInput("there are no times to draw")
    most = max(len(methods) for methods in times.values())
    figure = picture(1.6 + 0.36 * most)
    panels = figure.subplots(1, len(times), sharey=True, squeeze=False)[0]
    drawn = {}
    for axes, (vertices, methods) in zip(panels, times.items(), strict=True):
        for place, (_, parts) in enumerate(methods):
            left = 0.0
            for name, seconds in parts.items():
                drawn[name] = axes.barh(place, seconds, left=left, color=PARTS[name], height=0.7)
                left += seconds
            text = f"{left:.2f}" if left > 0.1 else f"{left:.2g}"
            axes.annotate(text, (left, place), xytext=(4, 0), textcoords="offset points", va="center",
                          fontsize=SMALL)  # fmt: skip
        axes.set_title(f"{vertices:,} vertices", fontsize=10)
        axes.set_xlabel("seconds for 1 s of speech", fontsize=SMALL)
        axes.margins(x=0.18)
        tidy(axes, "x")
    names = [name for name, _ in next(iter(times.values()))]
    panels[0].set_yticks(range(len(names)), names, fontsize=SMALL)
    panels[0].set_ylim(len(names) - 0.4, -0.6)
    shown = [name for name in PARTS if name in drawn]
    figure.legend([drawn[name] for name in shown], shown, loc="outside lower center", ncols=len(shown), frameon=False,
                  fontsize=SMALL)  # fmt: skip
    return figure


def plot_training_step(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw the time and the memory of a training step, a group a mesh and a bar a method.

    Parameters
    ----------
    rows : sequence of dict
        With ``vertices``, ``method``, ``median`` in seconds and ``memory_mb``, which may be None.
    """
    if not rows:
        raise BadInput("there are no training steps to draw")
    sizes = sorted({row["vertices"] for row in rows})
    methods = list(dict.fromkeys(row["method"] for row in rows))
    figure = picture(4.8)
    panels = figure.subplots(2, 1, sharex=True)
    labels = {"median": "seconds a step", "memory_mb": "MB beyond what is kept"}
    for axes, (key, label) in zip(panels, labels.items(), strict=True):
        for index, method in enumerate(methods):
            for row in rows:
                if row["method"] == method and row[key] is not None:
                    place = sizes.index(row["vertices"]) + (index - (len(methods) - 1) / 2) * 0.8 / len(methods)
                    axes.bar(place, row[key], width=0.75 / len(methods), color=COLOURS[index % len(COLOURS)])
                    axes.annotate(_short(row[key]), (place, row[key]), ha="center", va="bottom", fontsize=SMALL)
        axes.set_xticks(range(len(sizes)), [f"{size:,} vertices" for size in sizes])
        axes.set_ylabel(label, fontsize=SMALL)
        axes.set_ylim(0, 1.12 * max(max(row[key] or 0 for row in rows), 1e-9))
        tidy(axes, "y")
    keys = [axes.bar(0, 0, color=COLOURS[index % len(COLOURS)]) for index in range(len(methods))]
    figure.legend(keys, methods, loc="outside lower center", ncols=len(methods), frameon=False, fontsize=SMALL)
    return figure


def _short(value: float) -> str:
    if value < 0.1:
        return f"{value:.2g}"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
