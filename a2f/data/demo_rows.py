"""The rows of the demo corpus' validation that measure the mouth: contacts, areas, jaw, timing, speeds, rest."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from scipy.stats import spearmanr

from a2f.data import demo_measures as dm
from a2f.data.demo_measures import Mouth
from a2f.data.demo_report import OURS, USUAL, Row, median_row, spread


def contacts(mouths: list[Mouth]) -> list[Row]:
    """Lips at p b m, lower lip and incisors at f v, and no lip through the other."""
    found = [(mouth.clip, closure) for mouth in mouths for closure in dm.closures(mouth)]
    held = np.array([c.contact >= 0.040 for _, c in found])

    def worst(key) -> tuple[float, str]:
        groups = defaultdict(list)
        for (clip, _), ok in zip(found, held, strict=True):
            groups[key(clip)].append(ok)
        shares = {name: float(np.mean(ok)) for name, ok in groups.items()}
        return min(shares.values()), ", ".join(f"{name} {share:.3f}" for name, share in sorted(shares.items()))

    by_mode, by_speaker = worst(lambda clip: clip.style), worst(lambda clip: clip.subject)
    inner = [c for _, c in found if not c.beside_pause and c.contact > 0]
    labiodental = [
        mouth.at(mouth.tuck, 0.5 * (phone.start + phone.end) - 0.006)
        for mouth in mouths
        for _, phone, _ in mouth.spoken()
        if phone.symbol in ("f", "v")
    ]
    touching = np.mean(np.abs(labiodental) <= 0.5)
    overlap = np.concatenate([mouth.gap.min(axis=1) for mouth in mouths])
    return [
        Row(
            "p b m closed >= 40 ms",
            "",
            float(held.mean()),
            f"height < {dm.CONTACT} mm along the rim, n {len(held)}",
            0.95,
            1,
            OURS + ", after D6 Stathopoulos & Weismer 1983",
        ),
        Row("the same, worst mode", "", *by_mode, 0.95, 1, OURS),
        Row("the same, worst speaker", "", *by_speaker, 0.95, 1, OURS),
        median_row("p b m contact", "ms", [1e3 * c.contact for c in inner], 40, 130, "D6 Byrd 1993" + USUAL),
        median_row(
            "contact after closure's start",
            "ms",
            [1e3 * c.onset for c in inner],
            -30,
            20,
            "D3 Folkins & Zimmermann 1982",
        ),
        median_row(
            "closing speed at contact / peak",
            "",
            [c.press for c in inner if np.isfinite(c.press)],
            0.5,
            1,
            "D4 Loefqvist & Gracco 1997",
        ),
        Row(
            "f v lower lip on incisors",
            "",
            float(touching),
            f"within 0.5 mm; {spread(labiodental)} mm",
            0.9,
            1,
            OURS,
        ),
        Row(
            "deepest overlap of lips",
            "mm",
            float(-np.percentile(overlap, 0.1)),
            f"worst {-overlap.min():.2f} mm",
            0,
            0.6,
            OURS,
        ),
    ]


# class of sound: phones, range of area in mm^2 (D17)
AREAS = {
    "a": (("aa", "ae"), 150, 400),
    "e": (("eh",), 100, 250),
    "i": (("iy",), 60, 200),
    "o": (("ow", "ao"), 60, 180),
    "u": (("uw",), 20, 100),
    "w": (("w",), 10, 50),
    "sh": (("sh", "ch", "jh"), 60, 180),
    "s t d": (("s", "z", "t", "d"), 40, 150),
    "f v": (("f", "v"), 15, 70),
    "p b m": (("p", "b", "m"), 0, 5),
}


def areas(mouths: list[Mouth]) -> list[Row]:
    """Opening between the lips by sound, neutral mode and all modes."""
    source = "D17 Abry & Boe, Linker, Fromkin" + USUAL
    groups = {name: [] for name in AREAS}
    for mouth in mouths:
        for _, phone, _ in mouth.spoken():
            for name, (symbols, _, _) in AREAS.items():
                if phone.symbol in symbols:
                    shift = 0.0 if name in ("f v", "p b m") else dm.LEAD
                    groups[name].append(mouth.at(mouth.area, 0.5 * (phone.start + phone.end) - shift))
    rows = [median_row(f"area of {name}", "mm2", values, *AREAS[name][1:], source) for name, values in groups.items()]
    middle = {name: float(np.median(values)) for name, values in groups.items()}
    chains = ("i", "e", "a"), ("w", "u", "o", "a")
    steps = [middle[b] - middle[a] for chain in chains for a, b in zip(chain[:-1], chain[1:], strict=True)]
    return [
        *rows,
        Row(
            "area order i<e<a, w<u<o<a",
            "mm2",
            min(steps),
            "smallest step between neighbours",
            1,
            np.inf,
            source,
        ),
    ]


def jaw(mouths: list[Mouth]) -> list[Row]:
    """How far the jaw drops, for which vowels, and its part in the lower lip's movement."""
    height = {
        "iy": 1,
        "uw": 1,
        "ih": 1,
        "uh": 1,
        "eh": 2,
        "er": 2,
        "ow": 2,
        "ey": 2,
        "aa": 3,
        "ae": 3,
        "ah": 2.5,
    }
    by_vowel, sibilant = defaultdict(list), []
    for mouth in mouths:
        for _, phone, _ in mouth.spoken():
            middle = 0.5 * (phone.start + phone.end) - dm.LEAD
            if phone.symbol in height and not (phone.symbol == "ah" and phone.stress == 0):
                by_vowel[phone.symbol].append(mouth.at(mouth.jaw, middle))
            elif phone.symbol in ("s", "z"):
                sibilant.append(mouth.at(mouth.jaw, middle + dm.LEAD))
    median = {symbol: float(np.median(values)) for symbol, values in by_vowel.items()}
    rank = float(spearmanr([height[s] for s in median], list(median.values())).statistic)
    drops = ", ".join(f"{s} {median[s]:.1f}" for s in sorted(median, key=median.get))
    peak = [np.percentile(m.jaw - m.jaw[0], 95) for m in mouths]
    share = [np.std(m.jaw) / np.std(m.lip[:, 1]) for m in mouths]
    aside = [np.abs(m.aside).max() for m in mouths]
    return [
        Row("jaw height order (Spearman)", "", rank, f"mm: {drops}", 0.8, 1, "D7 Kawahara et al. 2017"),
        median_row("jaw drop, p95 of an utterance", "mm", peak, 4, 13, "D8 Erickson; Ostry & Munhall" + USUAL),
        median_row("jaw drop in s z", "mm", sibilant, 0, 3, OURS + ", after D14"),
        median_row(
            "jaw sideways, largest of a clip", "mm", aside, 0, 2, OURS + ", after D9 Vatikiotis-Bateson & Ostry 1995"
        ),
        median_row("jaw share of lower lip (sd)", "", share, 0.35, 0.75, "D12 Gracco 1988" + USUAL),
    ]


def timing(mouths: list[Mouth]) -> list[Row]:
    """Who moves first, mouth or voice; rounding ahead of its vowel; the way back to rest."""
    onset, rounding, release, short, breaths = [], [], [], [], []
    for mouth in mouths:
        spoken = [p for p in mouth.clip.phones if p.symbol != "_"]
        moved = np.linalg.norm(mouth.lip - mouth.lip[0], axis=1) + np.abs(mouth.width - mouth.width[0])
        onset.append(spoken[0].start - mouth.times[np.argmax(moved > 0.5)])
        jaw_left = mouth.jaw - mouth.jaw[-1]
        after = mouth.times >= spoken[-1].end - 0.06
        level = jaw_left[after] + np.maximum(mouth.centre[after] - mouth.centre[-1], 0.0)
        if level.max() > 1.5:
            still = mouth.times[after][level > 0.1 * level.max()]
            release.append(still[-1] - spoken[-1].end)
        for before, phone, _ in mouth.spoken():
            if phone.symbol in ("uw", "w") and before is not None and before.symbol != "_":
                rounding.append(_half_narrow(mouth, phone.start, 0.5 * (phone.start + phone.end)))
        typical = np.mean(mouth.centre[(mouth.times > spoken[0].start) & (mouth.times < spoken[-1].end)])
        around = zip(mouth.clip.phones[:-2], mouth.clip.phones[1:-1], mouth.clip.phones[2:], strict=True)
        for before, phone, after in around:
            # the lips are together for another reason beside p b m f v
            if (
                phone.symbol == "_"
                and not {before.symbol, after.symbol} & set("pbmfv")
                and phone.end - phone.start < 0.3
            ):
                short.append(mouth.at(mouth.centre, 0.5 * (phone.start + phone.end)) / typical)
        if spoken[0].start >= 0.35:
            ahead = (mouth.times > spoken[0].start - 0.34) & (mouth.times < spoken[0].start - 0.10)
            breaths.append(mouth.centre[ahead].max() > 1.5)
    rows = [
        median_row("mouth before voice", "ms", [1e3 * v for v in onset], 80, 300, "D1 Chandrasekaran et al. 2009"),
        median_row(
            "half rounding before u w",
            "ms",
            [1e3 * v for v in rounding if np.isfinite(v)],
            80,
            200,
            "D13 Noiray et al. 2011" + USUAL,
        ),
        Row(
            "breath before the first word",
            "",
            float(np.mean(breaths)),
            f"share of the {len(breaths)} clips that begin with >= .35 s of silence; opening > 1.5 mm",
            0.5,
            0.8,
            "D19 Scobbie 2011" + USUAL,
        ),
        median_row(
            "return to rest after voice",
            "ms",
            [1e3 * v for v in release],
            250,
            400,
            OURS + ", after D20 Krivokapic 2020",
            explanation="until a tenth is left; clips end .25-.40 s after the last sound, with the lips closed",
            bound=(190, 400),
        ),
    ]
    if short:
        source = OURS + ", after D20 Krivokapic 2020"
        rows.append(median_row("opening kept in pauses < .3 s", "of mean", short, 0.3, 0.5, source))
    return rows


def _half_narrow(mouth: Mouth, start: float, middle: float) -> float:
    """Seconds before `start` at which the corners have come half the way in."""
    times = np.arange(start - 0.40, middle, 0.004)
    width = np.interp(times, mouth.times, mouth.width)
    low = width.min()
    high = width[: int(np.argmin(width)) + 1].max()
    if high - low < 1.5:
        return np.nan
    wide = np.flatnonzero(width[: int(np.argmin(width)) + 1] > 0.5 * (low + high))
    return float(start - times[wide[-1]])


def speeds(mouths: list[Mouth]) -> list[Row]:
    """Peak speeds of each utterance."""
    lip = [np.linalg.norm(np.diff(m.lip, axis=0), axis=1).max() * m.clip.fps for m in mouths]
    jaws = [np.abs(np.diff(m.jaw)).max() * m.clip.fps for m in mouths]
    source = "D10 Birkholz & Hoole 2012, McClean 2000" + USUAL
    return [
        median_row("lower lip peak speed", "mm/s", lip, 80, 300, source),
        Row("lower lip, fastest clip", "mm/s", max(lip), "", 0, 300, source),
        median_row("jaw peak speed", "mm/s", jaws, 40, 180, source),
        Row("jaw, fastest clip", "mm/s", max(jaws), "", 0, 180, source),
    ]


def rest(mouths: list[Mouth]) -> list[Row]:
    """Lips at rest, on every speaker and in every mode: the first frame of each clip."""
    gaps = defaultdict(list)
    for mouth in mouths:
        gaps[mouth.clip.subject, mouth.clip.style].append(mouth.gap[0].max())
    worst = max(gaps, key=lambda key: max(gaps[key]))
    every = [value for values in gaps.values() for value in values]
    return [
        Row(
            "rest gap, widest",
            "mm",
            max(every),
            f"{spread(every)}; widest {worst[0]} {worst[1]}",
            0,
            2,
            "D18 Jacobson 2006",
        )
    ]
