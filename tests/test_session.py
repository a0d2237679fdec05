"""A notebook's session: parameters are checked, figures and results written whole, with their origin."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from a2f.config import preset
from a2f.errors import BadInput, MissingData
from a2f.files import sha256
from a2f.session import Session


@pytest.fixture
def names(tmp_path, monkeypatch):
    """A notebook's namespace as it is right after the parameters cell."""
    monkeypatch.delenv("A2F_NOTEBOOK", raising=False)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    return {
        "__name__": "__main__",
        "_i1": "preset = ...",
        "In": ["", "preset = ..."],
        "Out": {},
        "Session": Session,
        "np": np,
        "preset": "smoke",
        "dataset": "demo",
        "data_root": None,
        "seed": 3,
        "out_dir": str(tmp_path / "a folder é"),
    }


@pytest.fixture
def session(names):
    return Session.from_parameters(names, notebook="05_table1")


def test_it_gives_what_the_parameters_say(session, tmp_path):
    assert session.preset == preset("smoke")
    assert (session.seed, session.dataset_name, session.notebook) == (3, "demo", "05_table1")
    assert session.out == tmp_path / "a folder é" / "smoke-demo"
    assert all(folder.is_dir() for folder in (session.runs, session.figures, session.results))
    assert session.synthetic


def test_what_it_shows_names_no_machine(session, tmp_path, capsys):
    session.save_result("numbers", {"a": 1})
    assert capsys.readouterr().out == ""
    assert str(tmp_path) not in repr(session) and not re.search(r"\d\.\d", repr(session))


@pytest.mark.parametrize(
    ("wrong", "meant"), [("sed", "seed"), ("Preset", "preset"), ("dataroot", "data_root")]
)
def test_a_mistyped_parameter_is_named_with_the_right_one(names, wrong, meant):
    with pytest.raises(BadInput, match=f"{wrong!r} is not a parameter.*did you mean {meant!r}"):
        Session.from_parameters({**names, wrong: 1}, notebook="05_table1")


def test_an_unrelated_name_is_refused_too(names):
    with pytest.raises(BadInput, match="'epochs' is not a parameter of this notebook.*preset, dataset"):
        Session.from_parameters({**names, "epochs": 9}, notebook="05_table1")


def test_a_notebook_may_have_parameters_of_its_own(names):
    session = Session.from_parameters({**names, "epochs": 9}, notebook="04_training", extra=["epochs"])
    assert session.parameters["epochs"] == 9
    with pytest.raises(BadInput, match="'epochs' is missing"):
        Session.from_parameters(names, notebook="04_training", extra=["epochs"])


def test_the_cell_can_be_run_again_after_the_rest_of_the_notebook(names):
    Session.from_parameters(names, notebook="05_table1")
    names |= {"purity": 0.7, "seeds": [0, 1, 2], "table": {}}
    Session.from_parameters(names, notebook="05_table1")
    with pytest.raises(BadInput, match="did you mean 'seed'"):
        Session.from_parameters({**names, "sed": 1}, notebook="05_table1")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", -1),
        ("seed", 1.0),
        ("seed", True),
        ("seed", "0"),
        ("preset", 3),
        ("preset", "demmo"),
        ("out_dir", ""),
    ],
)
def test_a_wrong_value_is_refused(names, name, value):
    with pytest.raises(BadInput, match=re.escape(repr(value))):
        Session.from_parameters({**names, name: value}, notebook="05_table1")


def test_a_missing_parameter_and_a_missing_folder_are_refused(names, tmp_path):
    with pytest.raises(MissingData, match="data_root"):
        Session.from_parameters({**names, "data_root": str(tmp_path / "none")}, notebook="05_table1")
    del names["seed"]
    with pytest.raises(BadInput, match="'seed' is missing"):
        Session.from_parameters(names, notebook="05_table1")


def test_the_notebooks_name(names, monkeypatch):
    with pytest.raises(BadInput, match="name is not known"):
        Session.from_parameters(names)
    monkeypatch.setenv("JPY_SESSION_NAME", "folder/06_sparsity.ipynb")
    assert Session.from_parameters(names).notebook == "06_sparsity"
    monkeypatch.setenv("A2F_NOTEBOOK", "04_training")
    assert Session.from_parameters(names).notebook == "04_training"
    with pytest.raises(BadInput, match="'05_table1' was given inside notebook '04_training'"):
        Session.from_parameters(names, notebook="05_table1")


def test_a_figure_comes_with_its_origin(session):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([0, 1])
    assert (
        session.save_figure(figure, "fig2", {"purity": np.float32(0.5), "n": np.int64(4)}, "Speakers.")
        is None
    )
    entry = json.loads((session.figures / "fig2.json").read_text())
    assert entry["numbers"] == {"purity": 0.5, "n": 4}
    assert (entry["name"], entry["file"], entry["caption"]) == ("fig2", "fig2.png", "Speakers.")
    assert entry["sha256"] == sha256(session.figures / "fig2.png")
    origin = entry["origin"]
    assert origin["notebook"] == "05_table1" and origin["preset"] == "smoke" and origin["seed"] == 3
    assert origin["synthetic"] is True and re.fullmatch(r"[0-9a-f]{40}", origin["commit"])
    assert set(origin) == {
        *"notebook commit modified preset dataset synthetic seed versions seconds date".split()
    }
    assert session.load_numbers("fig2") == {"purity": 0.5, "n": 4}


def test_pictures_come_as_arrays_and_as_files_too(session, tmp_path):
    from PIL import Image

    picture = np.zeros((4, 6, 3), np.uint8)
    picture[1, 2] = 200
    session.save_figure(picture, "array", {}, "A dot.")
    session.save_figure(session.figures / "array.png", "copy", {}, "The same dot.")
    assert np.array_equal(np.asarray(Image.open(session.figures / "copy.png")), picture)
    for wrong in (picture.astype(float), tmp_path / "none.png", "film.mp4", None):
        with pytest.raises(BadInput):
            session.save_figure(wrong, "wrong", {}, "")
    assert not list(session.figures.glob("*wrong*")), "a refused figure leaves nothing behind"


def test_equal_figures_are_equal_files(session):
    from matplotlib.figure import Figure

    for name in ("one", "two"):
        figure = Figure(figsize=(2, 1))
        figure.subplots().plot([0, 1])
        session.save_figure(figure, name, {}, "A line.")
    assert sha256(session.figures / "one.png") == sha256(session.figures / "two.png")


def test_films_are_described_beside_pictures_of_the_same_name(session):
    session.save_figure(np.zeros((2, 2, 3), np.uint8), "quick", {}, "Still.")
    session.save_file(b"film", "quick.mp4", {"seconds": 2.5}, "Moving.")
    session.save_file(session.figures / "quick.mp4", "again.mp4")
    assert (session.figures / "again.mp4").read_bytes() == b"film"
    entry = json.loads((session.figures / "quick.mp4.json").read_text())
    assert entry["file"] == "quick.mp4" and entry["numbers"] == {"seconds": 2.5}
    assert json.loads((session.figures / "quick.json").read_text())["caption"] == "Still."
    for name in ("quick", "quick.png", "../quick.mp4", "Quick.mp4", "quick.tar.gz"):
        with pytest.raises(BadInput):
            session.save_file(b"film", name)
    with pytest.raises(MissingData):
        session.save_file(session.figures / "none.mp4", "none.mp4")


@pytest.mark.parametrize("value", [float("nan"), np.array([1.0, np.inf]), {"deep": [np.float32("nan")]}])
def test_no_result_holds_nan(session, value):
    with pytest.raises(BadInput):
        session.save_result("bad", {"x": value})
    with pytest.raises(BadInput):
        session.save_figure(np.zeros((2, 2, 3), np.uint8), "bad", {"x": value}, "")
    assert not (session.results / "bad.json").exists() and not (session.figures / "bad.json").exists()


def test_results_go_round_and_hold_nothing_else(session):
    session.save_result("table", {"lip": np.arange(3) / 2, "rows": ("a", "b"), 3: None})
    assert session.load_result("table") == {"lip": [0.0, 0.5, 1.0], "rows": ["a", "b"], "3": None}
    assert json.loads((session.results / "table.json").read_text()) == session.load_result("table")
    with pytest.raises(MissingData, match="make reproduce"):
        session.load_result("none")
    with pytest.raises(BadInput, match="function"):
        session.save_result("wrong", {"f": lambda: 0})
    with pytest.raises(BadInput, match=r"\.\./out"):
        session.save_result("../out", {})


def test_it_keeps_what_a_notebook_read_and_wrote(session, names):
    session.save_result("mine", 1)
    (session.results / "theirs.json").write_text("2")
    assert session.load_result("theirs") == 2 and session.load_result("mine") == 1
    record = json.loads((session.out / "records" / "05_table1.json").read_text())
    assert record["reads"] == {"results/theirs.json": sha256(session.results / "theirs.json")}
    assert record["writes"] == {"results/mine.json": sha256(session.results / "mine.json")}


CLAIM = {
    "claim": "Sparse | local",
    "section": "4.3",
    "notebook": "06_sparsity",
    "paper": "-",
    "here": "0.31 against 0.12",
    "verdict": "holds",
    "data": "synthetic demo corpus",
}


def test_the_report_is_checked(session):
    session.save_report([CLAIM])
    assert json.loads((session.figures / "report.json").read_text())["claims"] == [CLAIM]
    lacking = {key: value for key, value in CLAIM.items() if key != "here"}
    for wrong in (
        [],
        [lacking],
        [{**CLAIM, "verdict": "yes"}],
        [{**CLAIM, "data": "demo"}],
        [{**CLAIM, "here": " "}],
    ):
        with pytest.raises(BadInput):
            session.save_report(wrong)
