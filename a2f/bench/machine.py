"""What the machine can do: the rate of its matrix products and of its memory, and the least time these leave a task."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from a2f.bench.clock import interleaved
from a2f.bench.setting import Setting


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
    """Measure matrix products of several shapes, and a copy far larger than any cache.

    Returns
    -------
    dict
        ``products``: rows with shape and operations a second; ``copy``: bytes a second, read and written;
        ``others``: share of the machine that others took.
    """
    import torch

    generator = torch.Generator().manual_seed(0)
    largest = max(size.vertices for size in setting.sizes)
    square = setting.product
    shapes = [(square, square, square), (500, 1024, 4 * 1024), (250, 256, 3 * largest)]
    pairs = [(torch.rand(m, k, generator=generator), torch.rand(k, n, generator=generator)) for m, k, n in shapes]
    pairs = [(left.to(setting.device), right.to(setting.device)) for left, right in pairs]
    source = torch.zeros(setting.copied // 4, device=setting.device)
    target = torch.empty_like(source)
    cases = {str(shape): (lambda a=a, b=b: a @ b) for shape, (a, b) in zip(shapes, pairs, strict=True)}
    found = interleaved(cases | {"copy": lambda: target.copy_(source)}, setting.repeats, device=setting.device)
    products = [
        {"shape": list(shape), "per_second": 2 * shape[0] * shape[1] * shape[2] / found[str(shape)].median}
        for shape in shapes
    ]
    copied = 2 * setting.copied / found["copy"].median
    return {"products": products, "copy": copied, "others": max(timing.others for timing in found.values())}


def least_seconds(measured: Mapping[str, Any], operations: float, moved: float) -> float | None:
    """Return the time below which a task cannot fall: by its products, or by the bytes that it has to move at least.

    None for a task that is made of neither.
    """
    fastest = max(row["per_second"] for row in measured["products"])
    least = max(operations / fastest, moved / measured["copy"])
    return least or None
