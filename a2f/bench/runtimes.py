"""Audio encoders run by torch and by other runtimes in turn: time, what is spent once, how far features are apart."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor, nn

from a2f.audio import SAMPLE_RATE
from a2f.bench.clock import Timing, interleaved
from a2f.bench.setting import Setting, audio_dim, speech, transformer
from a2f.models import AudioEncoder, load_audio_encoder
from a2f.models.encoder_base import BUNDLED
from a2f.models.onnx_encoder import OnnxEncoder
from a2f.models.openvino_encoder import OpenVinoEncoder
from a2f.runtimes import INT8, ONNX, ONNX_INT8, OPENVINO, OPENVINO_INT8, TORCH

PACKAGES = ("openvino", "nncf", "onnxruntime", "onnx")


class RandomEncoder(AudioEncoder):
    """HuBERT-large with random weights, or the small stand-in of a setting."""

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self.network: nn.Module = transformer("hubert-large", setting)
        self.identity, self.feature_dim = "hubert-large:random", audio_dim(setting)

    def prepare(self, waveform: Tensor) -> Tensor:
        """Return waveforms as they are."""
        return waveform

    def compute(self, prepared: Tensor) -> Tensor:
        """Map waveforms (B, S) to features (B, T_a, C)."""
        return self.network(prepared).last_hidden_state

    def forward(self, waveform: Tensor) -> Tensor:
        """Map waveforms (B, S) to features (B, T_a, C)."""
        return self.compute(waveform)


@dataclass(frozen=True)
class Run:
    """An encoder on some seconds of sound by one runtime.

    Parameters
    ----------
    encoder, runtime : str
    seconds : float
        Of sound.
    timing : Timing
    deviation : float
        Root mean square of the difference of the features from torch's, over that of torch's. Random weights have no
        outliers as trained ones have, so that they understate int8's.
    once : float
        Seconds to convert, quantise and compile it.
    """

    encoder: str
    runtime: str
    seconds: float
    timing: Timing
    deviation: float
    once: float


def installed() -> dict[str, str | None]:
    """Return the versions of the packages that the runtimes need, None for one that is not there."""
    found: dict[str, str | None] = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def encoders(setting: Setting) -> tuple[str, ...]:
    """Return the names of the audio encoders that are run; a setting with a stand-in for HuBERT has it alone."""
    return ("hubert-large",) if setting.encoder else ("hubert-large", BUNDLED)


@torch.no_grad()
def runs(name: str, setting: Setting) -> list[Run]:
    """Return what an encoder takes by each runtime; nothing is taken from or left in the folder of kept networks."""
    if name == "hubert-large":
        encoder: AudioEncoder = RandomEncoder(setting)
    else:
        encoder = load_audio_encoder(setting.config.replace(audio_encoder=name).model)
    encoder.freeze()
    calibration = 0.1 * torch.randn(8 * SAMPLE_RATE, generator=torch.Generator().manual_seed(1)).numpy()
    ways, once, found = {TORCH: encoder}, {TORCH: 0.0}, []
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        others = {
            OPENVINO: partial(OpenVinoEncoder, encoder, folder=folder),
            OPENVINO_INT8: partial(OpenVinoEncoder, encoder, calibration, folder=folder),
            ONNX: partial(OnnxEncoder, encoder, folder=folder),
            ONNX_INT8: partial(OnnxEncoder, encoder, True, folder=folder),
        }
        for runtime, convert in others.items():
            began = time.perf_counter()
            ways[runtime] = convert()
            once[runtime] = time.perf_counter() - began
        for seconds in setting.seconds:
            waveform = speech(seconds, setting)
            timed = interleaved({key: partial(e, waveform) for key, e in ways.items()}, setting.repeats)
            expected = encoder(waveform)
            for runtime, other in ways.items():
                # torch's operations, for the counter does not see another's; int8 has none that rates of float32 bound
                operations = 0.0 if runtime in INT8 else timed[TORCH].operations
                deviation = float((other(waveform) - expected).norm() / expected.norm())
                timing = replace(timed[runtime], operations=operations)
                found.append(Run(name, runtime, seconds, timing, deviation, once[runtime]))
        ways.clear()  # they hold the files open
    return found
