"""What the machine can do: the rate of its matrix products and of its memory, and the least time these leave a task."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from a2f.bench.clock import interleaved
from a2f.bench.setting import Setting

if TYPE_CHECKING:
    from torch import Tensor


def describe(device: str = "cpu") -> dict[str, Any]:
    """Return processor, cores, memory in GB, how torch's threads are set, and the GPU where one is used."""
    import torch

    return {
        "processor": _processor(),
        "cores": psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "threads": torch.get_num_threads(),
        "omp_wait_policy": os.environ.get("OMP_WAIT_POLICY"),
        "vector_units": _vector_units(),
        "gpu": torch.cuda.get_device_name() if device == "cuda" else None,
    }


def processor(machine: Mapping[str, Any]) -> str:
    """Return the name of a described machine's processor, with the instructions that make the difference."""
    units = machine.get("vector_units") or ()
    wide = "AVX-512" if any(unit.startswith("avx512") for unit in units) else "AVX2" if "avx2" in units else ""
    narrow = ("VNNI" if any("vnni" in unit for unit in units) else "", "AMX" if "amx_int8" in units else "")
    has = ", ".join(name for name in (wide, *narrow) if name)
    return machine["processor"] + (f" ({has})" if has else "")


def _vector_units() -> list[str]:
    """Return which of the instructions that products of few bits are made of torch finds in the processor."""
    import torch

    names = ("avx2", "avx512_f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8", "amx_bf16")
    known = torch.cpu.get_capabilities()
    return [name for name in names if known.get(name)]


def _processor() -> str:
    """Return the processor's name, from where Linux tells it, else what Python knows."""
    listed = Path("/proc/cpuinfo")
    names = listed.read_text().splitlines() if listed.is_file() else []
    named = (line.split(":", 1)[1].strip() for line in names if line.startswith("model name"))
    return next(named, platform.processor())


def rates(setting: Setting) -> dict[str, Any]:
    """Measure matrix products of several shapes, on a processor by each library at hand, and a copy beyond any cache.

    Which is the fastest depends on the processor: torch's MKL reached half of oneDNN's rate on an AMD with AVX-512.

    Returns
    -------
    dict
        ``products``: rows with shape, the library and operations a second; ``copy``: bytes a second, read and written;
        ``others``: share of the machine that others took.
    """
    import torch

    generator = torch.Generator().manual_seed(0)
    largest = max(size.vertices for size in setting.sizes)
    square = setting.product
    shapes = [(square, square, square), (500, 1024, 4 * 1024), (250, 256, 3 * largest)]
    cases: dict[Any, Callable[[], object]] = {}
    for m, k, n in shapes:
        left, right = torch.rand(m, k, generator=generator), torch.rand(k, n, generator=generator)
        for library, product in by_library(left.to(setting.device), right.to(setting.device)).items():
            cases[(m, k, n), library] = product
    source = torch.zeros(setting.copied // 4, device=setting.device)
    target = torch.empty_like(source)
    cases["copy"] = lambda: target.copy_(source)
    found = interleaved(cases, setting.repeats, device=setting.device)
    products = [
        {"shape": [m, k, n], "library": library, "per_second": 2 * m * k * n / found[(m, k, n), library].median}
        for (m, k, n), library in (case for case in cases if case != "copy")
    ]
    copied = 2 * setting.copied / found["copy"].median
    return {"products": products, "copy": copied, "others": max(timing.others for timing in found.values())}


def by_library(left: Tensor, right: Tensor) -> dict[str, Callable[[], object]]:
    """Return one product by every library that torch and NumPy bring."""
    import torch

    ways: dict[str, Callable[[], object]] = {"torch": lambda: left @ right}
    if left.device.type == "cpu":
        plain = left.numpy(), right.numpy()
        ways["NumPy"] = lambda: plain[0] @ plain[1]
        if torch.backends.mkldnn.is_available():
            own = left.to_mkldnn(), right.T.contiguous().to_mkldnn(), torch.zeros(right.shape[1]).to_mkldnn()
            ways["oneDNN"] = lambda: torch.nn.functional.linear(*own)
    return ways


def fastest(measured: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row of the fastest product among those that `rates` measured."""
    return max(measured["products"], key=lambda row: row["per_second"])


def least_seconds(measured: Mapping[str, Any], operations: float, moved: float) -> float | None:
    """Return the time below which a task cannot fall: by its products, or by the bytes that it has to move at least.

    None for a task that is made of neither.
    """
    least = max(operations / fastest(measured)["per_second"], moved / measured["copy"])
    return least or None
