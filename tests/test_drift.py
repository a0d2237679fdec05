"""What moved against a stored reference run is seen and said, and what a machine may change is not called drift."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from a2f import drift
from a2f.errors import BadInput, MissingData
from a2f.files import read_json, write_json

ROOT = Path(__file__).resolve().parents[1]


def metrics(value: float) -> dict:
    return {
        name: {"mean": value * (1 + i), "seeds": [0.9 * value * (1 + i), 1.1 * value * (1 + i)]}
        for i, name in enumerate(drift.METRICS)
    }


@pytest.fixture
def run(tmp_path):
    """The files of a small complete run that are compared; made-up numbers."""
    folder = tmp_path / "smoke-demo"
    numbers = {
        "table1": {
            "rows": [
                {"method": "Ours", "trained": True, "metrics": metrics(1.0)},
                {"method": "Neutral face", "trained": False, "metrics": metrics(3.0)},
            ]
        },
        "fig7_sparsity": {"with sparsity": [{"share_of_vertices_90": 0.1}, {"share_of_vertices_90": 0.2}]},
        "fig2_style_space": {"speaker": {"purity": 0.5}, "speaker, as drawn": {"purity": 0.25}},
        "fig3_region_graph": {"mouth-chin": 0.34, "edges at 0.5": 0.36},
        "quickstart_mouth": {"correlation of the opening area": 0.93},
        "quickstart_styles": {"sad": {"mean std, mm": 0.4}},
    }
    (folder / "figures").mkdir(parents=True)
    for name, value in numbers.items():
        write_json(folder / "figures" / f"{name}.json", {"numbers": value})
    origin = {"preset": "smoke", "dataset": "demo", "seed": 0, "versions": {"torch": "1"}}
    claims = [{"claim": "it works", "verdict": "holds"}]
    write_json(folder / "figures" / "report.json", {"claims": claims, "origin": origin})
    return folder


def change(run, figure: str, edit) -> None:
    path = run / "figures" / f"{figure}.json"
    value = read_json(path)
    edit(value.get("numbers", value))
    write_json(path, value)


def ours(value: float):
    return lambda numbers: numbers["rows"][0]["metrics"]["lip_mean"].update(mean=value)


def neutral(value: float):
    return lambda numbers: numbers["rows"][1]["metrics"]["lip_mean"].update(mean=value)


def test_a_run_is_equal_to_itself(run):
    found = drift.compare(run, drift.reference(run, "smoke"))
    assert found == {"compared": 16, "equal": 16, "within": 0, "moved": [], "new": []}
    assert "0 beyond it" in drift.described(found)


@pytest.mark.parametrize(
    ("figure", "edit", "within"),
    [
        ("table1", ours(1.0 + 0.9 * drift.TRAINED["smoke"]), True),
        ("table1", ours(1.0 + 1.1 * drift.TRAINED["smoke"]), False),
        ("table1", neutral(3.0 * (1 + 0.9 * drift.GIVEN)), True),
        ("table1", neutral(3.0 * (1 + 1.1 * drift.GIVEN)), False),
        ("fig3_region_graph", lambda n: n.update({"mouth-chin": 0.342}), False),
        ("fig7_sparsity", lambda n: n["with sparsity"][0].update(share_of_vertices_90=0.1002), True),
        ("fig7_sparsity", lambda n: n["with sparsity"][0].update(share_of_vertices_90=0.16), False),
    ],
)
def test_a_trained_number_may_move_by_a_seeds_worth_and_a_computed_one_by_rounding(run, figure, edit, within):
    reference = drift.reference(run, "smoke")
    change(run, figure, edit)
    found = drift.compare(run, reference)
    assert (found["within"], len(found["moved"])) == ((1, 0) if within else (0, 1))
    assert found["compared"] == 16


def test_where_training_is_long_a_number_may_move_as_far_as_its_seeds_lie_apart(run):
    assert drift.quantities(run, "smoke")["table1/Ours/lip_mean"]["tolerance"] == pytest.approx(drift.TRAINED["smoke"])
    long = drift.quantities(run, "demo")
    assert long["table1/Ours/lip_mean"]["tolerance"] == pytest.approx(0.2)
    assert long["table1/Neutral face/lip_mean"]["tolerance"] == pytest.approx(3 * drift.GIVEN), "nothing was trained"


def test_the_picture_of_t_sne_is_not_compared(run):
    reference = drift.reference(run, "smoke")
    change(run, "fig2_style_space", lambda n: n["speaker, as drawn"].update(purity=0.9))
    assert not drift.compare(run, reference)["moved"]


def test_a_verdict_that_turns_is_told_with_both_where_training_is_long_enough_for_one(run):
    change(run, "report", lambda n: n["origin"].update(preset="demo"))
    reference = drift.reference(run, "demo")
    change(run, "report", lambda n: n["claims"][0].update(verdict="undecided"))
    shown = drift.described(drift.compare(run, reference))
    assert "moved: verdict: it works: holds in the reference, undecided here\n" in shown
    assert not drift.compare(run, {**reference, "preset": "smoke", "verdicts": {}})["moved"]


def test_what_is_gone_has_moved_and_what_is_new_is_told(run):
    reference = drift.reference(run, "smoke")
    less = copy.deepcopy(reference)
    del less["quantities"]["fig3_region_graph/mouth-chin"]
    found = drift.compare(run, less)
    assert not found["moved"] and found["new"] == ["fig3_region_graph/mouth-chin"]
    assert "not in the reference yet: fig3_region_graph/mouth-chin\n" in drift.described(found)
    change(run, "fig3_region_graph", lambda n: n.pop("mouth-chin"))
    assert "0.34 in the reference, gone here" in drift.described(drift.compare(run, reference))


def test_the_end_of_a_run_says_what_moved_and_keeps_it(run, tmp_path):
    path = drift.reference_path(tmp_path, "smoke")
    assert "no reference run is stored" in drift.check(run, tmp_path, "smoke", "demo", 0)
    path.parent.mkdir(parents=True)
    write_json(path, drift.reference(run, "smoke"))
    assert "are not compared" in drift.check(run, tmp_path, "smoke", "demo", 5)
    assert not (run / "drift.json").exists()
    change(run, "table1", ours(2.0))
    shown = drift.check(run, tmp_path, "smoke", "demo", 0)
    assert "moved: table1/Ours/lip_mean: 1 in the reference, 2 here (tolerance 0.002)" in shown
    assert [entry["name"] for entry in read_json(run / "drift.json")["moved"]] == ["table1/Ours/lip_mean"]


def test_an_incomplete_run_or_another_preset_is_no_reference(run):
    with pytest.raises(BadInput, match="'paper'.*demo, smoke"):
        drift.reference(run, "paper")
    with pytest.raises(BadInput, match="of preset smoke, not of demo"):
        drift.reference(run, "demo")
    (run / "figures" / "table1.json").unlink()
    with pytest.raises(MissingData, match="table1.json.*make reproduce"):
        drift.reference(run, "smoke")


@pytest.mark.parametrize("preset", drift.TRAINED)
def test_the_stored_references_are_whole(preset):
    stored = read_json(drift.reference_path(ROOT, preset))
    assert (stored["preset"], stored["dataset"], stored["seed"]) == (preset, "demo", 0)
    methods = {name.split("/")[1] for name in stored["quantities"] if name.startswith("table1/")}
    assert {"Ours", "VOCA", "MeshTalk", "FaceFormer", "Neutral face"} <= methods
    assert all(entry["tolerance"] > 0 for entry in stored["quantities"].values())
