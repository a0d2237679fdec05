"""What may become of an input: a correct result or a refusal that names it. All else is a finding."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from a2f.errors import A2FError

ACCEPTED, REFUSED, FINDING = "accepted", "refused", "finding"
SHOWN = 6000  # characters; a refusal longer than that tells nobody what to do


class Wrong(Exception):
    """A reader returned, but what it returned is not what was in the file or not usable."""


@dataclass(frozen=True)
class Case:
    """One input, ready to be read.

    Parameters
    ----------
    read : callable
        Reads it, and raises `Wrong` where the result is not correct.
    names : tuple of str
        A refusal has to hold one of these; none: any text will do.
    """

    read: Callable[[], Any]
    names: tuple[str, ...] = ()


def judge(case: Case) -> tuple[str, str]:
    """Return what became of a case, and the text of the refusal or finding."""
    try:
        case.read()
    except A2FError as error:
        text = str(error)
        if not text.strip() or len(text) > SHOWN:
            return FINDING, f"a refusal of {len(text)} characters: {text[:200]!r}"
        if case.names and not any(name in text for name in case.names):
            return FINDING, f"the refusal names none of {', '.join(case.names)}: {text[:500]}"
        return REFUSED, text
    except BaseException as error:  # SystemExit and MemoryError are findings as well
        trail = traceback.format_exc().strip().splitlines()
        return FINDING, f"{type(error).__name__}: {str(error)[:300]}\n" + "\n".join(trail[-14:])
    return ACCEPTED, ""


def check_finite(values: Any, what: str) -> np.ndarray:
    """Return numbers as an array after checking that all are finite."""
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise Wrong(f"{what} is {array.dtype}, expected numbers")
    if not np.isfinite(array).all():
        raise Wrong(f"{what} holds {np.count_nonzero(~np.isfinite(array))} numbers that are not finite")
    return array


def check_unharmed(folder: Path, witnesses: Iterable[str] = ("witness",)) -> None:
    """Raise if code that a file brought was run: it would have left a file behind."""
    for name in witnesses:
        if (folder / name).exists():
            raise Wrong(f"{name} is there: code from the input was run")
