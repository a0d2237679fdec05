"""What is asked of a rater, and in which order: every film once, in an order of the rater's own."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from a2f.errors import BadInput

# The two things that section 5.3 asks for, each as the question that a rater reads.
CRITERIA = {
    "naturalness": "How natural does the motion of the face look?",
    "synchronization": "How well do the sound and the motion of the face fit together in time?",
}
# The words of the mean opinion score's scale, ITU-T P.800 annex B.
SCALE = {1: "bad", 2: "poor", 3: "fair", 4: "good", 5: "excellent"}
_RATER = re.compile(r"[\w][\w .-]{0,39}")


@dataclass(frozen=True)
class Film:
    """One film to be rated.

    Parameters
    ----------
    clip : str
        Its own name, which tells nothing of the method.
    sentence : str
        The data set's clip that is spoken in it.
    method : str
    path : Path
    """

    clip: str
    sentence: str
    method: str
    path: Path


@dataclass(frozen=True)
class Place:
    """One question about one film; `position` counts from 1."""

    position: int
    film: Film
    criterion: str


def check_rater(rater: str) -> str:
    """Return a rater's name without blanks around it.

    Raises
    ------
    BadInput
        If it is empty, longer than 40 characters or has other signs than letters, digits, blanks, ``_``, ``.``, ``-``.
    """
    name = rater.strip() if isinstance(rater, str) else ""
    if not _RATER.fullmatch(name):
        raise BadInput(
            f"rater is {rater!r}; give a name or pseudonym of at most 40 letters, digits, blanks, '_', '.' or '-' that "
            "begins with a letter or digit"
        )
    return name


def places(films: Sequence[Film], rater: str, seed: int) -> list[Place]:
    """Return all questions in a rater's order.

    Seed and rater decide it, on every machine and in every version alike. Each film comes once and is asked about in
    all criteria, whose order is the rater's own too.

    Parameters
    ----------
    films : sequence of Film
    rater : str
    seed : int

    Returns
    -------
    list of Place

    Raises
    ------
    BadInput
        If there is no film, two films have one name, or the rater's name cannot be used.
    """
    rater = check_rater(rater)
    names = [film.clip for film in films]
    if not films or len(set(names)) != len(names):
        raise BadInput(f"{len(films)} films of {len(set(names))} names were given; expected at least one, none twice")

    def key(name: str) -> bytes:
        # a sort by hashes is a shuffle that needs no generator, whose stream could change between versions
        return hashlib.sha256(f"{seed}\n{rater}\n{name}".encode()).digest()

    asked = sorted(CRITERIA, key=key)
    pairs = [(film, name) for film in sorted(films, key=lambda film: key(film.clip)) for name in asked]
    return [Place(position, film, name) for position, (film, name) in enumerate(pairs, 1)]


def page_texts(place: Place, total: int) -> tuple[str, str]:
    """Return what a rater reads beside a film: where the study is, and the question.

    Parameters
    ----------
    place : Place
    total : int
        How many questions there are.
    """
    each = len(CRITERIA)
    film, question = divmod(place.position - 1, each)
    return f"Film {film + 1} of {total // each}, question {question + 1} of {each}", CRITERIA[place.criterion]
