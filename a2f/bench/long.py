"""Long and live sound by the shipped model: what memory and time it takes, and how far it is from a pass at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from a2f.bench.clock import Timing, once
from a2f.bench.setting import Setting
from a2f.chunked import deviation

CHUNK = 10.0  # seconds that one call of the encoder adds, where memory is to be saved


@dataclass(frozen=True)
class Found:
    """One measurement: a step, how it was done, on how many seconds of sound, and what else is to be said of it."""

    step: str
    method: str
    seconds: float
    timing: Timing
    more: dict[str, Any]


def animations(setting: Setting) -> list[Found]:
    """Animate short and long sound piece by piece, compare pieces with a pass at once, and animate live."""
    from a2f.animator import load
    from a2f.data.sample import open_sample
    from a2f.streaming import streaming_deviation

    animator, example = load(), open_sample()
    template, rate = example.template, example.sample_rate
    style = animator.style(None)

    def sound(seconds: float) -> np.ndarray:
        whole = np.tile(example.waveform, int(seconds * rate / len(example.waveform)) + 1)
        return whole[: round(seconds * rate)]

    def pieces(waveform: np.ndarray, **options: Any) -> Any:
        return animator.frames(waveform, template, style, sample_rate=rate, reuse=True, **options)

    short, middle, long = setting.lengths
    found = []
    pieces_of_short = sound(short)
    for _ in pieces(pieces_of_short):  # what is made once is made now
        pass
    for seconds in (short, long):
        waveform = sound(seconds)
        timing = once(lambda w=waveform: [None for _ in pieces(w)], memory=True)
        found.append(Found("pieces", "windows of a pass at once", seconds, timing, {}))
    waveform = sound(middle)
    whole = animator(waveform, template, style, sample_rate=rate).vertices
    for method, options in (("windows of a pass at once", {}), (f"{CHUNK:g} s a call", {"chunk_seconds": CHUNK})):
        apart = []
        timing = once(lambda o=options, a=apart: a.append(deviation(pieces(waveform, **o), whole, template)))
        more = {"deviation": apart[-1].relative, "largest": apart[-1].largest}
        found.append(Found("pieces against a pass at once", method, middle, timing, more))
    live = []
    timing = once(lambda: live.append(streaming_deviation(animator, waveform, template, style, sample_rate=rate)))
    more = {"deviation": live[-1].settled.relative, "largest": live[-1].settled.largest,
            "latency": live[-1].latency, "real_time_factor": live[-1].real_time_factor}  # fmt: skip
    return [*found, Found("live", "0.2 s hops", middle, timing, more)]
