"""Text in, waveform and phone times out: the Debian package `libflite1`, through its C interface.

flite marks a stop where its closure begins, as the demo corpus does. Over its voices the sound changes about 3 ms after
its times, so much is added to every one.
"""

from __future__ import annotations

import ctypes
from dataclasses import replace

import numpy as np
from demo_speech.phones import PAUSE, PHONE_SET, VOWELS, Phone

LIBRARIES = ("libflite.so.1", "libflite_usenglish.so.1", "libflite_cmulex.so.1")
LATE = 0.003  # seconds that the sound changes after flite's own times
BEFORE_OPEN = ("r", "m", "dh")  # marsh, calm, father: where a Scottish speaker has the open vowel as well
OTHER_NAMES = {"ax": "ah", "hh": "h", "pau": PAUSE}


class _Wave(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_char_p),
        ("sample_rate", ctypes.c_int),
        ("num_samples", ctypes.c_int),
        ("num_channels", ctypes.c_int),
        ("samples", ctypes.POINTER(ctypes.c_short)),
    ]


class _Voice(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("features", ctypes.c_void_p)]


class Flite:
    """The synthesiser with the four US English voices that Debian ships as libraries."""

    def __init__(self) -> None:
        try:
            self._flite, *_ = [ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL) for name in LIBRARIES]
        except OSError as error:
            raise RuntimeError(f"flite is not installed ({error}); on Debian: apt-get install flite") from error
        for name, result, arguments in (
            ("flite_synth_text", ctypes.c_void_p, [ctypes.c_char_p, ctypes.c_void_p]),
            ("utt_wave", ctypes.POINTER(_Wave), [ctypes.c_void_p]),
            ("utt_relation", ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p]),
            ("relation_head", ctypes.c_void_p, [ctypes.c_void_p]),
            ("item_next", ctypes.c_void_p, [ctypes.c_void_p]),
            ("ffeature_string", ctypes.c_char_p, [ctypes.c_void_p, ctypes.c_char_p]),
            ("ffeature_float", ctypes.c_float, [ctypes.c_void_p, ctypes.c_char_p]),
            ("feat_set_float", None, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_float]),
            ("delete_utterance", None, [ctypes.c_void_p]),
        ):
            function = getattr(self._flite, name)
            function.restype, function.argtypes = result, arguments
        self._flite.flite_init()
        self._voices: dict[str, ctypes._Pointer] = {}

    def _voice(self, speaker: str):
        if speaker not in self._voices:
            register = getattr(ctypes.CDLL(f"libflite_cmu_us_{speaker}.so.1"), f"register_cmu_us_{speaker}")
            register.restype, register.argtypes = ctypes.POINTER(_Voice), [ctypes.c_char_p]
            self._voices[speaker] = register(None)
        return self._voices[speaker]

    def __call__(self, text: str, speaker: str, rate: float) -> tuple[np.ndarray, int, list[Phone]]:
        """Speaks one sentence.

        Parameters
        ----------
        text : str
        speaker : {"slt", "rms", "awb", "kal16"}
        rate : float
            1 is the voice's own, 2 twice as fast.

        Returns
        -------
        waveform : ndarray, float32, shape (S,)
        sample_rate : int
        phones : list of Phone
            Without gaps, from the first sound to the last.
        """
        voice, flite = self._voice(speaker), self._flite
        flite.feat_set_float(voice.contents.features, b"duration_stretch", 1.0 / rate)
        utterance = flite.flite_synth_text(text.encode("ascii"), ctypes.cast(voice, ctypes.c_void_p))
        try:
            wave = flite.utt_wave(utterance).contents
            samples = np.ctypeslib.as_array(wave.samples, (wave.num_samples,)).astype(np.float32) / 32768.0
            segments, start = [], 0.0
            item = flite.relation_head(flite.utt_relation(utterance, b"Segment"))
            while item:
                name = flite.ffeature_string(item, b"name").decode()
                stress = flite.ffeature_string(item, b"R:SylStructure.parent.stress")
                content = flite.ffeature_string(item, b"R:SylStructure.parent.parent.gpos") == b"content"
                end = flite.ffeature_float(item, b"end") + LATE
                symbol = OTHER_NAMES.get(name, name)
                if symbol not in PHONE_SET:
                    raise ValueError(f"flite's phone {name!r} is not in the demo corpus's phone set")
                stressed = symbol in VOWELS and content and stress == b"1"
                segments.append(Phone(symbol, start, end, int(stressed)))
                start, item = end, flite.item_next(item)
            phones = _without_outer_pauses(segments)
            return samples, wave.sample_rate, _scottish(phones) if speaker == "awb" else phones
        finally:
            flite.delete_utterance(utterance)


def _scottish(phones: list[Phone]) -> list[Phone]:
    """What awb says where flite's American dictionary has the vowel of "lot": Scots round it (Wells 1982, vol. 2).

    The demo speech labels the British "lot" the same way.
    """
    following = [*(phone.symbol for phone in phones[1:]), PAUSE]
    return [
        replace(phone, symbol="ao") if phone.symbol == "aa" and after not in BEFORE_OPEN else phone
        for phone, after in zip(phones, following, strict=True)
    ]


def _without_outer_pauses(phones: list[Phone]) -> list[Phone]:
    sounding = [i for i, phone in enumerate(phones) if phone.symbol != PAUSE]
    return phones[sounding[0] : sounding[-1] + 1]
