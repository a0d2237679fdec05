"""Published splits: who plays which role, how often, and what a user's own folder may say."""

import pytest

from a2f.data.splits import KNOWN_SPLITS, named_split, number, short, split_by_subject
from a2f.errors import BadInput


def roles(dataset, name, subjects, sentences, style=None):
    """Count the roles of every subject saying every sentence."""
    split = named_split(dataset, name)
    found = [role for s in subjects for t in sentences for role in split.roles(s, t, style)]
    return {role: found.count(role) for role in ("train", "val", "test")}


def vocaset_names():
    split = named_split("vocaset", "voca")
    names = [f"FaceTalk_{s}_TA" for part in (split.train, split.val, split.test) for s in part.subjects]
    return names, [f"sentence{i:02d}" for i in range(1, 41)]


def test_vocaset_has_12_subjects_8_of_them_for_training():
    names, sentences = vocaset_names()
    assert len(set(names)) == 12
    # 8 x 40; 2 x 20; 2 x 20, of which one is missing in everybody's copy
    assert roles("vocaset", "voca", names, sentences) == {"train": 320, "val": 40, "test": 40}
    assert roles("vocaset", "release", names, sentences) == {"train": 320, "val": 40, "test": 80}


def test_biwi_trains_on_192_emotional_sentences_and_tests_on_32_of_others():
    names = [f"F{i}" for i in range(1, 9)] + [f"M{i}" for i in range(1, 7)]
    sentences = [f"{i:02d}" for i in range(1, 41)]
    assert roles("biwi", None, names, sentences, "emotional") == {"train": 192, "val": 24, "test": 32}
    assert roles("biwi", "test-a", names, sentences, "emotional") == {"train": 192, "val": 24, "test": 24}
    assert roles("biwi", None, names, sentences, "neutral") == {"train": 0, "val": 0, "test": 0}
    split = named_split("biwi", None)
    assert not set(split.train.subjects) & set(split.test.subjects)


def test_multiface_is_9_4_2_as_released_and_9_2_2_where_nobody_has_two_roles():
    released, disjoint = named_split("multiface", "release"), named_split("multiface", "disjoint")
    assert [len(part.subjects) for part in (released.train, released.val, released.test)] == [9, 4, 2]
    assert set(released.test.subjects) < set(released.val.subjects)
    assert [len(part.subjects) for part in (disjoint.train, disjoint.val, disjoint.test)] == [9, 2, 2]
    everybody = [*disjoint.train.subjects, *disjoint.val.subjects, *disjoint.test.subjects]
    assert len(set(everybody)) == 13
    entity = "m--20180510--0000--2643814--GHS"
    assert short(entity) == "2643814"
    assert released.roles("m--20190529--1004--002643814--GHS", "SEN_a") == ["val", "test"]


def test_every_split_names_its_source_and_its_first_is_taken_by_default():
    for dataset, splits in KNOWN_SPLITS.items():
        assert named_split(dataset, None) is next(iter(splits.values()))
        assert all(len(split.source) > 20 for split in splits.values())
    with pytest.raises(BadInput, match="biwi has no split 'test-c'; there are test-b, test-a"):
        named_split("biwi", "test-c")


def test_sentences_are_told_by_the_number_at_their_end():
    assert [number(name) for name in ("sentence07", "e40", "12", "SEN_hello")] == [7, 40, 12, None]


def test_an_own_folder_is_divided_by_its_owner_or_by_its_last_subjects():
    own = split_by_subject(["a", "b", "c", "d"], None)
    assert [own.roles(s, "x") for s in "abcd"] == [["train"], ["train"], ["val"], ["test"]]
    given = split_by_subject(["a", "b"], {"train": ["a", "b"], "val": ["b"], "test": ["b"]})
    assert given.roles("b", "x") == ["train", "val", "test"]
    with pytest.raises(BadInput, match="2 subject.*a, b.*a2f.json"):
        split_by_subject(["a", "b"], None)
    with pytest.raises(BadInput, match="'z'; roles are"):
        split_by_subject(["a", "b", "c"], {"train": ["a"], "val": ["z"], "test": ["c"]})
    with pytest.raises(BadInput, match="'dev'"):
        split_by_subject(["a", "b", "c"], {"train": ["a"], "dev": ["b"], "test": ["c"]})
    with pytest.raises(BadInput, match="give val no subject"):
        split_by_subject(["a", "b", "c"], {"train": ["a"], "test": ["c"]})
