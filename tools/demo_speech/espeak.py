"""Text in, waveform and phoneme start times out: the eSpeak NG library of the PyPI package `espeakng-loader`.

eSpeak NG is GPLv3+: it runs at build time only, no part of it is shipped, only the audio it renders.
"""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass

import numpy as np

PHONEME_EVENT, END_OF_LIST = 7, 0
RATE, VOLUME, PITCH, RANGE = 1, 2, 3, 4  # parameter numbers of espeak_SetParameter


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("name", ctypes.c_char * 8),
    ]


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


@dataclass(frozen=True)
class Utterance:
    """`waveform` (S,) float32 in [-1, 1] at `sample_rate`, `events` = (sample, IPA name) in order."""

    waveform: np.ndarray
    sample_rate: int
    events: tuple[tuple[int, str], ...]


class Espeak:
    """The synthesiser. One instance a process: the library keeps global state."""

    def __init__(self) -> None:
        import espeakng_loader

        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = os.fsencode(espeakng_loader.get_data_path())
        # 2 = synchronous with a callback; option bits: 1 = phoneme events, 2 = named in IPA
        self.sample_rate = self._library.espeak_Initialize(2, 0, data, 3)
        if self.sample_rate <= 0:
            raise RuntimeError(f"eSpeak NG did not start with the data in {data!r}")
        self._audio: list[bytes] = []
        self._events: list[tuple[int, str]] = []
        self._callback = _Callback(self._collect)  # kept: the library holds only a bare pointer
        self._library.espeak_SetSynthCallback(self._callback)

    def _collect(self, wave, count, events) -> int:
        if count > 0:
            self._audio.append(ctypes.string_at(wave, 2 * count))
        index = 0
        while events[index].type != END_OF_LIST:
            if events[index].type == PHONEME_EVENT:
                self._events.append((events[index].sample, bytes(events[index].name).decode()))
            index += 1
        return 0

    def render(self, text: str, voice: str, rate: int, pitch: int, pitch_range: int) -> Utterance:
        """Speaks one sentence.

        Parameters
        ----------
        text : str
            An English sentence.
        voice : str
            Exact language name and variant, such as "en-gb-x-rp+f4".
        rate : int
            Words a minute.
        pitch, pitch_range : int
            eSpeak's own scales, 0 to 100, 50 = the voice's own.

        Raises
        ------
        ValueError
            If there is no such voice (eSpeak would go on with the previous one).
        """
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(
                f"eSpeak NG has no voice {voice!r}; language names must be exact, such as 'en-us'"
            )
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(1))  # breath noise, else seeded by the clock
        for number, value in ((RATE, rate), (VOLUME, 60), (PITCH, pitch), (RANGE, pitch_range)):
            self._library.espeak_SetParameter(number, int(value), 0)
        self._audio.clear()
        self._events.clear()
        data = text.encode()
        # flags: 1 = UTF-8, 0x1000 = end with the sentence pause
        self._library.espeak_Synth(data, len(data) + 1, 0, 1, 0, 1 | 0x1000, None, None)
        self._library.espeak_Synchronize()
        wave = np.frombuffer(b"".join(self._audio), np.int16).astype(np.float32) / 32768.0
        return Utterance(wave, self.sample_rate, tuple(self._events))
