"""Every figure of a study holds what it was given, names its axes, and can be read at the width of a web page."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from a2f.errors import BadInput
from a2f.plotting.studies import plot_effects, plot_implied_frames, plot_over_beta, plot_rotations
from a2f.reported import METHODS, TABLE1, implied_frames

METRICS = ("lip_mean", "upper", "face")


def check(figure: Figure) -> Figure:
    """Draw a figure; nothing may stick out or be too small to read, and pyplot must not know it."""
    figure.set_dpi(60)  # everything scales with it
    figure.draw_without_rendering()
    width, height = figure.get_size_inches()
    assert 3 < width <= 9
    box = figure.get_tightbbox(figure.canvas.get_renderer())
    assert box.x0 > -0.02 and box.y0 > -0.02 and box.x1 < width + 0.02 and box.y1 < height + 0.02, "cut off"
    assert all(text.get_fontsize() >= 9 for text in figure.findobj(Text) if text.get_text())
    assert plt.get_fignums() == []
    return figure


def names(axes) -> list[str]:
    return [label.get_text() for label in axes.get_yticklabels()]


def dots(axes, marker: str) -> list[tuple[float, float]]:
    """Return the points drawn with a marker, (x, y)."""
    found = [line.get_xydata() for line in axes.get_lines() if line.get_marker() == marker]
    return [tuple(point) for points in found for point in points.tolist()]


def test_implied_frames_show_every_method_on_every_data_set():
    found = {data: {method: implied_frames(data, method) for method in METHODS} for data in TABLE1}
    figure = check(plot_implied_frames(found))
    assert [axes.get_title() for axes in figure.axes] == list(TABLE1)
    assert names(figure.axes[0]) == list(METHODS)
    for axes, rows in zip(figure.axes, found.values(), strict=True):
        np.testing.assert_allclose([x for x, _ in dots(axes, "o")], [row.value for row in rows.values()])
        assert {text.get_text() for text in axes.texts} == {f"{row.value:.0f}" for row in rows.values()}
        assert axes.get_xlim()[0] == 0 and "frames" in axes.get_xlabel()
    with pytest.raises(BadInput, match="no ratios"):
        plot_implied_frames({})


def test_rotations_are_dots_and_their_mean_a_line():
    rng = np.random.default_rng(0)

    def row():
        return {metric: rng.uniform(1, 2, 3).tolist() for metric in METRICS}

    groups = {"trained": {"a": row(), "b": row()}, "without training": {"floor": row()}}
    figure = check(plot_rotations(groups, METRICS, "mm"))
    assert names(figure.axes[0]) == ["a", "b", "floor"]
    for axes, metric in zip(figure.axes, METRICS, strict=True):
        assert axes.get_xlabel() == "mm" and axes.get_xlim()[0] == 0
        np.testing.assert_allclose(
            sorted(x for x, _ in dots(axes, "o")),
            sorted(groups["trained"]["a"][metric] + groups["trained"]["b"][metric]),
        )
        assert [x for x, _ in dots(axes, "^")] == groups["without training"]["floor"][metric]
        means = [np.mean(own[metric]) for rows in groups.values() for own in rows.values()]
        lines = [line.get_xdata()[0] for line in axes.get_lines() if line.get_marker() == "None"]
        np.testing.assert_allclose(lines, means)
        assert [text.get_text() for text in axes.texts] == [f"{mean:.2f}" for mean in means]
    legend = {text.get_text() for text in figure.legends[0].get_texts()}
    assert legend == {"trained", "without training", "mean"}
    with pytest.raises(BadInput, match="row 'floor' has no fdd; it has lip_mean"):
        plot_rotations({"g": {"floor": row()}}, ("fdd",))
    with pytest.raises(BadInput, match="no rows"):
        plot_rotations({}, METRICS)


def test_effects_are_in_percent_with_a_marker_a_verdict():
    verdicts = {"better": "lower", "worse": "higher", "same": "undecided"}
    effects = {
        row: {metric: ({"lower": -0.2, "higher": 0.3, "undecided": 0.01}[v], 0.05, v) for metric in METRICS}
        for row, v in verdicts.items()
    }
    figure = check(plot_effects(effects, METRICS, "the text"))
    assert names(figure.axes[0]) == list(effects)
    for axes in figure.axes:
        for marker, value in (("o", -20), ("s", 30), ("D", 1)):
            assert [x for x, _ in dots(axes, marker)] == [pytest.approx(value)]
        assert axes.get_xlabel() == "change against the text (%)"
        low, high = axes.get_xlim()
        assert low < -25 and high > 35, "whole intervals are seen"
    assert len(figure.legends[0].get_texts()) == 3
    with pytest.raises(BadInput, match="no changes"):
        plot_effects({}, METRICS, "the text")


def test_curves_over_beta_have_all_betas_and_start_at_zero():
    betas = (1e-2, 0.0, 1e-3)  # in no order
    curves = {
        path: {beta: {"face": [1 + beta, 2 + beta], "share": [0.5, 0.7]} for beta in betas} for path in ("with", "w/o")
    }
    panels = {"face": ("face error", "mm"), "share": ("locality", "share of vertices")}
    figure = check(plot_over_beta(curves, panels))
    assert [axes.get_title() for axes in figure.axes] == ["face error", "locality"]
    for axes, (_, unit) in zip(figure.axes, panels.values(), strict=True):
        assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "0.001", "0.01"]
        assert axes.get_ylim()[0] == 0 and (axes.get_xlabel(), axes.get_ylabel()) == ("beta", unit)
        assert len(dots(axes, "o")) == len(dots(axes, "^")) == 6
    assert [y for _, y in dots(figure.axes[0], "o")] == [1, 2, 1.001, 2.001, 1.01, 2.01]
    with pytest.raises(BadInput, match="no curves"):
        plot_over_beta({}, panels)
