"""Multiface's subjects and sentences by name: what a whole copy holds, and what was never released."""

from __future__ import annotations

from collections.abc import Mapping

from a2f.data.splits import KNOWN_SPLITS, short
from a2f.data.survey import GAP, KNOWN, NOTE, Finding

FPS = 30.0
PREFIX = "SEN_"  # of what is a sentence; the other recordings are expressions, without sound
NUM_SENTENCES = 50
_RELEASE = KNOWN_SPLITS["multiface"]["release"]  # its test subjects validate too
SUBJECTS = (*_RELEASE.train.subjects, *_RELEASE.val.subjects)
# The data set's own list of files names so few sentences of this subject (12 of 50).
FEW, NUM_FEW = "002757580", 12


def text_of(sentence: str) -> str:
    """Return the words that a sentence's name spells."""
    return sentence.removeprefix(PREFIX).replace("_", " ")


def missing(found: Mapping[str, set[str]]) -> list[Finding]:
    """Say which recordings are not there.

    Parameters
    ----------
    found : mapping of str to set of str
        The sentences of each subject that are, whole or not.
    """
    there = {short(subject) for subject in found}
    findings = [Finding(GAP, f"no recording of subject {name}") for name in SUBJECTS if name not in there]
    every = sorted(set().union(*found.values()))
    if len(every) < NUM_SENTENCES:
        findings.append(Finding(NOTE, f"{len(every)} different sentences are there; the data set has {NUM_SENTENCES}"))
    for subject, sentences in found.items():
        gone = [sentence for sentence in every if sentence not in sentences]
        if short(subject) == FEW and gone and len(sentences) >= NUM_FEW:
            text = f"{subject}: {len(sentences)} of {NUM_SENTENCES} sentences; no more of this subject were released"
            findings.append(Finding(KNOWN, text))
        elif len(gone) == len(every):
            findings.append(Finding(GAP, f"{subject}: no sentence at all is there"))
        else:
            findings += [Finding(GAP, f"{subject}: {sentence} is not there") for sentence in gone]
    return findings
