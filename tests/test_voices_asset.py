"""The voices that the shipped model is trained and tested on: whole, apart from the test, with phone times that fit."""

from __future__ import annotations

import collections
import re
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from a2f.files import read_json

TOOLS = Path(__file__).resolve().parent.parent / "tools"
sys.path.insert(0, str(TOOLS))

from demo_speech.phones import PHONE_SET, VOWELS  # noqa: E402
from demo_speech.plan import read_sentences  # noqa: E402
from demo_voices import checks  # noqa: E402
from demo_voices.corpus import FOLDER, VoiceClip, read_voices  # noqa: E402

CORPUS = read_json(FOLDER / "speech.json")
CHECKS = read_json(FOLDER / "checks.json")
VOICES = {voice["id"]: voice for voice in CORPUS["voices"]}


@cache
def clips() -> list[VoiceClip]:
    return read_voices()


def plain(text: str) -> str:
    return re.sub(r"[^a-z ]", "", text.lower())


def spoken_rms(clip: VoiceClip) -> float:
    pieces = [clip.waveform[round(a * 16000) : round(b * 16000)] for symbol, a, b, _ in clip.phones if symbol != "_"]
    return 10 * np.log10(np.mean(np.concatenate(pieces).astype(np.float64) ** 2))


def test_voices_and_their_amounts() -> None:
    assert CORPUS["sample_rate"] == 16000
    amount = collections.Counter(clip.voice for clip in clips())
    assert set(amount) == set(VOICES) == set(CHECKS)
    assert {voice["split"] for voice in VOICES.values()} == {"train", "test"}
    assert all(set(voice) == {"id", "family", "split", "about", "licence"} for voice in VOICES.values())
    assert all(40 <= number <= 100 for number in amount.values())
    assert sum(amount[v] for v, voice in VOICES.items() if voice["split"] == "train") >= 800
    assert len({voice["family"] for voice in VOICES.values()}) >= 4
    size = sum(path.stat().st_size for path in (FOLDER / "speech").iterdir())
    assert size < 13e6


def test_only_what_may_be_shipped_is_here() -> None:
    assert {path.stem for path in (FOLDER / "speech").iterdir()} == set(VOICES)
    assert not any(voice["family"] == "piper" for voice in VOICES.values())


def test_the_notice_names_every_voice() -> None:
    notice = (FOLDER / "NOTICE").read_text(encoding="utf-8")
    for voice in VOICES.values():
        assert re.search(rf"^{voice['family']}: .*\b{voice['id']}\b", notice, re.MULTILINE), voice["id"]


def test_nothing_of_the_test_is_in_training() -> None:
    texts = {split: {plain(c.text) for c in clips() if c.split == split} for split in ("train", "test")}
    assert not texts["train"] & texts["test"]
    own, demo = read_sentences(FOLDER / "sentences.txt"), read_sentences(TOOLS / "demo_speech" / "sentences.txt")
    allowed = {plain(text) for pool in (own, demo) for text in pool["train"].values()}
    others = [text for pool in (own, demo) for split in pool if split != "train" for text in pool[split].values()]
    held_out = {plain(text) for text in others}
    assert not allowed & held_out
    assert texts["train"] <= allowed and texts["test"] <= {plain(text) for text in own["test"].values()}
    assert not {plain(text) for text in demo["train"].values()} & {plain(text) for text in own["train"].values()}
    families = {split: {c.voice for c in clips() if c.split == split} for split in ("train", "test")}
    assert not families["train"] & families["test"]


def test_voices_share_few_texts() -> None:
    uses = collections.Counter(plain(c.text) for c in clips() if c.split == "train")
    assert max(uses.values()) <= 4 and len(uses) >= 400
    for voice in VOICES:
        own = [c.text for c in clips() if c.voice == voice]
        assert len(set(own)) == len(own)


def test_clips_fill_the_recordings_one_after_another() -> None:
    position = collections.Counter()
    assert len({clip["id"] for clip in CORPUS["clips"]}) == len(CORPUS["clips"])
    for clip in CORPUS["clips"]:
        assert clip["start"] == position[clip["voice"]] and clip["samples"] % 320 == 0
        position[clip["voice"]] += clip["samples"]
        assert clip["id"].startswith(clip["voice"] + "-")


def test_phones_cover_clips_without_gaps() -> None:
    for clip in clips():
        phones, seconds = clip.phones, len(clip.waveform) / 16000
        assert phones[0][0] == phones[-1][0] == "_" and phones[0][1] == 0.0, clip.id
        assert phones[-1][2] == pytest.approx(seconds, abs=1e-9), clip.id
        for before, after in zip(phones[:-1], phones[1:], strict=True):
            assert before[1] < before[2] == after[1] < after[2], clip.id
            assert not before[0] == after[0] == "_", clip.id
        assert {phone[0] for phone in phones} <= set(PHONE_SET), clip.id
        assert all(stress == 0 or (symbol in VOWELS and stress in (1, 2)) for symbol, _, _, stress in phones), clip.id
        if clip.family != "flite":
            assert min(end - start for _, start, end, _ in phones) > 0.0145, clip.id
        assert 0.09 <= phones[0][2] <= 0.21 and 0.08 <= phones[-1][2] - phones[-1][1] <= 0.22, clip.id


def test_levels_and_lengths() -> None:
    for clip in clips():
        assert 1.7 <= len(clip.waveform) / 16000 <= 4.2, clip.id
        assert -28.5 < spoken_rms(clip) < -25.5, clip.id
        assert 0.1 < np.abs(clip.waveform).max() < 1.0, clip.id
        assert np.abs(clip.waveform[[0, -1]]).max() < 1e-3, clip.id


def test_lip_sounds_are_frequent() -> None:
    phones = collections.Counter(phone[0] for clip in clips() for phone in clip.phones)
    spoken = sum(count for symbol, count in phones.items() if symbol != "_")
    for group, share in (("m b p", 0.12), ("f v", 0.04), ("w uw ow ao", 0.09), ("aa ae ay aw", 0.06)):
        assert sum(phones[symbol] for symbol in group.split()) > share * spoken, group
    assert set(PHONE_SET) <= set(phones)


@pytest.mark.parametrize("voice", VOICES)
def test_stored_figures_are_within_their_limits(voice: str) -> None:
    row = CHECKS[voice]
    assert all(abs(lag) <= 10 for lag in row["lag_ms"].values())
    assert row["boundary_spread_ms"] <= 15 and row["boundaries"] >= 100
    assert abs(row["boundary_median_ms"]["closure ptk"]) <= 12 and abs(row["boundary_median_ms"]["closure bdg"]) <= 12
    assert row["clips"] == sum(clip["voice"] == voice for clip in CORPUS["clips"])


@pytest.mark.parametrize("voice", ["hibari-heart", "flite-awb"])
def test_stored_figures_can_be_measured_again(voice: str) -> None:
    own = [(clip.waveform, clip.phones) for clip in clips() if clip.voice == voice]
    found = checks.summary(own)
    assert found == {key: value for key, value in CHECKS[voice].items() if key != "rejected"}


def test_a_shifted_label_is_found() -> None:
    """The check itself: moving all phone times by 40 ms shows in the lags, and the clip would be rejected."""
    own = [clip for clip in clips() if clip.voice == "hibari-heart"][:30]
    usual = checks.medians_of([e for c in own for e in checks.boundary_errors(c.waveform, c.phones)])
    late = [(c.waveform, [(s, max(a - 0.04, 0.0), max(b - 0.04, 0.0), t) for s, a, b, t in c.phones]) for c in own]
    assert checks.summary(late)["lag_ms"]["sibilants"] == pytest.approx(40, abs=10)
    assert np.mean([bool(checks.faults(wave, rows, usual)) for wave, rows in late]) > 0.5
    assert not any(checks.faults(c.waveform, c.phones, usual) for c in own[:10])


def test_a_missing_or_wrong_recording_is_said(tmp_path: Path) -> None:
    import soundfile

    with pytest.raises(FileNotFoundError, match=r"speech\.json.*build_voices"):
        read_voices(tmp_path)
    (tmp_path / "speech.json").write_text((FOLDER / "speech.json").read_text(encoding="utf-8"), encoding="utf-8")
    first = next(iter(VOICES))
    with pytest.raises(FileNotFoundError, match=f"{first}.ogg"):
        read_voices(tmp_path)
    (tmp_path / "speech").mkdir()
    soundfile.write(tmp_path / "speech" / f"{first}.ogg", np.zeros(1600), 16000)
    with pytest.raises(ValueError, match="1600"):
        read_voices(tmp_path)
