"""The articulation rows of the demo corpus' validation: each can fail, and they are printed, stored and drawn."""

from __future__ import annotations

import dataclasses
import json
from functools import cache

import numpy as np
import pytest

from a2f import cli
from a2f.data import demo_gestures as dg
from a2f.data import demo_measures as dm
from a2f.data import demo_rows, demo_rows_rest, demo_rows_timing, open_dataset
from a2f.data import validate_demo as validation
from a2f.data.demo_report import Report, Row
from a2f.errors import BadInput
from a2f.plotting.articulation import plot_articulation


@cache
def corpus():
    return open_dataset("demo", fps=60)


@cache
def report() -> Report:
    return validation.validate_demo(corpus())


def mouths(change=None, every: int = 8) -> list[dm.Mouth]:
    """Some clips measured, their coefficients changed first; every 8th keeps all speakers, modes and rates."""
    clips = corpus().clips[::every]
    if change is not None:
        clips = [dataclasses.replace(clip, coefficients=change(clip.coefficients.copy())) for clip in clips]
    return [dm.measure(clip, corpus().unit_names) for clip in clips]


def verdicts(rows) -> dict[str, str]:
    return {row.quantity: row.verdict for row in rows}


def unit(name: str) -> int:
    return corpus().unit_names.index(name)


def test_every_group_is_there_and_names_its_sources():
    chosen = report().only(validation.ARTICULATION)
    assert {row.group for row in chosen.rows} == set(validation.ARTICULATION)
    assert chosen.ok and len(chosen.rows) >= 50
    assert all(row.source for row in chosen.rows)
    for name in demo_rows.APERTURES:
        assert f"area of {name}" in verdicts(chosen.rows)
    with pytest.raises(BadInput, match="no row is in group 'teeth'"):
        report().only(["teeth"])


def test_mouths_that_move_late_are_found():
    def late(frames):
        return lambda values: np.concatenate([values[:1].repeat(frames, axis=0), values[:-frames]])

    assert set(verdicts(demo_rows_timing.leads(mouths(late(6)))).values()) == {"OUTSIDE"}
    assert verdicts(demo_rows.contacts(mouths(late(3))))["contact after closure's start"] == "OUTSIDE"
    assert verdicts(demo_rows.contacts(mouths(late(6))))["p b m closed >= 40 ms"] == "OUTSIDE"


def test_lips_that_never_round_are_found():
    def flat(values):
        values[:, [unit("mouthPucker"), unit("mouthFunnel")]] = 0
        return values

    found = verdicts(demo_rows.apertures(mouths(flat)))
    assert found["inner width of u, neutral"] == found["inner width, u / i"] == "OUTSIDE"


def test_a_jaw_that_does_all_or_nothing_is_found():
    def stiff(values):
        values[:, unit("jawOpen")] *= 0.1
        return values

    found = verdicts(demo_rows.jaw_and_lips(mouths(stiff)))
    assert found["jaw share of lower lip (sd)"] == found["jaw drop, p95 of an utterance"] == "OUTSIDE"
    found = verdicts(demo_rows_timing.clusters(mouths(stiff, 2)))
    assert found["jaw ahead in the first of two consonants"] == "OUTSIDE"
    found = verdicts(demo_rows.speeds(mouths(lambda values: values * 2.0)))
    assert found["lower lip, fastest clip"] == "OUTSIDE"


def test_open_mouths_at_rest_and_too_many_breaths_are_found():
    def parted(values):
        values[:, unit("jawOpen")] += 0.12
        return values

    found = verdicts(demo_rows_rest.rest(mouths(parted)))
    assert set(found.values()) == {"OUTSIDE"}

    def snapping(values):
        values[-40:] = values[-1]
        return values

    assert verdicts(demo_rows_rest.way_back(mouths(snapping)))["return to rest after voice"] == "OUTSIDE"
    held = mouths(lambda values: values[:1].repeat(len(values), axis=0), 2)
    assert verdicts(demo_rows_rest.breaths(held))["breath before the first word"] == "OUTSIDE"


def test_open_width_is_the_part_of_the_rim_that_is_apart():
    across = np.tile(np.arange(5.0), (3, 1))
    gap = np.array([[0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 1.0, 1.0, 1.0, 0.0], [2.0, 2.0, 2.0, 2.0, 2.0]])
    # in the middle row the ends open half-way between the points
    np.testing.assert_allclose(dm.open_width(gap, across), [0.0, 3.0, 4.0])


def test_lag_is_what_the_sound_was_shifted_by():
    rng = np.random.default_rng(0)
    area = np.convolve(rng.standard_normal(300), np.hanning(15), mode="same")
    for lag in (-4, 0, 7):
        fits = demo_rows_timing.correlations(area, np.roll(area, lag), np.arange(20, 280))
        assert demo_rows_timing.LAGS[fits.argmax()] == lag


def test_clusters_count_consonants_since_the_last_vowel():
    clip = corpus().clips[0]
    phones = [dataclasses.replace(clip.phones[0], symbol=s) for s in ("_", "s", "t", "uw", "n", "d", "ae", "_", "w")]
    mouth = dataclasses.replace(mouths(every=480)[0], clip=dataclasses.replace(clip, phones=tuple(phones)))
    found = [(last and last.symbol, [p.symbol for p in run], phone.symbol) for last, run, phone in dg.clusters(mouth)]
    assert found == [(None, ["s", "t"], "uw"), ("uw", ["n", "d"], "ae"), (None, [], "w")]


def test_the_command_prints_stores_and_draws_the_articulation_only(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(validation, "validate_demo", report)
    table, figure = tmp_path / "table.json", tmp_path / "figure.png"
    options = ["validate-data", "demo", "--articulation", "--json", str(table), "--figure", str(figure)]
    assert cli.main(options) == 0
    printed = capsys.readouterr().out
    assert "\nAPERTURE BY VISEME\n" in printed and "CLUSTERS OF CONSONANTS" in printed and "blinks" not in printed
    stored = json.loads(table.read_text())
    assert {row["group"] for row in stored["rows"]} == set(validation.ARTICULATION) and stored["synthetic"] is True
    assert figure.read_bytes().startswith(b"\x89PNG") and figure.stat().st_size > 20_000
    assert cli.main(["validate-data", "demo"]) == 0
    assert "blinks" in capsys.readouterr().out
    assert cli.main(["validate-data", "demo", "--figure", str(tmp_path / "figure.doc")]) == 2
    assert "figure.doc" in capsys.readouterr().err


def test_a_row_outside_its_range_fails_the_command(monkeypatch, capsys):
    bad = dataclasses.replace(report().row("p b m contact"), measured=10.0)
    rows = tuple(bad if row.quantity == bad.quantity else row for row in report().rows)
    monkeypatch.setattr(validation, "validate_demo", lambda: Report(rows))
    assert cli.main(["validate-data", "demo", "--articulation"]) == 1
    assert "1 of" in capsys.readouterr().out


def test_a_report_without_measurements_is_not_drawn():
    row = Row("area of a", "mm2", 1.0, "", 0.0, 2.0, "somebody", values=(1.0, 2.0))
    with pytest.raises(BadInput, match="lower lip peak speed"):
        plot_articulation(Report((row,)))
    with pytest.raises(BadInput, match="no area"):
        plot_articulation(Report(()))
