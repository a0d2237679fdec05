"""Rows, intervals and differences of Table 1, on results made by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from a2f.comparison import as_numbers, as_text, compare, expression_path, floor_row, trained_row
from a2f.errors import BadInput
from a2f.evaluation import BESIDE, METRICS, means


def result(seed, shift, clips=4, style="other"):
    rows = [
        {"clip": f"c{i}", "style_clip": style, "frames": 9, **{name: 1.0 + i + shift for name in (*METRICS, *BESIDE)}}
        for i in range(clips)
    ]
    return {"seed": seed, "test": rows, "test_means": means(rows), "steps": 10, "seconds": 1.5, "parameters": 99}


def runs(*shifts):
    return [result(seed, shift) for seed, shift in enumerate(shifts)]


def test_a_row_has_the_mean_and_the_t_interval_over_seeds():
    values = [2.5, 2.7, 2.3]
    row = trained_row("ours", runs(0.0, 0.2, -0.2))
    cell = row["metrics"]["face"]
    low, high = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values))
    assert cell["mean"] == pytest.approx(2.5)
    assert cell["half_width"] == pytest.approx((high - low) / 2)
    assert row["method"] == "Ours" and row["budget"] == {
        "steps": 10,
        "parameters": 99,
        "seconds": [1.5] * 3,
        "seeds": [0, 1, 2],
    }


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


def test_the_signed_rank_test_is_over_clips_with_seeds_averaged():
    one, other = runs(0.0, 0.3, -0.1), runs(0.1, 0.2, 0.3)
    for result_, shifts in ((one[0], (0.05, -0.3, 0.2, 0.4)), (other[2], (0.3, 0.1, -0.2, 0.6))):
        for row, shift in zip(result_["test"], shifts, strict=True):
            row["face"] += shift
    faces = [[[row["face"] for row in run["test"]] for run in found] for found in (one, other)]
    gaps = np.subtract(*faces).mean(axis=0)
    assert compare(one, other, "face").p == pytest.approx(stats.wilcoxon(gaps).pvalue)
    assert compare(one, one, "face").p == 1.0


def test_seeds_with_clips_of_their_own_are_tested_over_all_clips():
    one, other = runs(0.0, 0.3), runs(0.1, 0.35)
    for turn, (a, b) in enumerate(zip(one, other, strict=True)):
        for row in (*a["test"], *b["test"]):
            row["clip"] += f"-{turn}"
    faces = [[row["face"] for run in found for row in run["test"]] for found in (one, other)]
    gaps = np.subtract(*faces)
    assert compare(one, other, "face").p == pytest.approx(stats.wilcoxon(gaps).pvalue)


def test_the_expression_path_is_a_row_of_its_own_results():
    found = [one | {"expression_test": result(one["seed"], 2.0)["test"]} for one in runs(0.0, 0.1)]
    assert [one["test_means"]["face"] for one in expression_path(found)] == pytest.approx([4.5, 4.5])
    assert [one["seed"] for one in expression_path(found)] == [0, 1]


def test_numbers_of_a_difference_carry_its_verdict():
    difference = compare(runs(0.0, 0.01, -0.01), runs(1.0, 1.01, 0.99), "face")
    assert as_numbers(difference)["verdict"] == difference.verdict == "lower"
    assert as_numbers(difference)["relative"] == pytest.approx(-1 / 3.5)
