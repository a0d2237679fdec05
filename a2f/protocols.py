"""Which motion a method may see besides the speech: the question that decides what a table measures (section 5.1)."""

from __future__ import annotations

import numpy as np

from a2f.data import Clip, Dataset
from a2f.errors import BadInput

HEADLINE = "same-speaker-other-sentence"
PROTOCOLS = {
    HEADLINE: "another sentence of the same speaker in the same style; the headline, no leak",
    "self": "the ground truth itself, as the released inference script does: its statistics leak",
    "best-of-K": "K motions of training speakers, and of the K results the one nearest to the ground truth, as the "
    "released training script reports: an oracle",
    "random-K": "the first eight of the same motions, and the mean of their errors: somebody else's way of moving, "
    "no leak",
}
SHARE = 10  # the released code draws a tenth of the training set's size
RANDOM = 8  # of these are enough for a mean


def candidates(dataset: Dataset) -> int:
    """Return K: a tenth of the number of training clips, rounded, as in the released code; at least 1."""
    return max(1, round(len(dataset.split("train")) / SHARE))


def style_motions(dataset: Dataset, clip: Clip, protocol: str, seed: int) -> list[Clip]:
    """Return the motions that a protocol offers for a clip: one, or up to K for ``best-of-K`` and ``random-K``.

    The seed and the clip's name alone decide them, so every method is given the same.

    Raises
    ------
    BadInput
        If there is no such protocol, the speaker has no other sentence in the clip's style, or nobody else is trained
        on.
    """
    if protocol not in PROTOCOLS:
        raise BadInput(f"no protocol is called {protocol!r}; there are {', '.join(PROTOCOLS)}")
    if protocol == "self":
        return [clip]
    if protocol == HEADLINE:
        return [dataset.style_partner(clip, seed)]
    training = [other for other in dataset.split("train") if other.subject != clip.subject]
    if not training:
        raise BadInput(f"clip {clip.name}: nobody but subject {clip.subject} is trained on, whom {protocol} leaves out")
    rng = np.random.default_rng([seed, *clip.name.encode()])
    drawn = rng.integers(len(training), size=candidates(dataset))  # with replacement, as released
    return [training[index] for index in (drawn[:RANDOM] if protocol == "random-K" else drawn)]
