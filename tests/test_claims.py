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
        "qualitative": {
            "unit": "mm",
            "claims": [{"claim": "ours pouts more at w", "pairs": {"Ours - VOCA": [0.4, 0.1]}, "verdict": "holds"}],
        },
        "styles": {
            "purity": {"value": 0.75, "chance": 0.09},
            "distances": {"one style": 0.1, "two styles": 1.2, "the two nearest styles": 0.2},
        },
        "runtime": timed([1.0, 2.0], [5.0, 20.0]),
        "data": "synthetic demo corpus",
    }


def timed(end_to_end, after_encoder):
    rows = [
        {"faceformer": name, "end_to_end": whole, "after_encoder": behind, "seconds_a_second": 0.3}
        for name in ("FaceFormer as published", "FaceFormer, nothing done twice")
        for whole, behind in zip(end_to_end, after_encoder, strict=True)
    ]
    return {"ratio": 14.3, "machines": {"one thread of a processor": rows}}


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


@pytest.mark.parametrize(
    ("end_to_end", "after_encoder", "expected"),
    [
        ([14.5, 20.0], [20.0, 30.0], "holds"),
        ([0.5, 15.0], [10.0, 12.0], "holds in part"),
        ([0.5, 3.0], [4.0, 22.0], "holds in part"),
        ([0.5, 3.0], [4.0, 12.0], "does not hold"),
    ],
)
def test_the_ratio_of_times_holds_where_it_is_reached(evidence, end_to_end, after_encoder, expected):
    evidence["runtime"] = timed(end_to_end, after_encoder)
    assert verdict(evidence, "One second of animation") == expected


@pytest.mark.parametrize(("on_gpu", "expected"), [([15.0, 50.0], "holds"), ([2.0, 50.0], "holds in part")])
def test_the_ratio_of_times_has_to_hold_on_a_gpu_too(evidence, on_gpu, expected):
    evidence["runtime"] = timed([14.5, 20.0], [20.0, 30.0])
    evidence["runtime"]["machines"]["one H100"] = timed(on_gpu, [20.0, 400.0])["machines"]["one thread of a processor"]
    (found,) = [claim for claim in build_claims(**evidence) if claim["notebook"] == "09_runtime"]
    assert found["verdict"] == expected
    assert f"one H100: FaceFormer takes {on_gpu[0]:.2g} to 50 times as long end to end" in found["here"]


def test_without_a_measurement_running_time_is_not_tested(evidence):
    evidence["runtime"] = None
    assert verdict(evidence, "One second of animation") == "not tested here"


def test_what_pictures_show_keeps_its_verdict_and_its_interval(evidence):
    (found,) = [claim for claim in build_claims(**evidence) if claim["section"] == "5.3, Fig. 4"]
    assert found["claim"] == "Ours pouts more at w" and found["verdict"] == "holds"
    assert found["here"] == "Ours over VOCA +0.40 ± 0.10 mm"


def test_styles_differ_where_the_nearest_has_the_same(evidence):
    assert verdict(evidence, "One utterance in several styles") == "holds"
    evidence["styles"]["purity"]["value"] = 0.15
    evidence["styles"]["distances"]["one style"] = None  # every style has one clip
    assert verdict(evidence, "One utterance in several styles") == "does not hold"
