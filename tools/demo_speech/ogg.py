"""The same audio gives the same Ogg Vorbis bytes: the random stream number is replaced by a fixed one."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np

from a2f.files import atomic_path

BLOCK = 16384  # samples handed to the encoder at a time: long blocks overflow libsndfile's stack


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1) ^ 0x04C11DB7 if value & 0x80000000 else value << 1
        table.append(value & 0xFFFFFFFF)
    return table


_TABLE = _crc_table()


def _crc(page: bytes) -> int:
    value = 0
    for byte in page:
        value = ((value << 8) & 0xFFFFFFFF) ^ _TABLE[(value >> 24) ^ byte]
    return value


def with_serial(stream: bytes, serial: int) -> bytes:
    """Gives all pages of an Ogg stream another serial number and the check sums that go with it.

    Raises
    ------
    ValueError
        If the bytes are not a sequence of whole Ogg pages.
    """
    pages, position = [], 0
    while position < len(stream):
        if stream[position : position + 4] != b"OggS":
            raise ValueError(f"no Ogg page at byte {position}")
        segments = stream[position + 26]
        size = 27 + segments + sum(stream[position + 27 : position + 27 + segments])
        page = bytearray(stream[position : position + size])
        page[14:18] = struct.pack("<I", serial)
        page[22:26] = bytes(4)
        page[22:26] = struct.pack("<I", _crc(bytes(page)))
        pages.append(bytes(page))
        position += size
    return b"".join(pages)


def write_ogg(path: Path, waveform: np.ndarray, rate: int, serial: int, compression: float) -> None:
    """Writes mono audio as Ogg Vorbis, reproducibly and whole or not at all.

    Parameters
    ----------
    path : Path
    waveform : ndarray, float32, shape (S,)
    rate : int
        Samples a second.
    serial : int
        Stream number.
    compression : float
        0 (best) to 1 (smallest), libsndfile's scale.
    """
    import soundfile

    buffer = io.BytesIO()
    with soundfile.SoundFile(
        buffer, "w", rate, 1, format="OGG", subtype="VORBIS", compression_level=compression
    ) as file:
        for start in range(0, len(waveform), BLOCK):
            file.write(waveform[start : start + BLOCK])
    with atomic_path(path) as part:
        part.write_bytes(with_serial(buffer.getvalue(), serial))
