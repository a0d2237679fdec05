"""What runs a model's audio encoder, torch or another, and how far faces move and time falls when it changes."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from a2f.audio import SAMPLE_RATE, resample
from a2f.data import open_dataset
from a2f.errors import BadInput
from a2f.features import encode, frame_count
from a2f.models import Audio2Face, AudioEncoder, resample_features
from a2f.models.onnx_encoder import OnnxEncoder
from a2f.models.openvino_encoder import OpenVinoEncoder
from a2f.models.openvino_model import MOST
from a2f.models.runtime_encoder import RuntimeEncoder

TORCH, OPENVINO, OPENVINO_INT8 = "torch", "openvino", "openvino-int8"
ONNX, ONNX_INT8 = "onnxruntime", "onnxruntime-int8"
RUNTIMES = (TORCH, OPENVINO, OPENVINO_INT8, ONNX, ONNX_INT8)
INT8 = (OPENVINO_INT8, ONNX_INT8)  # those that deviate so that it may show
CALIBRATED = OPENVINO_INT8  # the one that hears speech beforehand
HEARD = 3.0  # seconds of sound that two encoders are compared on
ROUNDS = 2
SENTENCES = 10  # that calibrate int8, if nothing else is given


def check_runtime(name: str) -> None:
    """Refuse what is no runtime's name."""
    if name not in RUNTIMES:
        raise BadInput(f"runtime is {name!r}, expected one of {', '.join(RUNTIMES)}")


def check_place(name: str, device: torch.device) -> None:
    """Refuse a runtime that cannot hear where the model is: all but torch are for the processor."""
    if name != TORCH and device.type != "cpu":
        raise BadInput(f"{name} runs the audio encoder on the processor; use device 'cpu', or the runtime torch")


def run_by(
    name: str, encoder: AudioEncoder, calibration: np.ndarray | None = None, *, threads: int = 1
) -> AudioEncoder:
    """Return an audio encoder as another runtime runs it; torch's is the one that was given.

    Parameters
    ----------
    name : str
        One of `RUNTIMES`.
    encoder : AudioEncoder
        Of torch.
    calibration : ndarray, (S,) float32 at 16 kHz, optional
        Speech that the ranges of `CALIBRATED` are taken from, `calibration_speech` by default.
    threads : int

    Raises
    ------
    MissingData
        If the runtime is not installed.
    BadInput
        If there is no such runtime, the encoder runs in another than torch already, or has nothing to run.
    """
    check_runtime(name)
    if isinstance(encoder, RuntimeEncoder):
        raise BadInput(
            f"the audio encoder {encoder.identity} runs in {encoder.runtime} already; start from the one of torch"
        )
    if name == TORCH:
        return encoder
    if name in (ONNX, ONNX_INT8):
        return OnnxEncoder(encoder, name == ONNX_INT8, threads=threads)
    if name == CALIBRATED and calibration is None:
        calibration = calibration_speech()
    return OpenVinoEncoder(encoder, calibration if name == CALIBRATED else None, threads=threads)


def calibration_speech() -> np.ndarray:
    """Return half a minute of the demo corpus, sentences of all its training speakers, (S,) float32 at 16 kHz.

    One speaker is not enough: with a single sentence the features of others deviate by three times as much.
    """
    clips = open_dataset("demo").split("train")
    chosen = clips[:: len(clips) // SENTENCES]  # in the order of speakers
    sounds = [resample(clip.waveform, clip.sample_rate, SAMPLE_RATE) for clip in chosen]
    return np.concatenate(sounds)[: round(MOST * SAMPLE_RATE)]


@dataclass(frozen=True)
class RuntimeDeviation:
    """What another runtime of the audio encoder changes, on one sound.

    Parameters
    ----------
    features : float
        Root mean square of the features' difference over that of the features.
    vertices, largest : float
        Root mean square and largest distance of a vertex from its place, in `unit`.
    speed_up : float
        How many times as fast the encoder is, as the machine was.
    seconds : float
        Of the sound that was compared.
    """

    features: float
    vertices: float
    largest: float
    unit: str
    speed_up: float
    seconds: float

    def __str__(self) -> str:
        return (
            f"against torch, on {self.seconds:.1f} s of sound: audio features deviate by {self.features:.2g} of their "
            f"size, vertices by {self.vertices:.2g} {self.unit} (root mean square), {self.largest:.2g} {self.unit} at "
            f"most; the audio encoder is {self.speed_up:.1f} times as fast"
        )


@torch.no_grad()
def runtime_deviation(
    model: Audio2Face,
    encoders: tuple[AudioEncoder, AudioEncoder],
    sound: np.ndarray,
    fps: float,
    unit: str,
    template: np.ndarray | None = None,
    style: Tensor | None = None,
) -> RuntimeDeviation:
    """Compare the faces that a model makes of one sound with two audio encoders.

    Parameters
    ----------
    model : Audio2Face
    encoders : tuple of AudioEncoder
        The one that counts as right, and the other.
    sound : ndarray, (S,) float32 at 16 kHz
        Its first `HEARD` seconds are heard.
    fps : float
    unit : str
        Of the vertices.
    template : ndarray, (N, 3), optional
        Faces deviate by the same amount whatever they start from, but in a model that embeds its template.
    style : Tensor, optional
    """
    sound = sound[: round(HEARD * SAMPLE_RATE)]
    face = model.data_mean.expand(model.num_vertices, 3) if template is None else torch.from_numpy(template)
    features, seconds = [], []
    for _ in range(ROUNDS):  # the first also builds what the second finds
        for encoder in encoders:
            began = time.perf_counter()
            features.append(encode(encoder, sound))
            seconds.append(time.perf_counter() - began)
    right, other = (torch.from_numpy(found)[None] for found in features[-2:])
    frames = frame_count(sound, fps)
    moved = []
    for encoder, found in zip(encoders, (right, other), strict=True):
        audio = resample_features(found, frames, fps, encoder.feature_rate, encoder.first_centre)
        moved.append(model.synthesise(model.features(audio, face[None], style), face[None]))
    apart = (moved[0] - moved[1]).double().norm(dim=-1)
    return RuntimeDeviation(
        features=float((right - other).norm() / right.norm()),
        vertices=float(apart.square().mean().sqrt()),
        largest=float(apart.max()),
        unit=unit,
        speed_up=min(seconds[::2]) / min(seconds[1::2]),
        seconds=len(sound) / SAMPLE_RATE,
    )
