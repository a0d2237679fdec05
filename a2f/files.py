"""Files are written whole or not at all, and named by what they hold."""

from __future__ import annotations

import hashlib
import json
import math
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from a2f.errors import BadInput, MissingData


@contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """Give a temporary sibling to write to, and move it to `path` when the block ends without an error.

    Parameters
    ----------
    path : path-like
        Where the finished file shall be. Its folder is made if it is missing. The temporary file keeps the
        suffix, since several writers choose their format by it.

    Yields
    ------
    Path
        The temporary file to write.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        # mkstemp makes private files; a finished file gets the permissions any other new file would get
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _refuse_non_finite(value: Any, where: str) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise BadInput(f"{where} is {value}; a result file holds finite numbers only")
    if isinstance(value, dict):
        for key, item in value.items():
            _refuse_non_finite(item, f"{where}.{key}")
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            _refuse_non_finite(item, f"{where}[{index}]")


def write_json(path: str | os.PathLike, value: Any) -> None:
    """Write `value` as JSON with a stable layout; NaN and infinities are refused.

    Raises
    ------
    BadInput
        If a number in `value` is not finite; the text names the key.
    """
    _refuse_non_finite(value, Path(path).name)
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: str | os.PathLike) -> Any:
    """Read a JSON file.

    Raises
    ------
    MissingData
        If the file is not there.
    BadInput
        If it is not JSON.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingData(f"{path} is not a file")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise BadInput(f"{path} is not a JSON file: {error}") from None


def read_npz(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Read all arrays of an ``.npz`` file; no pickles.

    Raises
    ------
    MissingData
        If the file is not there.
    BadInput
        If it is cut, damaged or something else.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingData(f"{path} is not a file")
    # opened here, since numpy leaves it open where it finds no zip archive in it
    with open(path, "rb") as file:
        try:
            stored = np.load(file, allow_pickle=False)
            if isinstance(stored, np.ndarray):
                raise BadInput(f"{path} holds a single array, expected an npz archive")
            with stored:
                return {name: stored[name] for name in stored.files}
        except BadInput:
            raise
        # what numpy, zipfile and zlib raise on one flipped bit or another
        except (ValueError, KeyError, EOFError, OSError, NotImplementedError, RuntimeError) as error:
            raise BadInput(f"{path} is not a whole npz file: {error}") from None
        except (zipfile.BadZipFile, zlib.error) as error:
            raise BadInput(f"{path} is not a whole npz file: {error}") from None


def sha256(path: str | os.PathLike) -> str:
    """Return the SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
