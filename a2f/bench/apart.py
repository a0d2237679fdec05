"""A part of the bench in a process of its own: what one part has freed, no other finds.

glibc hands large arrays out of freed memory where it has enough, and then no page has to be made for them, as in a
program that has just begun. Times would depend on the order of the parts.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from a2f.determinism import same_digits
from a2f.errors import A2FError
from a2f.fresh_processes import fresh_processes

Result = TypeVar("Result")


def apart(call: Callable[..., Result], *arguments: Any) -> Result:
    """Return what a function of a module returns, computed on one thread by a process that has done nothing else.

    Raises
    ------
    A2FError
        If the process was killed, for want of memory say.
    """
    with fresh_processes(1) as one:
        try:
            return one.submit(_computed, call, *arguments).result()
        except BrokenProcessPool as error:
            raise A2FError(
                f"the process that timed {call.__name__} was killed; if memory ran out, time fewer `--parts` or close "
                "other programs"
            ) from error


@same_digits()
def _computed(call: Callable[..., Result], *arguments: Any) -> Result:
    return call(*arguments)
