"""BIWI's subjects and sentences by name: what a whole copy holds, and what is missing in everybody's."""

from __future__ import annotations

import re
from collections.abc import Iterable

from a2f.data.survey import GAP, KNOWN, NOTE, Finding

FPS = 25.0
SUBJECTS = tuple(f"{letter}{number}" for letter, most in (("F", 8), ("M", 6)) for number in range(1, most + 1))
SENTENCES = range(1, 41)
STYLES = {"": "neutral", "e": "emotional"}
# Published training splits name 192 recordings, of which everybody has 190.
NEVER_THERE = ("F3_e02", "F3_e03")


def sentence_of(name: str) -> tuple[str, str] | None:
    """Return style and sentence of a name such as ``e01`` ("emotional", "01") or ``01``; None for another name."""
    fits = re.fullmatch(r"(e?)(\d\d)", name)
    return (STYLES[fits[1]], fits[2]) if fits and int(fits[2]) in SENTENCES else None


def missing(found: Iterable[str]) -> list[Finding]:
    """Say which recordings are not there.

    Parameters
    ----------
    found : iterable of str
        Those that are, whole or not, as ``F1_e01``.
    """
    found = set(found)
    subjects = [subject for subject in SUBJECTS if any(name.startswith(f"{subject}_") for name in found)]
    absent = [subject for subject in SUBJECTS if subject not in subjects]
    findings = [Finding(GAP, f"no recording of subject {subject}") for subject in absent]
    for letter, style in STYLES.items():
        wanted = {s: [f"{s}_{letter}{number:02d}" for number in SENTENCES] for s in subjects}
        if found.isdisjoint(name for names in wanted.values() for name in names):
            first, last = f"{letter}01", f"{letter}40"
            findings.append(Finding(NOTE, f"no {style} recording ({first} to {last}) of any subject"))
            continue
        for subject, names in wanted.items():
            gone = [name for name in names if name not in found]
            if len(gone) == len(names):
                findings.append(Finding(GAP, f"no {style} recording of subject {subject}"))
                continue
            findings += [
                Finding(KNOWN, f"{name} is not there, nor in other copies of BIWI")
                if name in NEVER_THERE
                else Finding(GAP, f"{name} is not there")
                for name in gone
            ]
    return findings
