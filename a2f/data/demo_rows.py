"""The rows of the demo corpus' validation that measure shapes: contacts, apertures, jaw and lips, their speeds."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np
from scipy.stats import spearmanr

from a2f.data import demo_gestures as dg
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
    pressed = [c.aperture for c in inner]
    seen = f"height < {dm.CONTACT} mm along the rim, n {len(held)}"
    after, deepest = OURS + ", after D6 Stathopoulos & Weismer 1983", float(-np.percentile(overlap, 0.1))
    press = [c.press for c in inner if np.isfinite(c.press)]
    return [
        Row("p b m closed >= 40 ms", "", float(held.mean()), seen, 0.95, 1, after),
        Row("the same, worst mode", "", *by_mode, 0.95, 1, OURS),
        Row("the same, worst speaker", "", *by_speaker, 0.95, 1, OURS),
        median_row("p b m contact", "ms", [1e3 * c.contact for c in inner], 40, 130, "D6 Byrd 1993" + USUAL),
        median_row(
            "contact after closure's start", "ms", [1e3 * c.onset for c in inner], -30, 20,
            "D3 Folkins & Zimmermann 1982",
        ),
        median_row("closing speed at contact / peak", "", press, 0.5, 1, "D4 Loefqvist & Gracco 1997"),
        median_row(
            "aperture in the middle of a contact", "mm", pressed, -1.5, 0, OURS + ", after D4 Loefqvist & Gracco 1997"
        ),
        Row("deepest overlap of lips", "mm", deepest, f"worst {-overlap.min():.2f} mm", 0, 0.6, OURS),
        Row("f v lower lip on incisors", "", float(touching), f"within 0.5 mm; {spread(labiodental)} mm", 0.9, 1, OURS),
    ]  # fmt: skip


# class of sound: phones, ranges of area in mm^2, height in mm and inner width in mm where they are known (D17)
APERTURES = {
    "a": (("aa",), (150, 400), (8, 16), (28, 42)),
    "ae": (("ae",), (150, 380), None, None),
    "e": (("eh",), (100, 250), (6, 11), None),
    "i": (("iy",), (60, 200), (4, 8), (30, 42)),
    "o": (("ow", "ao"), (60, 180), (5, 10), None),
    "u": (("uw",), (20, 100), (2, 6), (10, 22)),
    "w": (("w",), (10, 50), None, None),
    "sh": (("sh", "ch", "jh"), (60, 180), None, None),
    "s t d": (("s", "z", "t", "d"), (40, 150), None, None),
    "f v": (("f", "v"), (15, 70), None, None),
    "p b m": (("p", "b", "m"), (0, 5), None, None),
}


def apertures(mouths: list[Mouth]) -> list[Row]:
    """Opening between the lips by sound: area, height at the mid-line and width of what stands open.

    Areas and heights are of all modes; widths of the neutral one, since a smile or a snarl draws the corners apart.
    """
    source = "D17 Abry & Boe, Linker, Fromkin" + USUAL
    groups, neutral = {name: [] for name in APERTURES}, {name: [] for name in APERTURES}
    for mouth in mouths:
        for _, phone, _ in mouth.spoken():
            for name, (symbols, *_) in APERTURES.items():
                if phone.symbol in symbols:
                    shift = 0.0 if name in ("f v", "p b m") else dm.LEAD
                    moment = 0.5 * (phone.start + phone.end) - shift
                    groups[name].append([mouth.at(s, moment) for s in (mouth.area, mouth.centre, mouth.slit)])
                    neutral[name].append(mouth.clip.style == "neutral")
    sizes = {name: np.array(values).reshape(-1, 3).T for name, values in groups.items()}
    rows = []
    for name, (_, *ranges) in APERTURES.items():
        for what, unit, limits, values in zip(
            ("area", "height", "inner width"), ("mm2", "mm", "mm"), ranges, sizes[name], strict=True
        ):
            if limits is None:
                continue
            if what != "inner width":
                rows.append(median_row(f"{what} of {name}", unit, list(values), *limits, source))
                continue
            row = median_row(f"{what} of {name}, neutral", unit, list(values[neutral[name]]), *limits, source)
            rows.append(replace(row, detail=f"{row.detail}; all modes {np.median(values):.1f}"))
    area, width = ({name: float(np.median(size[i])) for name, size in sizes.items()} for i in (0, 2))
    chains = ("i", "e", "a"), ("w", "u", "o", "a")
    steps = [area[b] - area[a] for chain in chains for a, b in zip(chain[:-1], chain[1:], strict=True)]
    widths = ", ".join(f"{name} {width[name]:.0f}" for name in sorted(width, key=width.get))
    return [
        *rows,
        Row("area order i<e<a, w<u<o<a", "mm2", min(steps), "smallest step between neighbours", 1, np.inf, source),
        Row("inner width, u / i", "", width["u"] / width["i"], f"mm: {widths}", 0.25, 0.75, source),
    ]


# how low the tongue's and the jaw's position of a vowel is
HEIGHT = {"iy": 1, "uw": 1, "ih": 1, "uh": 1, "eh": 2, "er": 2, "ow": 2, "ey": 2, "ah": 2.5, "aa": 3, "ae": 3}


def jaw_and_lips(mouths: list[Mouth]) -> list[Row]:
    """How far the jaw drops, for which vowels, and who does how much of the lips' movement."""
    by_vowel, sibilant, closing = defaultdict(list), [], []
    for mouth in mouths:
        for _, phone, _ in mouth.spoken():
            middle = 0.5 * (phone.start + phone.end) - dm.LEAD
            if phone.symbol in HEIGHT and not (phone.symbol == "ah" and phone.stress == 0):
                by_vowel[phone.symbol].append(mouth.at(mouth.jaw, middle))
            elif phone.symbol in ("s", "z"):
                sibilant.append(mouth.at(mouth.jaw, middle + dm.LEAD))
        closing += dg.closing_strokes(mouth)
    median = {symbol: float(np.median(values)) for symbol, values in by_vowel.items()}
    rank = float(spearmanr([HEIGHT[s] for s in median], list(median.values())).statistic)
    drops = ", ".join(f"{s} {median[s]:.1f}" for s in sorted(median, key=median.get))
    peak = [np.percentile(m.jaw - m.jaw[0], 95) for m in mouths]
    share = [np.std(m.jaw) / np.std(m.lip[:, 1]) for m in mouths]
    aside = [np.abs(m.aside).max() for m in mouths]
    gracco, sideways = "D12 Gracco 1988" + USUAL, OURS + ", after D9 Vatikiotis-Bateson & Ostry 1995"
    return [
        Row("jaw height order (Spearman)", "", rank, f"mm: {drops}", 0.8, 1, "D7 Kawahara et al. 2017"),
        median_row("jaw drop, p95 of an utterance", "mm", peak, 4, 13, "D8 Erickson; Ostry & Munhall" + USUAL),
        median_row("jaw drop in s z", "mm", sibilant, 0, 3, OURS + ", after D14"),
        median_row("jaw sideways, largest of a clip", "mm", aside, 0, 2, sideways),
        median_row("jaw share of lower lip (sd)", "", share, 0.35, 0.75, gracco),
        median_row("jaw share of lower lip, closing", "", [c.jaw_share for c in closing], 0.25, 0.75, gracco),
        median_row("upper lip's share of closing", "", [c.upper_share for c in closing], 0.10, 0.35, gracco),
        median_row(
            "jaw later than lower lip, closing", "ms", [1e3 * c.jaw_delay for c in closing], 0, 40,
            "D12 Alfonso 1995" + USUAL,
        ),
    ]  # fmt: skip


def speeds(mouths: list[Mouth]) -> list[Row]:
    """Peak speeds of each utterance."""
    lip = [dg.fastest(m.lip, m.clip.fps) for m in mouths]
    upper = [dg.fastest(m.upper_lip, m.clip.fps) for m in mouths]
    jaws = [dg.fastest(m.jaw[:, None], m.clip.fps) for m in mouths]
    source = "D10 Birkholz & Hoole 2012, McClean 2000" + USUAL
    slower = [max(u, j) / low for u, j, low in zip(upper, jaws, lip, strict=True)]
    return [
        median_row("lower lip peak speed", "mm/s", lip, 80, 300, source),
        Row("lower lip, fastest clip", "mm/s", max(lip), "", 0, 300, source),
        median_row("jaw peak speed", "mm/s", jaws, 40, 180, source),
        Row("jaw, fastest clip", "mm/s", max(jaws), "", 0, 180, source),
        median_row("upper lip peak speed", "mm/s", upper, 10, 150, source),
        median_row("jaw or upper lip / lower lip, peaks", "", slower, 0, 1, "D10 Birkholz & Hoole 2012"),
    ]
