"""What a user's own folder says of itself in its a2f.json, checked key by key."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from a2f.errors import BadInput
from a2f.files import read_json


def _positive(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= sys.float_info.max


def _roles(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(names, list) and all(isinstance(name, str) for name in names) for names in value.values()
    )


_KEYS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "fps": (_positive, "a positive number"),
    "unit": (lambda value: isinstance(value, str) and bool(value), 'a name such as "mm"'),
    "metres_per_unit": (lambda value: value is None or _positive(value), "a positive number or null"),
    "splits": (_roles, '{"train": [subject, ...], "val": [...], "test": [...]}'),
    "regions": (lambda value: isinstance(value, str), "the name of a file in this folder"),
    "synthetic": (lambda value: isinstance(value, bool), "true or false"),
}


def read_settings(root: Path) -> dict[str, Any]:
    """Return what a folder's ``a2f.json`` holds; nothing where there is none.

    Raises
    ------
    BadInput
        If it holds anything else than the settings in the documentation of `a2f.data.folder`.
    """
    path = root / "a2f.json"
    if not path.is_file():
        return {}
    settings = read_json(path)
    if not isinstance(settings, dict):
        raise BadInput(f"{path} holds a {type(settings).__name__}, expected an object with any of {', '.join(_KEYS)}")
    for key, value in settings.items():
        if key not in _KEYS:
            raise BadInput(f"{path} holds {key!r}, expected any of {', '.join(_KEYS)}")
        fits, expected = _KEYS[key]
        if not fits(value):
            raise BadInput(f"{path}: {key} is {value!r}, expected {expected}")
    return settings
