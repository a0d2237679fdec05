"""The rows of the demo corpus' validation about saying nothing: rest, breath, pauses and the way back."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from a2f.data import demo_gestures as dg
from a2f.data.demo_measures import Mouth
from a2f.data.demo_report import OURS, USUAL, Row, median_row, spread

BREATHING = 0.35  # s of silence before the first word, in which a breath can be seen


def rest(mouths: list[Mouth]) -> list[Row]:
    """Lips at rest, on every speaker and in every mode: the first and the last frame of each clip."""
    gaps, areas = defaultdict(list), []
    for mouth in mouths:
        gaps[mouth.clip.subject, mouth.clip.style].append(mouth.gap[0].max())
        areas += [mouth.area[0], mouth.area[-1]]
    worst = max(gaps, key=lambda key: max(gaps[key]))
    every = [value for values in gaps.values() for value in values]
    detail = f"{spread(every)}; widest {worst[0]} {worst[1]}"
    return [
        Row("rest gap, widest", "mm", max(every), detail, 0, 2, "D18 Jacobson 2006"),
        Row("opening at rest, 99 % of clips' ends", "mm2", float(np.percentile(areas, 99)), spread(areas), 0, 5, OURS),
    ]


def way_back(mouths: list[Mouth]) -> list[Row]:
    """From the last sound to rest, and through short pauses."""
    tenth, half, short = [], [], []
    for mouth in mouths:
        spoken = [p for p in mouth.clip.phones if p.symbol != "_"]
        end = spoken[-1].end
        after = mouth.times >= end - 0.06
        level = (mouth.jaw - mouth.jaw[-1])[after] + np.maximum(mouth.centre[after] - mouth.centre[-1], 0.0)
        if level.max() > 1.5:
            times = mouth.times[after]
            tenth.append(times[level > 0.1 * level.max()][-1] - end)
            half.append(times[level > 0.5 * level.max()][-1] - end)
        typical = np.mean(mouth.centre[(mouth.times > spoken[0].start) & (mouth.times < end)])
        around = zip(mouth.clip.phones[:-2], mouth.clip.phones[1:-1], mouth.clip.phones[2:], strict=True)
        for before, phone, following in around:
            # beside p b m f v the lips are together for another reason
            lips = {before.symbol, following.symbol} & set("pbmfv")
            if phone.symbol == "_" and not lips and phone.end - phone.start < 0.3:
                short.append(mouth.at(mouth.centre, 0.5 * (phone.start + phone.end)) / typical)
    source = OURS + ", after D20 Krivokapic 2020"
    rows = [
        median_row(
            "return to rest after voice", "ms", [1e3 * v for v in tenth], 250, 400, source,
            explanation="until a tenth is left; clips end .25-.40 s after the last sound, with the lips closed",
            bound=(190, 400),
        ),
        median_row("half of it", "ms", [1e3 * v for v in half], 60, 180, source),
    ]  # fmt: skip
    if short:
        rows.append(median_row("opening kept in pauses < .3 s", "of mean", short, 0.3, 0.5, source))
    return rows


def breaths(mouths: list[Mouth]) -> list[Row]:
    """Open-mouthed breaths before the first word."""
    starts = [(m, next(p.start for p in m.clip.phones if p.symbol != "_")) for m in mouths]
    seen = [dg.breath(mouth, start) for mouth, start in starts if start >= BREATHING]
    taken = np.array([values for values in seen if values is not None]).reshape(-1, 3)
    if not seen:
        return []
    share = f"share of the {len(seen)} clips that begin with >= {BREATHING:g} s of silence; opening > 1.5 mm"
    source = "D19 Scobbie 2011" + USUAL
    return [
        Row("breath before the first word", "", len(taken) / len(seen), share, 0.5, 0.8, source),
        median_row("height of a breath", "mm", list(taken[:, 0]), 2, 6, source),
        median_row(
            "length of a breath", "s", list(taken[:, 1]), 0.2, 0.6, source,
            explanation="above half of its height; only the .35-.41 s before the first word can be seen",
            bound=(0.12, 0.6),
        ),
        median_row("breath over before the voice", "ms", [1e3 * v for v in taken[:, 2]], 50, 150, source),
    ]  # fmt: skip
