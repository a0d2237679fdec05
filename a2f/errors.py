"""The errors that a2f raises on purpose: each says what was given, what was expected and what to do."""

from __future__ import annotations

import errno
import os


class A2FError(Exception):
    """Base of every error that a user can mend; the command line prints its text without a traceback."""


class BadInput(A2FError, ValueError):
    """A value, file or array that is not what it should be."""


class MissingData(A2FError, FileNotFoundError):
    """A file, folder or model that is not there; the text says where to get it or what to run."""


class CannotWrite(A2FError, OSError):
    """A file that could not be written: a full disk, a folder that is read-only; what was there before is whole."""


class RenderingUnavailable(A2FError, RuntimeError):
    """No way to draw in 3D on this machine; the text says what to install."""


class TrainingDiverged(A2FError, RuntimeError):
    """A loss or gradient that is not finite; the text names the step and the last good checkpoint."""


def cannot_write(path: str | os.PathLike, error: OSError) -> CannotWrite:
    """Return the error that tells which file could not be written, why, and what to do."""
    advice = {
        errno.ENOSPC: "make room on the disk",
        errno.EDQUOT: "make room, the quota is used up",
        errno.EFBIG: "raise the limit of this process or take another file system",
    }.get(error.errno or 0, "name a place that can be written to")
    return CannotWrite(f"cannot write {path}: {error.strerror or error}; {advice}. What was there before is unharmed")
