"""The longer studies: runs that are shared are trained once, and the stored results are whole and say where from."""

from __future__ import annotations

import json

import pytest

from a2f import studies as module
from a2f.bench.ratios import on_gpu, summary
from a2f.bench.rows import PARTS
from a2f.bench.stored import stored_benches
from a2f.bench.table import place
from a2f.comparison import compare, expression_path
from a2f.config import PAPER, SMOKE
from a2f.errors import BadInput, MissingData
from a2f.evaluation import BESIDE, METRICS, means
from a2f.files import write_json
from a2f.studies import BUDGET, RELEASED, STORED, Study, compact, expanded, get_study, in_the_text, load_study, studies
from a2f.study import RESULTS

NAMES = tuple(studies())


def rows(shift: float, clips: int = 3) -> list[dict]:
    numbers = (*METRICS, *BESIDE)
    return [
        {"clip": f"c{i}", "style_clip": f"s{i}", "frames": 7 + i, **{name: i + shift for name in numbers}}
        for i in range(clips)
    ]


def result(shift: float, seed: int = 0, **more) -> dict:
    found = rows(shift)
    kept = {"seed": seed, "test": found, "test_means": means(found), "steps": 5, "seconds": 1.0, "parameters": 9}
    return kept | {"also": {}} | more


def test_every_repetition_has_each_row_once():
    for study in studies().values():
        entries = study.entries()
        assert len(entries) == 3 * len(study.rows) == len({entry.folder for entry in entries})
        assert [(e.config.data.rotation, e.seed) for e in entries[:: len(study.rows)]] == list(study.turns)
        for row in study.rows:
            first = study.entry(row)
            assert (first.config.data.rotation, first.seed) == study.turns[0]


def test_settings_that_several_studies_ask_for_are_one_run_with_all_its_measurements():
    every = [entry for study in studies().values() for entry in study.entries()]
    distinct = module._distinct(studies().values())
    settings = {(entry.config.replace(name=""), entry.seed) for entry in every}
    assert set(distinct) == settings and len(settings) < len(every)
    assert len({entry.folder for entry in distinct.values()}) == len(distinct), "no two runs in one folder"
    for entry in every:
        assert set(entry.also) <= set(distinct[module._identity(entry)].also)


def test_the_text_is_the_paper_in_all_that_the_studies_switch():
    text = in_the_text()
    for change in RELEASED.values():
        for field in change:
            if field == "style_stages":  # the depth; the width is the demo's
                mine, papers = text.model.style_stages, PAPER.model.style_stages
                assert [stage[1:] for stage in mine] == [stage[1:] for stage in papers]
                continue
            owner = "model" if hasattr(text.model, field) else "training"
            assert getattr(getattr(text, owner), field) == getattr(getattr(PAPER, owner), field), field
    released = get_study("release").rows
    for name, change in RELEASED.items():
        assert released[name].replace(name="") == text.replace(**change, name="")


def test_a_smaller_preset_gives_a_smaller_study():
    assert get_study("features", SMOKE).entry("log-mel").config.training.epochs == SMOKE.training.epochs
    with pytest.raises(BadInput, match="no study is called 'leaks'.*release"):
        get_study("leaks")


def test_stored_runs_come_back_as_they_were():
    other = rows(2.0)
    run = result(0.5, expression_test=other, also={"self": rows(0.25)}, locality={"gini": 0.5})
    kept = json.loads(json.dumps(compact(run, 2)))
    assert kept["rotation"] == 2 and kept["locality"] == {"gini": 0.5}
    for name, wanted in (("test", run["test"]), ("expression_test", other), ("self", rows(0.25))):
        again = expanded(kept, name)
        assert [{k: v for k, v in row.items() if k != "frames"} for row in wanted] == again["test"]
        assert again["test_means"] == pytest.approx(means(wanted))
    assert expression_path([run])[0]["test_means"] == expanded(kept, "expression_test")["test_means"]
    assert compare([expanded(kept)], [expanded(kept, "self")], "face").mean == pytest.approx(0.25)


def test_running_a_study_writes_one_file_with_its_origin(tmp_path, monkeypatch):
    small = Study("features", "Which?", {"a": BUDGET, "b": BUDGET.replace(sparsity_weight=0.5)}, {"b": ("last",)})
    monkeypatch.setattr(module, "studies", lambda config=BUDGET: {"features": small})
    trained = []

    def run_study(entries, folder, **ignored):
        for entry in entries:
            trained.append(entry.folder)
            shift = entry.config.data.rotation + (entry.method == "b") / 10
            also = {name: rows(9.0) for name in entry.also}
            write_json(folder / entry.folder / RESULTS, result(shift, entry.seed, also=also))

    monkeypatch.setattr(module, "run_study", run_study)
    (path,) = module.run(["features"], tmp_path / "runs", tmp_path / "stored", progress=False)
    found = load_study("features", tmp_path / "stored")
    assert path.name == "features.json" and len(trained) == 6
    assert found["synthetic"] is True and {"commit", "versions", "date"} <= set(found["origin"])
    assert [run["test_means"]["face"] for run in found["rows"]["b"]] == pytest.approx([1.1, 2.1, 3.1])
    assert [set(run["also"]) for run in found["rows"]["b"]] == [{"last"}] * 3
    assert [len(found["tested"][turn]) for turn in ("0", "1", "2")] == [2, 2, 2]


def test_a_study_that_was_never_run_says_how_to(tmp_path):
    with pytest.raises(MissingData, match="make study"):
        load_study("release", tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_the_stored_results_are_those_of_the_present_definition(name):
    found, study = load_study(name), get_study(name)
    assert found["question"] == study.question and found["synthetic"] is True
    assert list(found["rows"]) == list(study.rows)
    assert found["origin"]["commit"] and found["origin"]["versions"]["torch"]
    for row, runs in found["rows"].items():
        assert [(run["rotation"], run["seed"]) for run in runs] == list(study.turns)
        for run in runs:
            assert set(study.also.get(row, ())) <= set(run["also"])
            again = expanded(run)
            for metric in METRICS:
                mean = sum(clip[metric] for clip in again["test"]) / len(again["test"])
                assert run["test_means"][metric] == pytest.approx(mean, abs=1e-4)
    for turn in range(len(study.turns)):
        assert len({runs[turn]["steps"] for runs in found["rows"].values()}) == 1, "equal budgets"


def test_nothing_else_is_stored_but_benches_of_committed_sources_with_the_ratios_of_their_times():
    benches = stored_benches(STORED)
    assert {path.name for path in STORED.iterdir()} == {f"{name}.json" for name in (*NAMES, *benches)}
    assert set(benches["bench"]["parts"]) == set(PARTS) and not on_gpu(benches["bench"])
    timed = [place(found["machine"]) for found in benches.values() if "inference" in found["parts"]]
    assert len(set(timed)) == len(timed), "notebook 09 tells them apart by these names"
    for found in benches.values():
        assert found["origin"]["commit"] and found["origin"]["modified"] is False and not found["quick"]
        assert found["summary"] == summary(found)
