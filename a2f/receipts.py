"""What results were made from, written beside them, so that a second call knows what is there already and whole."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from a2f.errors import BadInput, MissingData
from a2f.files import read_json, sha256, write_json


@dataclass
class Receipt:
    """The results of one input, by format, and the SHA-256 of all that they depend on.

    Results that were made from anything else are forgotten when a receipt is opened, so what it holds may be kept.

    Parameters
    ----------
    path : Path
        The JSON file; results lie in its folder.
    made_from : dict of str to str
        Digests by the name of what they are of.
    results : dict of str to dict
        By format: ``files``, the SHA-256 by name, and what else was noted.
    """

    path: Path
    made_from: dict[str, str]
    results: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path, made_from: dict[str, str]) -> Receipt:
        """Return the receipt that is there if it is of these inputs, else an empty one."""
        try:
            stored = read_json(path)
        except (MissingData, BadInput):
            stored = None  # a damaged receipt vouches for nothing: all is made anew
        same = isinstance(stored, dict) and stored.get("made_from") == made_from
        results = stored.get("results") if same else None
        return cls(path, made_from, results if isinstance(results, dict) else {})

    def holds(self, name: str, result: Path) -> bool:
        """True if the result of that format is there, file by file and byte by byte as it was written."""
        entry = self.results.get(name)
        files = entry.get("files") if isinstance(entry, dict) else None
        return bool(files) and files == _contents(result)

    def add(self, name: str, result: Path, **notes: Any) -> None:
        """Note a result that was written just now, a file or a folder, and write the receipt."""
        self.results[name] = {"files": _contents(result), **notes}
        write_json(self.path, {"made_from": self.made_from, "results": self.results})


def digest(*values: np.ndarray | str | float) -> str:
    """Return one SHA-256 of arrays and texts, their types and shapes included.

    Raises
    ------
    TypeError
        For an array of Python objects, whose bytes are addresses.
    """
    total = hashlib.sha256()
    for value in values:
        array = np.ascontiguousarray(value)
        if array.dtype.hasobject:
            raise TypeError(f"no digest of {type(value).__name__}; give arrays of numbers, texts or numbers")
        total.update(f"{array.dtype.str}{np.shape(value)}".encode() + array.tobytes())
    return total.hexdigest()


def _contents(result: Path) -> dict[str, str]:
    """Return the SHA-256 of a file, or of every file in a folder, by name; empty where there is nothing."""
    if result.is_dir():
        return {f"{result.name}/{file.name}": sha256(file) for file in sorted(result.iterdir()) if file.is_file()}
    return {result.name: sha256(result)} if result.is_file() else {}
