"""Any sound file in, mono float32 at one rate out; what cannot be heard is refused with a reason."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from a2f.audio import read_audio, resample, to_mono_float, write_wav
from a2f.errors import BadInput, MissingData

RATES = (8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000)


def sine(rate: int, frequency: float = 440.0, seconds: float = 1.0, level: float = 0.5) -> np.ndarray:
    return level * np.sin(2 * np.pi * frequency * np.arange(int(seconds * rate)) / rate)


def loudest(waveform: np.ndarray, rate: int) -> float:
    """The frequency in Hz at which a waveform has most energy."""
    spectrum = np.abs(np.fft.rfft(waveform * np.hanning(len(waveform)), 8 * len(waveform)))
    return spectrum.argmax() * rate / (8 * len(waveform))


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.int8])
def test_signed_integers_fill_minus_one_to_one(dtype):
    info = np.iinfo(dtype)
    heard = to_mono_float(np.array([info.min, 0, info.max], dtype))
    assert heard.dtype == np.float32
    np.testing.assert_allclose(heard, [-1, 0, info.max / (info.max + 1)])


def test_unsigned_bytes_are_silent_at_128():
    np.testing.assert_allclose(to_mono_float(np.array([0, 128, 255], np.uint8)), [-1, 0, 127 / 128])


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_floats_are_taken_as_they_are(dtype):
    np.testing.assert_array_equal(to_mono_float(np.array([-1, 0.25, 1.5], dtype)), np.float32([-1, 0.25, 1.5]))


def test_channels_are_averaged():
    np.testing.assert_allclose(to_mono_float(np.array([[1.0, 0.0], [0.5, -0.5]])), [0.5, 0])


@pytest.mark.parametrize(
    "samples, named",
    [
        (np.zeros((2, 2, 2)), "shape"),
        (np.zeros(4, complex), "complex"),
        (np.zeros(4, bool), "bool"),
        (np.array([0, np.nan]), "not finite"),
        (np.array([0, np.inf]), "not finite"),
    ],
)
def test_arrays_that_are_no_sound_are_refused(samples, named):
    with pytest.raises(BadInput, match=named):
        to_mono_float(samples)


@pytest.mark.parametrize("rate", RATES)
def test_resampling_keeps_a_sine_where_and_as_loud_as_it_was(rate):
    heard = resample(sine(rate).astype(np.float32), rate, 16_000)
    assert heard.dtype == np.float32 and abs(len(heard) - 16_000) <= 1
    assert abs(loudest(heard, 16_000) - 440) < 1
    middle = slice(2000, 14_000)
    np.testing.assert_allclose(heard[middle], sine(16_000)[: len(heard)][middle], atol=2e-3)  # nor is it delayed


def test_resampling_lets_nothing_fold_down():
    heard = resample(sine(48_000, 15_000).astype(np.float32), 48_000, 16_000)
    assert np.abs(heard[2000:-2000]).max() < 1e-3


def test_rates_must_be_positive():
    with pytest.raises(BadInput, match="0 to 16000"):
        resample(np.zeros(10, np.float32), 0, 16_000)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("channels", [1, 2])
def test_files_of_any_rate_and_channels_are_read_at_16_khz(tmp_path, rate, channels):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.repeat(sine(rate)[:, None], channels, axis=1), rate, subtype="PCM_16")
    heard, found = read_audio(path)
    assert found == 16_000 and heard.ndim == 1 and heard.dtype == np.float32
    assert abs(len(heard) - 16_000) <= 1 and abs(loudest(heard, 16_000) - 440) < 1
    assert abs(np.abs(heard[2000:14_000]).max() - 0.5) < 0.005


@pytest.mark.parametrize(
    "name, subtype",
    [("a.wav", "PCM_U8"), ("a.wav", "PCM_16"), ("a.wav", "PCM_24"), ("a.wav", "PCM_32"), ("a.wav", "FLOAT"),
     ("a.wav", "DOUBLE"), ("a.flac", "PCM_16"), ("a.ogg", "VORBIS"), ("a.mp3", "MPEG_LAYER_III")],
)  # fmt: skip
def test_formats_sound_alike(tmp_path, name, subtype):
    soundfile.write(tmp_path / name, sine(16_000), 16_000, subtype=subtype)
    heard, _ = read_audio(tmp_path / name)
    assert abs(loudest(heard, 16_000) - 440) < 1
    middle = heard[4000:12_000]
    assert abs(np.sqrt(np.square(middle).mean()) - 0.5 / np.sqrt(2)) < 0.02


def test_another_rate_can_be_asked_for(tmp_path):
    write_wav(tmp_path / "a.wav", sine(16_000))
    heard, rate = read_audio(tmp_path / "a.wav", 8_000)
    assert rate == 8_000 and abs(len(heard) - 8_000) <= 1


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MissingData, match="nothing.wav"):
        read_audio(tmp_path / "nothing.wav")
    with pytest.raises(MissingData, match="not there"):
        read_audio(tmp_path)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"this is no sound at all" * 100], ids=["empty", "cut", "text"])
def test_a_file_that_is_no_sound_is_refused_with_what_would_do(tmp_path, content):
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(BadInput, match=r"a\.wav cannot be read as a sound file .*give a wav, flac"):
        read_audio(tmp_path / "a.wav")


@pytest.mark.parametrize("count", [0, 1, 799])
def test_less_than_50_ms_is_refused(tmp_path, count):
    soundfile.write(tmp_path / "a.wav", np.zeros(count), 16_000)
    with pytest.raises(BadInput, match=rf"a\.wav holds {count} samples at 16000 Hz; at least 0.05 s"):
        read_audio(tmp_path / "a.wav")


def test_samples_that_are_not_finite_are_refused_with_the_file_s_name(tmp_path):
    samples = sine(16_000)
    samples[7] = np.nan
    soundfile.write(tmp_path / "a.wav", samples, 16_000, subtype="FLOAT")
    with pytest.raises(BadInput, match=r"a\.wav: audio holds samples that are not finite"):
        read_audio(tmp_path / "a.wav")


def test_a_written_wav_comes_back_within_a_16_bit_step_and_clipped(tmp_path):
    wave = np.float32([0, 0.1, -0.3, 2.0, -2.0] * 1000)
    write_wav(tmp_path / "a.wav", wave)
    heard, _ = read_audio(tmp_path / "a.wav")
    np.testing.assert_allclose(heard, wave.clip(-1, 1), atol=2 / 32768)
