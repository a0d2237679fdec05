"""The rows of the demo corpus' validation about the whole: counts, sound, eyes and brows, styles."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from scipy.optimize import nnls

from a2f.data import demo_measures as dm
from a2f.data.clip import SPLITS, Dataset
from a2f.data.demo_measures import Mouth
from a2f.data.demo_report import OURS, USUAL, Row, median_row
from a2f.neighbours import neighbour_purity


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
        Row(
            "length",
            "min",
            seconds / 60,
            f"{min(c.duration for c in clips):.2f}-{max(c.duration for c in clips):.2f} s a clip",
            18,
            30,
            OURS,
        ),
        Row("speakers", "", len(styles), ", ".join(f"{s} {n}" for s, n in people.items()), 12, 12, OURS),
        Row("texts in two splits", "", shared, f"{sum(map(len, texts.values()))} texts", 0, 0, OURS),
        Row("largest unit value", "", float(values.max()), f"smallest {values.min():.3g}", 0, 1.0005, OURS),
    ]


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
        median_row("area with sound level (r)", "", related, 0.3, 0.75, "D15 Chandrasekaran et al. 2009" + USUAL),
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
        Row(
            "blinks, all speakers",
            "/min",
            sum(blinks.values()) / sum(minutes.values()),
            ", ".join(f"{n} {r:.0f}" for n, r in rates.items()),
            10,
            33,
            "D21 Bentivoglio 1997, Doughty 2001",
        ),
        Row("brow raises, neutral", "/min", brows / neutral, "higher than 0.9 mm", 3, 15, "D22 Cave 1996" + USUAL),
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
    missed = [
        nnls(np.vstack([(train / scale).T, np.ones(len(train)) * 10]), np.append(sheet[who] / scale, 10.0))[1]
        for who in table
        if split[who] != "train"
    ]
    both = [f"{p} {m}" for p, m in zip(person, mode, strict=True)]
    speaker, manner = neighbour_purity(points, person), neighbour_purity(points, mode)
    return [
        Row(
            "speaker, nearest neighbour",
            "",
            speaker.value,
            f"5: {neighbour_purity(points, person, 5).value:.2f}; "
            f"and mode: {neighbour_purity(points, both).value:.2f}; chance {speaker.chance:.2f}",
            0.6,
            1,
            OURS + " (Fig. 2)",
        ),
        Row(
            "mode, nearest neighbour",
            "",
            manner.value,
            f"5: {neighbour_purity(points, mode, 5).value:.2f}; chance {manner.chance:.2f}",
            0.4,
            1,
            OURS,
        ),
        Row(
            "modes apart / spread within",
            "",
            min(apart.values()),
            "closest two modes of a speaker, clip means; worst speaker",
            2,
            np.inf,
            OURS,
        ),
        Row(
            "held-out style off training's hull",
            "",
            max(missed),
            "in ranges of the training styles",
            0,
            0.01,
            OURS,
        ),
    ]
