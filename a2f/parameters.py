"""The parameters that every notebook has, and how a mistyped one is told from a variable."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from a2f.errors import BadInput

# name -> (accepted types, words for the error); every notebook has these in its parameters cell
PARAMETERS: dict[str, tuple[tuple[type, ...], str]] = {
    "preset": ((str,), 'the name of a preset, such as "demo" or "smoke"'),
    "dataset": ((str,), 'the name of a data set, such as "demo"'),
    "data_root": ((str, Path, type(None)), "the folder of the data set, or None for the shipped demo corpus"),
    "seed": ((int,), "a whole number of at least 0"),
    "out_dir": ((str, Path), 'the folder for everything that is written, such as "../build"'),
}
_IPYTHON = {"In", "Out", "exit", "quit", "open", "get_ipython"}
_PLAIN = (type(None), bool, int, float, str, bytes, list, tuple, dict, set)
MARK = "_a2f_session_checked"


def check_parameters(namespace: Mapping[str, Any], extra: Collection[str] = ()) -> dict[str, Any]:
    """Return the notebook's parameters, or say which one is mistyped, missing or of the wrong kind.

    papermill binds a mistyped parameter as a new variable and goes on with the default; so any plain value
    that is bound when the session starts and is no parameter is taken for a mistake.

    Parameters
    ----------
    namespace : mapping
        The notebook's `globals()`.
    extra : collection of str
        Further parameters that only this notebook has.

    Raises
    ------
    BadInput
        Naming the parameter, what it is, and what was expected.
    """
    known = [*PARAMETERS, *extra]
    rerun = MARK in namespace  # a live notebook's cell run again: later cells have bound names by now
    for name, value in namespace.items():
        if name in known or name.startswith("_") or name in _IPYTHON or not isinstance(value, _PLAIN):
            continue
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.75 if rerun else 0.5)
        if rerun and (not near or name == near[0] + "s"):
            continue
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise BadInput(f"{name!r} is not a parameter of this notebook{hint} (it has: {', '.join(known)})")
    for name in known:
        if name not in namespace:
            raise BadInput(f"parameter {name!r} is missing from the notebook's parameters cell")
    for name, (types, meaning) in PARAMETERS.items():
        value = namespace[name]
        wrong = not isinstance(value, types) or isinstance(value, bool)
        if wrong or (name == "seed" and value < 0) or (name != "data_root" and value == ""):
            raise BadInput(f"parameter {name!r} is {value!r}; it must be {meaning}")
    return {name: namespace[name] for name in known}
