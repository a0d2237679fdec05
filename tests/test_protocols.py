"""Protocols: which motions they offer, to every method the same, and of whom: the target is in `self` alone."""

from __future__ import annotations

import dataclasses

import pytest

from a2f import protocols
from a2f.data import Dataset
from a2f.errors import BadInput
from a2f.protocols import HEADLINE, PROTOCOLS, candidates, style_motions

DRAWN = ("best-of-K", "random-K")


@pytest.fixture(scope="module")
def many(make_dataset) -> Dataset:
    """Sixty training clips, so that K is six."""
    return make_dataset(sentences=30)


def names(dataset: Dataset, protocol: str, seed: int = 0, split: str = "test") -> dict[str, list[str]]:
    """The motions offered for every clip of a split, by name."""
    return {c.name: [m.name for m in style_motions(dataset, c, protocol, seed)] for c in dataset.split(split)}


def test_the_four_protocols():
    assert set(PROTOCOLS) == {HEADLINE, "self", *DRAWN}
    assert all(PROTOCOLS.values())


@pytest.mark.parametrize("sentences, expected", [(2, 1), (6, 1), (7, 1), (8, 2), (30, 6), (37, 7), (38, 8)])
def test_k_is_a_tenth_of_the_training_clips(make_dataset, sentences, expected):
    """Of two training subjects with so many sentences; rounded, and at least one."""
    assert candidates(make_dataset(sentences=sentences)) == expected


def test_k_of_the_demo_corpus_is_that_of_the_paper_s_vocaset():
    from a2f.data import open_dataset

    assert candidates(open_dataset("demo", fps=15)) == 32


def test_how_many_motions_each_protocol_offers(many, monkeypatch):
    def count():
        return {protocol: {len(motions) for motions in names(many, protocol).values()} for protocol in PROTOCOLS}

    assert count() == {HEADLINE: {1}, "self": {1}, "best-of-K": {6}, "random-K": {6}}
    monkeypatch.setattr(protocols, "SHARE", 3)
    assert count() == {HEADLINE: {1}, "self": {1}, "best-of-K": {20}, "random-K": {8}}
    for clip, motions in names(many, "best-of-K").items():
        assert names(many, "random-K")[clip] == motions[:8], "the first of the same motions"


def test_headline_is_the_speaker_in_another_sentence(many):
    for split in ("train", "val", "test"):
        for clip in many.split(split):
            (motion,) = style_motions(many, clip, HEADLINE, 3)
            assert (motion.subject, motion.style, motion.split) == (clip.subject, clip.style, clip.split)
            assert motion.sentence != clip.sentence


def test_self_is_the_target(many):
    for clip in many.split("test"):
        assert style_motions(many, clip, "self", 0) == [clip]


@pytest.mark.parametrize("protocol", DRAWN)
@pytest.mark.parametrize("split", ["val", "test"])
def test_drawn_motions_are_of_training_speakers_alone(many, protocol, split):
    subjects = set()
    for clip in many.split(split):
        for motion in style_motions(many, clip, protocol, 0):
            assert motion.split == "train" and motion.subject != clip.subject
            subjects.add(motion.subject)
    assert subjects == {"s0", "s1"}, "and of all of them"


@pytest.mark.parametrize("protocol", DRAWN)
def test_a_training_clip_is_never_drawn_for_itself_or_its_speaker(many, protocol):
    for seed in range(3):
        for clip in many.split("train"):
            assert all(motion.subject != clip.subject for motion in style_motions(many, clip, protocol, seed))


@pytest.mark.parametrize("protocol", [HEADLINE, *DRAWN])
def test_seed_and_name_alone_decide(many, protocol):
    """Not the order of asking, nor what the target's motion is, nor which other clips are tested."""
    first = names(many, protocol, seed=4)
    assert names(many, protocol, seed=4) == first
    assert any(names(many, protocol, seed=seed) != first for seed in range(4))
    clip = many.split("test")[7]
    spoilt = dataclasses.replace(clip, coefficients=0 * clip.coefficients)
    assert [motion.name for motion in style_motions(many, spoilt, protocol, 4)] == first[clip.name]
    without = tuple(c for c in many.clips if c.split != "val")
    assert names(dataclasses.replace(many, clips=without), protocol, seed=4) == first
    assert len({tuple(motions) for motions in first.values()}) > 1, "clips get motions of their own"


def test_motions_are_drawn_with_replacement_and_evenly(many, monkeypatch):
    monkeypatch.setattr(protocols, "SHARE", 1)
    counts: dict[str, int] = {}
    repeated = 0
    for motions in names(many, "best-of-K").values():
        repeated += len(set(motions)) < len(motions)
        for name in motions:
            counts[name] = counts.get(name, 0) + 1
    assert repeated == 30, "sixty draws of sixty never give all"
    assert len(counts) == 60 and max(counts.values()) < 60  # 1800 draws, 30 each expected


def test_what_cannot_be_offered_is_refused_by_name(many):
    clip = many.split("test")[0]
    with pytest.raises(BadInput, match="'leak'.*same-speaker-other-sentence, self, best-of-K, random-K"):
        style_motions(many, clip, "leak", 0)
    lonely = dataclasses.replace(many, clips=(clip,))
    with pytest.raises(BadInput, match="s3-0: subject s3 has no other sentence"):
        style_motions(lonely, clip, HEADLINE, 0)
    one = dataclasses.replace(many, clips=tuple(c for c in many.clips if c.subject == "s0"))
    for protocol in DRAWN:
        with pytest.raises(BadInput, match=f"s0-0: nobody but subject s0 is trained on, whom {protocol} leaves out"):
            style_motions(one, one.clips[0], protocol, 0)
