"""The shipped demo motion is plausible speech, says so only when it is, and is what its generator makes."""

from __future__ import annotations

import dataclasses
import json
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from a2f.data import Clip, open_dataset
from a2f.data import demo_measures as dm
from a2f.data.assets import asset
from a2f.data.demo_report import Report, Row
from a2f.data.demo_rows import contacts
from a2f.data.validate_demo import validate_demo
from a2f.errors import BadInput
from a2f.files import read_json

TOOLS = Path(__file__).resolve().parent.parent / "tools"
sys.path.append(str(TOOLS))

from demo_motion import closures, generate, gestures, mouth, visemes  # noqa: E402


@cache
def corpus():
    return open_dataset("demo", fps=60)


@cache
def report() -> Report:
    return validate_demo(corpus())


@cache
def face() -> mouth.FaceAsset:
    return mouth.FaceAsset(asset("demo/faces.npz"))


@cache
def speakers() -> list[dict]:
    return read_json(asset("demo/speakers.json"))["speakers"]


def altered(clip: Clip, **units: float) -> Clip:
    """The clip with some units held at a value."""
    coefficients = clip.coefficients.copy()
    for name, value in units.items():
        coefficients[:, corpus().unit_names.index(name)] = value
    return dataclasses.replace(clip, coefficients=coefficients)


def test_every_measured_quantity_is_inside_its_range_or_explained():
    outside = [row for row in report().rows if row.verdict == "OUTSIDE"]
    assert not outside, "\n" + "\n".join(f"{row.quantity}: {row.measured:.4g}" for row in outside)
    assert report().ok and bool(report())


def test_lips_close_for_p_b_m_in_every_mode_and_on_every_speaker():
    for quantity in ("p b m closed >= 40 ms", "the same, worst mode", "the same, worst speaker"):
        assert report().row(quantity).measured >= 0.95


def test_styles_show_in_the_deviation_maps():
    assert report().row("speaker, nearest neighbour").measured >= 0.6


def test_report_prints_every_row_and_survives_json():
    lines = str(report()).splitlines()
    assert all(any(line.startswith(row.quantity) for line in lines) for row in report().rows)
    stored = report().to_json()
    assert stored["synthetic"] is True and len(stored["rows"]) == len(report().rows)
    json.dumps(stored, allow_nan=False)


def test_validation_fails_when_lips_cannot_close():
    some = [dm.measure(altered(clip, mouthClose=0.0), corpus().unit_names) for clip in corpus().clips[::24]]
    rows = contacts(some)
    assert rows[0].measured < 0.2 and not Report(tuple(rows)).ok


def test_an_explanation_holds_only_up_to_its_bound():
    row = Row("x", "", 1.2, "", 0.0, 1.0, "somebody", explanation="the face has no such unit", bound=(0.0, 1.3))
    assert row.verdict == "explained"
    assert dataclasses.replace(row, measured=1.4).verdict == "OUTSIDE"
    assert not Report((dataclasses.replace(row, explanation=""),)).ok


def test_validation_refuses_a_rate_too_coarse_to_time_a_closure():
    with pytest.raises(BadInput, match="60 frames a second"):
        validate_demo(open_dataset("demo", fps=30))


def test_units_stay_in_their_range_and_mouth_close_only_takes_back_jaw_open():
    names = corpus().unit_names
    jaw, close = names.index("jawOpen"), names.index("mouthClose")
    for clip in corpus().clips:
        assert 0.0 <= clip.coefficients.min() and clip.coefficients.max() <= 1.0
        assert np.all(clip.coefficients[:, close] <= clip.coefficients[:, jaw] + 0.02)


def test_every_clip_begins_and_ends_with_closed_lips():
    for clip in corpus().clips[::7]:
        measured = dm.measure(clip, corpus().unit_names)
        assert measured.gap[0].max() < dm.CONTACT or clip.phones[0].end < 0.30
        assert measured.gap[-1].max() < 2.0


def test_modes_differ_in_the_resting_face():
    names = corpus().unit_names
    shown = {"happy": "mouthSmileLeft", "angry": "browDownLeft", "sad": "browInnerUp"}
    for who in corpus().subjects:
        first = {clip.style: clip.coefficients[0] for clip in corpus().clips if clip.subject == who}
        for mode, unit in shown.items():
            column = names.index(unit)
            assert first[mode][column] > first["neutral"][column] + 0.2, (who, mode)


def test_generator_makes_the_shipped_curves():
    speech = read_json(asset("demo/speech.json"))
    seed = read_json(asset("demo/speakers.json"))["seed"]
    with np.load(asset("demo/motion.npz"), allow_pickle=False) as stored:
        coefficients, starts = stored["coefficients"], stored["starts"]
        order = {str(name): i for i, name in enumerate(stored["clip_ids"])}
    who = speakers()[0]["id"]
    made = dict(generate.build_clips(face(), speakers(), speech, seed, only=who))
    assert len(made) == sum(clip["speaker"] == who for clip in speech["clips"])
    for name, curves in made.items():
        i = order[name]
        np.testing.assert_array_equal(curves, coefficients[starts[i] : starts[i + 1]])


def test_solver_closes_any_mouth_without_pushing_one_lip_through_the_other():
    rng = np.random.default_rng(3)
    for entry in speakers():
        solver = closures.ContactSolver(mouth.MouthGeometry(face(), entry["identity"]))
        values = np.zeros((40, 52))
        for name, most in (("jawOpen", 0.4), ("mouthFunnel", 0.4), ("mouthPucker", 0.6), ("mouthLowerDownLeft", 0.5),
                           ("mouthUpperUpRight", 0.3), ("mouthSmileLeft", 0.6), ("mouthFrownRight", 0.5)):
            values[:, solver.mouth.id(name)] = rng.uniform(0, most, 40)
        gaps = solver.mouth.gaps(solver.close_lips(values, np.ones(40)))
        assert gaps.max() < dm.CONTACT and gaps.min() > -0.8, entry["id"]


def _said_at(pace: float) -> dict:
    phones, at = [["_", 0.0, 0.3, 0]], 0.3
    for symbol, length, stress in (("m", 0.08, 0), ("aa", 0.16, 1), ("p", 0.09, 0), ("ae", 0.15, 1), ("b", 0.08, 0),
                                   ("aa", 0.16, 1), ("t", 0.08, 0)):
        phones.append([symbol, at, at + length * pace, stress])
        at += length * pace
    phones.append(["_", at, at + 0.35, 0])
    return {"id": "made-up", "mode": "neutral", "samples": int(16000 * (at + 0.35)), "phones": phones}


def test_fast_speech_opens_less_but_still_closes():
    entry = speakers()[0]
    targets = visemes.solve_targets(mouth.MouthGeometry(face()))
    speaker = generate.Speaker(face(), entry, targets)
    peaks = []
    for pace in (1.15, 0.75):
        clip = _said_at(pace)
        values = generate.unit_curves(speaker, clip, 0, 16000)
        peaks.append(np.percentile(speaker.mouth.area(values), 97))
        times = np.arange(len(values)) / generate.STORED_RATE
        for symbol, start, end, _ in clip["phones"]:
            if symbol in visemes.CLOSURE_PHONES:
                held = speaker.mouth.gaps(values)[(times > start - 0.03) & (times < end)].max(axis=1) < dm.CONTACT
                assert held.sum() / generate.STORED_RATE >= 0.040, (symbol, pace)
    assert 0.70 * peaks[0] < peaks[1] < 0.97 * peaks[0]


def test_unknown_sounds_are_refused_by_name():
    with pytest.raises(ValueError, match="'qq' has no viseme"):
        gestures.time_line([["qq", 0.0, 0.1, 0]], 1.0)
