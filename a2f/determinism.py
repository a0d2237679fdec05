"""Sums in one order: the digits of a result must not depend on how many cores a machine has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import numpy as np  # loads the library whose threads are limited


@lru_cache(maxsize=1)
def _products():
    from threadpoolctl import ThreadpoolController

    np.zeros((2, 2)) @ np.zeros((2, 2))
    return ThreadpoolController()


@contextmanager
def one_product_thread() -> Iterator[None]:
    """Let NumPy's matrix products run on one thread inside the block; more would add in another order."""
    with _products().limit(limits=1, user_api="blas"):
        yield


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch and NumPy compute on one thread inside the block.

    Several runs side by side, one thread each, use the cores better than one run on all of them.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with one_product_thread():
            yield
    finally:
        torch.set_num_threads(before)
