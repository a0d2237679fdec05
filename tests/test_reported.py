"""Table 1 is held as printed, and what is derived from it keeps to the rounding."""

from __future__ import annotations

import pytest

from a2f import reported
from a2f.comparison import LABELS
from a2f.errors import BadInput
from a2f.reported import METHODS, METRICS, TABLE1, implied_frames, printed


def test_every_cell_is_there_and_methods_are_called_as_in_our_own_table():
    assert list(TABLE1) == ["VOCASET", "MeshTalk", "BIWI"] == list(reported.UNITS) == list(reported.FPS)
    for methods in TABLE1.values():
        assert tuple(methods) == METHODS and all(tuple(row) == METRICS for row in methods.values())
        assert all(0 < row["upper"] < row["face"] < row["lip_mean"] < row["lip_max"] for row in methods.values())
    assert set(METHODS) <= set(LABELS.values())


def test_numbers_are_those_of_the_paper():
    assert tuple(TABLE1["VOCASET"]["FaceFormer"].values()) == (0.00212, 0.00438, 0.00046, 0.00077, 0.091)
    assert tuple(TABLE1["MeshTalk"]["Ours"].values()) == (1.659, 3.382, 0.621, 0.930, 96.2)
    assert TABLE1["BIWI"]["VOCA"]["f_dtw"] == 1.948 and TABLE1["BIWI"]["Ours"]["f_dtw"] == 1.330


def test_rounding_follows_the_printed_digits_trailing_zeros_included():
    assert printed("VOCASET", "VOCA", "lip_max") == pytest.approx((0.00630, 0.006295, 0.006305))
    assert printed("BIWI", "Ours", "f_dtw") == pytest.approx((1.330, 1.3295, 1.3305))
    assert printed("MeshTalk", "Ours", "f_dtw") == pytest.approx((96.2, 96.15, 96.25))


def test_implied_frames_hold_the_number_within_the_rounding():
    found = implied_frames("VOCASET", "FaceFormer")
    assert found == pytest.approx((118.18, 0.0905 / 0.000775, 0.0915 / 0.000765), rel=1e-4)
    for data, methods in TABLE1.items():
        for method in methods:
            value, low, high = implied_frames(data, method)
            assert low < value < high < 1.03 * low


def test_faceformer_alone_was_scored_at_half_the_rate_on_vocaset_alone():
    for data, rate in reported.FPS.items():
        others = [implied_frames(data, method).value for method in METHODS[:2]]  # VOCA, MeshTalk
        share = implied_frames(data, "FaceFormer").value / (sum(others) / 2)
        assert share == pytest.approx(reported.FACEFORMER_FPS[data] / rate, abs=0.03)


def test_text_shows_the_printed_digits():
    text = reported.as_text("VOCASET")
    assert "0.00630" in text and "FaceFormer" in text and text.splitlines()[3].endswith("118")
    assert len({len(line) for line in text.splitlines()}) == 1


def test_unknown_cells_are_refused_by_name():
    with pytest.raises(BadInput, match="no method 'VOCCA'; it has VOCA, MeshTalk"):
        printed("BIWI", "VOCCA", "face")
    with pytest.raises(BadInput, match="no data set 'LRS'"):
        implied_frames("LRS", "VOCA")
    with pytest.raises(BadInput, match="no metric 'lve'"):
        printed("BIWI", "VOCA", "lve")
