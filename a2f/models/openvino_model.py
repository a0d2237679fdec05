"""The network of an audio encoder as OpenVINO has it: converted, quantised where asked, and kept in a folder."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from a2f.audio import SAMPLE_RATE
from a2f.errors import A2FError, BadInput
from a2f.files import cannot_write, read_json, sha256, temporary_folder, write_json
from a2f.models.encoder_base import AudioEncoder
from a2f.models.openvino_package import load_package, package_version, quietly, unreported

CACHE = "A2F_CACHE"  # an environment variable
PIECE, MOST = 5.0, 30.0  # seconds of a piece that int8's ranges are taken from, and of all of them
TRUE = 1e-4  # a float32 network that is further from torch's, relatively, was not converted right


def cache_folder() -> Path:
    """Return where converted networks are kept: what ``A2F_CACHE`` names, else ``~/.cache/a2f``."""
    named = os.environ.get(CACHE)
    return Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "a2f"


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


def stored_network(encoder: AudioEncoder, calibration: Sequence[Tensor] | None, folder: Path) -> Path:
    """Return the file of an encoder's network, made if it is not there yet or not whole.

    Parameters
    ----------
    encoder : AudioEncoder
        One that has a network in torch.
    calibration : sequence of Tensor, (1, n), or None
        Pieces of sound: the network is quantised to int8 with the ranges found on them. None: float32.
    folder : Path
        Of all networks kept. Each has a folder of its own, named by all that it depends on.

    Returns
    -------
    Path
        An ``.xml`` of OpenVINO's with its ``.bin`` beside it: operations and numbers, no code.
    """
    used = _depends_on(encoder, calibration)
    place = folder / hashlib.sha256(json.dumps(used, sort_keys=True).encode()).hexdigest()[:32]
    if not _whole(place):
        openvino = load_package("openvino")
        with unreported(), quietly():
            model = _converted(encoder)
            _check(model, encoder)
            if calibration is not None:
                model = _quantised(model, [encoder.prepare(piece).numpy() for piece in calibration])
            with temporary_folder(folder) as temporary:
                new = temporary / "new"
                new.mkdir()
                openvino.save_model(model, new / "network.xml", compress_to_fp16=False)
                files = {name: sha256(new / name) for name in ("network.xml", "network.bin")}
                write_json(new / "about.json", {"made_from": used, "files": files})
                _put(new, place)
    return place / "network.xml"


def compiled(path_or_model: Any, threads: int) -> Any:
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
    return core.compile_model(model, "CPU", settings)


def _depends_on(encoder: AudioEncoder, calibration: Sequence[Tensor] | None) -> dict[str, Any]:
    packages = ["openvino", "torch", "transformers"] + (["nncf"] if calibration is not None else [])
    weights = hashlib.sha256()
    for name, tensor in sorted(encoder.network.state_dict().items()):
        weights.update(name.encode() + tensor.numpy().tobytes())
    return {
        "encoder": encoder.identity,
        "weights": weights.hexdigest(),  # which change under one identity while they are trained
        "calibration": None if calibration is None else calibration_digest(calibration),
        "versions": {name: package_version(name) for name in packages},
    }


def calibration_digest(calibration: Sequence[Tensor]) -> str:
    """Return 16 hexadecimal digits that stand for pieces of sound."""
    return hashlib.sha256(b"".join(piece.numpy().tobytes() for piece in calibration)).hexdigest()[:16]


def _whole(place: Path) -> bool:
    """True if a network is there byte by byte as it was written."""
    try:
        files = read_json(place / "about.json")["files"]
        return all(sha256(place / name) == digest for name, digest in files.items())
    except (A2FError, OSError, KeyError, TypeError, AttributeError):
        return False


def _put(new: Path, place: Path) -> None:
    """Give a whole network its place, instead of one that is not whole."""
    shutil.rmtree(place, ignore_errors=True)
    try:
        os.rename(new, place)
    except OSError as error:
        if not _whole(place):  # else another process has just made it
            raise cannot_write(place, error) from None


class _Network(nn.Module):
    """What is converted: an encoder behind its preparation."""

    def __init__(self, encoder: AudioEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, prepared: Tensor) -> Tensor:
        return self.encoder.compute(prepared)


def _examples(encoder: AudioEncoder) -> list[Tensor]:
    """Return what the network is given for 1 and 2 noises of 2 and 3 s."""
    generator = torch.Generator().manual_seed(0)
    sizes = ((1, 2 * SAMPLE_RATE), (2, 3 * SAMPLE_RATE))
    return [encoder.prepare(0.1 * torch.randn(*size, generator=generator)) for size in sizes]


@torch.no_grad()
def _converted(encoder: AudioEncoder) -> Any:
    openvino = load_package("openvino")
    one, two = _examples(encoder)
    shape = [m if m == n else -1 for m, n in zip(one.shape, two.shape, strict=True)]
    return openvino.convert_model(_Network(encoder).eval(), example_input=one, input=[openvino.PartialShape(shape)])


@torch.no_grad()
def _check(model: Any, encoder: AudioEncoder) -> None:
    """Refuse a network that a length or a number of sounds was frozen into, or that computes something else."""
    run = compiled(model, torch.get_num_threads())
    for example in _examples(encoder):
        expected = encoder.compute(example)
        found = torch.from_numpy(run([example.numpy()])[0])
        apart = float("inf")
        if found.shape == expected.shape:
            apart = float((found - expected).norm() / expected.norm())
        if not apart < TRUE:
            raise A2FError(
                f"the audio encoder {encoder.identity} was not converted right: OpenVINO's features, of shape "
                f"{tuple(found.shape)}, are {apart:.1g} from torch's, {tuple(expected.shape)}, relatively; use the "
                "runtime torch"
            )


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
