"""The file of ratings: one whole line an answer, on the disk before the next question is asked."""

from __future__ import annotations

import csv
import datetime
import io
import os
import threading
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from a2f.errors import BadInput, MissingData
from a2f.ratings.places import CRITERIA, SCALE, Place, check_rater


@dataclass(frozen=True)
class Rating:
    """One answer, a line of the file.

    Parameters
    ----------
    time : str
        When it was given, ISO 8601.
    rater : str
    clip : str
        Name of the film.
    sentence : str
        The data set's clip that is spoken in it.
    method : str
    criterion : str
        A key of `CRITERIA`.
    score : int
        1 to 5, a key of `SCALE`.
    position : int
        Its place in the rater's order, from 1.
    seed : int
        Which decided the order.

    Raises
    ------
    BadInput
        If a value is not one of these.
    """

    time: str
    rater: str
    clip: str
    sentence: str
    method: str
    criterion: str
    score: int
    position: int
    seed: int

    def __post_init__(self) -> None:
        check_rater(self.rater)
        for name in ("time", "clip", "sentence", "method"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value.strip() or not value.isprintable():
                raise BadInput(f"{name} is {value!r}, expected a text in one line")
        if self.criterion not in CRITERIA:
            raise BadInput(f"criterion is {self.criterion!r}, expected one of {', '.join(CRITERIA)}")
        if type(self.score) is not int or self.score not in SCALE:
            raise BadInput(f"score is {self.score!r}, expected a whole number from {min(SCALE)} to {max(SCALE)}")
        for name, least in (("position", 1), ("seed", 0)):
            value = getattr(self, name)
            if type(value) is not int or value < least:
                raise BadInput(f"{name} is {value!r}, expected a whole number of at least {least}")

    @property
    def question(self) -> tuple[str, str, str]:
        """Rater, film and criterion: what can be answered only once."""
        return self.rater, self.clip, self.criterion


FIELDS = tuple(field.name for field in fields(Rating))
_NUMBERS = ("score", "position", "seed")


def read_ratings(path: str | os.PathLike) -> tuple[list[Rating], str | None]:
    """Read a file of ratings.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    ratings : list of Rating
    note : str or None
        Says what was left out: a last line that was not written to its end, as after a power cut.

    Raises
    ------
    MissingData
        If there is no such file.
    BadInput
        If it is no file of ratings, a line before the last is damaged, or one question is answered twice.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingData(f"there are no ratings at {path}: rate some films in notebook 11, or give another file")
    return _parse(path.read_bytes(), path.name)


def _parse(content: bytes, name: str) -> tuple[list[Rating], str | None]:
    whole, tail = _whole_lines(content)
    ratings: list[Rating] = []
    seen: dict[tuple, int] = {}
    for number, line in enumerate(whole.splitlines(), 1):
        try:
            (values,) = csv.reader([line.decode("utf-8-sig" if number == 1 else "utf-8")], strict=True)
            if number == 1:
                if tuple(values) != FIELDS:
                    raise BadInput(f"its columns are {', '.join(values)[:200]}; expected {', '.join(FIELDS)}")
                continue
            rating = _rating(values)
        except (ValueError, csv.Error) as error:  # BadInput is a ValueError, and so is a byte that is no UTF-8
            raise BadInput(f"{name}, line {number} is not one of a file of ratings: {error}") from None
        if rating.question in seen:
            raise BadInput(
                f"{name}: lines {seen[rating.question]} and {number} both answer {rating.criterion} of film "
                f"{rating.clip} for rater {rating.rater}; delete one of them"
            )
        seen[rating.question] = number
        ratings.append(rating)
    if not tail:
        return ratings, None
    return ratings, f"{name}: the last line was not written to its end and is left out ({len(tail)} bytes)"


def _whole_lines(content: bytes) -> tuple[bytes, bytes]:
    """Split off what follows the last line end; a line counts only with its end, since a number may be cut too."""
    end = content.rfind(b"\n") + 1
    return content[:end], content[end:]


def _rating(values: list[str]) -> Rating:
    if len(values) != len(FIELDS):
        raise BadInput(f"it has {len(values)} columns, expected {len(FIELDS)}")
    found: dict = dict(zip(FIELDS, values, strict=True))
    for name in _NUMBERS:
        if not found[name].isdecimal():
            raise BadInput(f"{name} is {found[name]!r}, expected a whole number")
        found[name] = int(found[name])
    return Rating(**found)


class RatingFile:
    """Where answers go; several threads may write, and several raters one after the other.

    Parameters
    ----------
    path : path-like
        Made with the first answer.

    Attributes
    ----------
    note : str or None
        What was found damaged at the file's end, if something was; it is taken away with the next answer.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self.note = _parse(self._content(), self.path.name)[1]

    def ratings(self) -> list[Rating]:
        """Return what is in the file by now."""
        return _parse(self._content(), self.path.name)[0]

    def answer(self, place: Place, rater: str, score: int, seed: int) -> bool:
        """Write one answer, and return when it is on the disk.

        Parameters
        ----------
        place : Place
        rater : str
        score : int
            1 to 5.
        seed : int
            Which decided the order.

        Returns
        -------
        bool
            False if this question has an answer already, which then stays as it is.

        Raises
        ------
        BadInput
            If a value is wrong, or the file is no file of ratings.
        OSError
            If the disk is full or the file cannot be written; then nothing of the answer is in it.
        """
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        film = place.film
        rating = Rating(
            now, check_rater(rater), film.clip, film.sentence, film.method, place.criterion, score, place.position, seed
        )
        with self._lock:
            content = self._content()
            known, _ = _parse(content, self.path.name)
            if any(other.question == rating.question for other in known):
                return False
            whole, tail = _whole_lines(content)
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if tail:
                os.truncate(self.path, len(whole))
            self._append((b"" if whole else _line(FIELDS)) + _line(astuple(rating)))
            return True

    def _content(self) -> bytes:
        return self.path.read_bytes() if self.path.is_file() else b""

    def _append(self, text: bytes) -> None:
        """Write at the end in one call; what did not reach the disk is taken away again."""
        with open(self.path, "ab", buffering=0) as file:
            written = file.write(text)
            try:
                if written != len(text):
                    raise OSError(f"{self.path} could not be written to its end: is the disk full?")
                os.fsync(file.fileno())
            except OSError:
                file.truncate(file.tell() - written)
                raise


def _line(values: tuple) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(values)
    return buffer.getvalue().encode()
