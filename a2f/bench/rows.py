"""The bench from start to end: every size and length timed, and what was found as flat rows."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

from a2f.bench import inference, long, machine, output, runtimes, training
from a2f.bench.apart import apart
from a2f.bench.clock import Timing
from a2f.bench.setting import FULL, QUICK, Size, audio_dim
from a2f.determinism import same_digits
from a2f.errors import BadInput
from a2f.origin import commit, versions
from a2f.processes import usable_device

ON_GPU = ("training", "inference")
PARTS = (*ON_GPU, "runtimes", "long", "export", "f-dtw")


@same_digits()
def measure(
    quick: bool = False,
    parts: Collection[str] | None = None,
    report: Callable[[str], object] = lambda text: None,
    device: str = "cpu",
) -> dict[str, Any]:
    """Time a2f against the plain path and against FaceFormer, on one thread or on a GPU.

    Parameters
    ----------
    quick : bool
        Small networks and meshes: whether it works, not how fast.
    parts : collection of {"training", "inference", "runtimes", "long", "export", "f-dtw"}, optional
        All that a device has: a GPU the first two.
        "runtimes" has no rows where a package of theirs is not installed; ``packages`` tells which is.
    report : callable
        Is told what comes next.
    device : {"cpu", "cuda"}

    Returns
    -------
    dict
        Ready for JSON. ``rows`` hold ``part``, ``step``, ``method``, ``vertices`` and ``speech`` in seconds, where they
        have a meaning, and ``median``, ``least`` and ``repeats`` in seconds; ``busy``, the median of the time that
        this process computed; ``floor``, the least time that the machine's rates leave; ``others``, the share of the
        machine that other processes took; ``memory_mb``.

    Raises
    ------
    BadInput
        If there is no such part, or not on this device, or there is no such device.
    """
    known = PARTS if usable_device(device).type == "cpu" else ON_GPU
    parts = known if parts is None else parts
    unknown = sorted(set(parts) - set(known))
    if unknown:
        raise BadInput(f"the bench has no part {unknown[0]!r} on {device}; there are {', '.join(known)}")
    setting, began = replace(QUICK if quick else FULL, device=device), time.perf_counter()
    report("rates of the machine")
    measured = machine.rates(setting)
    rows: list[dict[str, Any]] = []

    def keep(
        part: str, step: str, method: str, timing: Timing, size: Size | None, speech: float | None, **more: Any
    ) -> None:
        moved = more.pop("moved", 0)
        floor = machine.least_seconds(measured, timing.operations, moved)
        place = {"vertices": size and size.vertices, "fps": size and size.fps, "speech": speech}
        row = {"part": part, "step": step, "method": method, **place, "median": timing.median,
               "busy": statistics.median(timing.busy), "least": min(timing.seconds),
               "repeats": list(timing.seconds), "others": timing.others,
               "operations": timing.operations, "floor": floor, "memory_mb": timing.memory_mb}  # fmt: skip
        rows.append(row | more)

    def timed(what: str, call: Callable[..., Any], *arguments: Any) -> Any:
        report(what)
        return apart(call, *arguments, setting) if setting.apart else call(*arguments, setting)

    for size in setting.sizes if "training" in parts else ():
        for method, timing in timed(f"training step, {size.vertices} vertices", training.training_step, size).items():
            keep("training", "step", method, timing, size, None)
    if "inference" in parts:
        for seconds, found in timed("audio encoders", inference.encoding).items():
            for name, timing in found.items():
                keep("inference", "audio encoder", name, timing, None, seconds)
    for size in setting.sizes:
        if "f-dtw" in parts:
            found, deviation = timed(f"F-DTW, {size.vertices} vertices", output.warping, size)
            for method, timing in found.items():
                keep("f-dtw", f"{setting.warped} frames", method, timing, size, None, deviation=deviation)
        for seconds in setting.seconds:
            what = f"{size.vertices} vertices, {seconds:g} s"
            if "inference" in parts:
                found, moved = timed(f"synthesis, {what}", inference.synthesis, size, seconds)
                for (step, method), timing in found.items():
                    keep("inference", step, method, timing, size, seconds, moved=moved.get(step, 0))
            if "export" in parts:
                found, written = timed(f"export, {what}", output.export, size, seconds)
                for step, timing in found.items():
                    keep("export", step, "a2f", timing, size, seconds, bytes=written[step])
    if "long" in parts:
        for one in timed("long and live sound", long.animations):
            keep("long", one.step, one.method, one.timing, None, one.seconds, **one.more)
    packages = runtimes.installed()
    for name in runtimes.encoders(setting) if "runtimes" in parts and all(packages.values()) else ():
        for run in timed(f"{name} by other runtimes", runtimes.runs, name):
            more = {"deviation": run.deviation, "once": run.once}
            keep("runtimes", run.encoder, run.runtime, run.timing, None, run.seconds, **more)
    return {
        "quick": quick,
        "device": device,
        "parts": [part for part in PARTS if part in parts],
        "setting": {"batch": setting.batch, "frames": setting.frames, "network": setting.config.to_dict()["model"],
                    "hubert_changed": setting.encoder, "hubert_channels": audio_dim(setting),
                    "weights": "random, but the bundled encoder's", "style_motion": "the target, as released"},
        "packages": packages,
        "machine": machine.describe(device) | {"before": measured, "after": machine.rates(setting)},
        "seconds": round(time.perf_counter() - began, 1),
        "origin": {**commit(), "versions": versions()},
        "rows": rows,
    }  # fmt: skip
