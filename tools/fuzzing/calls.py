"""Command lines: every subcommand with options drawn from its own parser and values drawn from everywhere."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
from functools import cache
from pathlib import Path
from unittest import mock

import numpy as np

from fuzzing import arrays, settings
from fuzzing.damage import linked_copy, pick, replace
from fuzzing.models import whole_model
from fuzzing.outcome import Case, Wrong, check_unharmed
from fuzzing.sounds import any_sound
from fuzzing.values import TEXTS

CODES = (0, 1, 2)
# What takes minutes is not carried out: a call that gets there was understood.
HEAVY = ("a2f.training.train", "a2f.studies.run_study", "a2f.bench.rows.measure", "a2f.reproduce.execute")


class Understood(Exception):
    """The call came to what takes minutes."""


@cache
def _parsers() -> dict[str, argparse.ArgumentParser]:
    from a2f.cli import parser

    (commands,) = (a for a in parser()._actions if isinstance(a, argparse._SubParsersAction))
    return dict(commands.choices)


# Right values by the option's name, so that many calls get beyond its parser.
RIGHT = {
    "preset": ("smoke", "demo", "paper"), "dataset": ("demo", "folder", "biwi"), "name": ("folder", "biwi", "demo"),
    "out": ("out", "out/er", "page.html", "good.wav", "good.wav/x"), "wav": ("good.wav", "bad.wav", "good.wav"),
    "format": ("npz", "npz,csv", "pc2,ply,obj", "html,glb", "npz,"), "checkpoint": ("model", "demo", "owner/name"),
    "style": ("good.npz", "bad.npz", "s01-01-angry"), "template": ("template.npy", "bad.ply", "good.npz"),
    "file": ("good.npz", "bad.npz"), "run_folder": ("model", "data", "configured"), "data_root": ("data", "."),
    "path": ("data", "."), "set": ("epochs=2", "loss=squared", "name=x"), "parameter": ("seed=1", "colour='x'"),
    "only": ("00", "01"), "json": ("f.json",), "figure": ("f.png", "f.txt"), "seed": ("0", "7"), "names": ("features",),
    "parts": ("export", "inference"), "regions": ("bad.npz", "good.npz", "data"),
}  # fmt: skip
ODD = ("-1", "1e9", "nan", "good.wav/x", "bad.json", "missing", "model/config.json", "9" * 30, "epochs=nan", "x=(1",
       "fps=inf", "motion_dim=-1", "loss=", "name=../../x", "audio_encoder=../x", "regions=/etc/hostname",
       "batch_size=1e400", "style_stages=((1,),)", "seeds=[1]", "../../x")  # fmt: skip


def _values(rng: np.random.Generator, action: argparse.Action) -> str:
    """Return a value of an option: a right one, something of another kind, or a place that is not one's own."""
    if action.choices and rng.random() < 0.8:
        return str(pick(rng, sorted(map(str, action.choices))))
    kind = rng.random()
    if action.dest in RIGHT and kind < 0.8:
        return pick(rng, RIGHT[action.dest])
    if isinstance(action.default, str) and kind < 0.85:
        return action.default
    texts = [text for text in TEXTS if "\x00" not in text and not text.startswith("/")]
    return str(pick(rng, texts if kind < 0.93 else ODD))


def arguments(rng: np.random.Generator) -> list[str]:
    """Return a command line."""
    name = pick(rng, sorted(_parsers()))
    words: list[str] = []
    for action in _parsers()[name]._actions:
        if isinstance(action, argparse._HelpAction) or action.dest == "download":
            continue  # no network
        positional = not action.option_strings
        if not positional and rng.random() < (0.05 if action.required else 0.7):
            continue
        count = int(rng.integers(1, 3)) if action.nargs in ("+", "*") else 1
        given = [] if action.nargs == 0 else [_values(rng, action) for _ in range(count)]
        if action.nargs == "?" and rng.random() < 0.5:
            given = []
        words += ([] if positional else [pick(rng, action.option_strings)]) + given
    if rng.random() < 0.08:
        words.insert(int(rng.integers(len(words) + 1)), str(pick(rng, ("--wrong", "-h", "--", "-", "--out", "extra"))))
    return [name, *words]


@cache
def _things(base: Path) -> Path:
    """Write what a call may name: good and bad recordings, animations, a model, a face."""
    things = base / "whole-things"
    things.mkdir()
    rng = np.random.default_rng(0)
    import soundfile

    soundfile.write(things / "good.wav", 0.1 * rng.normal(size=4000), 16000)
    members = arrays.animation(rng)
    np.savez(things / "good.npz", **members)
    np.save(things / "template.npy", members["vertices"][0])
    linked_copy(whole_model(base), things / "model")
    (things / "data").mkdir()
    return things


def make(rng: np.random.Generator, folder: Path) -> Case:
    """Return a call of the command line in a folder of its own."""
    place = linked_copy(_things(folder.parent), folder / "a" / "b")
    replace(place / "bad.wav", any_sound(rng))
    replace(place / "bad.npz", arrays.npz(rng, arrays.animation(rng)))
    replace(place / "bad.ply", rng.bytes(200))
    settings.make_config(rng, place / "configured") if rng.random() < 0.2 else None
    words = arguments(rng)
    return Case(lambda: _call(words, place))


def _call(words: list[str], place: Path) -> None:
    from a2f.cli import main

    before, out, err = os.getcwd(), io.StringIO(), io.StringIO()
    environment = {"HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(place / "hub")}
    try:
        os.chdir(place)
        with contextlib.ExitStack() as stack:
            stack.enter_context(contextlib.redirect_stdout(out))
            stack.enter_context(contextlib.redirect_stderr(err))
            stack.enter_context(mock.patch.dict(os.environ, environment))
            stack.enter_context(mock.patch("webbrowser.open", lambda *rest: True))
            for name in HEAVY:
                stack.enter_context(mock.patch(name, side_effect=Understood(name)))
            try:
                code = main(words)
            except Understood:
                return
            except SystemExit as stopped:  # argparse
                code = stopped.code
                if code not in (0, 2) or (code == 2 and "error:" not in err.getvalue()):
                    raise Wrong(f"{words}: ended with {code!r} and {err.getvalue()[-300:]!r}") from None
        if code not in CODES:
            raise Wrong(f"{words}: exit code {code!r}")
        if code and not (err.getvalue() + out.getvalue()).strip():
            raise Wrong(f"{words}: exit code {code} and not a word")
        if "Traceback" in err.getvalue() + out.getvalue():
            raise Wrong(f"{words}: {err.getvalue()[-1500:]}")
        lines = [line for line in err.getvalue().splitlines() if line.startswith("a2f: error: ")]
        if code == 2 and "usage:" not in err.getvalue() and len(lines) != 1:
            raise Wrong(f"{words}: {len(lines)} lines of error: {err.getvalue()[-600:]!r}")
    finally:
        os.chdir(before)
        check_unharmed(place)
        check_unharmed(place.parent.parent)
