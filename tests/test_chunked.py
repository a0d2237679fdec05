"""Animations made piece by piece are those of a whole pass, whatever the pieces, in memory that does not grow."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from resident import megabytes_above

from a2f.chunked import Statistics, deviation, reach, with_statistics
from a2f.determinism import same_digits
from a2f.errors import BadInput
from a2f.models import Audio2Face, load_audio_encoder

RATE = 16_000


@pytest.fixture(autouse=True)
def alone():
    with same_digits():
        yield


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    """Noise whose loudness changes, so that every window has a level of its own."""
    count = round(seconds * RATE)
    loud = 0.05 + 0.04 * np.sin(np.arange(count) / RATE)
    return (loud * np.random.default_rng(seed).normal(size=count)).astype(np.float32)


def variant(animator, **changes):
    """Return an untrained animator like the given one, with other settings."""
    from a2f.animator import Animator

    config = animator.config.replace(**changes)
    torch.manual_seed(0)
    encoder = load_audio_encoder(config.model)
    model = Audio2Face(config.model, animator.model.num_vertices, encoder.feature_dim)
    with torch.no_grad():
        model.embedding.weight.normal_()
        model.decoder(torch.randn(1, 200, config.model.motion_dim))  # not the initial statistics of batch norm
    return Animator(model, encoder, animator.topology, config)


@pytest.mark.parametrize("changes", [{}, {"audio_normalisation": "batch"}, {"standardise_audio": True}])
@pytest.mark.parametrize("seconds", [0.3, 3.0, 7.9, 8.0, 8.1, 20.03])
def test_pieces_are_the_whole_pass(animator, clip, changes, seconds):
    """Eight seconds go through the encoder at once here, more in windows; both normalisations, deep receptive field."""
    other = variant(animator, decoder_blocks=5, **changes)
    other.encoder.max_seconds = 8.0
    sound, style = noise(seconds), other.style(clip)
    whole = other(sound, clip.template, style).vertices
    assert np.ptp(whole, axis=0).max() > 1e-3
    found = deviation(other.frames(sound, clip.template, style), whole, clip.template)
    assert found.frames == int(seconds * 30) and found.relative < 1e-5


@pytest.mark.parametrize("sizes", [[1, 5, 20_000], [7777], [160]])
def test_the_sound_may_come_in_pieces_of_any_size(animator, clip, sizes):
    sound = noise(9.5)
    borders = np.cumsum(np.resize(sizes, len(sound)))
    pieces = np.split(sound, borders[borders < len(sound)])
    animator.encoder.max_seconds = 8.0
    try:
        given = [np.concatenate(list(animator.frames(s, clip.template, clip))) for s in (sound, pieces)]
    finally:
        del animator.encoder.max_seconds
    np.testing.assert_array_equal(*given)


@pytest.mark.parametrize("rate", [8000, 44_100, 48_000])
def test_the_sound_may_have_any_rate_and_more_than_one_channel(animator, clip, rate):
    sound = np.stack([noise(2 * rate / RATE)[: 2 * rate], np.zeros(2 * rate, np.float32)], axis=1)
    whole = animator(sound, clip.template, clip, sample_rate=rate).vertices
    pieces = np.split(sound, range(1000, len(sound), 1000))
    found = deviation(animator.frames(pieces, clip.template, clip, sample_rate=rate), whole, clip.template)
    assert found.relative < 1e-4


def test_a_frame_of_the_decoder_sees_as_far_as_stated_and_no_farther(animator):
    model = variant(animator, decoder_blocks=3).model
    sound = torch.randn(1, 60, model.config.motion_dim)
    changed = sound.clone()
    changed[:, 30] += 1
    touched = (model.decoder(sound) != model.decoder(changed)).any(-1)[0].nonzero().flatten()
    assert (int(touched.min()), int(touched.max())) == (30 - reach(model), 30 + reach(model))


def test_statistics_of_pieces_make_the_model_normalise_as_over_the_whole(animator):
    model = variant(animator).model
    audio = torch.randn(1, 50, model.audio_dim) + 3
    found = Statistics()
    for piece in model.audio_projection(audio.transpose(1, 2)).transpose(1, 2).split(7, dim=1):
        found.add(piece)
    template, style = torch.randn(1, model.num_vertices, 3), torch.randn(1, 2 * model.config.motion_dim)
    before = model.features(audio, template, style)
    torch.testing.assert_close(with_statistics(model, found).features(audio, template, style), before)
    torch.testing.assert_close(model.features(audio, template, style), before)  # the model itself is as it was


def test_shorter_chunks_deviate_and_by_how_much_is_told(animator, clip):
    sound, style = noise(12), animator.style(clip)
    whole = animator(sound, clip.template, style).vertices
    short, longer = (
        deviation(animator.frames(sound, clip.template, style, chunk_seconds=s), whole, clip.template)
        for s in (1.0, 20.0)
    )
    assert longer.relative < 1e-6 < short.relative < 1
    assert short.largest > longer.largest


def test_deviation_against_its_definition():
    rng = np.random.default_rng(0)
    template, whole = rng.normal(size=(4, 3)), rng.normal(size=(6, 4, 3))
    faces = whole + 0.1 * rng.normal(size=whole.shape)
    found = deviation([faces[:2], faces[2:]], whole, template)
    assert found.relative == pytest.approx(np.linalg.norm(faces - whole) / np.linalg.norm(whole - template))
    assert found.largest == pytest.approx(np.linalg.norm(faces - whole, axis=-1).max())
    with pytest.raises(BadInput, match="2 frames, the whole pass 6"):
        deviation([faces[:2]], whole, template)
    with pytest.raises(BadInput, match="more than the 6"):
        deviation([faces, faces], whole, template)


def test_pieces_hold_a_second_of_faces_at_most(animator, clip):
    pieces = [len(p) for p in animator.frames(noise(3.5), clip.template, clip)]
    assert max(pieces) == 30 and sum(pieces) == 105


def test_what_does_not_fit_is_refused(animator, clip):
    def made(sound, template=clip.template, **options):
        return list(animator.frames(sound, template, clip, **options))

    with pytest.raises(BadInput, match="chunk_seconds is 0.1"):
        made(noise(1), chunk_seconds=0.1)
    with pytest.raises(BadInput, match="both rates must be positive"):
        made(noise(1), sample_rate=0)
    with pytest.raises(BadInput, match=r"0.05 s of finite samples"):
        made(noise(0.01))
    with pytest.raises(BadInput, match="audio has shape"):
        made(noise(1)[None, None])
    with pytest.raises(BadInput, match="not an array"):
        made(3)
    with pytest.raises(BadInput, match="the template has shape"):
        made(noise(1), clip.template[None])
    with pytest.raises(BadInput, match="read twice"):
        made(iter([noise(1)]))


def test_memory_does_not_grow_with_the_length():
    """The shipped model; faces of a minute alone are 209 MB."""
    setup = """
    import numpy as np, a2f
    animator = a2f.load("demo")
    template = np.random.default_rng(0).random((4838, 3), dtype=np.float32)
    style = animator.style(None)
    def speak(seconds):
        rng = np.random.default_rng(1)
        sound = (rng.random(16000, dtype=np.float32) - np.float32(0.5) for _ in range(seconds))
        for faces in animator.frames(sound, template, style, chunk_seconds=4):
            pass
    speak(9)
    """
    assert megabytes_above(setup, "speak(60)") < 60
