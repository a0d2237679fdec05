"""Who is trained on, who validates and who tests, in each data set: published splits as data, each with its source.

Names are compared without what the data sets put around them: ``FaceTalk_170728_03272_TA`` is ``170728_03272``,
``m--20180227--0000--6795937--GHS`` is ``6795937``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from a2f.data.clip import SPLITS
from a2f.errors import BadInput


@dataclass(frozen=True)
class Part:
    """The recordings of one role.

    Parameters
    ----------
    subjects : tuple of str
    sentences : range
        By number: ``sentence07`` and ``e07`` are 7, and a name without a number is refused where this is not None.
    styles : tuple of str, optional
        Only recordings in these styles.
    """

    subjects: tuple[str, ...]
    sentences: range | None = None
    styles: tuple[str, ...] | None = None

    def holds(self, subject: str, sentence: str, style: str | None) -> bool:
        """Return whether a recording belongs here."""
        if short(subject) not in self.subjects or (self.styles is not None and style not in self.styles):
            return False
        return self.sentences is None or number(sentence) in self.sentences


@dataclass(frozen=True)
class Split:
    """A way to divide a data set; a subject or a recording may have more than one role.

    Parameters
    ----------
    source : str
        Who divides it so.
    train, val, test : Part
    """

    source: str
    train: Part
    val: Part
    test: Part

    def roles(self, subject: str, sentence: str, style: str | None = None) -> list[str]:
        """Return the roles of a recording, in the order train, val, test."""
        return [role for role in SPLITS if getattr(self, role).holds(subject, sentence, style)]


def short(subject: str) -> str:
    """Return a subject's name without what every subject of the data set has around it."""
    if found := re.fullmatch(r"FaceTalk_(\d+_\d+)_TA", subject):
        return found[1]
    if found := re.fullmatch(r"m--\d+--\d+--(\d+)--GHS", subject):
        return found[1]
    return subject


def number(sentence: str) -> int | None:
    """Return the number that ends a sentence's name, None where there is none."""
    found = re.search(r"(\d+)$", sentence)
    return int(found[1]) if found else None


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_VOCA_TRAIN = _words(
    "170728_03272 170904_00128 170725_00137 170915_00223 170811_03274 170913_03279 170904_03276 170912_03278"
)
_VOCA_VAL, _VOCA_TEST = _words("170811_03275 170908_03277"), _words("170809_00138 170731_00024")
_BIWI_SEEN, _BIWI_UNSEEN = _words("F2 F3 F4 M3 M4 M5"), _words("F1 F5 F6 F7 F8 M1 M2 M6")
_EMOTIONAL = ("emotional",)
_MESHTALK_TRAIN = _words("6795937 7889059 8870559 002914589 002757580 2183941 5067077 002539136 002645310")
_MESHTALK_FOUR, _MESHTALK_TWO = (
    _words("6674443 5372021 002643814 002421669"),
    _words("002643814 002421669"),
)

# By data set, then by name; the first of each is taken where none is named.
KNOWN_SPLITS: dict[str, dict[str, Split]] = {
    "vocaset": {
        "voca": Split(
            "VOCA (Cudeiro et al., 2019), also FaceFormer and CodeTalker: tested on sentences 21-40",
            Part(_VOCA_TRAIN, range(1, 41)),
            Part(_VOCA_VAL, range(21, 41)),
            Part(_VOCA_TEST, range(21, 41)),
        ),
        "release": Split(
            "the paper's released code: tested on sentences 1-40",
            Part(_VOCA_TRAIN, range(1, 41)),
            Part(_VOCA_VAL, range(21, 41)),
            Part(_VOCA_TEST, range(1, 41)),
        ),
    },
    "biwi": {
        "test-b": Split(
            "FaceFormer (Fan et al., 2022), Test-B: subjects not trained on; the paper's released code has it too",
            Part(_BIWI_SEEN, range(1, 33), _EMOTIONAL),
            Part(_BIWI_SEEN, range(33, 37), _EMOTIONAL),
            Part(_BIWI_UNSEEN, range(37, 41), _EMOTIONAL),
        ),
        "test-a": Split(
            "FaceFormer (Fan et al., 2022), Test-A: other sentences of the training subjects",
            Part(_BIWI_SEEN, range(1, 33), _EMOTIONAL),
            Part(_BIWI_SEEN, range(33, 37), _EMOTIONAL),
            Part(_BIWI_SEEN, range(37, 41), _EMOTIONAL),
        ),
    },
    "multiface": {
        "disjoint": Split(
            "the paper's released code, without the two test subjects among those that validate",
            Part(_MESHTALK_TRAIN),
            Part(tuple(name for name in _MESHTALK_FOUR if name not in _MESHTALK_TWO)),
            Part(_MESHTALK_TWO),
        ),
        "release": Split(
            "the paper's released code, 9 / 4 / 2: both test subjects are among those that validate",
            Part(_MESHTALK_TRAIN),
            Part(_MESHTALK_FOUR),
            Part(_MESHTALK_TWO),
        ),
    },
}


def named_split(dataset: str, name: str | None) -> Split:
    """Return a data set's split by name; its first one for None.

    Raises
    ------
    BadInput
        If the data set has no split of that name.
    """
    known = KNOWN_SPLITS[dataset]
    if name is None:
        return next(iter(known.values()))
    if name not in known:
        raise BadInput(f"{dataset} has no split {name!r}; there are {', '.join(known)}")
    return known[name]


def split_by_subject(subjects: Sequence[str], given: dict[str, Sequence[str]] | None) -> Split:
    """Return a split of a user's own recordings: as given, or the last subject tests and the one before validates.

    Parameters
    ----------
    subjects : sequence of str
        All subjects, in order.
    given : dict of str to sequence of str, optional
        Subjects by role.

    Raises
    ------
    BadInput
        If a role or subject is unknown, a role is empty, or there are too few subjects to divide.
    """
    if given is None:
        if len(subjects) < 3:
            raise BadInput(
                f"{len(subjects)} subject(s) ({', '.join(subjects)}) cannot be divided into training, validation and "
                'test; bring three, or say in a2f.json who is what: "splits": {"train": [...], "val": [...], '
                '"test": [...]}, where a subject may stand in several'
            )
        *train, val, test = subjects
        parts = {"train": train, "val": [val], "test": [test]}
        return Split("not stated: the last subject tests, the one before validates", **_parts(parts))
    unknown = sorted(set(given) - set(SPLITS)) or sorted({s for names in given.values() for s in names} - set(subjects))
    if unknown:
        raise BadInput(
            f"splits name {unknown[0]!r}; roles are {', '.join(SPLITS)}, subjects are {', '.join(subjects)}"
        )
    empty = [role for role in SPLITS if not given.get(role)]
    if empty:
        raise BadInput(f"splits give {empty[0]} no subject; each of {', '.join(SPLITS)} needs one at least")
    return Split("the owner's a2f.json", **_parts(given))


def _parts(subjects: dict[str, Sequence[str]]) -> dict[str, Part]:
    return {role: Part(tuple(short(name) for name in names)) for role, names in subjects.items()}
