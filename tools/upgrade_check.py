"""What breaks, and which numbers move, with the newest packages? Another environment, the tests in it, and a list.

`python tools/upgrade_check.py [--hold NAME] [--unit] [TEST ...]` builds build/upgrade/ anew with the newest versions
that pyproject.toml's lower bounds allow, runs the tests there (with --unit not the notebooks; or only the TESTs named),
and prints which packages moved from their pins and what failed. The notebooks' smoke run is held against the stored
reference, so that numbers that move are among the failures. --hold keeps a package at its pin: torch from PyPI may
bring CUDA, 4 GB of it. Nothing is changed outside build/.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tomllib
import venv
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "upgrade"
# what an upgrade fails by its nature
PINS = ("tests/test_project.py::test_installed_versions_are_the_pinned_ones",)
NOTEBOOKS = "tests/test_notebooks.py"


def pins() -> dict[str, str]:
    """Return the pinned version of every package."""
    lines = (line.split("#")[0].strip() for line in (ROOT / "requirements.txt").read_text().splitlines())
    return dict(line.split("==") for line in lines if line)


def wanted(hold: list[str]) -> list[str]:
    """Return the direct requirements with their lower bounds, those of `hold` at their pins."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    direct = [*project["dependencies"], *sum(project["optional-dependencies"].values(), [])]
    unknown = set(hold) - pins().keys()
    if unknown:
        raise SystemExit(f"{', '.join(sorted(unknown))} is not pinned in requirements.txt; nothing to hold")
    kept = [f"{name}=={pins()[name]}" for name in hold]
    return kept + [line for line in direct if line.split(">=")[0] not in hold]


def build(hold: list[str]) -> Path:
    """Build the environment anew; return its interpreter."""
    venv.create(FOLDER / "venv", clear=True, with_pip=True)
    python = FOLDER / "venv" / "bin" / "python"
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    subprocess.run([*pip, *wanted(hold)], check=True)
    subprocess.run([*pip, "--no-deps", "-e", str(ROOT)], check=True)
    return python


def moved(python: Path) -> list[str]:
    """Return a line for every package that is not at its pin, or has none."""
    code = "from importlib.metadata import distributions as d; print(*sorted(f'{x.name}=={x.version}' for x in d()))"
    listed = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True).stdout.split()
    there = {name.lower().replace("_", "-"): version.split("+")[0] for name, version in (e.split("==") for e in listed)}
    known = {name.lower().replace("_", "-"): version for name, version in pins().items()}
    own = {"a2f", "pip", "setuptools", "wheel"}
    return [
        f"{name} {known.get(name, 'not pinned')} -> {there.get(name, 'not needed')}"
        for name in sorted((known.keys() | there.keys()) - own)
        if known.get(name) != there.get(name)
    ]


def failed(report: Path) -> list[str]:
    """Return a line for every test that failed: its name, and the first line of why."""
    found = []
    for case in ElementTree.parse(report).iter("testcase"):
        for kind in ("failure", "error"):
            for entry in case.findall(kind):
                why = (entry.get("message") or "").strip().splitlines() or [kind]
                found.append(f"{case.get('classname')}::{case.get('name')}: {why[0][:150]}")
    return found


def main() -> int:
    """Build, test, and say what moved and what failed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--hold", action="append", default=[], metavar="NAME", help="a package to keep at its pin")
    parser.add_argument("--unit", action="store_true", help="leave out the notebooks")
    parser.add_argument("tests", nargs="*", metavar="TEST", help="only these, as pytest names them")
    options = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    python, report = build(options.hold), FOLDER / "tests.xml"
    changes = moved(python)
    print(f"{len(changes)} packages moved:", *changes, sep="\n  ", flush=True)
    command = [str(python), "-m", "pytest", "-p", "no:cacheprovider", f"--junitxml={report}", "--tb=short"]
    command += [f"--deselect={name}" for name in PINS] + ([f"--ignore={NOTEBOOKS}"] if options.unit else [])
    code = subprocess.run([*command, *options.tests], cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}).returncode
    if code not in (0, 1):
        return code
    failures = failed(report)
    print(f"\n{len(changes)} packages moved:", *changes, sep="\n  ")
    print(f"{len(failures)} tests failed:" if failures else "no test failed", *failures, sep="\n  ")
    return code


if __name__ == "__main__":
    sys.exit(main())
