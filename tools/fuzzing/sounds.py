"""Sound files that are damaged, lie in their headers or hold what cannot be heard."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np

from fuzzing.damage import LIES, damaged, pick, replace
from fuzzing.outcome import Case, Wrong, check_finite

FORMATS = (
    *(("WAV", "PCM_16"), ("WAV", "PCM_U8"), ("WAV", "PCM_24"), ("WAV", "FLOAT"), ("WAV", "DOUBLE"), ("WAV", "ULAW")),
    *(("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III"), ("AIFF", "PCM_16")),
    *(("W64", "PCM_16"), ("RF64", "PCM_16"), ("CAF", "PCM_16"), ("AU", "FLOAT")),
)
RATES = (8000, 16000, 22050, 48000)
WAV_FIELDS = {4: "<I", 16: "<I", 20: "<H", 22: "<H", 24: "<I", 28: "<I", 32: "<H", 34: "<H", 40: "<I"}


def sound(rng: np.random.Generator) -> bytes:
    """Return a short sound file of some format, as a sound library writes it."""
    import soundfile

    kind, subtype = pick(rng, FORMATS)
    rate, channels = pick(rng, RATES), int(rng.integers(1, 4)) if kind != "MP3" else 1
    rate = 48000 if subtype == "OPUS" else rate
    samples = 0.2 * rng.normal(size=(int(rng.choice([0, 10, rate // 10, rate // 3])), channels))
    if subtype in ("FLOAT", "DOUBLE") and rng.random() < 0.5 and len(samples):
        samples[rng.integers(len(samples), size=3)] = pick(rng, (np.nan, np.inf, -np.inf, 3e38, -3e38, 1e300, 1e-42))
    buffer = io.BytesIO()
    with np.errstate(all="ignore"):
        soundfile.write(buffer, samples, rate, format=kind, subtype=subtype)
    return buffer.getvalue()


def lying_wav(rng: np.random.Generator) -> bytes:
    """Return a wav whose header says something else than what follows."""
    samples = (3000 * rng.normal(size=4000)).astype("<i2").tobytes()
    data = bytearray(b"RIFF" + struct.pack("<I", 36 + len(samples)) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1,
                     16000, 32000, 2, 16) + b"data" + struct.pack("<I", len(samples)) + samples)  # fmt: skip
    for _ in range(int(rng.integers(1, 4))):
        place = pick(rng, sorted(WAV_FIELDS))
        width = WAV_FIELDS[place]
        lie = pick(rng, (*LIES, 8000, 44100, 768000, 4_000_000_000)) % 256 ** struct.calcsize(width)
        struct.pack_into(width, data, place, lie)
    return bytes(data)


def lying_flac(rng: np.random.Generator) -> bytes:
    """Return a flac whose first block lies about rate, channels, bits or length."""
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, 0.1 * rng.normal(size=3000), 16000, format="FLAC")
    data = bytearray(buffer.getvalue())
    rate, channels, bits, length = (int.from_bytes(data[18:26], "big") >> shift & mask for shift, mask in
                                    ((44, 0xFFFFF), (41, 7), (36, 31), (0, 0xFFFFFFFFF)))  # fmt: skip
    kind = int(rng.integers(4))
    rate = pick(rng, (0, 1, 10, 655350, 0xFFFFF)) if kind == 0 else rate
    channels = int(rng.integers(8)) if kind == 1 else channels
    bits = int(rng.integers(32)) if kind == 2 else bits
    length = pick(rng, (0, 1, 10**6, 10**9, 0xFFFFFFFFF)) if kind == 3 or rng.random() < 0.3 else length
    data[18:26] = (rate << 44 | channels << 41 | bits << 36 | length).to_bytes(8, "big")
    return bytes(data)


def any_sound(rng: np.random.Generator) -> bytes:
    """Return a sound file, mostly a spoiled one."""
    kind = rng.random()
    if kind < 0.1:
        return sound(rng)
    if kind < 0.3:
        return lying_wav(rng)
    if kind < 0.45:
        return lying_flac(rng)
    if kind < 0.5:
        return pick(rng, (b"RIFF", b"fLaC", b"OggS", b"ID3", b"FORM", b".snd")) + rng.bytes(int(rng.integers(400)))
    return damaged(rng, sound(rng))


def make(rng: np.random.Generator, folder: Path) -> Case:
    """Return a sound file to be read whole, and by its header first."""
    from a2f.audio import read_audio
    from a2f.data.sound_files import sound_file

    path = folder / f"sound{pick(rng, ('.wav', '.flac', '.ogg', '.mp3', '.txt', ''))}"
    replace(path, any_sound(rng))
    if rng.random() < 0.5:
        return Case(lambda: _check(*read_audio(path)), (path.name,))

    def look() -> None:
        found = sound_file(path)
        waveform = found.read()
        _check(waveform, found.sample_rate)
        if len(waveform) != found.num_samples:
            raise Wrong(f"the header says {found.num_samples} samples, {len(waveform)} were read")

    return Case(look, (path.name,))


def _check(waveform: np.ndarray, rate: int) -> None:
    check_finite(waveform, "the waveform")
    if waveform.ndim != 1 or waveform.dtype != np.float32 or not 0 < rate < 2**31 or len(waveform) == 0:
        raise Wrong(f"a waveform of {waveform.dtype} and shape {waveform.shape} at {rate} Hz")
