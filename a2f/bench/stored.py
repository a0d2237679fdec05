"""The benches that are kept with the notebooks: the whole one, and parts of it on other machines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from a2f.bench.command import NAME
from a2f.files import read_json


def stored_benches(folder: Path) -> dict[str, dict[str, Any]]:
    """Return what ``a2f bench --name`` left in a folder, by name; the whole one is called ``"bench"``."""
    return {path.stem: read_json(path) for path in sorted(folder.glob(f"{NAME}*.json"))}
