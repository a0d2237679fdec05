"""Live faces depend on the sound alone, come when they are said to, and near those of a whole pass."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from test_chunked import noise, variant

from a2f.chunked import deviation
from a2f.determinism import same_digits
from a2f.errors import BadInput
from a2f.models.encoder_base import unit_level
from a2f.streaming import RunningLevel, streaming_deviation

RATE = 16_000


@pytest.fixture(autouse=True)
def alone():
    with same_digits():
        yield


def faces(stream) -> np.ndarray:
    return np.concatenate(list(stream))


@pytest.mark.parametrize("seconds", [0.06, 0.2, 0.4, 1.0, 3.33])
@pytest.mark.parametrize("times", [{}, {"hop": 0.1, "ahead": 0.0, "past": 0.0}, {"hop": 0.14, "past": 0.5}])
def test_there_are_as_many_frames_as_a_call_makes(animator, clip, seconds, times):
    sound = noise(seconds)
    found = faces(animator.stream([sound], clip.template, clip, **times))
    assert found.shape == animator(sound, clip.template, clip).vertices.shape and found.dtype == np.float32
    assert np.isfinite(found).all()


@pytest.mark.parametrize("size", [1000, 3200, 12_345])
def test_faces_do_not_depend_on_how_the_sound_is_divided(animator, clip, size):
    sound = noise(2.7)
    pieces = np.split(sound, range(size, len(sound), size))
    whole, divided = (faces(animator.stream(s, clip.template, clip)) for s in ([sound], pieces))
    np.testing.assert_array_equal(divided, whole)


def test_a_frame_is_there_once_its_latency_has_passed(animator, clip):
    stream = animator.stream((), clip.template, clip, hop=0.2, ahead=0.3)
    assert stream.latency == pytest.approx(0.5)
    made, sound = 0, noise(4)
    for start in range(0, len(sound), 160):
        made += len(stream.push(sound[start : start + 160]))
        heard = (start + 160) / RATE
        assert made >= int((heard - stream.latency) * 30 + 1e-6)
        assert made <= heard * 30
    assert made < 120 == made + len(stream.finish())


def test_what_is_to_come_changes_nothing_that_was_made(animator, clip):
    one, other = noise(2.0), noise(2.0)
    other[RATE:] *= 3
    before, after = (animator.stream((), clip.template, clip).push(sound) for sound in (one, other))
    # the sounds part at 1.0 s, and frames before 0.8 s are made of what was heard until then
    np.testing.assert_array_equal(before[:24], after[:24])
    assert (before[24:] != after[24:]).any(axis=(1, 2)).all()


@pytest.mark.parametrize("normalisation", ["batch", "instance"])
def test_more_past_and_more_ahead_come_nearer_to_a_call(animator, clip, normalisation):
    other = variant(animator, audio_normalisation=normalisation, normalise_waveform=True)
    sound, style = noise(12.0), other.style(clip)

    def settled(**times):
        return streaming_deviation(other, sound, clip.template, style, **times).settled.relative

    assert settled(past=8.0, ahead=1.0) < settled(past=0.2, ahead=0.0)


def test_running_level_is_that_of_all_that_was_heard_and_of_usual_speech_before():
    level, sound = RunningLevel(), noise(60.0) + np.float32(0.01)
    for piece in np.split(sound, 60):
        level.add(piece)
    expected = unit_level(torch.from_numpy(sound)[None])[0].numpy()
    np.testing.assert_allclose(level.apply(sound), expected, atol=0.02 * np.abs(expected).max())
    hush = RunningLevel()
    hush.add(np.full(RATE // 10, 1e-4, np.float32))
    assert np.abs(hush.apply(np.full(10, 1e-4, np.float32))).max() < 0.01, "silence first is not made loud"


def test_the_encoder_serves_others_as_before(animator, clip):
    other = variant(animator, normalise_waveform=True)
    sound = noise(1.0)
    before = other(sound, clip.template, clip).vertices
    stream = other.stream((), clip.template, clip)
    stream.push(sound[: RATE // 2])
    np.testing.assert_array_equal(other(sound, clip.template, clip).vertices, before)
    stream.push(sound[RATE // 2 :])


@pytest.mark.parametrize("rate", [8000, 44_100])
def test_sound_at_any_rate_moves_the_face_alike(animator, clip, rate):
    def tone(rate):
        return 0.1 * np.sin(2 * np.pi * 300 * np.arange(2 * rate) / rate) * (1 + np.arange(2 * rate) / rate)

    usual = faces(animator.stream([tone(RATE)], clip.template, clip))
    given = np.split(tone(rate), range(999, 2 * rate, 999))
    found = faces(animator.stream(given, clip.template, clip, sample_rate=rate))
    assert deviation([found], usual, clip.template).relative < 0.05


def test_the_shipped_model_stays_near_a_call():
    import a2f
    from a2f.data.sample import open_sample

    shipped = a2f.load("demo")
    sample = open_sample(shipped.config.data.fps)
    found = streaming_deviation(shipped, sample.waveform, sample.template, sample_rate=sample.sample_rate)
    assert found.whole.relative < 0.25 and found.settled.relative < 0.2
    assert found.latency == pytest.approx(0.4)
    assert 0 < found.real_time_factor


def test_what_does_not_fit_is_refused(animator, clip):
    with pytest.raises(BadInput, match="hop is 0"):
        animator.stream((), clip.template, clip, hop=0)
    with pytest.raises(BadInput, match="ahead is nan"):
        animator.stream((), clip.template, clip, ahead=float("nan"))
    with pytest.raises(BadInput, match="at least 0.1"):
        animator.stream((), clip.template, clip, hop=0.04, ahead=0)
    with pytest.raises(BadInput, match="at most the 60 s"):
        animator.stream((), clip.template, clip, past=60)
    with pytest.raises(BadInput, match="0.05 s"):
        faces(animator.stream((), clip.template, clip))
    with pytest.raises(BadInput, match="expected more than 2 s"):
        streaming_deviation(animator, noise(1), clip.template, clip)
    stream = animator.stream([noise(1)], clip.template, clip)
    faces(stream)
    with pytest.raises(BadInput, match="has ended"):
        faces(stream)
