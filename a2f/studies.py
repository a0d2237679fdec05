"""The longer studies behind notebooks 10 and 12: which runs each is made of, and the file that keeps its results.

`make study` runs them, as many runs at a time as there are cores; a second call goes on where the first stopped. Runs
are repeated on three rotations of the speakers' roles, each with its own seed: six speakers are tested on. Those
of audio features are repeated with three seeds: the phone recogniser has heard the first rotation's training speakers.
"""

from __future__ import annotations

import dataclasses
import datetime
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from a2f.config import DEMO, Config, baseline
from a2f.data import open_configured
from a2f.errors import BadInput, MissingData
from a2f.evaluation import BESIDE, METRICS, means
from a2f.files import read_json, write_json
from a2f.origin import commit, versions
from a2f.protocols import PROTOCOLS
from a2f.study import RESULTS, Entry, run_study

STORED = Path(__file__).resolve().parent.parent / "figures" / "studies"
ROTATIONS = ((0, 0), (1, 1), (2, 2))  # rotation and seed
SEEDS = ((0, 0), (0, 1), (0, 2))
BUDGET = DEMO.replace(name="study", epochs=9)  # half of Table 1's steps: enough for every effect to show
RESNET18 = ((128, 2, 2), (128, 2, 2), (128, 2, 1), (128, 2, 1))  # the paper's depth at the demo's width

# What the released code does differently from the paper's text, as far as it changes a run on the demo corpus.
RELEASED = {
    "style minus template": {"style_normalisation": "template"},
    "three statistics": {"style_statistics": ("mean", "std", "difference_std")},
    "batch norm on audio": {"audio_normalisation": "batch"},
    "shallower style encoder": {"style_stages": DEMO.model.style_stages},
    "squared error": {"loss": "squared"},
    "style is the target": {"style_source": "target"},
    "waveform as recorded": {"normalise_waveform": False},
}
BETAS = (0.0, 1e-4, 1e-3, 1e-2)
FEATURES = ("whisper-tiny-2", "log-mel", "ctc-phones")  # section 4.4; others where their weights are


@dataclass(frozen=True)
class Study:
    """A question, and the runs that answer it.

    Parameters
    ----------
    name : str
    question : str
    rows : dict of str to Config
        By the row's name; rotation and seed come later.
    also : dict of str to tuple of str
        For some rows, what else to measure (`study.Entry`).
    turns : tuple of (int, int)
        Rotation and seed of each repetition.
    """

    name: str
    question: str
    rows: Mapping[str, Config]
    also: Mapping[str, tuple[str, ...]]
    turns: tuple[tuple[int, int], ...] = ROTATIONS

    def entries(self) -> list[Entry]:
        """Return the runs, repetition by repetition."""
        return [
            Entry(_slug(row), config.replace(rotation=turn, name=f"{config.name}:{row}"), seed, self.also.get(row, ()))
            for turn, seed in self.turns
            for row, config in self.rows.items()
        ]

    def entry(self, row: str) -> Entry:
        """Return the first run of a row."""
        return next(entry for entry in self.entries() if entry.method == _slug(row))


def _slug(row: str) -> str:
    return row.replace(" ", "-").replace(",", "")


def in_the_text(config: Config = BUDGET) -> Config:
    """Return a preset's budget with every choice as the paper's text has it, where the preset follows the release."""
    return config.replace(
        style_normalisation="mean", style_stages=RESNET18, loss="norm", scale_around_one=False, name="text"
    )


def studies(config: Config = BUDGET) -> dict[str, Study]:
    """Return all studies at a preset's budget, by name."""
    text = in_the_text(config)
    everything = {key: value for change in RELEASED.values() for key, value in change.items()}
    release = {"the text": text}
    release |= {name: text.replace(**change) for name, change in RELEASED.items()}
    release["all of them"] = text.replace(**everything)
    paths = {"with template": True, "without template": False}
    sparsity = {
        f"beta {beta:g}, {path}": config.replace(sparsity_weight=beta, template_embedding=embedded)
        for path, embedded in paths.items()
        for beta in BETAS
    }
    template = {
        f"{normalisation} subtracted, {path}": config.replace(
            style_normalisation=normalisation, template_embedding=embedded
        )
        for normalisation in ("mean", "template")
        for path, embedded in paths.items()
    }
    protocols = {
        "ours": config,
        "ours, style is the target": config.replace(style_source="target"),
        "meshtalk": baseline(config, "meshtalk"),
    }
    features = {name: config.replace(audio_encoder=name) for name in FEATURES}
    found = (
        Study("release", "What is each difference between text and released code worth?", release,
              {"the text": ("last",)}),
        Study("sparsity", "What does beta do to error and locality, with and without W times the template?", sparsity,
              {}),
        Study("template", "What do the mean face and the template embedding do to unseen heads?", template, {}),
        Study("protocols", "How much of an error is the protocol's?", protocols,
              dict.fromkeys(protocols, tuple(PROTOCOLS)[1:])),
        Study("features", "Which audio features carry the motion?", features, {}, SEEDS),
    )  # fmt: skip
    return {study.name: study for study in found}


def get_study(name: str, config: Config = BUDGET) -> Study:
    """Return a study by name.

    Raises
    ------
    BadInput
        If there is none of that name.
    """
    known = studies(config)
    if name not in known:
        raise BadInput(f"no study is called {name!r}; there are {', '.join(known)}")
    return known[name]


def run(
    names: Sequence[str], folder: str | os.PathLike, stored: str | os.PathLike = STORED, *, progress: bool = True
) -> list[Path]:
    """Run studies and write one file for each.

    Parameters
    ----------
    names : sequence of str
        None of them: all.
    folder : path-like
        Holds the runs; those that are there already are not trained again.
    stored : path-like
        Where the result files go.
    progress : bool

    Returns
    -------
    list of Path
        The files written.
    """
    chosen = [get_study(name) for name in names] or list(studies().values())
    shared = _distinct(studies().values())
    wanted = {_identity(entry): shared[_identity(entry)] for study in chosen for entry in study.entries()}
    began = time.perf_counter()
    run_study(list(wanted.values()), folder, progress=progress)
    written = []
    for study in chosen:
        rows = {
            row: [
                compact(read_json(Path(folder) / wanted[_identity(entry)].folder / RESULTS), entry.config.data.rotation)
                for entry in study.entries()
                if entry.method == _slug(row)
            ]
            for row in study.rows
        }
        described = {
            "study": study.name,
            "question": study.question,
            "synthetic": True,
            "tested": {turn: _tested(turn) for turn in dict.fromkeys(turn for turn, _ in study.turns)},
            "rows": rows,
            "origin": {
                **commit(),
                "versions": versions(),
                "cores": os.cpu_count(),
                "seconds": round(time.perf_counter() - began, 1),
                "training_seconds": round(sum(one["seconds"] for found in rows.values() for one in found), 1),
                "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            },
        }
        path = Path(stored) / f"{study.name}.json"
        write_json(path, described)
        written.append(path)
    return written


def _identity(entry: Entry) -> tuple:
    """What makes two rows of different studies the same run: all settings but the name."""
    return entry.config.replace(name=""), entry.seed


def _distinct(known: Iterable[Study]) -> dict[tuple, Entry]:
    """Return every distinct run once, under the name it has first, with all that any study wants measured on it."""
    found: dict[tuple, Entry] = {}
    for study in known:
        for entry in study.entries():
            first = found.get(_identity(entry), entry)
            also = tuple(dict.fromkeys((*first.also, *entry.also)))
            found[_identity(entry)] = dataclasses.replace(first, also=also)
    return found


def _tested(turn: int) -> list[str]:
    data = DEMO.replace(rotation=turn).data
    clips = open_configured(data).split("test")
    return list(dict.fromkeys(clip.subject for clip in clips))


def compact(result: Mapping[str, Any], rotation: int) -> dict[str, Any]:
    """Return one run's results with a column a metric instead of a dictionary a clip."""
    kept = {key: result[key] for key in ("seed", "test_means", "steps", "seconds", "parameters")}
    kept |= {"rotation": rotation, "test": _columns(result["test"])}
    if "locality" in result:
        kept["locality"] = result["locality"]
    if "expression_test" in result:
        rows = result["expression_test"]
        kept["expression_means"], kept["expression_test"] = means(rows), _columns(rows)
    kept["also"] = {name: {"means": means(rows), "test": _columns(rows)} for name, rows in result["also"].items()}
    return kept


def _columns(rows: Sequence[Mapping]) -> dict[str, list]:
    names = {key: [row[key] for row in rows] for key in ("clip", "style_clip")}
    return names | {key: [round(row[key], 5) for row in rows] for key in (*METRICS, *BESIDE)}


def expanded(result: Mapping[str, Any], name: str = "test") -> dict[str, Any]:
    """Return a stored run as `comparison.compare` takes it: a dictionary a clip.

    Parameters
    ----------
    result : mapping
        One of `load_study(...)["rows"][row]`.
    name : str
        ``"test"``, ``"expression_test"`` or a key of ``result["also"]``.
    """
    also = result["also"].get(name)
    columns = result[name] if also is None else also["test"]
    found = result["expression_means" if name == "expression_test" else "test_means"] if also is None else also["means"]
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return {**result, "test": rows, "test_means": found}


def load_study(name: str, stored: str | os.PathLike = STORED) -> dict[str, Any]:
    """Return a study's stored results.

    Raises
    ------
    MissingData
        If it was never run here.
    """
    path = Path(stored) / f"{name}.json"
    if not path.is_file():
        raise MissingData(f"{path} is not there; `make study` makes it")
    return read_json(path)
