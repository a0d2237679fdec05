"""Values of every kind where a text, a number or an object is expected: JSON of any shape, odd names."""

from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np

from fuzzing.damage import damaged, pick

TEXTS = (
    *("", " ", "demo", "x", "ä", "\x00", "\n", "a\nb", "'", '"', "'; import os #", '"""', "{}", "%s", "{0.a}"),
    *("../../x", "/etc/passwd", "..", ".", "~", "a/b", "C:\\x", "nul", "x" * 5000, "\ud7ff", "NaN", "None"),
    *("__import__('os').system('touch witness')", "$(touch witness)", "`touch witness`", "-x", "--out", "\U0001f600"),
)
NUMBERS = (0, 1, -1, 2, 3, 7, 0.5, -0.0, 1e-300, 1e308, 10**9, 2**31, 2**63, -(2**63), 10**400, 5e-324, True, False)


def anything(rng: np.random.Generator, depth: int = 3) -> Any:
    """Return a JSON value of any kind, NaN and infinity among them."""
    kind = int(rng.integers(9 if depth else 6))
    if kind == 0:
        return pick(rng, (None, True, False))
    if kind == 1:
        return pick(rng, NUMBERS)
    if kind == 2:
        return float(pick(rng, (np.nan, np.inf, -np.inf)))
    if kind in (3, 4):
        return pick(rng, TEXTS)
    if kind == 5:
        return float(rng.normal()) * 10.0 ** int(rng.integers(-5, 6))
    inner = [anything(rng, depth - 1) for _ in range(int(rng.integers(4)))]
    return inner if kind < 8 else {str(pick(rng, TEXTS))[:40]: value for value in inner}


def changed(rng: np.random.Generator, value: Any, times: int = 2) -> Any:
    """Return a copy of a JSON value with something else in one or a few places."""
    value = copy.deepcopy(value)
    for _ in range(int(rng.integers(1, times + 1))):
        value = _change(rng, value)
    return value


def _change(rng: np.random.Generator, value: Any) -> Any:
    if isinstance(value, dict) and value and rng.random() < 0.93:
        key = pick(rng, sorted(value))
        kind = rng.random()
        if kind < 0.12:
            del value[key]
        elif kind < 0.2:
            value[str(pick(rng, TEXTS))[:30]] = anything(rng)
        else:
            value[key] = _change(rng, value[key])
        return value
    if isinstance(value, list) and value and rng.random() < 0.8:
        place = int(rng.integers(len(value)))
        kind = rng.random()
        if kind < 0.15:
            del value[place]
        elif kind < 0.3:
            value.insert(place, anything(rng))
        else:
            value[place] = _change(rng, value[place])
        return value
    if isinstance(value, (int, float)) and rng.random() < 0.5:
        return pick(rng, NUMBERS)
    return anything(rng)


def as_json(rng: np.random.Generator, value: Any) -> bytes:
    """Return a value as the bytes of a JSON file, which is now and then damaged or nested without end."""
    kind = rng.random()
    if kind < 0.05:
        deep = 10_000
        return (b"[" * deep + b"]" * deep) if rng.random() < 0.5 else b'{"a":' * deep + b"1" + b"}" * deep
    if kind < 0.08:
        return b'{"a": ' + b"9" * 6000 + b"}"
    text = json.dumps(value)
    if kind < 0.12:
        return text.encode(pick(rng, ("utf-16", "utf-8-sig", "utf-32")))
    data = text.encode("utf-8", "surrogatepass")
    return damaged(rng, data) if kind < 0.25 else data
