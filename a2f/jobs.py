"""Sound files to animate: what is to be made of each, and one of them made, so that none stops the others.

Nothing here depends on another file of the list, so a list may be divided over processes as it is; a file that another
process is at is refused.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from a2f.animation import FOLDERS, FORMATS, Animation
from a2f.audio import read_audio, sound_size
from a2f.errors import A2FError, BadInput, MissingData
from a2f.files import sha256
from a2f.locks import LOCK, alone_in
from a2f.long_recordings import InPieces
from a2f.receipts import Receipt
from a2f.recordings import find

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
        Files, and folders that are searched through (`a2f.recordings.find`).
    out : path-like
        Folder of the results; what lies in a folder's folder has its results in one of the same name.
    formats : sequence of str
        Names of `a2f.animation.FORMATS`.
    inputs : sequence of path-like
        Further files that are read; no result may take the place of one.

    Raises
    ------
    MissingData
        If not one of the sound files is there.
    BadInput
        If there is none, in a folder neither, a format is unknown, or results would overwrite each other or an input.
    """
    if not wavs:
        raise BadInput("no sound file was given")
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise BadInput(f"format {unknown[0] if unknown else ''!r} is unknown; there are {', '.join(FORMATS)}")
    if Path(out).exists() and not Path(out).is_dir():
        raise BadInput(f"{out} is a file; results need a folder")
    found = find(wavs)
    counted = Counter((within, wav.stem) for wav, within in found)
    twice = min((key for key, count in counted.items() if count > 1), default=None)
    if twice:
        raise BadInput(
            f"several sound files are called {twice[1]!r}; their results would overwrite each other in "
            f"{Path(out) / twice[0]}"
        )
    if not any(wav.is_file() for wav, _ in found):
        raise MissingData(f"{', '.join(map(str, wavs))}: no such file")
    jobs = [Job(wav, Path(out) / within, tuple(dict.fromkeys(formats))) for wav, within in found]
    read = {place: name for name in filter(None, inputs) for place in _places(Path(name))}
    for job in jobs:
        for path in map(job.result, job.formats):
            if path.resolve() in read:
                raise BadInput(f"{path} would take the place of {read[path.resolve()]}, which is read; name another "
                               "folder")  # fmt: skip
    return jobs


def animate_one(
    job: Job,
    speak: Speak,
    made_from: Mapping[str, str],
    *,
    pieces: InPieces | None = None,
    force: bool = False,
    progress: bool = False,
) -> Outcome:
    """Make what is not there yet of one job; what goes wrong is told in the outcome.

    Parameters
    ----------
    job : Job
    speak : callable
        Makes the whole animation, if a result is missing that needs it.
    made_from : mapping of str to str
        Digests of all that `speak` depends on.
    pieces : InPieces, optional
        Makes what long recordings need no whole animation for, and says when there is no memory for one.
    force : bool
        Make also what is there.
    progress : bool

    Returns
    -------
    Outcome
        Where one format fails, the others are made all the same.
    """
    try:
        sound_size(job.wav, longest=None)
        made_from = {**made_from, "sound": sha256(job.wav)}
        receipt = Receipt.open(job.receipt, made_from)
        if not _missing(job, receipt, force):
            return Outcome(job, tuple(_result(job, name, receipt, False) for name in job.formats))
        with alone_in(job.folder, f"animating {job.wav.name}", f".{job.wav.stem}{LOCK}"):
            receipt = Receipt.open(job.receipt, made_from)  # another process may have made it meanwhile
            return _make(job, speak, pieces, receipt, _missing(job, receipt, force), progress)
    except (A2FError, OSError) as error:
        return Outcome(job, failures=(_named(job.wav, error),))


def _missing(job: Job, receipt: Receipt, force: bool) -> list[str]:
    return [name for name in job.formats if force or not receipt.holds(name, job.result(name))]


def _result(job: Job, name: str, receipt: Receipt, new: bool) -> Result:
    note = receipt.results[name]
    return Result(job.result(name), new, note.get("largest_error"), note.get("unit", ""))


def _make(
    job: Job, speak: Speak, pieces: InPieces | None, receipt: Receipt, missing: list[str], progress: bool
) -> Outcome:
    """Make the missing results, those that need the whole animation from one."""
    in_pieces = {name for name in missing if pieces and pieces.takes(name, job.wav)}
    results, failures, animation = [], [], None
    if set(missing) - in_pieces:
        try:
            if pieces:
                pieces.check_whole(job.wav)
            animation = speak(read_audio(job.wav)[0], job.wav.stem)
        except (A2FError, OSError) as error:
            failures.append(_named(job.wav, error))
    for name in job.formats:
        path = job.result(name)
        try:
            if name in in_pieces:
                pieces.write(name, job.wav, path, progress)
                receipt.add(name, path)
            elif name in missing and animation is None:
                continue
            elif name in missing:
                found = FORMATS[name](animation, path, progress)
                measured = {} if found is None else {"largest_error": found, "unit": animation.topology.unit}
                receipt.add(name, path, **measured)
            results.append(_result(job, name, receipt, name in missing))
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
