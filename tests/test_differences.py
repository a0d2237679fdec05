"""The list of differences between text and release is whole, and the presets do what it says."""

import dataclasses

import pytest

from a2f.config import PAPER, RELEASE, on_dataset
from a2f.data.splits import KNOWN_SPLITS
from a2f.differences import DIFFERENCES
from a2f.protocols import PROTOCOLS

FIELDS = {
    f"{part}.{field.name}" for part in ("model", "training", "data")
    for field in dataclasses.fields(getattr(PAPER, part))
}  # fmt: skip


def value(config, name):
    part, field = name.split(".")
    return getattr(getattr(config, part), field)


def test_there_are_48_points_each_with_a_field_or_a_reason():
    assert [one.number for one in DIFFERENCES] == list(range(1, 49))
    for one in DIFFERENCES:
        assert bool(one.field) != bool(one.reason), one
        assert one.topic and one.text and one.release, one
        assert not one.reason or len(one.reason) > 15, one


@pytest.mark.parametrize("one", [one for one in DIFFERENCES if one.field], ids=lambda one: f"{one.number} {one.topic}")
def test_every_field_is_one(one):
    kind, name = one.field.split(".")
    if kind == "protocol":
        assert name in PROTOCOLS
    elif kind == "split":
        assert name in KNOWN_SPLITS
    else:
        assert one.field in FIELDS


def test_all_that_the_two_presets_differ_in_is_on_the_list():
    differ = {name for name in FIELDS if value(PAPER, name) != value(RELEASE, name)}
    assert differ <= {one.field for one in DIFFERENCES}
    assert len(differ) >= 10
    for one in DIFFERENCES:
        if one.number in (1, 2, 4, 8, 18, 19, 21, 23, 31, 35):
            assert one.field in differ, one.topic


def test_what_the_release_does_for_one_data_set_comes_with_its_preset():
    assert on_dataset(RELEASE, "biwi", 25.0).training.data_weight == 0.1
    assert on_dataset(PAPER, "biwi", 25.0).training.data_weight == 1.0
    for name in ("vocaset", "multiface"):
        assert on_dataset(RELEASE, name, 30.0).data.split == "release" in KNOWN_SPLITS[name]
        assert on_dataset(PAPER, name, 30.0).data.split is None
    changed = on_dataset(PAPER, "biwi", 25.0).data
    assert (changed.dataset, changed.fps) == ("biwi", 25.0)
