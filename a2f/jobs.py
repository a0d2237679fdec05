"""Sound files to animate: what is to be made of each, and one of them made, so that none stops the others.

Nothing here depends on another file of the list, so a list may be divided over processes as it is.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from a2f.animation import FOLDERS, FORMATS, Animation
from a2f.audio import read_audio
from a2f.errors import A2FError, BadInput, MissingData
from a2f.files import sha256
from a2f.receipts import Receipt

# What makes an animation of a waveform at a2f.audio.SAMPLE_RATE, and gives it that name.
Speak = Callable[[np.ndarray, str], Animation]


@dataclass(frozen=True)
class Job:
    """A sound file, the folder of its results, and their formats."""

    wav: Path
    folder: Path
    formats: tuple[str, ...]

    @property
    def receipt(self) -> Path:
        """``<stem>.a2f.json``, which says what the results were made from."""
        return self.folder / f"{self.wav.stem}.a2f.json"

    def result(self, name: str) -> Path:
        """Return where a format's result lies, as `Animation.export` has it."""
        return self.folder / f"{self.wav.stem}{'-' if name in FOLDERS else '.'}{name}"


@dataclass(frozen=True)
class Result:
    """A file or folder that is there now.

    Parameters
    ----------
    path : Path
    new : bool
        False if an earlier call had made it from the same.
    error : float or None
        The largest distance of a vertex from where the file puts it, in `unit`, where the format measures it.
    unit : str
    """

    path: Path
    new: bool
    error: float | None = None
    unit: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of a job: the results that are there, in the order of its formats, and why others are not."""

    job: Job
    results: tuple[Result, ...] = ()
    failures: tuple[str, ...] = ()


def plan(
    wavs: Sequence[str | os.PathLike],
    out: str | os.PathLike,
    formats: Sequence[str],
    inputs: Sequence[str | os.PathLike | None] = (),
) -> list[Job]:
    """Return the jobs, in order, after checking all that can be checked without a model.

    Parameters
    ----------
    wavs : sequence of path-like
    out : path-like
        Folder of the results.
    formats : sequence of str
        Names of `a2f.animation.FORMATS`.
    inputs : sequence of path-like
        Further files that are read; no result may take the place of one.

    Raises
    ------
    MissingData
        If not one of the sound files is there.
    BadInput
        If there is none, a format is unknown, or results would overwrite each other or an input.
    """
    if not wavs:
        raise BadInput("no sound file was given")
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise BadInput(f"format {unknown[0] if unknown else ''!r} is unknown; there are {', '.join(FORMATS)}")
    if Path(out).exists() and not Path(out).is_dir():
        raise BadInput(f"{out} is a file; results need a folder")
    stems = [Path(wav).stem for wav in wavs]
    twice = sorted({stem for stem in stems if stems.count(stem) > 1})
    if twice:
        raise BadInput(
            f"several sound files are called {twice[0]!r}; their results would overwrite each other in {out}"
        )
    if not any(Path(wav).is_file() for wav in wavs):
        raise MissingData(f"{', '.join(map(str, wavs))}: no such file")
    jobs = [Job(Path(wav), Path(out), tuple(dict.fromkeys(formats))) for wav in wavs]
    read = {place: name for name in filter(None, inputs) for place in _places(Path(name))}
    for job in jobs:
        for path in map(job.result, job.formats):
            if path.resolve() in read:
                raise BadInput(f"{path} would take the place of {read[path.resolve()]}, which is read; name another "
                               "folder")  # fmt: skip
    return jobs


def animate_one(
    job: Job, speak: Speak, made_from: Mapping[str, str], *, force: bool = False, progress: bool = False
) -> Outcome:
    """Make what is not there yet of one job; what goes wrong is told in the outcome.

    Parameters
    ----------
    job : Job
    speak : callable
        Makes the animation, if any result is missing.
    made_from : mapping of str to str
        Digests of all that `speak` depends on.
    force : bool
        Make also what is there.
    progress : bool

    Returns
    -------
    Outcome
        Where one format fails, the others are made all the same.
    """
    try:
        waveform, _ = read_audio(job.wav)
        receipt = Receipt.open(job.receipt, {**made_from, "sound": sha256(job.wav)})
        missing = [name for name in job.formats if force or not receipt.holds(name, job.result(name))]
        animation = speak(waveform, job.wav.stem) if missing else None
    except (A2FError, OSError) as error:
        return Outcome(job, failures=(_named(job.wav, error),))
    results, failures = [], []
    for name in job.formats:
        path = job.result(name)
        try:
            if name in missing:
                found = FORMATS[name](animation, path, progress)
                measured = {} if found is None else {"largest_error": found, "unit": animation.topology.unit}
                receipt.add(name, path, **measured)
            note = receipt.results[name]
            results.append(Result(path, name in missing, note.get("largest_error"), note.get("unit", "")))
        except (A2FError, OSError) as error:
            failures.append(_named(f"{job.wav} as {name}", error))
    return Outcome(job, tuple(results), tuple(failures))


def _named(what: str | os.PathLike, error: Exception) -> str:
    """Return an error's text with the file's name before it, where it does not begin with that."""
    named = str(what) in str(error)
    return str(error) if named else f"{what}: {error}"


def _places(path: Path) -> tuple[Path, ...]:
    """Return a file and the folders around it."""
    return (path.resolve(), *path.resolve().parents)
