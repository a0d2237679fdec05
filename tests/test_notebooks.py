"""All notebooks: run on the smoke preset, replayed to the letter, committed copies in step with sources."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from conftest import nothing_to_draw_with

from a2f import notebooks as nb
from a2f.execute import kernel_folders
from a2f.export.render import ensure_rendering
from a2f.files import read_json
from a2f.parameters import PARAMETERS

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))
SOURCES = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.py"))
EXPECTED = [
    "00_quickstart",
    "01_composite",
    "02_regional",
    "03_model",
    "04_training",
    "05_table1",
    "06_sparsity",
    "07_qualitative",
    "08_styles",
    "09_runtime",
    "10_audio_features",
    "11_user_study",
    "12_what_table1_measures",
    "13_your_own_data",
    "14_report",
]
FLAT = ["01_composite", "02_regional", "03_model", "04_training", "10_audio_features", "12_what_table1_measures"]
MOST_BYTES = 2_000_000
each = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)


@pytest.fixture(scope="session")
def smoke(tmp_path_factory):
    """Run every notebook with papermill on the smoke preset; give the folder of what came out."""
    ensure_rendering()  # a notebook stops at the picture that it cannot draw; nothing else takes its place
    out = tmp_path_factory.mktemp("smoke")
    command = [sys.executable, "-m", "a2f.cli", "reproduce", "--preset", "smoke", "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return out / "smoke-demo"


def test_all_notebooks_are_there():
    assert SOURCES, "notebooks/ holds no NN_name.py"
    assert set(EXPECTED) <= {path.stem for path in SOURCES}
    strays = {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")} - {path.stem for path in SOURCES}
    assert not strays, "executed notebooks without a source"


def test_smoke_run_is_complete(smoke):
    assert SOURCES
    for source in SOURCES:
        executed = nbformat.read(smoke / "notebooks" / f"{source.stem}.ipynb", as_version=4)
        code = [cell for cell in executed.cells if cell.cell_type == "code"]
        assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1)), source.stem
    assert (smoke / "figures" / "report.json").is_file()


def test_the_smoke_runs_numbers_are_those_of_the_stored_reference(smoke):
    """A library that moves numbers is seen here; where they are meant to move, tools/write_reference.py is run."""
    found = read_json(smoke / "drift.json")
    assert found["compared"] > 50 and found["moved"] == []


@pytest.mark.skipif(not nothing_to_draw_with(), reason="this machine can draw in 3D: all notebooks are run")
def test_where_nothing_can_be_drawn_flat_notebooks_run_and_the_others_say_what_to_install(tmp_path):
    command = [sys.executable, "-m", "a2f.cli", "reproduce", "--preset", "smoke", "--out", str(tmp_path), "--only"]
    flat = subprocess.run([*command, *FLAT], cwd=ROOT, capture_output=True, text=True)
    assert flat.returncode == 0, flat.stdout[-4000:] + flat.stderr[-4000:]
    drawn = subprocess.run([*command, "00"], cwd=ROOT, capture_output=True, text=True)
    assert drawn.returncode == 1 and "RenderingUnavailable: 3D drawing does not work" in drawn.stdout
    assert "apt-get install libegl1" in drawn.stdout


def test_notebooks_run_on_vocaset(tmp_path):
    """On a small copy with made-up heads: all that show the data set given run, and every figure says which it shows.

    The others are about the demo corpus whatever is given.
    """
    from layouts.vocaset import write_export, write_masks

    ensure_rendering()
    root = tmp_path / "vocaset"
    write_export(root, sentences=[f"sentence{i:02d}" for i in (1, 2, 3, 21, 22, 23, 24, 25)])
    write_masks(root)
    command = [sys.executable, "-m", "a2f.cli", "reproduce", "--preset", "smoke", "--dataset", "vocaset"]
    command += ["--data-root", str(root), "--out", str(tmp_path / "build"), "--only"]
    command += [path.stem for path in SOURCES if "session.use_demo_corpus()" not in path.read_text()
                and path.stem != "14_report"]  # which reads what the others found  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    origins = [
        read_json(path)["origin"] for path in (tmp_path / "build" / "smoke-vocaset" / "figures").glob("*.json")
        if path.name != "timings.json"
    ]  # fmt: skip
    assert len(origins) >= 8
    for origin in origins:
        assert (origin["dataset"], origin["synthetic"], origin["data"]["vertices"]) == ("vocaset", False, 5023)
        assert "FLAME_masks.pkl" in origin["data"]["region_source"]


def test_replay_gives_the_same_output(smoke, tmp_path):
    """nbval runs all cells again without the first run's results, and compares all outputs but pictures."""
    notebooks = sorted((smoke / "notebooks").glob("*.ipynb"))
    assert len(notebooks) == len(SOURCES) > 0
    cells = [cell for path in notebooks for cell in nbformat.read(path, as_version=4).cells]
    expected = sum(cell.cell_type == "code" for cell in cells)
    for folder in ("runs", "results", "figures", "records"):
        shutil.rmtree(smoke / folder)
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\n"
    )  # not the project's settings: they are for its own tests
    command = [sys.executable, "-m", "pytest", "-c", str(tmp_path / "pytest.ini"), "-p", "no:cacheprovider"]
    command += ["--nbval", "--nbval-sanitize-with", str(ROOT / "tests" / "nbval.cfg"), *map(str, notebooks)]
    with kernel_folders(smoke / "caches") as folders:
        environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", **folders}
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    # nothing was left out: nbval passes cells without outputs and skips those that ask for it
    assert re.search(rf"\b{expected} passed", done.stdout) and "skipped" not in done.stdout, done.stdout[
        -500:
    ]
    assert (smoke / "figures" / "report.json").is_file(), "the replay wrote its results anew"


@each
def test_no_cell_is_kept_from_the_replay(source):
    text = source.read_text(encoding="utf-8")
    assert not re.search(r"NBVAL_(SKIP|IGNORE|RAISES)|nbval-(skip|ignore|raises)|raises-exception", text)


@each
def test_parameters_are_the_common_ones_at_their_defaults(source):
    found = nb.parameters(nb.from_source(source), source.stem)
    assert set(PARAMETERS) <= set(found)
    common = {name: found[name] for name in PARAMETERS}
    assert common == {
        "preset": "demo",
        "dataset": "demo",
        "data_root": None,
        "seed": 0,
        "out_dir": "../build",
    }


@each
def test_committed_copy_is_executed_and_in_step(source):
    path = source.with_suffix(".ipynb")
    assert path.is_file(), f"{source.name} has no executed copy beside it: make publish"
    assert path.stat().st_size < MOST_BYTES
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert nb.faults(notebook) == []
    # the same cells, hence the same parameters: the demo preset, nothing injected
    assert nb.cells_of(notebook) == nb.cells_of(nb.from_source(source))
    assert any(cell.get("outputs") for cell in notebook.cells), "no cell shows anything"


@each
def test_no_machine_path_in_the_committed_copy(source):
    notebook = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    texts = [cell.source + "\n" + nb.output_text(cell) for cell in notebook.cells]
    assert nb.machine_paths("\n".join(texts)) == []
