"""Rows, intervals and differences of Table 1, on results made by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from a2f.comparison import as_text, compare, floor_row, trained_row
from a2f.errors import BadInput
from a2f.evaluation import METRICS, means


def result(seed, shift, clips=4, style="other"):
    rows = [
        {"clip": f"c{i}", "style_clip": style, **{name: 1.0 + i + shift for name in METRICS}} for i in range(clips)
    ]
    return {"seed": seed, "test": rows, "test_means": means(rows), "steps": 10, "parameters": 99}


def runs(*shifts):
    return [result(seed, shift) for seed, shift in enumerate(shifts)]


def test_a_row_has_the_mean_and_the_t_interval_over_seeds():
    values = [2.5, 2.7, 2.3]
    row = trained_row("ours", runs(0.0, 0.2, -0.2))
    cell = row["metrics"]["face"]
    low, high = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values))
    assert cell["mean"] == pytest.approx(2.5)
    assert cell["half_width"] == pytest.approx((high - low) / 2)
    assert row["method"] == "Ours" and row["budget"] == {"steps": 10, "parameters": 99, "seeds": [0, 1, 2]}


def test_a_floor_has_one_value_and_no_interval():
    row = floor_row("Neutral face", result(0, 0.0)["test"])
    assert row["metrics"]["lip_mean"] == {"mean": 2.5, "half_width": 0.0, "seeds": [2.5]}


def test_a_difference_is_paired_by_seed():
    # the seeds differ by far more than the methods, and always in the same direction
    found = compare(runs(0.0, 5.0, -5.0), runs(0.10, 5.12, -4.91), "face")
    gaps = [-0.10, -0.12, -0.09]
    assert found.mean == pytest.approx(np.mean(gaps))
    assert found.half_width == pytest.approx(stats.t.ppf(0.975, 2) * stats.sem(gaps))
    assert found.verdict == "lower" and found.clips_lower == 1.0
    assert compare(runs(0.10, 5.12, -4.91), runs(0.0, 5.0, -5.0), "face").verdict == "higher"


def test_a_difference_within_its_interval_decides_nothing():
    assert compare(runs(0.1, -0.1, 0.02), runs(0.0, 0.0, 0.0), "face").verdict == "undecided"


def test_one_seed_decides_nothing():
    assert compare(runs(0.0), runs(9.0), "face").verdict == "undecided"


def test_other_seeds_or_other_style_clips_are_not_compared():
    with pytest.raises(BadInput, match="seeds"):
        compare(runs(0.0, 0.0), runs(0.0), "face")
    with pytest.raises(BadInput, match="style clips"):
        compare([result(0, 0.0)], [result(0, 0.0, style="another")], "face")


def test_the_text_names_every_row_metric_and_unit():
    text = as_text([trained_row("ours", runs(0.0, 0.2)), floor_row("Neutral face", result(0, 0.0)["test"])], "mm")
    lines = text.splitlines()
    assert len(lines) == 3 and len({len(line) for line in lines}) == 1
    assert "lip mean (mm)" in lines[0] and "F-DTW / T" in lines[0]
    assert lines[1].startswith("Ours") and "±" in lines[1] and "±" not in lines[2]
