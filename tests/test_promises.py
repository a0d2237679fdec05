"""PROMISES.md: every promise has a test that exists; and the tests of those promises that have no other place."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "PROMISES.md").read_text(encoding="utf-8")
SECTIONS = ["Nothing is lost", "The same again", "Refused", "Exposed", "Supported"]
PROMISE = re.compile(r"\* (?P<sentence>.+\w.*\.) `(?P<file>tests/test_\w+\.py)::(?P<test>test_\w+)`")
PYTHONS = ("3.11.0", "3.12.0", "3.13.0")
# what opens connections or listens for them; huggingface_hub opens them for us
NETWORK = {"socket", "socketserver", "http", "urllib", "ftplib", "smtplib", "requests", "httpx", "aiohttp", "ssl"}
NETWORK |= {"huggingface_hub"}


def promises() -> list[re.Match]:
    lines = [line for line in TEXT.splitlines() if line.startswith("* ")]
    found = [PROMISE.fullmatch(line) for line in lines]
    wrong = [line for line, match in zip(lines, found, strict=True) if match is None]
    assert not wrong, f"not a sentence with its test: {wrong}"
    return found


def functions_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_every_promise_has_a_test_that_exists():
    assert len(promises()) > 40
    missing = [f"{p['file']}::{p['test']}" for p in promises() if not (ROOT / p["file"]).is_file()]
    missing += [
        f"{p['file']}::{p['test']}" for p in promises()
        if (ROOT / p["file"]).is_file() and p["test"] not in functions_in(ROOT / p["file"])
    ]  # fmt: skip
    assert not missing


def test_no_test_holds_two_promises():
    named = [(p["file"], p["test"]) for p in promises()]
    assert len(named) == len(set(named)), {name for name in named if named.count(name) > 1}


def test_all_kinds_of_promises_are_there():
    assert re.findall(r"^## (.+)$", TEXT, re.MULTILINE) == SECTIONS
    for part in re.split(r"^## ", TEXT, flags=re.MULTILINE)[1:]:
        assert part.count("\n* ") >= 5, part.splitlines()[0]


# ---- promises that are held here


def imported_from(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def test_only_two_modules_can_reach_a_network():
    reaching = {
        path.relative_to(ROOT).as_posix(): imported_from(path) & NETWORK for path in (ROOT / "a2f").rglob("*.py")
    }
    reaching = {name: found for name, found in reaching.items() if found}
    assert reaching == {"a2f/pretrained.py": {"huggingface_hub"}, "a2f/models/hubert.py": {"huggingface_hub"}}


def test_no_module_opens_a_port_and_the_lab_is_for_this_machine():
    listening = re.compile(r"\.listen\(|\.bind\(|start_server|create_server|HTTPServer|launch_server")
    found = [path.name for path in (ROOT / "a2f").rglob("*.py") if listening.search(path.read_text(encoding="utf-8"))]
    assert not found
    lab = [line for line in (ROOT / "Makefile").read_text(encoding="utf-8").splitlines() if "-m jupyterlab" in line]
    assert lab and all("--ServerApp.ip=127.0.0.1" in line for line in lab)


def test_the_pins_take_every_supported_python():
    from packaging.specifiers import SpecifierSet

    narrow = [
        (found.metadata["Name"], found.version, found.metadata["Requires-Python"], python)
        for found in distributions()
        for python in PYTHONS
        if python not in SpecifierSet(found.metadata["Requires-Python"] or "")
    ]
    assert not narrow


def test_a_notebook_leaves_the_home_alone(tmp_path):
    """Nothing in the home is written, nor is a start-up file that somebody keeps there for other work run."""
    home = tmp_path / "home"
    startup = home / ".ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text("raise SystemExit('somebody else's')")
    config = home / ".config" / "matplotlib"
    config.mkdir(parents=True)
    (config / "matplotlibrc").write_text("lines.linewidth: 77\n")
    before = {path: path.stat().st_mtime_ns for path in home.rglob("*")}
    (tmp_path / "01_x.py").write_text(
        "# %% tags=[\"parameters\"]\n\n# %%\nimport matplotlib\n\n"
        "assert matplotlib.rcParams['lines.linewidth'] == 1.5\n"
    )
    (tmp_path / "run" / "notebooks").mkdir(parents=True)
    code = (
        "import sys; from pathlib import Path; from a2f.execute import execute\n"
        "print(execute(Path('01_x.py'), {}, Path('run/notebooks/01_x.ipynb').absolute(), sys.stderr)[1])"
    )
    given = {name: value for name, value in os.environ.items() if name not in ("MPLCONFIGDIR", "XDG_CONFIG_HOME")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=given | {"HOME": str(home)}, capture_output=True, text=True
    )
    assert done.stdout == "None\n", done.stdout + done.stderr
    assert {path: path.stat().st_mtime_ns for path in home.rglob("*")} == before


@pytest.mark.parametrize("missing", [True, False])
def test_a_test_that_draws_is_skipped_with_what_is_missing_and_only_where_it_is_missing(missing, monkeypatch):
    import conftest

    from a2f.errors import RenderingUnavailable

    monkeypatch.setattr(conftest, "nothing_to_draw_with", lambda: missing)
    wrapper = conftest.pytest_runtest_call(None)
    next(wrapper)
    expected = pytest.skip.Exception if missing else RenderingUnavailable
    with pytest.raises(expected, match="install libegl1"):
        wrapper.throw(RenderingUnavailable("apt-get install libegl1"))
