"""The rows of the demo corpus' validation: what is measured, between which bounds, and by whose account."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from scipy.optimize import nnls
from scipy.stats import spearmanr

from a2f.data import demo_measures as dm
from a2f.data.clip import SPLITS, Dataset
from a2f.data.demo_measures import Mouth
from a2f.data.validate_demo import Row

OURS = "own demand"


def _spread(values) -> str:
    low, middle, high = np.percentile(values, (5, 50, 95))
    return f"p5 {low:.3g}, median {middle:.3g}, p95 {high:.3g}"


def _median(quantity, unit, values, low, high, source, **extra) -> Row:
    return Row(quantity, unit, float(np.median(values)), f"{_spread(values)}, n {len(values)}", low, high, source, **extra)


def counts(dataset: Dataset, styles: dict[str, dict]) -> list[Row]:
    """Size, splits, and that no text is shared between them."""
    clips = dataset.clips
    texts = {split: {clip.text for clip in dataset.split(split)} for split in SPLITS}
    shared = sum(len(texts[a] & texts[b]) for a, b in (("train", "val"), ("train", "test"), ("val", "test")))
    people = {split: len({clip.subject for clip in dataset.split(split)}) for split in SPLITS}
    seconds = sum(clip.duration for clip in clips)
    values = np.concatenate([clip.coefficients.ravel() for clip in clips])
    per_split = ", ".join(f"{split} {len(dataset.split(split))}" for split in SPLITS)
    return [
        Row("clips", "", len(clips), per_split, 480, 480, OURS),
        Row("length", "min", seconds / 60, f"{min(c.duration for c in clips):.2f}-{max(c.duration for c in clips):.2f} s "
            "a clip", 18, 30, OURS),
        Row("speakers", "", len(styles), ", ".join(f"{s} {n}" for s, n in people.items()), 12, 12, OURS),
        Row("texts in two splits", "", shared, f"{sum(map(len, texts.values()))} texts", 0, 0, OURS),
        Row("largest unit value", "", float(values.max()), f"smallest {values.min():.3g}", 0, 1.0005, OURS),
    ]


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
    labiodental = [mouth.at(mouth.tuck, 0.5 * (p.start + p.end) - 0.006)
                   for mouth in mouths for _, p, _ in mouth.spoken() if p.symbol in ("f", "v")]
    touching = np.mean(np.abs(labiodental) <= 0.5)
    overlap = np.concatenate([mouth.gap.min(axis=1) for mouth in mouths])
    return [
        Row("p b m closed >= 40 ms", "", float(held.mean()), f"height < {dm.CONTACT} mm along the rim, n {len(held)}", 0.95, 1,
            "D6 Stathopoulos & Weismer 1983"),
        Row("the same, worst mode", "", *by_mode, 0.95, 1, "D6"),
        Row("the same, worst speaker", "", *by_speaker, 0.95, 1, "D6"),
        _median("p b m contact", "ms", [1e3 * c.contact for c in inner], 40, 130, "D6 Byrd 1993"),
        _median("contact after closure's start", "ms", [1e3 * c.onset for c in inner], -30, 20,
                "D3 Folkins & Zimmermann 1982"),
        _median("closing speed at contact / peak", "", [c.press for c in inner if np.isfinite(c.press)], 0.5, 1,
                "D4 Loefqvist & Gracco 1997"),
        Row("f v lower lip on incisors", "", float(touching), f"within 0.5 mm; {_spread(labiodental)} mm", 0.9, 1, OURS),
        Row("deepest overlap of lips", "mm", float(-np.percentile(overlap, 0.1)), f"worst {-overlap.min():.2f} mm", 0, 0.6,
            OURS),
    ]


# class of sound: phones, range of area in mm^2 (D17)
AREAS = {
    "a": (("aa", "ae"), 150, 400), "e": (("eh",), 100, 250), "i": (("iy",), 60, 200), "o": (("ow", "ao"), 60, 180),
    "u": (("uw",), 20, 100), "w": (("w",), 10, 50), "sh": (("sh", "ch", "jh"), 60, 180),
    "s t d": (("s", "z", "t", "d"), 40, 150), "f v": (("f", "v"), 15, 70), "p b m": (("p", "b", "m"), 0, 5),
}


def areas(mouths: list[Mouth]) -> list[Row]:
    """Opening between the lips by sound, neutral mode and all modes."""
    source = "D17 Abry & Boe, Linker, Fromkin"
    groups = {name: [] for name in AREAS}
    for mouth in mouths:
        for _, phone, _ in mouth.spoken():
            for name, (symbols, _, _) in AREAS.items():
                if phone.symbol in symbols:
                    shift = 0.0 if name in ("f v", "p b m") else dm.LEAD
                    groups[name].append(mouth.at(mouth.area, 0.5 * (phone.start + phone.end) - shift))
    rows = [_median(f"area of {name}", "mm2", values, *AREAS[name][1:], source) for name, values in groups.items()]
    middle = {name: float(np.median(values)) for name, values in groups.items()}
    chains = ("i", "e", "a"), ("w", "u", "o", "a")
    steps = [middle[b] - middle[a] for chain in chains for a, b in zip(chain[:-1], chain[1:], strict=True)]
    return [*rows, Row("area order i<e<a, w<u<o<a", "mm2", min(steps), "smallest step between neighbours", 1, np.inf, source)]


def jaw(mouths: list[Mouth]) -> list[Row]:
    """How far the jaw drops, for which vowels, and its part in the lower lip's movement."""
    height = {"iy": 1, "uw": 1, "ih": 1, "uh": 1, "eh": 2, "er": 2, "ow": 2, "ey": 2, "aa": 3, "ae": 3, "ah": 2.5}
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
    return [
        Row("jaw height order (Spearman)", "", rank, f"mm: {drops}", 0.8, 1, "D7 Kawahara et al. 2017"),
        _median("jaw drop, p95 of an utterance", "mm", peak, 4, 13, "D8 Erickson; Ostry & Munhall"),
        _median("jaw drop in s z", "mm", sibilant, 0, 3, "D14 jaw held high by sibilants"),
        _median("jaw share of lower lip (sd)", "", share, 0.35, 0.75, "D12 Gracco 1988"),
    ]


def timing(mouths: list[Mouth]) -> list[Row]:
    """Who moves first, mouth or voice; rounding ahead of its vowel; the way back to rest."""
    onset, rounding, release, short = [], [], [], []
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
        for before, phone, after_phone in mouth.spoken():
            if phone.symbol in ("uw", "w") and before is not None and before.symbol != "_":
                rounding.append(_half_narrow(mouth, phone.start, 0.5 * (phone.start + phone.end)))
        typical = np.median(mouth.centre[(mouth.times > spoken[0].start) & (mouth.times < spoken[-1].end)])
        for phone in mouth.clip.phones:
            if phone.symbol == "_" and spoken[0].end < phone.start < phone.end < spoken[-1].start + 1e-6 and phone.end - phone.start < 0.3:
                short.append(mouth.at(mouth.centre, 0.5 * (phone.start + phone.end)) / max(typical, 0.5))
    rows = [
        _median("mouth before voice", "ms", [1e3 * v for v in onset], 80, 300, "D1 Chandrasekaran et al. 2009"),
        _median("half rounding before u w", "ms", [1e3 * v for v in rounding if np.isfinite(v)], 80, 200,
                "D13 Noiray et al. 2011"),
        _median("return to rest after voice", "ms", [1e3 * v for v in release], 200, 400, "D20 Krivokapic 2020"),
    ]
    if short:
        rows.append(_median("opening kept in pauses < .3 s", "", short, 0.2, 0.8, "D20"))
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
    source = "D10 Birkholz & Hoole 2012, McClean 2000"
    return [
        _median("lower lip peak speed", "mm/s", lip, 80, 300, source),
        Row("lower lip, fastest clip", "mm/s", max(lip), "", 0, 300, source),
        _median("jaw peak speed", "mm/s", jaws, 40, 180, source),
        Row("jaw, fastest clip", "mm/s", max(jaws), "", 0, 180, source),
    ]


def rest(mouths: list[Mouth]) -> list[Row]:
    """Lips at rest, on every speaker and in every mode: the first frame of each clip."""
    gaps = defaultdict(list)
    for mouth in mouths:
        gaps[mouth.clip.subject, mouth.clip.style].append(mouth.gap[0].max())
    worst = max(gaps, key=lambda key: max(gaps[key]))
    every = [value for values in gaps.values() for value in values]
    return [Row("rest gap, widest", "mm", max(every), f"{_spread(every)}; widest {worst[0]} {worst[1]}", 0, 2,
                "D18 Jacobson 2006")]


def sound(mouths: list[Mouth]) -> list[Row]:
    """Mouth area against the level of the sound, and how fast the area moves."""
    related, peaks = [], []
    for mouth in mouths[::4]:
        level = dm.envelope(mouth.clip.waveform, mouth.clip.sample_rate, mouth.times)
        spoken = level > 0.02 * level.max()
        related.append(np.corrcoef(level[spoken], mouth.area[spoken])[0, 1])
    long = 512
    power = np.zeros(long // 2 + 1)
    for mouth in mouths:
        x = mouth.area - mouth.area.mean()
        power += np.abs(np.fft.rfft(x * np.hanning(len(x)), long)) ** 2
    frequency = np.fft.rfftfreq(long, 1.0 / mouths[0].clip.fps)
    band = frequency >= 1.0
    # area movement per octave, as coherence spectra are read
    peaks = frequency[band][np.argmax((power * frequency)[band])]
    return [
        _median("area with sound level (r)", "", related, 0.3, 0.75, "D15 Chandrasekaran et al. 2009"),
        Row("peak of area spectrum", "Hz", float(peaks), "power times frequency", 2, 7, "D15"),
    ]


def eyes_and_brows(mouths: list[Mouth]) -> list[Row]:
    """Blinks and brow accents a minute."""
    blinks, minutes, brows, neutral = defaultdict(int), defaultdict(float), 0, 0.0
    for mouth in mouths:
        high = (mouth.lids > 0.6).astype(int)
        blinks[mouth.clip.subject] += int(np.sum(np.diff(high) == 1) + high[0])
        minutes[mouth.clip.subject] += mouth.clip.duration / 60
        if mouth.clip.style == "neutral":
            lifted = (mouth.brow - np.percentile(mouth.brow, 20) > 0.9).astype(int)
            brows += int(np.sum(np.diff(lifted) == 1))
            neutral += mouth.clip.duration / 60
    rates = {name: blinks[name] / minutes[name] for name in blinks}
    return [
        Row("blinks, all speakers", "/min", sum(blinks.values()) / sum(minutes.values()),
            ", ".join(f"{n} {r:.0f}" for n, r in rates.items()), 10, 33, "D21 Bentivoglio 1997, Doughty 2001"),
        Row("brow raises, neutral", "/min", brows / neutral, "higher than 0.9 mm", 3, 15, "D22 Cave 1996"),
    ]


def styles(dataset: Dataset, table: dict[str, dict]) -> list[Row]:
    """Whether modes and speakers can be told apart, and held-out styles lie among the training ones."""
    ids, clips = dataset.topology.region("face"), dataset.clips
    points = np.stack([dm.vertex_deviation(clip, ids) for clip in clips])
    person, mode = [clip.subject for clip in clips], [clip.style for clip in clips]
    basis = clips[0].basis[:, ids].reshape(len(clips[0].basis), -1).astype(np.float64)
    means = np.stack([clip.coefficients.mean(axis=0).astype(np.float64) for clip in clips]) @ basis
    apart = {}
    for name in dict.fromkeys(person):
        own = {m: means[[p == name and q == m for p, q in zip(person, mode, strict=True)]] for m in dict.fromkeys(mode)}
        within = np.mean([np.linalg.norm(g - g.mean(axis=0), axis=1).mean() for g in own.values()])
        centres = np.stack([g.mean(axis=0) for g in own.values()])
        pairs = np.linalg.norm(centres[:, None] - centres[None], axis=-1)[np.triu_indices(len(centres), 1)]
        apart[name] = pairs.min() / within
    split = {clip.subject: clip.split for clip in clips}
    names = list(next(iter(table.values())))
    sheet = {who: np.array([style[n] for n in names]) for who, style in table.items()}
    train = np.stack([sheet[who] for who in table if split[who] == "train"])
    scale = np.maximum(np.ptp(train, axis=0), 1e-9)
    missed = [nnls(np.vstack([(train / scale).T, np.ones(len(train)) * 10]), np.append(sheet[who] / scale, 10.0))[1]
              for who in table if split[who] != "train"]
    speaker_mode = [f"{p} {m}" for p, m in zip(person, mode, strict=True)]
    return [
        Row("speaker, nearest neighbour", "", dm.purity(points, person),
            f"5: {dm.purity(points, person, 5):.2f}; with mode: {dm.purity(points, speaker_mode):.2f}; chance .08", 0.6, 1,
            OURS + " (Fig. 2)"),
        Row("mode, nearest neighbour", "", dm.purity(points, mode), f"5: {dm.purity(points, mode, 5):.2f}; chance .25", 0.4, 1,
            OURS),
        Row("modes apart / spread within", "", min(apart.values()), "closest two modes of a speaker, clip means; worst speaker",
            2, np.inf, OURS),
        Row("held-out style off training's hull", "", max(missed), "in ranges of the training styles", 0, 0.01, OURS),
    ]
