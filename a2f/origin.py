"""Where a figure came from: the commit of the sources and the versions of what computed it."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from pathlib import Path
from typing import Any

import a2f

_VERSIONS = ("numpy", "scipy", "torch", "transformers", "scikit-learn", "matplotlib", "pyvista")


def commit() -> dict[str, Any]:
    """The commit of the checkout that a2f was imported from, and whether its sources differ from it."""
    top = Path(a2f.__file__).resolve().parents[1]

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", str(top), *arguments], capture_output=True, text=True, check=False
            )
        except FileNotFoundError:
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    if git("ls-files", "--error-unmatch", "a2f/__init__.py") is None:
        return {"commit": None, "modified": None}
    changed = git("status", "--porcelain", "--", "a2f", "notebooks/*.py", "requirements.txt")
    return {"commit": git("rev-parse", "HEAD"), "modified": bool(changed)}


def versions() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in _VERSIONS},
    }
