"""The network of an audio encoder as OpenVINO has it: converted, and quantised where asked."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from a2f.audio import SAMPLE_RATE
from a2f.errors import BadInput
from a2f.models.encoder_base import AudioEncoder
from a2f.models.kept_network import Network, Run, check, examples, kept_network
from a2f.models.runtime_package import load_package

PIECE, MOST = 5.0, 30.0  # seconds of a piece that int8's ranges are taken from, and of all of them


def calibration_pieces(sound: np.ndarray) -> list[Tensor]:
    """Return the first `MOST` seconds of a sound (S,) at 16 kHz in pieces (1, n) of at most `PIECE`.

    Raises
    ------
    BadInput
        If it is shorter than a second, or not one channel of finite samples.
    """
    if sound.ndim != 1 or len(sound) < SAMPLE_RATE or not np.isfinite(sound).all():
        raise BadInput(
            f"a sound of shape {sound.shape} cannot calibrate int8; give a second or more of speech at {SAMPLE_RATE} "
            "Hz, one channel, finite"
        )
    whole = torch.from_numpy(np.ascontiguousarray(sound[: round(MOST * SAMPLE_RATE)], dtype=np.float32))
    pieces = [piece[None] for piece in whole.split(round(PIECE * SAMPLE_RATE))]
    return [piece for piece in pieces if piece.shape[1] >= SAMPLE_RATE // 2] or [whole[None]]


def calibration_digest(calibration: Sequence[Tensor]) -> str:
    """Return 16 hexadecimal digits that stand for pieces of sound."""
    return hashlib.sha256(b"".join(piece.numpy().tobytes() for piece in calibration)).hexdigest()[:16]


def stored_network(encoder: AudioEncoder, calibration: Sequence[Tensor] | None, folder: Path) -> Path:
    """Return the file of an encoder's network, made if it is not there yet or not whole.

    Parameters
    ----------
    encoder : AudioEncoder
        One that has a network in torch.
    calibration : sequence of Tensor, (1, n), or None
        Pieces of sound: the network is quantised to int8 with the ranges found on them. None: float32.
    folder : Path
        Of all networks kept.

    Returns
    -------
    Path
        An ``.xml`` of OpenVINO's with its ``.bin`` beside it: operations and numbers, no code.
    """

    def make(new: Path) -> None:
        model = _converted(encoder)
        check(compiled(model, torch.get_num_threads()), encoder, "OpenVINO")
        if calibration is not None:
            model = _quantised(model, [encoder.prepare(piece).numpy() for piece in calibration])
        load_package("openvino").save_model(model, new / "network.xml", compress_to_fp16=False)

    packages = ["openvino"] + (["nncf"] if calibration is not None else [])
    settings = {"calibration": None if calibration is None else calibration_digest(calibration)}
    return kept_network(encoder, packages, settings, folder, make) / "network.xml"


def compiled(path_or_model: Any, threads: int) -> Run:
    """Return a network ready to run on the processor with so many threads, in single precision."""
    settings = {
        # else a processor that has bfloat16 would compute in it
        "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        # else all processes of one thread would crowd on the first core
        "ENABLE_CPU_PINNING": False,
    }
    core = load_package("openvino").Core()
    model = core.read_model(path_or_model) if isinstance(path_or_model, Path) else path_or_model
    network = core.compile_model(model, "CPU", settings)
    return lambda prepared: network([prepared])[0]


@torch.no_grad()
def _converted(encoder: AudioEncoder) -> Any:
    openvino = load_package("openvino")
    one, two = examples(encoder)
    shape = [m if m == n else -1 for m, n in zip(one.shape, two.shape, strict=True)]
    return openvino.convert_model(Network(encoder).eval(), example_input=one, input=[openvino.PartialShape(shape)])


def _quantised(model: Any, prepared: list[np.ndarray]) -> Any:
    nncf, advanced = load_package("nncf"), load_package("nncf.quantization.advanced_parameters")
    before = logging.getLogger("nncf").level
    nncf.set_log_level(logging.ERROR)
    try:
        return nncf.quantize(
            model,
            nncf.Dataset(prepared),
            model_type=nncf.ModelType.TRANSFORMER,
            subset_size=len(prepared),
            advanced_parameters=advanced.AdvancedQuantizationParameters(
                # half of a weight's range: without VNNI a processor sums two products in 16 bits, which would overflow
                overflow_fix=advanced.OverflowFix.ENABLE,
                # how much of the activations' spread goes into the weights; NNCF's own 0.95 deviates more
                smooth_quant_alphas=advanced.AdvancedSmoothQuantParameters(matmul=0.5),
            ),
        )
    finally:
        nncf.set_log_level(before)
