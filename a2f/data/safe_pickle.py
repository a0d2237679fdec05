"""Pickles of numbers, read without letting them run anything.

A pickle is a program: it names functions and has them called. Here only what numbers are made of can be named: numpy
arrays and scalars, plain containers, torch tensors. Anything else is refused before it is looked up. Arrays are
rebuilt here and not by numpy, whose own rebuilding trusts a file to describe memory correctly.
"""

from __future__ import annotations

import collections
import functools
import io
import os
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from a2f.errors import BadInput, MissingData

_KINDS = "biufcSU"  # what an array may hold: numbers, truth values, texts of fixed length


class _Dtype:
    """A dtype while its pickle is read: a name, then perhaps a byte order."""

    def __init__(self, name: str, align: bool = False, copy: bool = False) -> None:
        self.dtype = np.dtype(name)
        if self.dtype.kind not in _KINDS:
            raise BadInput(f"it holds an array of {self.dtype}, expected numbers or texts of fixed length")

    def __setstate__(self, state: Sequence) -> None:
        self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """An array while its pickle is read: first nothing, then a shape, a dtype and bytes."""

    def __setstate__(self, state: Sequence) -> None:
        _, shape, dtype, columns_first, raw = state
        self.array = _numbers(raw, dtype).reshape(shape, order="F" if columns_first else "C")

    @classmethod
    def of(cls, array: np.ndarray) -> _Array:
        made = cls()
        made.array = array
        return made


def _bytes(raw: str | bytes | bytearray) -> bytes | bytearray:
    # Python 2 has one type for text and bytes; latin1 gives every byte back
    raw = raw.encode("latin1") if isinstance(raw, str) else raw
    if not isinstance(raw, (bytes, bytearray)):
        raise BadInput(f"it makes an array of a {type(raw).__name__}, expected bytes")
    return raw


def _numbers(raw: str | bytes | bytearray, dtype: _Dtype) -> np.ndarray:
    return np.frombuffer(_bytes(raw), dtype.dtype)


def _reconstruct(kind: str, shape: Sequence[int], code: str | bytes) -> _Array:
    return _Array()


def _frombuffer(raw: bytes | bytearray, dtype: _Dtype, shape: Sequence[int], order: str) -> _Array:
    return _Array.of(_numbers(raw, dtype).reshape(shape, order=order))


def _scalar(dtype: _Dtype, raw: str | bytes) -> np.generic:
    return _numbers(raw, dtype)[0]


def _encode(text: str, encoding: str) -> bytes:
    # how Python 3 writes bytes for Python 2
    return text.encode("latin1")


def _storage(raw: str | bytes) -> _Array:
    """Return the memory of a tensor; torch itself reads it, and admits weights only."""
    import torch

    try:
        storage = torch.load(io.BytesIO(_bytes(raw)), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise BadInput("it holds a tensor whose memory asks torch for more than numbers") from None
    return _Array.of(torch.empty(0, dtype=storage.dtype).set_(storage).numpy())


def _tensor(memory: _Array, offset: int, shape: Sequence[int], strides: Sequence[int], *_: Any) -> _Array:
    numbers = memory.array
    last = offset + sum((size - 1) * step for size, step in zip(shape, strides, strict=True))
    if numbers.ndim != 1 or min((offset, *shape, *strides)) < 0 or last >= numbers.size:
        raise BadInput(f"it holds a tensor that reaches to number {last} of {numbers.size}")
    apart = [step * numbers.itemsize for step in strides]
    return _Array.of(np.lib.stride_tricks.as_strided(numbers[offset:], shape, apart))


_MAKERS: dict[tuple[str, str], Callable] = {
    ("numpy", "dtype"): _Dtype,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "scalar"): _scalar,
    ("numpy._core.numeric", "_frombuffer"): _frombuffer,
    ("_codecs", "encode"): _encode,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch.storage", "_load_from_bytes"): _storage,
}
_CONSTANTS: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): "ndarray",  # only ever handed to _reconstruct
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("collections", "defaultdict"): collections.defaultdict,
    **{("builtins", kind.__name__): kind for kind in (dict, list, tuple, set, frozenset, bytes, int)},
    ("builtins", "long"): int,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        # what Python 2 and numpy 1 called them
        key = {"__builtin__": "builtins"}.get(module, module.replace("numpy.core.", "numpy._core.")), name
        if key in _MAKERS:
            # a new wrapper each time: a pickle can write to what it is given, and that ends with it
            return functools.partial(_MAKERS[key])
        if key in _CONSTANTS:
            return _CONSTANTS[key]
        raise BadInput(f"it asks for {module}.{name}, which numbers are not made of; that was not run")


def load_pickle(path: str | os.PathLike, encoding: str = "latin1") -> Any:
    """Read a pickle of arrays in plain containers.

    Parameters
    ----------
    path : path-like
    encoding : str
        Of texts that Python 2 wrote.

    Returns
    -------
    object
        Arrays (also for torch tensors; they may be read-only), numpy scalars, dicts (for dicts of all kinds), lists,
        tuples, sets, texts, bytes and numbers.

    Raises
    ------
    MissingData
        If the file is not there.
    BadInput
        If it is cut or damaged, or asks for anything else; what it asked for was not run.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingData(f"{path} is not a file")
    try:
        with open(path, "rb") as file:
            return _plain(_Unpickler(file, encoding=encoding).load(), {})
    except BadInput as error:
        raise BadInput(
            f"{path} cannot be used: {error}. Only arrays of numbers, tensors and plain containers are read from a "
            "pickle; save it anew with nothing else in it"
        ) from None
    except (MemoryError, RecursionError):
        raise BadInput(f"{path} is not a whole pickle file: what it describes has no end") from None
    except Exception as error:  # a damaged pickle stumbles over anything
        raise BadInput(f"{path} is not a whole pickle file: {type(error).__name__}: {error}") from None


def _plain(value: Any, done: dict[int, Any]) -> Any:
    """Return a value with arrays and plain containers in place of what stood for them while it was read."""
    if value is None or isinstance(value, (np.generic, str, bytes, bytearray, int, float, complex)):
        return value
    # what stands in several places is looked at once, so that a small file cannot unfold without end
    if id(value) in done:
        return done[id(value)]
    if isinstance(value, _Array):
        plain: Any = value.array
    elif isinstance(value, dict):
        plain = {_plain(key, done): _plain(item, done) for key, item in value.items()}
    elif isinstance(value, (list, tuple, set, frozenset)):
        plain = type(value)([_plain(item, done) for item in value])
    else:
        raise BadInput(f"it holds {value!r}")
    done[id(value)] = plain
    return plain
