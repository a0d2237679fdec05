"""Verdicts follow from the numbers by the stated rule, and every claim carries its evidence."""

from __future__ import annotations

import copy

import pytest

from a2f.claims import NAMES, build_claims
from a2f.errors import BadInput
from a2f.readme import check_claims


def cells(value):
    return {name: {"mean": value, "half_width": 0.01, "seeds": [value] * 3} for name in NAMES}


def changes(verdict, relative=-0.2):
    return {name: {"relative": relative, "mean": relative, "half_width": 0.01, "verdict": verdict} for name in NAMES}


@pytest.fixture
def evidence():
    names = ("Neutral face", "Mean of the style clip")
    floors = [{"method": name, "trained": False, "metrics": cells(2.0)} for name in names]
    local = {"share_of_vertices_90": 0.1}
    spread = {"share_of_vertices_90": 0.5}
    return {
        "style_space": {"speaker": {"purity": 0.7, "chance": 0.08}, "log: speaker": {"purity": 0.9, "chance": 0.08}},
        "region_graph": {"mouth-chin": 0.8, "upper-lower": 0.2},
        "table1": {
            "rows": [{"method": "Ours", "trained": True, "metrics": cells(1.0)}, *floors],
            "differences": {"without-composite": changes("lower"), "without-regional": changes("lower")},
        },
        "sparsity": {"with sparsity": [local] * 3, "without": [spread] * 3},
        "corners": {
            "rows": [{"method": "mean face, template (paper)", "trained": True, "metrics": cells(1.5)}, *floors],
            "differences": {"both": changes("lower")},
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
    evidence["table1"]["rows"][1]["metrics"] = copy.deepcopy(cells(2.0))
    evidence["table1"]["rows"][1]["metrics"]["upper"]["mean"] = 0.5
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
