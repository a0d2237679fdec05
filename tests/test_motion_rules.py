"""The generator on tracks of its own: silence, pauses, and what a rule of articulation changes when it is obeyed."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from a2f.data.assets import asset
from a2f.files import read_json

sys.path.append(str(Path(__file__).resolve().parents[1] / "tools"))

from demo_motion import expression, generate, mouth, visemes  # noqa: E402

RATE = 16000
QUIET = {"blinks": False, "gaze": False, "accents": False, "variation": False}


@cache
def cast() -> tuple[generate.Speaker, ...]:
    """Three of the twelve speakers."""
    face = mouth.FaceAsset(asset("demo/faces.npz"))
    targets = visemes.solve_targets(mouth.MouthGeometry(face))
    entries = read_json(asset("demo/speakers.json"))["speakers"]
    return tuple(generate.Speaker(face, entry, targets) for entry in entries[::5])


def said(text: str, *, phone: float = 0.08, vowel: float = 0.14, before: float = 0.4, after: float = 0.6) -> dict:
    """A track from symbols: ``aa1`` is stressed, ``_0.5`` a pause of half a second."""
    phones, at = [["_", 0.0, before, 0]], before
    for word in text.split():
        symbol, stress = (word[:-1], int(word[-1])) if word[-1].isdigit() and word[0] != "_" else (word, 0)
        length = vowel if visemes.PHONES.get(symbol, ("dd",))[0] in VOWELS else phone
        if symbol.startswith("_"):
            symbol, length = "_", float(symbol[1:])
        phones.append([symbol, at, at + length, stress])
        at += length
    phones.append(["_", at, at + after, 0])
    return {"id": "made-up", "mode": "neutral", "samples": round(RATE * (at + after)), "phones": phones}


VOWELS = {name for name, viseme in visemes.VISEMES.items() if viseme.kind == "vowel"}


def moved(speaker: generate.Speaker, track: dict, **options) -> tuple[np.ndarray, np.ndarray]:
    """(T,) s and (T, 52) unit values."""
    values = generate.unit_curves(speaker, track, 0, RATE, **(QUIET | options))
    return np.arange(len(values)) / generate.STORED_RATE, values


def middles(track: dict, symbol: str) -> list[float]:
    return [0.5 * (a + b) for s, a, b, _ in track["phones"] if s == symbol]


@pytest.mark.parametrize("mode", expression.MODES)
def test_a_face_that_says_nothing_is_at_rest(mode):
    for speaker in cast():
        for phones in ([], [["_", 0.0, 9.0, 0]]):
            _, values = moved(speaker, {"id": "silence", "mode": mode, "samples": 9 * RATE, "phones": phones})
            assert len(values) == 9 * generate.STORED_RATE + 1
            assert np.ptp(values, axis=0).max() < 1e-9
            assert speaker.mouth.area(values).max() < 1.5 and speaker.mouth.gaps(values).min() > -0.3


@pytest.mark.parametrize("mode", expression.MODES)
def test_two_sentences_with_a_second_between_them_rest_in_the_middle(mode):
    track = said("m ae1 p ah t aa1 k _1.0 s iy1 b ao1 n uw1", after=3.0) | {"mode": mode}
    pause, tail = [phone for phone in track["phones"] if phone[0] == "_"][1:]
    for speaker in cast():
        times, values = moved(speaker, track)
        area = speaker.mouth.area(values)
        assert area[(times > 0.4) & (times < pause[1])].max() > 60
        resting = ((times > pause[1] + 0.47) & (times < pause[1] + 0.52)) | (times > tail[1] + 0.5)
        assert area[resting].max() < 1.5
        # the smile comes back with rest, too
        assert np.abs(values[resting] - values[0]).max() < 2e-3
        # in a short pause nobody comes to rest
        short = said("m ae1 t _0.2 s ae1 n")
        times, values = moved(speaker, short)
        gap = [phone for phone in short["phones"] if phone[0] == "_"][1]
        assert speaker.mouth.area(values)[(times > gap[1]) & (times < gap[2])].min() > 3


def test_nobody_breathes_in_a_pause_of_less_than_a_third_of_a_second():
    deep = [s for s in cast() if s.style["inhale"] > 0.5]
    assert deep
    for speaker in deep:
        opened = []
        for pause in (0.33, 0.9):
            track = said(f"p aa1 m _{pause} p aa1 m")
            times, values = moved(speaker, track)
            until = [phone for phone in track["phones"] if phone[0] == "_"][1][2]
            opened.append(speaker.mouth.area(values)[(times > until - 0.30) & (times < until - 0.12)].max())
        assert opened[0] < 5 < 30 < opened[1]


def test_what_is_left_out_leaves_the_rest_as_it_was():
    speaker, track = cast()[0], said("m ae1 p ah t aa1 k s iy1 b ao1 n uw1", before=3.0, after=3.0)
    _, every = moved(speaker, track, blinks=True, gaze=True, accents=True, variation=True)
    names = list(speaker.names)
    for option, stem in (("blinks", "eyeBlink"), ("gaze", "eyeLook"), ("accents", "brow")):
        _, less = moved(speaker, track, **({"blinks": True, "gaze": True, "accents": True, "variation": True,
                                            option: False}))
        others = [i for i, name in enumerate(names) if not name.startswith(stem)]
        np.testing.assert_array_equal(less[:, others], every[:, others])
    _, still = moved(speaker, track)
    lids, eyes = ([i for i, n in enumerate(names) if n.startswith(stem)] for stem in ("eyeBlink", "eyeLook"))
    assert np.ptp(still[:, lids], axis=0).max() == 0 and np.ptp(still[:, eyes], axis=0).max() == 0
    assert np.ptp(every[:, lids], axis=0).max() > 0.5


def test_without_variation_a_second_seed_moves_alike():
    speaker, track = cast()[1], said("m ae1 p ah t aa1 k _0.7 s iy1 b ao1 n uw1")
    one, two = (generate.unit_curves(speaker, track, seed, RATE, **QUIET) for seed in (0, 1))
    np.testing.assert_array_equal(one, two)


def test_the_pace_of_a_phrase_is_its_own():
    speaker = cast()[0]
    alone = said("p aa1 t ae1 b", phone=0.05, vowel=0.09)
    slow = said("p aa1 t ae1 b _1.5 p aa1 t ae1 b", phone=0.12, vowel=0.22)
    first_end = alone["phones"][-2][2]
    shift = first_end + 1.5 - slow["phones"][1][1]
    joined = alone["phones"][:-1] + [["_", first_end, first_end + 1.5, 0]] + [
        [s, a + shift, b + shift, stress] for s, a, b, stress in slow["phones"][1:]]
    track = alone | {"phones": joined, "samples": round(RATE * joined[-1][2])}
    fast, both = (speaker.mouth.area(moved(speaker, t)[1]) for t in (alone, track))
    end = int(first_end * generate.STORED_RATE)
    assert np.abs(fast[:end] - both[:end]).max() < 0.2 * fast.max()


def test_the_mouth_takes_a_quarter_second_back_to_rest_where_there_is_room():
    for speaker in cast():
        times, values = moved(speaker, said("p aa1 t aa1", after=1.0))
        end = said("p aa1 t aa1")["phones"][-1][1]
        height = speaker.mouth.gaps(values)[:, 7] - speaker.mouth.gaps(values[0])[7]
        left = height[times >= end - 0.06] / height[times >= end - 0.06].max()
        since = times[times >= end - 0.06] - end
        assert 0.06 < since[left > 0.5][-1] < 0.18
        assert 0.22 < since[left > 0.1][-1] < 0.40
        assert np.abs(left[since > 0.55]).max() < 0.01


def test_faster_speech_has_smaller_vowels_and_stress_larger_ones():
    for speaker in cast():
        areas = []
        for pace in (1.25, 0.75):
            track = said("t ae1 d t aa1 d t ae1 d", phone=0.08 * pace, vowel=0.14 * pace)
            times, values = moved(speaker, track)
            areas.append(np.interp(middles(track, "aa")[0] - 0.03, times, speaker.mouth.area(values)))
        assert 0.65 < areas[1] / areas[0] < 0.93
        drops = []
        for text in ("t ae0 d t aa0 d t ae0 d", "t ae1 d t aa1 d t ae1 d"):
            track = said(text)
            times, values = moved(speaker, track)
            drops.append(np.interp(middles(track, "aa")[0], times, values @ speaker.mouth.jaw_units))
        assert drops[1] > 1.2 * drops[0]


def test_a_sibilant_bars_the_jaw_from_a_low_vowel():
    for speaker in cast():
        jaw = {}
        for consonants in ("n t", "n s", "n"):
            for vowel in ("aa1", "iy1"):
                track = said(f"t iy1 {consonants} {vowel} t")
                times, values = moved(speaker, track)
                last = track["phones"][len(consonants.split()) + 2]
                jaw[consonants, vowel] = np.interp(0.5 * (last[1] + last[2]), times, values @ speaker.mouth.jaw_units)
        ahead = {name: jaw[name, "aa1"] - jaw[name, "iy1"] for name in ("n t", "n s")}
        assert ahead["n t"] > 0.5 and ahead["n s"] < 0.5 * ahead["n t"]


def test_rounding_begins_earlier_the_more_consonants_come_before_it():
    for speaker in cast():
        names, starts = list(speaker.names), []
        for consonants in ("t", "n t", "n t l"):
            track = said(f"t ae1 {consonants} uw1 t")
            times, values = moved(speaker, track)
            onset = next(a for s, a, _, _ in track["phones"] if s == "uw")
            pucker = values[:, names.index("mouthPucker")] - values[0, names.index("mouthPucker")]
            starts.append(onset - times[np.argmax(pucker > 0.5 * pucker.max())])
        assert starts[0] < starts[1] < starts[2] < 0.30


def test_mouths_are_narrow_for_u_and_wide_for_i():
    for speaker in cast():
        times, values = moved(speaker, said("t uw1 t uw1 _0.4 t iy1 t iy1"))
        across = speaker.mouth.across_rest + values @ speaker.mouth.across_units
        width = across[:, -1] - across[:, 0]
        uw, iy = (np.interp(middles(said("t uw1 t uw1 _0.4 t iy1 t iy1"), s)[0], times, width) for s in ("uw", "iy"))
        assert iy - uw > 4.0


def test_a_phrase_that_would_be_too_fast_is_made_smaller_by_itself():
    speaker = cast()[2]
    track = said("t iy1 d _1.5 p aa1 p aa1 b ae1 p", phone=0.05, vowel=0.12) | {"mode": "angry"}
    # larger movements than people make at this pace
    loud = generate.Speaker.__new__(generate.Speaker)
    loud.__dict__ |= speaker.__dict__ | {"style": speaker.style | {"gain": 1.6, "jaw": 1.4}}
    _, wild = moved(loud, track)
    calm = generate.calm_curves(loud, track, 0, RATE, **QUIET)

    def fastest(values):
        return np.linalg.norm(np.diff(values @ loud.mouth.lip_units, axis=0), axis=1).max() * generate.STORED_RATE

    assert fastest(wild) > 300 > fastest(calm)
    first = int(track["phones"][3][2] * generate.STORED_RATE)
    np.testing.assert_allclose(calm[:first], wild[:first], atol=1e-9)
