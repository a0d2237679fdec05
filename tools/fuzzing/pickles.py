"""Pickles as data sets bring them, damaged; and pickles that ask for functions to be called."""

from __future__ import annotations

import builtins
import os
import pickle
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from fuzzing.damage import damaged, pick, replace
from fuzzing.outcome import Case, Wrong, check_unharmed


class Call:
    """Pickles as a call of a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.made = function, arguments

    def __reduce__(self) -> tuple:
        return self.made


def harmless(rng: np.random.Generator) -> Any:
    """Return what pickles of data sets hold."""
    arrays = {
        "f4": rng.normal(size=(4, 3)).astype("f4"), "i2": np.arange(9, dtype="i2"), "F": np.asfortranarray(np.eye(3)),
        "big": np.arange(4, dtype=">f8"), "none": np.zeros((0, 3)), "text": np.array(["a", "bc"]),
    }  # fmt: skip
    inner = {"audio": arrays[pick(rng, sorted(arrays))], "sample_rate": np.int64(22000), 3: [1, 2.5, None, True, b"x"]}
    return {"subject": {"sentence01": inner, "sentence02": (arrays, {1, 2}, frozenset({3}))}, "Größe": [inner, inner]}


def hostile(rng: np.random.Generator, witness: Path) -> bytes:
    """Return a pickle that leaves a file behind if it is obeyed."""
    shell, write = f"touch {witness}", f"open({str(witness)!r}, 'w').close()"
    call = pick(rng, (
        Call(os.system, shell), Call(builtins.eval, write), Call(builtins.exec, write),
        Call(subprocess.call, shell, -1), Call(builtins.open, str(witness), "w"),
        Call(np.save, str(witness), np.arange(2)),
        Call(os.mkdir, str(witness)),
    ))  # fmt: skip
    value = pick(rng, (call, [call], {"a": call}, {"a": {"b": (np.arange(3), call)}}))
    text = b"cos\nsystem\n(S'" + shell.encode() + b"'\ntR."
    return text if rng.random() < 0.1 else pickle.dumps(value, int(rng.integers(6)))


def any_pickle(rng: np.random.Generator, witness: Path) -> bytes:
    """Return a pickle: whole, damaged, hostile, or endless."""
    kind = rng.random()
    if kind < 0.3:
        data = hostile(rng, witness)
        return damaged(rng, data, 1) if rng.random() < 0.3 else data
    if kind < 0.35:
        return b"\x80\x04" + b"(" * int(rng.integers(100_000)) + b"."
    if kind < 0.4:
        return b"\x80\x02" + b"]" * 3000 + b"a" * 2999 + b"."
    if kind < 0.45:  # a text that says it is longer than the file
        return b"\x80\x04" + pick(rng, (b"\x8d", b"\x8e", b"\x96")) + (2**40).to_bytes(8, "little") + b"abc."
    data = pickle.dumps(harmless(rng), int(rng.integers(6)))
    return damaged(rng, data) if kind < 0.95 else data


def make(rng: np.random.Generator, folder: Path) -> Case:
    """Return a pickle to be read."""
    from a2f.data.safe_pickle import load_pickle

    path = folder / "file.pkl"
    replace(path, any_pickle(rng, folder / "witness"))

    def read() -> None:
        try:
            value = load_pickle(path)
        finally:
            check_unharmed(folder)
        _check(value, 0)

    return Case(read, (path.name,))


def _check(value: Any, depth: int) -> None:
    if isinstance(value, dict):
        inner = [*value.keys(), *value.values()]
    elif isinstance(value, (list, tuple, set, frozenset)):
        inner = list(value)
    else:
        if isinstance(value, np.ndarray) and value.dtype.hasobject:
            raise Wrong("an array of Python objects")
        if not isinstance(value, (np.ndarray, np.generic, str, bytes, bytearray, int, float, complex, type(None))):
            raise Wrong(f"a {type(value).__name__}")
        return
    if depth < 50:
        for item in inner:
            _check(item, depth + 1)
