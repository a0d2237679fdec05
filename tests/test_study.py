"""A study: rows are what they are called, runs side by side equal runs one after the other, finished ones stay."""

from __future__ import annotations

import dataclasses
import itertools
import json
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil
import pytest
import torch

from a2f import study
from a2f.config import DEMO, SMOKE
from a2f.data import limit, open_dataset
from a2f.errors import BadInput
from a2f.evaluation import BESIDE, METRICS, evaluate, means
from a2f.locality import locality
from a2f.methods import ExpressionPath, OneIdentity, load_method
from a2f.protocols import HEADLINE
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
    meshtalk = rows["meshtalk"].replace(heads=2, classes=4, samples=1)
    return [
        Entry("ours", rows["ours"], 0),
        Entry("without-composite", rows["without-composite"], 1),
        Entry("voca", rows["voca"].replace(rotation=1), 1, ("last", "identities")),
        Entry("meshtalk", meshtalk, 0, ("self",)),
    ]


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
    assert list(rows) == ["voca", "meshtalk", "faceformer", "without-composite", "without-regional", "ours"]
    assert len({row.name for row in rows.values()}) == 6


@pytest.mark.parametrize("method", ["voca", "meshtalk", "faceformer"])
def test_rows_from_the_literature_hear_see_and_train_as_ours_does(method):
    row = variants(DEMO)[method]
    assert row.method == method and row.model != DEMO.model
    rate = DEMO.training.learning_rate / (4 if method == "meshtalk" else 1)  # its lips do better there at all steps
    assert row.training == DEMO.replace(learning_rate=rate).training
    assert (row.data, row.seeds) == (DEMO.data, DEMO.seeds)
    for name in ("audio_encoder", "audio_final_norm", "normalise_waveform"):
        assert getattr(row.model, name) == getattr(DEMO.model, name)


def test_a_run_s_folder_tells_row_seed_and_rotation_apart():
    every = itertools.product(("ours", "voca"), (0, 1, 2), (0, 1))
    folders = {Entry(method, TINY.replace(rotation=rotation), seed).folder for method, rotation, seed in every}
    assert len(folders) == 12 and Entry("ours", TINY, 0).folder == "ours-seed0"


def test_every_entry_is_trained_and_measured(side_by_side, entries, folder):
    assert list(side_by_side) == ["ours", "without-composite", "voca", "meshtalk"]
    for entry in entries:
        (result,) = side_by_side[entry.method]
        assert result["seed"] == entry.seed and result["protocol"] == HEADLINE
        assert len(result["test"]) == 8 and result["steps"] == 2 * 2
        assert result["test_means"] == pytest.approx(means(result["test"]))
        assert set(result["test_means"]) == {*METRICS, *BESIDE}
        assert set(result["also"]) == set(entry.also)
        assert ("locality" in result) is (entry.config.method == "audio2face")
        assert ("expression_test" in result) is (entry.config.method == "meshtalk")
        assert all(np.isfinite(list(result["test_means"].values())))
        assert (folder / entry.folder / "best.safetensors").is_file()


def test_its_numbers_are_those_of_the_model_it_leaves(side_by_side, entries, folder):
    dataset = limit(open_dataset("demo", fps=15), TINY.data)
    method = load_method(folder / entries[0].folder, dataset, folder / "features")
    rows = evaluate(method, dataset, clips=dataset.split("test")[:2])
    for row, stored in zip(rows, side_by_side["ours"][0]["test"], strict=False):
        assert {k: row[k] for k in METRICS} == pytest.approx({k: stored[k] for k in METRICS}, rel=1e-5)
        assert (row["clip"], row["style_clip"]) == (stored["clip"], stored["style_clip"])


def close(rows: list[dict], stored: list[dict]) -> bool:
    return all(
        {k: row[k] for k in METRICS} == pytest.approx({k: kept[k] for k in METRICS}, rel=1e-5)
        and (row["clip"], row["style_clip"]) == (kept["clip"], kept["style_clip"])
        for row, kept in zip(rows, stored, strict=False)
    )


def test_a_rotated_run_is_trained_and_tested_on_its_own_speakers(side_by_side, entries, folder):
    entry = entries[2]
    (result,) = side_by_side["voca"]
    assert {row["subject"] for row in result["test"]} == {"s01"}
    method = load_method(folder / entry.folder, limit(open_dataset("demo", fps=15), entry.config.data), folder / "f")
    assert method.model.subjects == ("s03",), "and the next subjects are trained on, not those after them"


def test_what_else_is_measured_is_what_its_name_says(side_by_side, entries, folder):
    cache = folder / "features"
    voca, meshtalk = (folder / entry.folder for entry in entries[2:])
    data = limit(open_dataset("demo", fps=15), entries[2].config.data)
    clips = data.split("test")[:2]
    (result,) = side_by_side["voca"]
    method = load_method(voca, data, cache)
    assert close(evaluate(load_method(voca, data, cache, "last"), data, clips=clips), result["also"]["last"])
    assert close(evaluate(OneIdentity(method, 0), data, clips=clips), result["also"]["identities"])
    assert [row["identity"] for row in result["also"]["identities"]] == [0] * 8
    (result,) = side_by_side["meshtalk"]
    data = limit(open_dataset("demo", fps=15), TINY.data)
    clips = data.split("test")[:2]
    path = ExpressionPath(load_method(meshtalk, data, cache))
    assert close(evaluate(path, data, clips=clips), result["expression_test"])
    assert close(evaluate(path, data, clips=clips, protocol="self"), result["also"]["self"])
    assert [row["style_clip"] for row in result["also"]["self"]] == [row["clip"] for row in result["test"]]


def test_locality_is_that_of_the_blendshapes_of_its_rotation(side_by_side, entries, folder):
    data = limit(open_dataset("demo", fps=15), TINY.data)
    model = load_method(folder / entries[0].folder, data, folder / "features").model
    neutral = np.mean([clip.template for clip in data.split("train")], axis=0)
    expected = dataclasses.asdict(locality(model.blendshapes(), neutral, data.topology.region("face")))
    assert json.loads(json.dumps(side_by_side["ours"][0]["locality"])) == json.loads(json.dumps(expected))


def test_each_kind_of_audio_features_is_computed_once_before_the_runs_start(tmp_path, monkeypatch):
    class Enough(Exception):
        pass

    heard = []

    def prepare(config, *rest):
        heard.append((config.model.audio_encoder, config.model.audio_final_norm, config.data.fps))
        if len(heard) == 3:
            raise Enough

    monkeypatch.setattr("a2f.study._prepare", prepare)
    rows = variants(TINY)
    mel = TINY.replace(audio_encoder="log-mel")
    entries = [
        Entry("ours", rows["ours"], 0), Entry("ours", rows["ours"], 1), Entry("voca", rows["voca"], 0),
        Entry("mel", mel, 0), Entry("mel", mel, 1), Entry("faster", TINY.replace(fps=20), 0),
    ]  # fmt: skip
    with pytest.raises(Enough):
        run_study(entries, tmp_path, progress=False)
    own = (TINY.model.audio_encoder, True)
    assert heard == [(*own, 15), ("log-mel", True, 15), (*own, 20)]


def test_side_by_side_gives_the_digits_of_one_after_the_other(side_by_side, entries, tmp_path):
    """In this process, whatever its threads, with nothing beside them and no shared features."""
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    entries = [entries[0], entries[2]]
    try:
        for entry in entries:
            study._run(entry, str(tmp_path), None)
    finally:
        torch.set_num_threads(threads)
    found = run_study(entries, tmp_path, progress=False)
    assert timeless(found) == timeless({entry.method: side_by_side[entry.method] for entry in entries})


def test_finished_entries_are_read_and_not_run_again(side_by_side, entries, folder, monkeypatch):
    def nobody(*args):
        raise AssertionError("ran again")

    monkeypatch.setattr("a2f.study._prepare", nobody)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert run_study(entries, folder, progress=False) == side_by_side
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_a_finished_entry_is_measured_again_when_more_is_asked_and_not_trained_again(
    side_by_side, entries, folder, tmp_path, monkeypatch
):
    monkeypatch.setattr("a2f.study.fresh_processes", lambda count, **_: ThreadPoolExecutor(count))
    entry = entries[2]
    shutil.copytree(folder / entry.folder, tmp_path / entry.folder)
    shutil.copytree(folder / "features", tmp_path / "features")
    stored = tmp_path / entry.folder / "results.json"
    before = json.loads(stored.read_text())
    stored.write_text(json.dumps({key: value for key, value in before.items() if key != "also"}))  # an older version's
    weights = (tmp_path / entry.folder / "best.safetensors").stat().st_mtime_ns
    plain = dataclasses.replace(entry, also=())
    assert "also" not in run_study([plain], tmp_path, progress=False)["voca"][0], "enough as it is"
    assert run_study([entry], tmp_path, workers=1, progress=False)["voca"] == side_by_side["voca"]
    assert (tmp_path / entry.folder / "best.safetensors").stat().st_mtime_ns == weights


def test_seeds_of_a_method_come_in_the_order_given(tmp_path, monkeypatch):
    monkeypatch.setattr("a2f.study.holds_finished_run", lambda *run: True)
    entries = [Entry("ours", TINY, seed) for seed in (2, 0, 1)]
    for entry in entries:
        (tmp_path / entry.folder).mkdir()
        whole = {"seed": entry.seed, "test_means": dict.fromkeys((*METRICS, *BESIDE), 1.0)}
        (tmp_path / entry.folder / "results.json").write_text(json.dumps(whole))
    assert [row["seed"] for row in run_study(entries, tmp_path, progress=False)["ours"]] == [2, 0, 1]


def test_workers_end_with_the_process_that_started_them(tmp_path):
    """Killed at its first run, a study leaves nothing behind that goes on computing."""
    script = (
        "import sys; from a2f.config import DEMO; from a2f.study import Entry, run_study\n"
        "if __name__ == '__main__':\n"
        "    few = {'subjects_per_split': 1, 'clips_per_subject': 8, 'validation_clips': 2}\n"
        "    small = DEMO.replace(epochs=1000, audio_encoder='log-mel', **few)\n"
        "    run_study([Entry('long', small, 0)], sys.argv[1], progress=False)\n"
    )
    (tmp_path / "study.py").write_text(script)
    study = subprocess.Popen([sys.executable, str(tmp_path / "study.py"), str(tmp_path / "runs")])
    try:
        run = tmp_path / "runs" / "long-seed0"
        deadline = time.monotonic() + 240
        while not (run / "topology.npz").is_file():
            assert study.poll() is None and time.monotonic() < deadline
            time.sleep(0.1)
        workers = psutil.Process(study.pid).children(recursive=True)
        assert workers
    finally:
        study.kill()
        study.wait()
    _, alive = psutil.wait_procs(workers, timeout=30)
    assert not alive, "a worker outlived its study"


def test_results_of_other_settings_are_never_taken_for_an_entrys(side_by_side, entries, folder):
    other = Entry("ours", entries[0].config.replace(sparsity_weight=0.5), 0)
    with pytest.raises(BadInput, match="ours-seed0.* differs in its settings"):
        run_study([other], folder, progress=False)
