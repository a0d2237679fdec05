"""Verdicts follow from the numbers by the stated rule, and every claim carries its evidence."""

from __future__ import annotations

import pytest

from a2f.claims import build_claims
from a2f.errors import BadInput
from a2f.readme import check_claims
from a2f.verdicts import NAMES


def cells(value):
    return {name: {"mean": value, "half_width": 0.01, "seeds": [value] * 3} for name in NAMES}


def changes(verdict, relative=-0.2):
    return {name: {"relative": relative, "mean": relative, "half_width": 0.01, "verdict": verdict} for name in NAMES}


@pytest.fixture
def evidence():
    floors = [
        {"method": name, "trained": False, "metrics": cells(2.0)} for name in ("Neutral face", "Mean of the style clip")
    ]
    others = [{"method": name, "trained": True, "metrics": cells(1.5)} for name in ("VOCA", "FaceFormer")]
    mesh = {"method": "MeshTalk", "trained": True, "metrics": cells(1.8)}
    shown = {"method": "MeshTalk, expression path", "trained": True, "metrics": cells(1.1)}
    compared = ("voca", "meshtalk", "faceformer", "without-composite", "without-regional")
    return {
        "style_space": {"speaker": {"purity": 0.7, "chance": 0.08}, "log: speaker": {"purity": 0.9, "chance": 0.08}},
        "region_graph": {"mouth-chin": 0.8, "upper-lower": 0.2},
        "table1": {
            "rows": [{"method": "Ours", "trained": True, "metrics": cells(1.0)}, *others, mesh, shown, *floors],
            "differences": {name: changes("lower") for name in compared},
        },
        "sparsity": {
            "with sparsity": [{"share_of_vertices_90": 0.1}] * 3,
            "without": [{"share_of_vertices_90": 0.5}] * 3,
        },
        "features": {
            "first": "whisper-tiny-2",
            "rows": [{"metrics": cells(1.0)}],
            "differences": {"log-mel": changes("lower")},
            "verdict": "holds",
        },
        "measured": {
            "template": {"template subtracted, with template": changes("lower")},
            "leak": {
                "Ours, target as style: self": changes("lower"),
                "Ours: best-of-K": changes("undecided"),
            },
            "faceformer_on_vocaset": {
                "frames_share": 0.52,
                "f_dtw_at_equal_rate": [0.173, 0.177],
                "order_at_equal_rate": "above",
            },
        },
        "data": "synthetic demo corpus",
    }


def verdict(evidence, start):
    (found,) = [claim for claim in build_claims(**evidence) if claim["claim"].startswith(start)]
    return found["verdict"]


def test_every_claim_is_complete_and_names_synthetic_data(evidence):
    check_claims(build_claims(**evidence), synthetic=True)


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        ({}, "holds"),
        ({"lip_max": "undecided"}, "holds in part"),
        ({"lip_max": "higher"}, "holds in part"),
        ({"lip_max": "undecided", "lip_mean": "undecided"}, "undecided"),
        ({"lip_max": "higher", "lip_mean": "undecided"}, "does not hold"),
    ],
)
def test_a_claim_of_lower_errors_needs_every_interval(evidence, metrics, expected):
    for name, found in metrics.items():
        evidence["table1"]["differences"]["without-regional"][name]["verdict"] = found
    assert verdict(evidence, "Without the regional part") == expected


def test_a_floor_that_wins_somewhere_is_named(evidence):
    assert verdict(evidence, "The full model is better than a face") == "holds"
    (still,) = [row for row in evidence["table1"]["rows"] if row["method"] == "Neutral face"]
    still["metrics"]["upper"]["mean"] = 0.5
    assert verdict(evidence, "The full model is better than a face") == "holds in part"
    (claim,) = [c for c in build_claims(**evidence) if c["claim"].startswith("The full model")]
    assert "not on upper face" in claim["here"]


def test_locality_must_hold_on_every_seed(evidence):
    evidence["sparsity"]["with sparsity"] = [{"share_of_vertices_90": share} for share in (0.1, 0.1, 0.6)]
    assert verdict(evidence, "The sparsity regulariser") == "holds in part"


def test_what_does_not_hold_is_said(evidence):
    evidence["region_graph"]["mouth-chin"] = 0.1
    evidence["style_space"]["speaker"]["purity"] = 0.1
    assert verdict(evidence, "Mouth and chin") == "does not hold"
    assert verdict(evidence, "Speaker identity") == "does not hold"


def test_a_missing_row_is_named(evidence):
    del evidence["table1"]["rows"][0]
    with pytest.raises(BadInput, match="'Ours'"):
        build_claims(**evidence)


@pytest.mark.parametrize(("mean", "expected"), [(1.8, "holds"), (1.51, "undecided"), (1.2, "does not hold")])
def test_being_weaker_than_others_needs_intervals_apart(evidence, mean, expected):
    (mesh,) = [row for row in evidence["table1"]["rows"] if row["method"] == "MeshTalk"]
    mesh["metrics"]["face"]["mean"] = mean
    assert verdict(evidence, "MeshTalk is weaker") == expected


def test_a_meshtalk_that_looks_at_nothing_decides_nothing(evidence):
    (shown,) = [row for row in evidence["table1"]["rows"] if row["method"].endswith("path")]
    shown["metrics"]["face"]["mean"] = 1.8
    assert verdict(evidence, "MeshTalk is weaker") == "undecided"


def test_better_than_all_three_counts_every_metric_of_every_method(evidence):
    start = "Ours is better than VOCA"
    assert verdict(evidence, start) == "holds"
    evidence["table1"]["differences"]["faceformer"]["upper"]["verdict"] = "undecided"
    assert verdict(evidence, start) == "holds in part"
    (claim,) = [c for c in build_claims(**evidence) if c["claim"].startswith(start)]
    assert "FaceFormer: lower on 4 of 5 metrics" in claim["here"]


def test_a_leak_is_one_where_an_interval_says_so(evidence):
    assert verdict(evidence, "Test speech and test motion leak") == "undecided"
    evidence["measured"]["leak"]["Ours, target as style: self"] = changes("undecided")
    assert verdict(evidence, "Test speech and test motion leak") == "holds in part"


@pytest.mark.parametrize(("found", "expected"), [("lower", "does not hold"), ("higher", "holds"), ("undecided",) * 2])
def test_the_mean_face_stands_or_falls_with_the_template_in_its_place(evidence, found, expected):
    evidence["measured"]["template"]["template subtracted, with template"] = changes(found)
    assert verdict(evidence, "Subtracting the mean face") == expected
