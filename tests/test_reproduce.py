"""Notebooks in order: run, resumed, stopped at a failing cell or a mistyped parameter, and published."""

from __future__ import annotations

import io
import json
import re
import textwrap

import nbformat
import pytest

from a2f import notebooks as nb
from a2f import readme
from a2f.errors import BadInput, MissingData
from a2f.files import sha256
from a2f.reproduce import is_finished, library_hash, parse_parameters, publish_figures, reproduce

PARAMETERS = """# %% [markdown]
# # A claim

# %% tags=["parameters"]
preset = "demo"
dataset = "demo"
data_root = None
seed = 0
out_dir = "../build"

# %%
from a2f.session import Session

session = Session.from_parameters(globals(), notebook="{name}")
"""

FIRST = """
# %%
session.save_result("first", {"seed": seed})
print("first", preset, seed)
"""

SECOND = """
# %%
import numpy as np

session.save_figure(np.zeros((4, 4, 3), np.uint8), "second", session.load_result("first"), "Nothing.")
session.save_report([{"claim": "c", "section": "4", "notebook": "02_second", "paper": "p", "here": "h",
                      "verdict": "holds", "data": "synthetic"}])
print("second")
"""


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout with two tiny notebooks, in a folder whose name is not plain ASCII."""
    monkeypatch.setattr("a2f.reproduce.library_hash", lambda: "as it is")
    root = tmp_path / "a folder é"
    (root / "notebooks").mkdir(parents=True)
    for name, body in (("01_first", FIRST), ("02_second", SECOND)):
        write(root, name, body)
    (root / "README.md").write_text("before\n{}\nstale text\n{}\nafter\n".format(*readme.markers("results")))
    return root


def write(root, name, body):
    (root / "notebooks" / f"{name}.py").write_text(PARAMETERS.replace("{name}", name) + body)


def run(root, **options):
    stream = io.StringIO()
    code = reproduce(root=root, out=root / "build", stream=stream, **options)
    return code, stream.getvalue()


def test_in_order_then_resumed_then_what_changed(checkout):
    code, shown = run(checkout, preset="smoke", seed=5)
    assert code == 0
    assert shown.index("01_first") < shown.index("02_second") and shown.count("done\n") == 2
    out = checkout / "build" / "smoke-demo"
    executed = nbformat.read(out / "notebooks" / "01_first.ipynb", as_version=4)
    assert "first smoke 5" in nb.output_text(executed.cells[-1])
    assert json.loads((out / "figures" / "second.json").read_text())["numbers"] == {"seed": 5}
    timings = json.loads((out / "timings.json").read_text())
    assert list(timings["notebooks"]) == ["01_first", "02_second"] and timings["preset"] == "smoke"
    assert timings["cores"] >= 1 and timings["processor"]
    assert not (checkout / "figures").exists(), "a smoke run publishes nothing"

    code, shown = run(checkout, preset="smoke", seed=5)
    assert code == 0 and shown.count("skipped") == 2

    # the first one changes, but not what the second one reads of it
    write(checkout, "01_first", FIRST + "print('more')\n")
    code, shown = run(checkout, preset="smoke", seed=5)
    assert code == 0 and re.search("01_first .*done", shown) and re.search("02_second .*skipped", shown)

    # now what it reads changes as well
    write(checkout, "01_first", FIRST.replace('"seed": seed', '"seed": seed + 1'))
    code, shown = run(checkout, preset="smoke", seed=5)
    assert code == 0 and shown.count("done\n") == 2
    assert json.loads((out / "figures" / "second.json").read_text())["numbers"] == {"seed": 6}

    code, shown = run(checkout, preset="smoke", seed=5, only=["02"], fresh=True)
    assert "01_first" not in shown and re.search("02_second .*done", shown)


def test_training_of_an_earlier_call_is_told_from_that_of_this_one(checkout):
    """A resumed call is shorter than a fresh one, and its timings say by how much."""
    trains = """
# %%
from a2f.files import write_json

for name in NAMES:
    if not (session.runs / name / "finished.json").is_file():
        write_json(session.runs / name / "finished.json", {"seconds": 50.0})
"""
    write(checkout, "01_first", FIRST + trains.replace("NAMES", "('a', 'b')"))
    write(checkout, "02_second", SECOND + trains.replace("NAMES", "('a', 'c')"))
    timings = checkout / "build" / "smoke-demo" / "timings.json"
    assert run(checkout, preset="smoke")[0] == 0
    assert json.loads(timings.read_text())["reused_seconds"] == 0, "all was trained by this call"
    assert run(checkout, preset="smoke")[0] == 0
    assert json.loads(timings.read_text())["reused_seconds"] == 0, "skipped notebooks keep their own timing"
    for state in (checkout / "build" / "smoke-demo" / "notebooks").glob("*.state.json"):
        state.unlink()
    assert run(checkout, preset="smoke")[0] == 0
    assert json.loads(timings.read_text())["reused_seconds"] == 150


def test_what_is_gone_or_different_is_not_finished(tmp_path):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "a.json").write_text("1")
    (tmp_path / "finished.json").write_text("{}")
    executed, state = (tmp_path / "notebooks" / f"01_first.{end}" for end in ("ipynb", "state.json"))
    executed.write_text("{}")
    files = {"a.json": sha256(tmp_path / "a.json")}
    for kind, other in (("reads", "writes"), ("writes", "reads")):
        kept = {"fingerprint": "f", "runs": ["finished.json"], "record": {kind: files, other: {}}}
        kept |= {"seconds": 1.0, "reused_seconds": 0.0}
        state.write_text(json.dumps(kept))
        assert is_finished(state, tmp_path, "f")
        assert not is_finished(state, tmp_path, "another library, source or parameter")
        (tmp_path / "a.json").write_text("2")
        assert not is_finished(state, tmp_path, "f")
        (tmp_path / "a.json").write_text("1")
    for path in (tmp_path / "finished.json", tmp_path / "a.json", executed, state):
        text = path.read_text()
        path.unlink()
        assert not is_finished(state, tmp_path, "f"), path.name
        path.write_text(text)
        assert is_finished(state, tmp_path, "f")


def test_the_library_hash_covers_what_computes_but_not_the_frame(tmp_path, monkeypatch):
    package = tmp_path / "a2f"
    package.mkdir()
    for name in ("__init__.py", "mesh.py", "cli.py"):
        (package / name).write_text("")
    monkeypatch.setattr("a2f.__file__", str(package / "__init__.py"))
    before = library_hash()
    (package / "cli.py").write_text("changed")
    assert library_hash() == before
    (package / "mesh.py").write_text("changed")
    assert library_hash() != before


def test_a_failing_cell_is_named_and_the_rest_does_not_run(checkout):
    broken = textwrap.dedent("""
        # %%
        print("before")

        # %%
        share = 0.2
        assert share > 0.6, f"only {share} of the neighbours are of one speaker"
        """)
    write(checkout, "01_first", broken)
    code, shown = run(checkout, preset="smoke")
    assert code == 1
    # the injected parameters are the second cell, so the broken one is the fifth
    assert "notebook 01_first failed in code cell 5 of 5:\n    share = 0.2\n    assert share > 0.6" in shown
    assert "AssertionError: only 0.2 of the neighbours are of one speaker" in shown
    assert "02_second" not in shown
    out = checkout / "build" / "smoke-demo"
    assert (out / "notebooks" / "01_first.ipynb").is_file() and not (out / "timings.json").exists()
    write(checkout, "01_first", FIRST)
    assert run(checkout, preset="smoke")[0] == 0


def test_a_kernel_that_dies_is_told_with_its_cell(checkout):
    write(checkout, "01_first", "\n# %%\nimport os\n\nos._exit(9)\n")
    code, shown = run(checkout, preset="smoke", only=["01"])
    assert code == 1 and "01_first failed in code cell 4 of 4" in shown
    assert "os._exit(9)" in shown and "the kernel died" in shown


def test_a_mistyped_parameter_stops_before_anything_runs(checkout):
    with pytest.raises(BadInput, match="no parameter 'sed'; did you mean 'seed'"):
        run(checkout, preset="smoke", parameters={"sed": 1})
    with pytest.raises(BadInput, match="no preset is called 'smok'"):
        run(checkout, preset="smok")
    with pytest.raises(BadInput, match="no notebook begins with '07'"):
        run(checkout, preset="smoke", only=["07"])
    write(checkout, "02_second", SECOND)
    source = checkout / "notebooks" / "02_second.py"
    source.write_text(source.read_text().replace("seed = 0\n", ""))
    with pytest.raises(BadInput, match="02_second has no parameter 'seed'"):
        run(checkout, preset="smoke")
    assert not (checkout / "build").exists()


def test_a_notebook_stops_at_a_name_that_papermill_would_let_pass(checkout):
    source = checkout / "notebooks" / "01_first.py"
    source.write_text(source.read_text().replace("seed = 0\n", "seed = 0\nsede = 1\n"))
    code, shown = run(checkout, preset="smoke")
    assert code == 1 and "BadInput: 'sede' is not a parameter of this notebook; did you mean 'seed'?" in shown


def test_a_demo_run_publishes_figures_readme_and_notebooks(checkout):
    figures = checkout / "figures"
    figures.mkdir()
    (figures / "gone.png").write_bytes(b"")
    (figures / "gone.json").write_text("{}")
    (figures / "by-hand.svg").write_text("<svg/>")
    code, shown = run(checkout, publish_notebooks=True)
    assert code == 0, shown
    assert {path.name for path in figures.iterdir()} == {
        *("second.png second.json report.json timings.json by-hand.svg".split())
    }
    text = (checkout / "README.md").read_text()
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "stale text" not in text
    assert "| c (4) | [02_second](notebooks/02_second.ipynb) | p | h | holds | synthetic |" in text
    assert "`make reproduce` took" in text
    for name in ("01_first", "02_second"):
        stored = nbformat.read(checkout / "notebooks" / f"{name}.ipynb", as_version=4)
        nbformat.validate(stored)
        assert nb.faults(stored) == []
        assert nb.cells_of(stored) == nb.cells_of(nb.from_source(checkout / "notebooks" / f"{name}.py"))
        assert "papermill" not in json.dumps(stored)
    with pytest.raises(BadInput, match="default parameters"):
        run(checkout, seed=1, publish_notebooks=True)


def test_publishing_keeps_the_second_runs_files(tmp_path):
    folder, target = tmp_path / "run", tmp_path / "figures"
    (folder / "figures").mkdir(parents=True)
    (folder / "timings.json").write_text("{}")
    for name in ("a.png", "a.json", "b.mp4", "b.mp4.json"):
        (folder / "figures" / name).write_text(name)
    publish_figures(folder, target)
    (folder / "figures" / "b.mp4").unlink()
    (folder / "figures" / "b.mp4.json").unlink()
    publish_figures(folder, target)
    assert {path.name for path in target.iterdir()} == {"a.png", "a.json", "timings.json"}


def test_a_notebook_with_faults_is_not_published(checkout):
    write(checkout, "01_first", FIRST + "print(session.out)\n")
    with pytest.raises(BadInput, match="01_first cannot be published: code cell 3 prints a path"):
        run(checkout, publish_notebooks=True)
    assert not list((checkout / "notebooks").glob("*.ipynb"))


def test_faults_of_an_executed_notebook():
    cell = nbformat.v4.new_code_cell("1", execution_count=1)
    notebook = nbformat.v4.new_notebook(cells=[cell])
    assert nb.faults(notebook) == []
    assert nb.faults(nbformat.v4.new_notebook()) == ["it has no code cell"]
    cell.outputs = [nbformat.v4.new_output("error", ename="E", evalue="e", traceback=[])]
    assert nb.faults(notebook) == ["code cell 1 ended in an error"]
    cell.outputs = [nbformat.v4.new_output("display_data", {"application/vnd.jupyter.widget-view+json": {}})]
    assert "shows a widget" in nb.faults(notebook)[0]
    cell.outputs, cell.execution_count = [], None
    assert nb.faults(notebook) == ["code cell 1 has the execution count None"]


def test_equal_sources_give_equal_notebooks(checkout):
    path = checkout / "notebooks" / "01_first.py"
    assert nb.from_source(path) == nb.from_source(path)
    nbformat.validate(nb.from_source(path))


def test_a_wrong_header_is_named(checkout):
    path = checkout / "notebooks" / "01_first.py"
    path.write_text("# ---\n# jupyter:\n#   kernelspec:\n#     name: python3\n# ---\n" + path.read_text())
    with pytest.raises(BadInput, match="header of 01_first.py is not a notebook's: 'display_name'"):
        nb.from_source(path)


def test_notebooks_must_be_there(tmp_path):
    with pytest.raises(MissingData, match="no notebooks"):
        nb.find(tmp_path)


def test_a_parameters_cell_holds_literals_only():
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("seed = 1 + n")])
    with pytest.raises(BadInput, match="0 cells tagged"):
        nb.parameters(notebook, "x")
    notebook.cells[0].metadata["tags"] = ["parameters"]
    with pytest.raises(BadInput, match="not 'seed = 1"):
        nb.parameters(notebook, "x")
    notebook.cells[0].source = "seed = -1\nnames = ['a']"
    assert nb.parameters(notebook, "x") == {"seed": -1, "names": ["a"]}


def test_parameters_from_texts():
    assert parse_parameters(["a=1", "b=x y", "c=[1, 2]", "d=None", "e=a=b"]) == {
        "a": 1,
        "b": "x y",
        "c": [1, 2],
        "d": None,
        "e": "a=b",
    }
    for wrong in ("a", "1a=2"):
        with pytest.raises(BadInput, match=wrong):
            parse_parameters([wrong])


def test_the_readme_section_needs_its_markers(tmp_path):
    with pytest.raises(BadInput, match="results:start"):
        readme.section("none", "results")
    with pytest.raises(MissingData):
        readme.update(tmp_path / "README.md", tmp_path)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59.6, "1 min"), (75, "1 min 15 s"), (599.7, "10 min"), (1261, "21 min")],
)
def test_durations_in_words(seconds, words):
    assert readme.duration(seconds) == words
