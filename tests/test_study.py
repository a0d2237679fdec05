"""A study: rows are what they are called, runs side by side equal runs one after the other, finished ones stay."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
import torch

from a2f import study
from a2f.config import DEMO, SMOKE
from a2f.data import limit, open_dataset
from a2f.errors import BadInput
from a2f.evaluation import HEADLINE, METRICS, evaluate, load_method, means
from a2f.study import Entry, run_study, variants

# The smallest thing that is still a study: the demo corpus, one speaker a split, a frozen encoder, two epochs.
TINY = SMOKE.replace(
    name="tiny-study", epochs=2, freeze_epochs=None, subjects_per_split=1, clips_per_subject=8, validation_clips=2,
    motion_dim=8, style_stages=((8, 1, 2), (8, 1, 2)), decoder_blocks=1, fps=15,
)  # fmt: skip


def timeless(results: dict) -> dict:
    return {method: [{k: v for k, v in r.items() if k != "seconds"} for r in rows] for method, rows in results.items()}


@pytest.fixture(scope="module")
def entries():
    rows = variants(TINY)
    return [Entry("ours", rows["ours"], 0), Entry("without-composite", rows["without-composite"], 1)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("study")


@pytest.fixture(scope="module")
def side_by_side(entries, folder):
    return run_study(entries, folder, workers=2, progress=False)


def test_rows_of_the_ablation_change_what_they_are_called_after_and_nothing_else():
    rows = variants(DEMO)

    def changed(name: str) -> dict:
        row, full = rows[name].to_dict(), DEMO.to_dict()
        return {
            key: row[part][key] for part in ("model", "training", "data") for key in row[part]
            if row[part][key] != full[part][key]
        }  # fmt: skip

    assert changed("ours") == {}
    assert changed("without-composite") == {"composite": False}
    assert changed("without-regional") == {"sparsity_weight": 0.0}
    switched = {
        (row.model.style_normalisation, row.model.template_embedding): name
        for name, row in rows.items()
        if name.startswith("style-")
    }
    own = (DEMO.model.style_normalisation, DEMO.model.template_embedding)
    every_way = {(n, e) for n in ("mean", "template") for e in (True, False)}
    assert set(switched) == every_way - {own}, "the configuration's own way is trained once only, as the full model"
    assert all(name == study.switch_name(*way) for way, name in switched.items())
    assert len({row.name for row in rows.values()}) == len(rows) == 6


def test_every_entry_is_trained_and_measured(side_by_side, entries, folder):
    assert list(side_by_side) == ["ours", "without-composite"]
    for entry in entries:
        (result,) = side_by_side[entry.method]
        assert result["seed"] == entry.seed and result["protocol"] == HEADLINE
        assert len(result["test"]) == 8 and result["steps"] == 2 * 2
        assert result["test_means"] == pytest.approx(means(result["test"]))
        assert set(result["test_means"]) == set(METRICS)
        assert all(np.isfinite(list(result["test_means"].values())))
        assert (folder / entry.folder / "best.safetensors").is_file()


def test_its_numbers_are_those_of_the_model_it_leaves(side_by_side, entries, folder):
    dataset = limit(open_dataset("demo", fps=15), TINY.data)
    method = load_method(folder / entries[0].folder, dataset, folder / "features")
    rows = evaluate(method, dataset, clips=dataset.split("test")[:2])
    for row, stored in zip(rows, side_by_side["ours"][0]["test"], strict=False):
        assert {k: row[k] for k in METRICS} == pytest.approx({k: stored[k] for k in METRICS}, rel=1e-5)
        assert (row["clip"], row["style_clip"]) == (stored["clip"], stored["style_clip"])


def test_side_by_side_gives_the_digits_of_one_after_the_other(side_by_side, entries, tmp_path):
    """In this process, whatever its threads, with nothing beside them and no shared features."""
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        for entry in entries:
            study._run(entry, str(tmp_path), None)
    finally:
        torch.set_num_threads(threads)
    assert timeless(run_study(entries, tmp_path, progress=False)) == timeless(side_by_side)


def test_finished_entries_are_read_and_not_run_again(side_by_side, entries, folder, monkeypatch):
    def nobody(*args):
        raise AssertionError("ran again")

    monkeypatch.setattr("a2f.study._prepare", nobody)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert run_study(entries, folder, progress=False) == side_by_side
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_seeds_of_a_method_come_in_the_order_given(tmp_path):
    entries = [Entry("ours", TINY, seed) for seed in (2, 0, 1)]
    for entry in entries:
        (tmp_path / entry.folder).mkdir()
        (tmp_path / entry.folder / "results.json").write_text(json.dumps({"seed": entry.seed}))
    assert [row["seed"] for row in run_study(entries, tmp_path, progress=False)["ours"]] == [2, 0, 1]


def test_workers_end_with_the_process_that_started_them(tmp_path):
    """Killed at its first run, a study leaves nothing behind that goes on computing."""
    script = (
        "import sys; from a2f.config import DEMO; from a2f.study import Entry, run_study\n"
        "if __name__ == '__main__':\n"
        "    small = DEMO.replace(subjects_per_split=1, clips_per_subject=8, validation_clips=2, epochs=1000)\n"
        "    run_study([Entry('long', small, 0)], sys.argv[1], progress=False)\n"
    )
    (tmp_path / "study.py").write_text(script)
    study = subprocess.Popen([sys.executable, str(tmp_path / "study.py"), str(tmp_path / "runs")])
    run = tmp_path / "runs" / "long-seed0"
    deadline = time.monotonic() + 120
    while not (run / "topology.npz").is_file():
        assert study.poll() is None and time.monotonic() < deadline
        time.sleep(0.1)
    workers = psutil.Process(study.pid).children(recursive=True)
    assert workers
    study.kill()
    study.wait()
    _, alive = psutil.wait_procs(workers, timeout=30)
    assert not alive, "a worker outlived its study"


def test_results_of_other_settings_are_never_taken_for_an_entrys(side_by_side, entries, folder):
    other = Entry("ours", entries[0].config.replace(sparsity_weight=0.5), 0)
    with pytest.raises(BadInput, match="ours-seed0.* differs in its settings"):
        run_study([other], folder, progress=False)
