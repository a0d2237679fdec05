"""The shipped assets, each checked against its SHA-256 before it is used."""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path

from a2f.errors import BadInput, MissingData
from a2f.files import read_json, sha256

ROOT = Path(__file__).resolve().parent.parent / "assets"


@lru_cache(maxsize=1)
def manifest() -> dict[str, dict]:
    """Return the manifest: relative path to {sha256, bytes}."""
    return read_json(ROOT / "manifest.json")["files"]


@cache
def asset(name: str) -> Path:
    """Return the path of a shipped file, checked once in a process.

    Parameters
    ----------
    name : str
        Path below ``a2f/assets`` with forward slashes, for example ``"demo/faces.npz"``.

    Raises
    ------
    MissingData
        If the manifest or the package lacks the file.
    BadInput
        If its bytes are not those of the manifest.
    """
    if name not in manifest():
        raise MissingData(f"no shipped asset is called {name!r}")
    path = ROOT / name
    if not path.is_file():
        raise MissingData(f"the shipped asset {name} is missing from this installation; install a2f again")
    found = sha256(path)
    if found != manifest()[name]["sha256"]:
        raise BadInput(
            f"the shipped asset {name} is damaged: its sha256 begins {found[:12]}, the manifest says "
            f"{manifest()[name]['sha256'][:12]}; install a2f again"
        )
    return path
