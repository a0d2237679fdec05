"""Fresh processes that work beside this one and end with it, however it ends."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import platform
import threading
from concurrent.futures import ProcessPoolExecutor

# of glibc's malloc.h: above which size an array is mapped by itself, and how much freed memory a process may keep
M_MMAP_THRESHOLD, M_TRIM_THRESHOLD = -3, -1


def fresh_processes(count: int, keep_memory: bool = False) -> ProcessPoolExecutor:
    """Return an executor of so many processes; a fork would inherit torch's thread pool in an unknown state.

    Parameters
    ----------
    count : int
    keep_memory : bool
        Let them keep up to 1 GB of what they freed, where glibc allocates. It would go back to the system and come
        again page by page, in every training step; digits are the same.
    """
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(count, mp_context=context, initializer=_start, initargs=(keep_memory,))


def _start(keep_memory: bool) -> None:
    parent = multiprocessing.parent_process()
    threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()
    if keep_memory and platform.libc_ver()[0] == "glibc":
        allocator = ctypes.CDLL(None)
        allocator.mallopt(M_MMAP_THRESHOLD, 32 << 20)  # the most that every glibc takes
        allocator.mallopt(M_TRIM_THRESHOLD, 1 << 30)
