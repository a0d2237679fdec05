"""Clips and data sets keep their promises; the demo corpus is what its files say."""

from __future__ import annotations

import collections
import dataclasses
import json

import numpy as np
import pytest

from a2f.config import DataConfig
from a2f.data import SPLITS, limit, open_dataset, rotate, spread
from a2f.data import assets as assets_module
from a2f.errors import BadInput, MissingData


@pytest.fixture(scope="module")
def demo():
    return open_dataset("demo", fps=30)


# ---- clips and data sets


def test_vertices_are_the_template_plus_coefficients_times_basis(dataset):
    clip = dataset.clips[0]
    for t in (0, 7, clip.num_frames - 1):
        expected = clip.template + sum(c * row for c, row in zip(clip.coefficients[t], clip.basis, strict=True))
        np.testing.assert_allclose(clip.vertices[t], expected, rtol=1e-5, atol=1e-5)
    assert clip.vertices.dtype == np.float32 and clip.vertices.shape == (clip.num_frames, 30, 3)
    assert clip.duration == clip.num_frames / 30


@pytest.mark.parametrize("kind", ["dataset", "dense_dataset"])
@pytest.mark.parametrize("frames", [[0], [5, 3, 3, -1], [], range(40)], ids=str)
def test_the_faces_of_some_frames_are_those_of_all_frames(kind, frames, request):
    clip = request.getfixturevalue(kind).clips[0]
    found = clip.vertices_at(np.array(frames, dtype=int))
    assert found.shape == (len(frames), 30, 3) and found.dtype == np.float32
    np.testing.assert_allclose(found, clip.vertices[np.array(frames, dtype=int)], rtol=1e-6, atol=1e-5)


def test_a_clip_offers_vertices_in_exactly_one_way(dataset):
    clip = dataset.clips[0]
    for change in (
        {"read_vertices": clip.vertices_at},
        {"coefficients": None},
        {"basis": None},
        {"coefficients": None, "basis": None},
    ):
        with pytest.raises(BadInput, match="s0-0: give either read_vertices, or coefficients with their basis"):
            dataclasses.replace(clip, **change)


def test_coefficients_must_fit_frames_and_basis(dataset):
    clip = dataset.clips[0]
    with pytest.raises(BadInput, match=r"\(39, 4\), expected \(40, 4\)"):
        dataclasses.replace(clip, coefficients=clip.coefficients[:-1])
    with pytest.raises(BadInput, match="'dev'"):
        dataclasses.replace(clip, split="dev")


def test_splits_clips_and_subjects_are_found_by_name(dataset):
    assert [len(dataset.split(name)) for name in SPLITS] == [12, 6, 6]
    assert dataset.subjects == ["s0", "s1", "s2", "s3"]
    assert dataset.clip("s2-3").name == "s2-3"
    with pytest.raises(BadInput, match="'s9-0'"):
        dataset.clip("s9-0")
    with pytest.raises(BadInput, match="'dev'"):
        dataset.split("dev")


def test_a_style_partner_shares_who_and_how_but_not_what(dataset):
    for clip in dataset.clips:
        for seed in range(5):
            partner = dataset.style_partner(clip, seed)
            assert (partner.subject, partner.style, partner.split) == (clip.subject, clip.style, clip.split)
            assert partner.sentence != clip.sentence


def test_style_partners_depend_on_clip_and_seed_alone(dataset):
    first = [dataset.style_partner(clip, 0).name for clip in dataset.clips]
    assert [dataset.style_partner(clip, 0).name for clip in reversed(dataset.clips)][::-1] == first
    assert any([dataset.style_partner(clip, seed).name for clip in dataset.clips] != first for seed in range(1, 5))


def test_a_subject_without_another_sentence_has_no_partner(dataset):
    clip = dataset.clips[0]
    same_words = dataclasses.replace(clip, name="again")
    alone = dataclasses.replace(dataset, clips=(clip, same_words))
    with pytest.raises(BadInput, match="s0-0: subject s0 has no other sentence in style 'a'"):
        alone.style_partner(clip, 0)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 6])
def test_spread_takes_styles_in_turn_and_keeps_the_order(dataset, count):
    own = [clip for clip in dataset.clips if clip.subject == "s0"]
    kept = spread(own, count)
    assert len(kept) == count and kept == [clip for clip in own if clip in kept]
    counts = collections.Counter(clip.style for clip in kept)
    assert abs(counts["a"] - counts["b"]) <= 1


def test_spread_over_many_subjects_leaves_none_out(dataset):
    kept = spread(list(dataset.clips), 8)
    assert collections.Counter((c.subject, c.style) for c in kept) == {
        (subject, style): 1 for subject in dataset.subjects for style in "ab"
    }
    assert spread(list(dataset.clips), None) == spread(list(dataset.clips), 99) == list(dataset.clips)


def test_limit_keeps_first_subjects_and_as_many_clips_of_each(dataset):
    limited = limit(dataset, DataConfig(subjects_per_split=1, clips_per_subject=4))
    assert limited.subjects == ["s0", "s2", "s3"]
    assert set(collections.Counter(c.subject for c in limited.clips).values()) == {4}
    assert limited.topology is dataset.topology and len(dataset.clips) == 24
    assert limit(dataset, DataConfig()).clips == dataset.clips


# ---- other test subjects


def roles(dataset) -> dict[str, list[str]]:
    return {split: list(dict.fromkeys(clip.subject for clip in dataset.split(split))) for split in SPLITS}


@pytest.fixture(scope="module")
def own_texts(dataset):
    """The tiny data set, with nothing that two subjects say."""
    clips = (dataclasses.replace(clip, sentence=f"{clip.subject} {clip.sentence}") for clip in dataset.clips)
    return dataclasses.replace(dataset, clips=tuple(clips))


def test_rotation_moves_every_role_on_by_the_test_subjects(own_texts):
    assert rotate(own_texts, 0) is own_texts and own_texts.rotation == 0
    assert roles(rotate(own_texts, 1)) == {"train": ["s1", "s2"], "val": ["s3"], "test": ["s0"]}
    assert roles(rotate(own_texts, 2)) == {"train": ["s2", "s3"], "val": ["s0"], "test": ["s1"]}
    for rotation in range(1, 5):
        rotated = rotate(own_texts, rotation)
        assert rotated.rotation == rotation and len(rotated.clips) == 24
        for clip in rotated.clips:
            before = own_texts.clip(clip.name)
            assert clip.coefficients is before.coefficients and clip.template is before.template
            assert (clip.subject, clip.sentence, clip.style) == (before.subject, before.sentence, before.style)
    assert roles(rotate(own_texts, 4)) == roles(own_texts), "once around"
    assert roles(own_texts)["test"] == ["s3"], "what was given is not touched"


def test_a_training_clip_whose_sentence_is_tested_is_left_out(own_texts):
    shared = {"s1-2", "s2-4", "s3-1"}  # one that trains in rotation 1 each, and one that validates
    clips = (dataclasses.replace(c, sentence="s0 t5") if c.name in shared else c for c in own_texts.clips)
    rotated = rotate(dataclasses.replace(own_texts, clips=tuple(clips)), 1)
    assert {clip.name for clip in own_texts.clips} - {clip.name for clip in rotated.clips} == {"s1-2", "s2-4"}


def test_rotating_to_the_rotation_it_has_changes_nothing_and_to_another_is_refused(own_texts):
    rotated = rotate(own_texts, 1)
    assert rotate(rotated, 1) is rotated
    for other in (0, 2):
        with pytest.raises(BadInput, match=f"has rotation 1 and cannot be given {other}; open it anew"):
            rotate(rotated, other)


def test_limiting_twice_is_limiting_once(own_texts):
    """A study limits the data set that it measures on, and the training it starts limits it again."""
    config = DataConfig(rotation=1, subjects_per_split=1, clips_per_subject=4)
    once = limit(own_texts, config)
    assert roles(once) == {"train": ["s1"], "val": ["s3"], "test": ["s0"]} and len(once.clips) == 12
    assert limit(once, config).clips == once.clips


def test_open_dataset_names_what_it_cannot_open():
    with pytest.raises(BadInput, match="'vocasset'.*vocaset"):
        open_dataset("vocasset")
    with pytest.raises(MissingData, match="vocaset is not shipped.*--data-root"):
        open_dataset("vocaset")
    with pytest.raises(MissingData, match="'nowhere' is not a folder"):
        open_dataset("biwi", root="nowhere")
    with pytest.raises(BadInput, match="takes no data_root, but 'somewhere'"):
        open_dataset("demo", root="somewhere")


# ---- shipped assets


@pytest.fixture
def own_assets(tmp_path, monkeypatch):
    """An asset folder of our own with one file, `a.txt`, that holds "hello"."""
    digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    (tmp_path / "a.txt").write_text("hello")
    (tmp_path / "manifest.json").write_text(json.dumps({"files": {"a.txt": {"sha256": digest, "bytes": 5}}}))
    monkeypatch.setattr(assets_module, "ROOT", tmp_path)
    assets_module.manifest.cache_clear(), assets_module.asset.cache_clear()
    yield tmp_path
    assets_module.manifest.cache_clear(), assets_module.asset.cache_clear()


def test_an_asset_is_given_out_only_with_the_bytes_of_the_manifest(own_assets):
    assert assets_module.asset("a.txt").read_text() == "hello"
    assets_module.asset.cache_clear()
    (own_assets / "a.txt").write_text("hellp")
    with pytest.raises(BadInput, match="a.txt is damaged.*2cf24dba5fb0.*install a2f again"):
        assets_module.asset("a.txt")
    (own_assets / "a.txt").unlink()
    with pytest.raises(MissingData, match="a.txt is missing from this installation"):
        assets_module.asset("a.txt")
    with pytest.raises(MissingData, match="'b.txt'"):
        assets_module.asset("b.txt")


# ---- the demo corpus


def test_demo_has_eight_two_and_two_speakers_with_forty_clips_each(demo):
    assert demo.synthetic and demo.topology.unit == "mm" and len(demo.clips) == 480
    subjects = {split: {clip.subject for clip in demo.split(split)} for split in SPLITS}
    assert {split: len(names) for split, names in subjects.items()} == {"train": 8, "val": 2, "test": 2}
    assert len(set.union(*subjects.values())) == 12, "no speaker is in two splits"
    assert set(collections.Counter(clip.subject for clip in demo.clips).values()) == {40}
    assert len({clip.name for clip in demo.clips}) == 480


def test_demo_tests_on_words_that_training_never_hears(demo):
    words = {split: {clip.text for clip in demo.split(split)} for split in SPLITS}
    assert not words["test"] & words["train"] and not words["val"] & words["train"]
    texts: dict[str, set] = {}
    for clip in demo.clips:
        texts.setdefault(clip.sentence, set()).add(clip.text)
    assert all(len(found) == 1 for found in texts.values()), "a sentence id stands for one text"


def test_over_six_rotations_of_demo_every_speaker_is_tested_once_and_never_heard_before(demo):
    tested = []
    for rotation in range(6):
        rotated = rotate(demo, rotation)
        found = roles(rotated)
        assert {split: len(names) for split, names in found.items()} == {"train": 8, "val": 2, "test": 2}
        assert len({name for names in found.values() for name in names}) == 12, "no speaker has two roles"
        said = {split: {clip.sentence for clip in rotated.split(split)} for split in SPLITS}
        assert not said["test"] & said["train"]
        assert len(rotated.split("test")) == len(rotated.split("val")) == 80
        # few are left out, and everyone keeps another sentence in every mode to take a style from
        assert len(rotated.split("train")) >= 270
        modes = collections.Counter((clip.subject, clip.style) for clip in rotated.split("train"))
        assert len(modes) == 8 * 4 and min(modes.values()) >= 2
        tested += found["test"]
    assert sorted(tested) == sorted(demo.subjects)


def test_demo_sound_and_motion_last_equally_long(demo):
    for clip in demo.clips[::7]:
        assert clip.waveform.dtype == np.float32 and clip.sample_rate == 16_000
        assert abs(len(clip.waveform) / clip.sample_rate - clip.duration) < 2 / clip.fps, clip.name
        assert np.sqrt(np.square(clip.waveform).mean()) > 0.005, f"{clip.name} is silent"


def test_demo_sound_is_that_of_its_own_phones(demo):
    """Clips of a speaker lie in one file: a slice that is off would be loud in pauses and quiet in vowels."""
    for clip in demo.clips[::7]:
        sound = clip.waveform

        def energy(symbols, clip=clip, sound=sound):
            """Mean square over the inner halves of the phones that start with one of some letters."""
            pieces = [
                sound[round((0.75 * p.start + 0.25 * p.end) * 16_000) : round((0.25 * p.start + 0.75 * p.end) * 16_000)]
                for p in clip.phones
                if p.symbol[0] in symbols
            ]
            return np.square(np.concatenate(pieces)).mean()

        assert energy("aeiou") > 100 * energy("_"), clip.name


def test_demo_phones_follow_each_other_within_the_clip(demo):
    for clip in demo.clips:
        ends = [0.0, *(phone.end for phone in clip.phones)]
        assert all(p.start < p.end for p in clip.phones), clip.name
        assert all(p.start >= end - 1e-6 for p, end in zip(clip.phones, ends, strict=False)), clip.name
        assert ends[-1] <= clip.duration + 2 / clip.fps, clip.name


def test_demo_faces_are_its_units_around_each_speakers_template(demo):
    clip = demo.clips[11]
    assert demo.basis.shape == (52, demo.topology.num_vertices, 3) and len(demo.unit_names) == 52
    t = clip.num_frames // 2
    expected = clip.template.astype(np.float64)
    for coefficient, unit in zip(clip.coefficients[t], demo.basis, strict=True):
        expected = expected + float(coefficient) * unit
    np.testing.assert_allclose(clip.vertices[t], expected, atol=1e-3)
    templates = {c.subject: c.template for c in demo.clips}
    names = list(templates)
    for one, other in zip(names, names[1:], strict=False):
        assert np.abs(templates[one] - templates[other]).max() > 1, f"{one} and {other} have one face"


def test_demo_regions_are_those_the_metrics_need(demo):
    regions = demo.topology.regions
    assert set(regions["lips"]) < set(regions["face"]) and set(regions["upper_face"]) < set(regions["face"])
    assert not set(regions["lips"]) & set(regions["upper_face"])


@pytest.mark.parametrize("fps", [15, 20, 60])
def test_demo_at_another_rate_shows_the_same_instants(demo, fps):
    other = open_dataset("demo", fps=fps)
    stored = {clip.name: clip for clip in open_dataset("demo", fps=60).clips}
    for clip in other.clips[::97]:
        np.testing.assert_array_equal(clip.coefficients, stored[clip.name].coefficients[:: 60 // fps])
        assert abs(clip.duration - stored[clip.name].duration) <= 1 / fps


@pytest.mark.parametrize("fps", [25, 24, 120, 59.94])
def test_demo_refuses_rates_it_does_not_hold(fps):
    with pytest.raises(BadInput, match=f"fps {fps:g} does not divide"):
        open_dataset("demo", fps=fps)


def test_demo_jaw_follows_the_vowels(demo):
    """Sound, phones and motion belong together: the jaw is lower in open vowels than in closures."""
    jaw = demo.unit_names.index("jawOpen")
    opening: dict[str, list] = {"open": [], "closed": []}
    for clip in demo.split("test"):
        for phone in clip.phones:
            kind = "open" if phone.symbol in ("aa", "ae", "ao") else "closed" if phone.symbol in "mbp" else None
            frame = round((phone.start + phone.end) / 2 * clip.fps)
            if kind and frame < clip.num_frames:
                opening[kind].append(clip.coefficients[frame, jaw])
    assert min(map(len, opening.values())) > 20
    assert np.mean(opening["open"]) > 1.5 * np.mean(opening["closed"])
