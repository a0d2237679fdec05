"""How long calls take on a machine that is not ours alone: interleaved, repeated, and with what others took noted."""

from __future__ import annotations

import ctypes
import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

PASS = 2.0  # seconds of one round of all cases up to which it is repeated 11 times; 5 times above
_PROCESS = Path("/proc/self")


@dataclass(frozen=True)
class Timing:
    """What one case took.

    Parameters
    ----------
    seconds : tuple of float
        Of each repeat, in order, on the clock.
    busy : tuple of float
        Of these, how long this process computed: the same on a quiet machine with one thread, less on a busy one.
    others : float
        Share of the whole machine's cores that other processes took meanwhile, in all cases timed together, 0 to 1.
    operations : float
        Of torch's matrix products and convolutions in one call, 2 a multiplication with addition.
    memory_mb : float or None
        The most that a call held beyond what was held before it; None where it was not asked for or the system does
        not say.
    """

    seconds: tuple[float, ...]
    busy: tuple[float, ...]
    others: float
    operations: float
    memory_mb: float | None = None

    @property
    def median(self) -> float:
        """Seconds."""
        return statistics.median(self.seconds)


def interleaved(
    cases: Mapping[str, Callable[[], object]],
    repeats: int | None = None,
    memory: bool = False,
    device: str = "cpu",
) -> dict[str, Timing]:
    """Time calls in turn, A B A B, so that what disturbs the machine disturbs all of them.

    Parameters
    ----------
    cases : dict of str to callable
    repeats : int, optional
        By default 11 or 5, by how long a round takes.
    memory : bool
        Call each once more to see what memory it takes, of a GPU where it works there.
    device : {"cpu", "cuda"}
        A call to a GPU has ended when the GPU has.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    operations, began = {}, time.perf_counter()
    for name, call in cases.items():  # also the first call, which builds what later ones find
        with FlopCounterMode(display=False) as counted:
            call()
        operations[name] = float(counted.get_total_flops())
    taken = time.perf_counter() - began
    if device == "cuda":
        for _ in range(2):  # the first time, its libraries still choose their ways
            began = time.perf_counter()
            for call in cases.values():
                call()
            wait()
        taken = time.perf_counter() - began
    if repeats is None:
        repeats = 11 if taken < PASS else 5
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    busy: dict[str, list[float]] = {name: [] for name in cases}
    began, taken = time.perf_counter(), _others()
    for _ in range(repeats):
        for name, call in cases.items():
            start, computed = time.perf_counter(), time.process_time()
            call()
            wait()
            seconds[name].append(time.perf_counter() - start)
            busy[name].append(time.process_time() - computed)
    share = (_others() - taken) / ((time.perf_counter() - began) * psutil.cpu_count())
    found = {}
    for name, call in cases.items():
        held = None
        if memory:
            held = peak_memory(call) if device == "cpu" else peak_memory_of_gpu(call)
        found[name] = Timing(
            tuple(seconds[name]), tuple(busy[name]), min(max(share, 0.0), 1.0), operations[name], held
        )
    return found


def once(call: Callable[[], object], memory: bool = False) -> Timing:
    """Time one call that takes long enough to need no repeats; its memory is that of this same call."""
    began, busy, others = time.perf_counter(), time.process_time(), _others()
    held = None
    if memory:
        held = peak_memory(call)
    else:
        call()
    seconds, busy = time.perf_counter() - began, time.process_time() - busy
    share = (_others() - others) / (seconds * psutil.cpu_count())
    return Timing((seconds,), (busy,), min(max(share, 0.0), 1.0), 0.0, held)


def peak_memory(call: Callable[[], object]) -> float | None:
    """Return the most memory in MB that a call held beyond what was held before it; None where that is not known.

    Linux counts a process' highest resident size, and starts anew when it is told to.
    """
    reset = _PROCESS / "clear_refs"
    if not reset.exists():
        call()
        return None
    gc.collect()  # what is let go of during the call would be taken off
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):  # glibc keeps what was freed, and a call that fills it again would look free
        libc.malloc_trim(0)
    reset.write_text("5")
    before = psutil.Process().memory_info().rss
    call()
    highest = next(line for line in (_PROCESS / "status").read_text().splitlines() if line.startswith("VmHWM"))
    return max(0.0, int(highest.split()[1]) * 1024 - before) / 1e6


def peak_memory_of_gpu(call: Callable[[], object]) -> float:
    """Return the most memory in MB of the GPU that a call's arrays held beyond those that were there before it."""
    import torch

    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    call()
    torch.cuda.synchronize()
    return (torch.cuda.max_memory_allocated() - before) / 1e6


def _others() -> float:
    """Return the core-seconds that all processes but this one have taken so far."""
    whole, own = psutil.cpu_times(), psutil.Process().cpu_times()
    idle = whole.idle + getattr(whole, "iowait", 0.0)
    # a guest's time is in user's already
    busy = sum(whole) - idle - getattr(whole, "guest", 0.0) - getattr(whole, "guest_nice", 0.0)
    return busy - own.user - own.system
