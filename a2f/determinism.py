"""Sums in one order: the digits of a result must not depend on how many cores a machine has, nor on chance."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
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
def same_digits() -> Iterator[None]:
    """Let torch and NumPy compute on one thread inside the block, and a GPU's convolutions in whole float32.

    Several runs side by side, one thread each, use the cores better than one run on all of them. cuDNN by itself would
    round a convolution's input to TF32, ten bits, and choose ways that add in an order of chance.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    repeatable = {"enabled": True, "deterministic": True, "allow_tf32": False}
    on_gpu = torch.backends.cudnn.flags(**repeatable) if torch.cuda.is_available() else nullcontext()
    try:
        with one_product_thread(), on_gpu:
            yield
    finally:
        torch.set_num_threads(before)
