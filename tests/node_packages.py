"""Packages of the npm registry that tests use, fetched once into build/, and the node that runs them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "build" / "npm"


def node() -> str:
    """Return a node: that of the PATH, or the one in playwright's wheel."""
    found = shutil.which("node")
    if found:
        return found
    playwright = pytest.importorskip("playwright")
    return str(Path(playwright.__file__).parent / "driver" / "node")


def package(name: str, version: str) -> Path:
    """Return the folder of a package, or skip the test with the reason why it cannot be had."""
    folder = FOLDER / f"{name}-{version}"
    if folder.is_dir():
        return folder
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip(f"npm package {name} {version} is not in {FOLDER}, and there is no npm to fetch it")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER) as place:
        command = [npm, "pack", "--silent", f"{name}@{version}"]
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            pytest.skip(f"npm package {name} {version} cannot be fetched: {done.stderr.strip()[-300:]}")
        with tarfile.open(Path(place) / done.stdout.split()[-1]) as archive:
            archive.extractall(place, filter="data")
        if not folder.is_dir():  # another worker may have been quicker
            os.replace(Path(place) / "package", folder)
    return folder
