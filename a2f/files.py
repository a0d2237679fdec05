"""Files are written whole or not at all, and named by what they hold."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from a2f.errors import BadInput, MissingData, cannot_write
from a2f.locks import abandoned, hold

PART = ".a2f-part-"  # begins the names of what is being written
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}
_PROBE = 1 << 20  # bytes that a disk with room takes
_cleared: set[Path] = set()


@contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """Give a temporary sibling to write to, and move it to `path` when the block ends without an error.

    What killed processes left of such siblings is removed when a process first writes to a folder.

    Parameters
    ----------
    path : path-like
        Where the finished file shall be. Its folder is made if it is missing. The temporary file keeps the
        suffix, since several writers choose their format by it.

    Yields
    ------
    Path
        The temporary file to write.

    Raises
    ------
    CannotWrite
        If the disk is full or the folder cannot be written to; what was at `path` before is whole.
    """
    path = Path(path)
    temporary, lock = _begin(path)
    try:
        with _disk_named(path, temporary):
            yield temporary
        try:
            with open(temporary, "rb+") as file:
                os.fsync(file.fileno())
            # mkstemp makes private files; a finished file gets the permissions any other new file would get
            umask = os.umask(0)
            os.umask(umask)
            temporary.chmod(0o666 & ~umask)
            os.replace(temporary, path)
        except OSError as error:
            raise cannot_write(path, error) from None
    finally:
        temporary.unlink(missing_ok=True)
        os.close(lock)


@contextmanager
def temporary_folder(parent: str | os.PathLike) -> Iterator[Path]:
    """Give an empty folder in `parent` that is gone after the block; if the process is killed, after the next write."""
    place, lock = _begin(Path(parent) / "folder", folder=True)
    try:
        with _disk_named(parent, place / PART):
            yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
        os.close(lock)


def clear_leftovers(folder: Path) -> None:
    """Remove what killed processes were writing in a folder; what a living one writes stays."""
    for path in folder.glob(f"{PART}*"):
        with abandoned(path) as found:
            if found and path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            elif found:
                path.unlink(missing_ok=True)


def _begin(path: Path, folder: bool = False) -> tuple[Path, int]:
    """Make the temporary sibling of a path, and lock it for as long as this process writes it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        place = path.parent.resolve()
        if place not in _cleared:
            _cleared.add(place)
            clear_leftovers(path.parent)
        while True:
            if folder:
                temporary = Path(tempfile.mkdtemp(prefix=PART, dir=path.parent))
            else:
                handle, name = tempfile.mkstemp(prefix=PART, suffix=path.suffix, dir=path.parent)
                os.close(handle)
                temporary = Path(name)
            # another process that begins just now may have taken it for abandoned before it was locked
            if (lock := hold(temporary)) is not None:
                return temporary, lock
    except OSError as error:
        raise cannot_write(path, error) from None


@contextmanager
def _disk_named(path: str | os.PathLike, temporary: Path) -> Iterator[None]:
    """Tell a full disk as such, whatever a library made of it."""
    try:
        yield
    except (BadInput, MissingData):
        raise
    except Exception as error:
        if reason := _disk_error(temporary, error):
            with suppress(OSError):
                os.truncate(temporary, 0)  # a library holds it open, and its room, as long as its error lives
            raise cannot_write(path, reason) from error
        raise


def _disk_error(temporary: Path, error: Exception) -> OSError | None:
    """Return why the disk takes no more, if that is what stopped a writer."""
    rust = re.search(r"\(os error (\d+)\)", str(error))  # as safetensors tells it, which leaves nothing half written
    number = error.errno if isinstance(error, OSError) else int(rust[1]) if rust else None
    if number in _DISK:
        return OSError(number, os.strerror(number))
    try:
        with open(temporary, "ab", buffering=0) as file:
            if file.write(bytes(_PROBE)) == _PROBE:
                os.fsync(file.fileno())
            else:
                file.write(b"0")
    except OSError as found:
        return found
    return None


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
    except RecursionError:
        raise BadInput(f"{path} is not a JSON file: its lists or objects are nested too deeply") from None
    except (ValueError, OSError) as error:  # also bytes that are no text, and numbers of thousands of digits
        raise BadInput(f"{path} is not a JSON file: {error}") from None


def sha256(path: str | os.PathLike) -> str:
    """Return the SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
