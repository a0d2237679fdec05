"""The rows of the demo corpus' validation about who moves when: leads, rounding, clusters, stress and rate."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from a2f.data import demo_gestures as dg
from a2f.data import demo_measures as dm
from a2f.data.demo_measures import Mouth
from a2f.data.demo_report import OURS, USUAL, Row, median_row

AROUND = np.arange(-0.26, 0.261, 0.004)  # s, around the middle of a vowel
OPEN = {"aa", "ae", "ah", "eh", "ay", "aw", "ey", "ow", "ao"}


def leads(mouths: list[Mouth]) -> list[Row]:
    """Mouth before voice, at the start of an utterance and inside it.

    Inside, single utterances tell little: mouth and sound rise and fall for other reasons, too. So each
    speaker's area and sound level are averaged around all stressed open vowels, and correlated over all clips.
    """
    onset, averages, fits = [], defaultdict(list), defaultdict(list)
    for mouth in mouths:
        spoken = [p for p in mouth.clip.phones if p.symbol != "_"]
        moved = np.linalg.norm(mouth.lip - mouth.lip[0], axis=1) + np.abs(mouth.width - mouth.width[0])
        onset.append(spoken[0].start - mouth.times[np.argmax(moved > 0.5)])
        level = dm.envelope(mouth.clip.waveform, mouth.clip.sample_rate, mouth.times)
        # the first opening has a lead of its own
        inside = np.flatnonzero((mouth.times > spoken[0].end + 0.1) & (mouth.times < spoken[-1].start - 0.1))
        fits[mouth.clip.subject].append(correlations(mouth.area, level, inside))
        for phone in spoken[1:-1]:
            if phone.symbol in OPEN and phone.stress == 1:
                moments = 0.5 * (phone.start + phone.end) + AROUND
                averages[mouth.clip.subject].append(
                    [np.interp(moments, mouth.times, signal) for signal in (mouth.area, level / level.max())]
                )
    lags = [1e3 * LAGS[np.argmax(np.mean(each, axis=0))] / mouths[0].clip.fps for each in fits.values()]
    peaks = [1e3 * (AROUND[sound.argmax()] - AROUND[area.argmax()])
             for area, sound in (np.mean(each, axis=0) for each in averages.values())]  # fmt: skip
    source = "D2 Schwartz & Savariaux 2014"
    return [
        median_row("mouth before voice", "ms", [1e3 * v for v in onset], 80, 300, "D1 Chandrasekaran et al. 2009"),
        median_row("area before sound level, by speaker", "ms", lags, -20, 70, source),
        median_row("widest before loudest, by speaker", "ms", peaks, -20, 70, source),
    ]


LAGS = np.arange(-15, 16)  # frames


def correlations(area: np.ndarray, level: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """(len(LAGS),) correlation of the area with the sound level that many frames later."""
    later = [np.clip(inside + lag, 0, len(level) - 1) for lag in LAGS]
    return np.array([np.corrcoef(area[inside], level[moments])[0, 1] for moments in later])


def rounding(mouths: list[Mouth]) -> list[Row]:
    """Lips that round ahead of u and w, and the earlier the more consonants stand before."""
    every, counted = [], []
    for mouth in mouths:
        for last, run, phone in dg.clusters(mouth):
            if phone.symbol not in ("uw", "w") or (last is None and not run):
                continue
            lead = dg.half_narrow(mouth, phone.start, 0.5 * (phone.start + phone.end))
            if np.isfinite(lead):
                every.append(lead)
                # a rounded sound on the way is an earlier start of its own
                if last is not None and last.symbol not in ("uw", "ow", "uh", "aw", "ao", "oy", "er") and not any(
                    p.symbol in ("w", "r", "sh", "zh", "ch", "jh") for p in run
                ):
                    counted.append((min(len(run), 3), lead))
    number, lead = np.array(counted).T
    by_number = ", ".join(
        f"{int(n)}: {1e3 * np.median(lead[number == n]):.0f} ({int(np.sum(number == n))})" for n in np.unique(number)
    )
    slope = 1e3 * np.polyfit(number, lead, 1)[0]
    source = "D13 Noiray et al. 2011"
    return [
        median_row("half rounding before u w", "ms", [1e3 * v for v in every], 80, 200, source + USUAL),
        Row(
            "rounding earlier, each consonant", "ms", float(slope), f"by number of consonants (n): {by_number}",
            10, 120, source + USUAL,
        ),
    ]  # fmt: skip


def clusters(mouths: list[Mouth]) -> list[Row]:
    """The jaw on its way to a low vowel, two consonants ahead; /s/ bars it."""
    drops = defaultdict(list)
    for mouth in mouths:
        for _, run, phone in dg.clusters(mouth):
            if len(run) not in (1, 2) or phone.symbol not in dg.LOW | dg.HIGH:
                continue
            near = run[-1]
            if {p.symbol for p in run} & (dg.SHAPES | dg.SHAPELESS):
                continue
            barred = near.symbol in dg.SIBILANTS
            if len(run) == 2 and not barred and run[0].symbol in dg.SIBILANTS:
                continue  # neither free nor barred at the vowel
            key = (phone.symbol in dg.LOW, len(run), barred)
            drops[key].append(mouth.at(mouth.jaw, 0.5 * (run[0].start + run[0].end)))
            if barred:
                drops[phone.symbol in dg.LOW, 1, True].append(mouth.at(mouth.jaw, 0.5 * (near.start + near.end)))
    middle = {key: float(np.median(values)) for key, values in drops.items()}

    def ahead(count: int, barred: bool) -> tuple[float, str]:
        low, high = middle[True, count, barred], middle[False, count, barred]
        sizes = len(drops[True, count, barred]), len(drops[False, count, barred])
        return low - high, f"before a low vowel {low:.2f} ({sizes[0]}), before a high one {high:.2f} ({sizes[1]})"

    one, two, barred = ahead(1, False), ahead(2, False), ahead(1, True)
    source = OURS + ", after D14"
    return [
        Row("jaw ahead in the consonant before a low vowel", "mm", *one, 0.4, 4, source),
        Row("jaw ahead in the first of two consonants", "mm", *two, 0.3, 3, source),
        Row("the same in a sibilant / in others", "", barred[0] / one[0], barred[1], -0.2, 0.5, source),
    ]


def stress_and_rate(mouths: list[Mouth]) -> list[Row]:
    """Stressed vowels open more; in fast speech low vowels open less while lips still close."""
    by_stress, spans, fast = defaultdict(list), [], []
    pace = [np.mean([p.end - p.start for p in m.clip.phones if p.symbol != "_"]) for m in mouths]
    for mouth, mean_phone in zip(mouths, pace, strict=True):
        for _, phone, _ in mouth.spoken():
            if phone.symbol not in dm.VOWELS:
                continue
            # the first half: a diphthong ends elsewhere
            until = phone.start + 0.55 * (phone.end - phone.start)
            drop = dg.along(mouth, mouth.jaw - mouth.jaw[0], phone.start - 0.04, until)[1].max()
            kind = (mouth.clip.subject, mouth.clip.style, phone.symbol)
            by_stress[kind].append((phone.stress == 1, drop))
            if phone.symbol in dg.LOW:
                area = dg.along(mouth, mouth.area, phone.start - 0.04, until)[1].max()
                spans.append(((*kind, phone.stress), np.log(mean_phone), np.log(max(area, 1.0))))
    ratios = []
    for values in by_stress.values():
        marked, drop = np.array(values).T
        if 0 < marked.sum() < len(marked):
            ratios.append(np.median(drop[marked == 1]) / np.median(drop[marked == 0]))
    slope, error = _slope_within(spans)
    fall = 1.0 - np.exp(slope * np.log(125 / 195))
    limit = np.percentile(pace, 20)
    for mouth, mean_phone in zip(mouths, pace, strict=True):
        if mean_phone <= limit:
            fast += [c.contact >= 0.040 for c in dm.closures(mouth)]
    return [
        median_row(
            "jaw drop, stressed / unstressed", "", ratios, 1.05, 1.9, "D8 Menezes & Erickson; de Jong 1995" + USUAL
        ),
        Row(
            "low-vowel area lost, 125 to 195 words/min", "", float(fall),
            f"log area on log mean phone within speaker, mode and vowel: slope {slope:.2f} +- {error:.2f}, "
            f"n {len(spans)}",
            0.10, 0.30, "D11 Shaiman 1994" + USUAL,
        ),
        Row(
            "p b m closed >= 40 ms, fastest fifth of clips", "", float(np.mean(fast)), f"n {len(fast)}", 0.95, 1,
            OURS + ", after D11",
        ),
    ]  # fmt: skip


def _slope_within(spans) -> tuple[float, float]:
    """Slope of the third on the second value within groups of the same first, and its standard error."""
    groups = defaultdict(list)
    for kind, x, y in spans:
        groups[kind].append((x, y))
    centred = np.concatenate([np.array(g) - np.mean(g, axis=0) for g in groups.values() if len(g) > 1])
    x, y = centred.T
    slope = float(x @ y / (x @ x))
    free = len(x) - sum(len(g) > 1 for g in groups.values()) - 1
    return slope, float(np.sqrt(np.sum((y - slope * x) ** 2) / free / (x @ x)))
