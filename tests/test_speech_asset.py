"""The shipped demo speech: clean splits, balanced modes, and phone times that lie where the sound changes."""

from __future__ import annotations

import collections
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.signal import butter, sosfilt

import a2f
from a2f.files import read_json

DEMO = Path(a2f.__file__).parent / "assets" / "demo"
CORPUS = read_json(DEMO / "speech.json")
CLIPS = CORPUS["clips"]
SPEAKERS = {speaker["id"]: speaker for speaker in CORPUS["speakers"]}
VOWELS = set(CORPUS["phone_set"]["vowels"])
MILLI = 16  # samples in a millisecond
MODES = ("neutral", "happy", "angry", "sad")


@cache
def recording(speaker: str) -> np.ndarray:
    wave, rate = soundfile.read(DEMO / "speech" / f"{speaker}.ogg", dtype="float32")
    assert rate == CORPUS["sample_rate"] == 16000 and wave.ndim == 1
    return wave


def waveform(clip: dict) -> np.ndarray:
    return recording(clip["speaker"])[clip["start"] : clip["start"] + clip["samples"]]


def energy(wave: np.ndarray) -> np.ndarray:
    """dB at 1 ms steps, over 5 ms."""
    power = np.convolve(wave.astype(np.float64) ** 2, np.ones(5 * MILLI) / (5 * MILLI), "same")[::MILLI]
    return 10 * np.log10(power + 1e-8)


def of_split(split: str) -> list[dict]:
    return [clip for clip in CLIPS if SPEAKERS[clip["speaker"]]["split"] == split]


def test_speakers_and_splits() -> None:
    assert list(SPEAKERS) == [f"s{n:02d}" for n in range(1, 13)]
    assert [SPEAKERS[s]["split"] for s in SPEAKERS] == ["train"] * 8 + ["val"] * 2 + ["test"] * 2
    assert len({speaker["voice"] for speaker in SPEAKERS.values()}) == 12
    assert all("synthetic" in speaker["voice"] for speaker in SPEAKERS.values())


def test_no_sentence_is_in_two_splits() -> None:
    texts = {split: {clip["text"].lower() for clip in of_split(split)} for split in ("train", "val", "test")}
    assert (
        not texts["train"] & texts["val"]
        and not texts["train"] & texts["test"]
        and not texts["val"] & texts["test"]
    )
    assert len(texts["train"]) >= 100 and len(texts["val"]) >= 20 and len(texts["test"]) >= 20
    # one id, one text, and the other way round
    pairs = {(clip["sentence"], clip["text"]) for clip in CLIPS}
    assert len(pairs) == len({p[0] for p in pairs}) == len({p[1] for p in pairs})
    assert all(6 <= len(text.split()) <= 12 for _, text in pairs)


@pytest.mark.parametrize("speaker", SPEAKERS)
def test_each_speaker_says_twenty_sentences_in_two_modes_each(speaker: str) -> None:
    own = [clip for clip in CLIPS if clip["speaker"] == speaker]
    modes = collections.defaultdict(set)
    for clip in own:
        modes[clip["sentence"]].add(clip["mode"])
    assert len(modes) == 20 and all(len(pair) == 2 for pair in modes.values())
    assert collections.Counter(clip["mode"] for clip in own) == dict.fromkeys(MODES, 10)
    assert len({frozenset(pair) for pair in modes.values()}) == 6
    phones = collections.Counter(phone[0] for clip in own for phone in clip["phones"])
    for group, least in (("m b p", 80), ("f v", 40), ("w uw ow", 50), ("sh ch jh", 15), ("th dh", 40)):
        assert sum(phones[symbol] for symbol in group.split()) >= least, group


@pytest.mark.parametrize("speaker", SPEAKERS)
def test_clips_fill_the_recording_one_after_another(speaker: str) -> None:
    position = 0
    for clip in (clip for clip in CLIPS if clip["speaker"] == speaker):
        assert clip["start"] == position
        assert 2.2 <= clip["samples"] / 16000 <= 4.0
        position += clip["samples"]
    assert len(recording(speaker)) == position
    assert 0.2 < np.abs(recording(speaker)).max() < 1.0


def test_clip_names_are_unique_and_say_what_they_hold() -> None:
    assert len(CLIPS) == 480 == len({clip["id"] for clip in CLIPS})
    for clip in CLIPS:
        speaker, number, mode = clip["id"].split("-")
        assert (speaker, mode) == (clip["speaker"], clip["mode"]) and 1 <= int(number) <= 20


def test_phones_are_ordered_without_gaps_and_from_the_named_set() -> None:
    symbols = set(CORPUS["phone_set"]["symbols"])
    for clip in CLIPS:
        phones = clip["phones"]
        assert phones[0][0] == phones[-1][0] == "_" and phones[0][1] == 0.0, clip["id"]
        assert phones[-1][2] == pytest.approx(clip["samples"] / 16000, abs=1e-9), clip["id"]
        for before, after in zip(phones[:-1], phones[1:], strict=True):
            assert before[1] < before[2] == after[1] < after[2], clip["id"]
            assert not before[0] == after[0] == "_", clip["id"]
        assert {phone[0] for phone in phones} <= symbols
        assert all(phone[3] == 0 or (phone[0] in VOWELS and phone[3] in (1, 2)) for phone in phones)
        assert any(phone[3] == 1 for phone in phones)
        assert 0.2 <= phones[0][2] <= 0.45 and 0.2 <= phones[-1][2] - phones[-1][1] <= 0.6, clip["id"]


def test_the_silence_around_a_clip_is_silent() -> None:
    for clip in CLIPS[::17]:
        level = energy(waveform(clip))
        first, last = round(clip["phones"][0][2] * 1000), round(clip["phones"][-1][1] * 1000)
        loud = np.percentile(level[first:last], 90)
        assert level[: first - 60].max() < loud - 35 and level[last + 60 :].max() < loud - 35, clip["id"]


def test_stops_begin_where_the_sound_falls() -> None:
    """The steepest fall of energy near a stop after a vowel lies at its start; p t k are then quiet."""
    errors, dips = collections.defaultdict(list), []
    for clip in CLIPS[::12]:
        level = energy(waveform(clip))
        for before, (symbol, start, end, _) in zip(clip["phones"][:-1], clip["phones"][1:], strict=True):
            if symbol not in "ptkbd" or before[0] not in VOWELS:
                continue
            at = round(start * 1000)
            fall = level[at - 55 : at + 65] - level[at - 65 : at + 55]
            errors[symbol].append(int(np.argmin(fall)) - 60)
            if symbol in "ptk":
                dips.append(level[at : round(end * 1000)].min() - level[round(500 * (before[1] + before[2]))])
    for symbol, values in errors.items():
        assert len(values) >= 10 and abs(np.median(values)) <= 10, (symbol, np.median(values))
    assert np.median(dips) < -30 and np.percentile(dips, 90) < -15


def test_sibilants_lie_where_the_high_band_is_loud() -> None:
    """Shifting the label mask against the share of energy above 3.5 kHz fits best within 10 ms."""
    band = butter(4, 3500, "highpass", fs=16000, output="sos")
    masks, levels = [], []
    for clip in CLIPS[::12]:
        total = energy(waveform(clip))
        high = energy(sosfilt(band, waveform(clip)))
        level = np.where(total > -50, np.maximum(high - total, -30.0), -30.0)
        mask = np.zeros(len(level))
        for symbol, start, end, _ in clip["phones"]:
            if symbol in ("s", "z", "sh"):
                mask[round(start * 1000) : round(end * 1000)] = 1
        masks.append(mask)
        levels.append(level)
    mask, level = np.concatenate(masks), np.concatenate(levels)
    fit = {lag: np.corrcoef(np.roll(mask, lag), level)[0, 1] for lag in range(-100, 101, 5)}
    best = max(fit, key=fit.get)
    assert abs(best) <= 10 and fit[best] > 0.4, (best, fit[best])


def test_modes_change_tempo_and_level_a_little() -> None:
    """The same words: angry is shorter and louder than sad, by no more than about a quarter and 6 dB."""
    by_sentence = collections.defaultdict(dict)
    for clip in CLIPS:
        by_sentence[clip["speaker"], clip["sentence"]][clip["mode"]] = clip
    pairs = [v for v in by_sentence.values() if set(v) == {"angry", "sad"}]
    spoken = [[p[m]["phones"][-1][1] - p[m]["phones"][0][2] for p in pairs] for m in ("angry", "sad")]
    ratio = np.median(np.array(spoken[1]) / np.array(spoken[0]))
    assert 1.1 < ratio < 1.4
    powers = [[np.mean(waveform(p[m]) ** 2) for p in pairs] for m in ("angry", "sad")]
    assert 3 < np.median(10 * np.log10(np.array(powers[0]) / np.array(powers[1]))) < 7
