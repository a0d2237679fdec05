"""Locks that end with their process, however it ends: by them a killed writer is told from a living one.

They are flock's, which Linux and macOS have; the kernel takes one back when its process dies. Where the file system or
the platform has none, nobody is refused, and nobody counts as dead.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from a2f.errors import BadInput, cannot_write

try:
    import fcntl
except ImportError:
    fcntl = None

LOCK = ".a2f-lock"
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL, errno.EBADF}


@contextmanager
def alone_in(folder: str | os.PathLike, doing: str, name: str = LOCK) -> Iterator[None]:
    """Keep other processes from doing the same in a folder while the block runs.

    Parameters
    ----------
    folder : path-like
        It is made if it is missing. A file `name` lies in it meanwhile; one that a killed process left is taken over.
    doing : str
        For the message, such as ``"training"``.
    name : str
        Processes that do different things in a folder may do them at once.

    Raises
    ------
    BadInput
        If another process is at it.
    CannotWrite
        If the folder cannot be written to.
    """
    path = Path(folder) / name
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise cannot_write(path.parent, error) from None
        locked = take(handle)
        if locked is False:
            holder = os.read(handle, 20).decode("ascii", "replace").strip()
            os.close(handle)
            raise BadInput(
                f"another process{f' ({holder})' if holder else ''} is {doing} in {folder}; wait for its end, or give "
                "another folder"
            )
        if _is(handle, path):
            break
        os.close(handle)  # whoever held it removed it between the two calls
    try:
        with suppress(OSError):  # on a full disk the lock holds without a name
            os.truncate(handle, 0)
            os.write(handle, str(os.getpid()).encode())
        yield
    finally:
        with suppress(FileNotFoundError):
            path.unlink()
        os.close(handle)


def take(handle: int) -> bool | None:
    """Lock an open file or folder; False if another holds it, None where there are no locks."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        return None
    return True


def hold(path: Path) -> int | None:
    """Lock a file or folder that is being written, until its descriptor is closed; None if it was removed meanwhile."""
    try:
        handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    except FileNotFoundError:
        return None
    if take(handle) is False or not _is(handle, path):
        os.close(handle)
        return None
    return handle


@contextmanager
def abandoned(path: Path) -> Iterator[bool]:
    """Say whether what was being written with `hold` has no living writer; nobody else can take it in the block."""
    try:
        handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    except OSError:  # removed by now, or not ours to write
        yield False
        return
    try:
        yield take(handle) is True and _is(handle, path)
    finally:
        os.close(handle)


def _is(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False
