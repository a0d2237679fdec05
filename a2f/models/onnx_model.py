"""The network of an audio encoder as ONNX Runtime has it: exported, and its matrices quantised where asked."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
import torch

from a2f.models.encoder_base import AudioEncoder
from a2f.models.kept_network import Network, Run, check, examples, kept_network
from a2f.models.runtime_package import load_package

OPSET = 20  # the first with GELU, by which HuBERT is one operation instead of five a layer
FILE, GIVEN = "network.onnx", "prepared"


def stored_network(encoder: AudioEncoder, int8: bool, folder: Path) -> Path:
    """Return the file of an encoder's network, made if it is not there yet or not whole.

    Parameters
    ----------
    encoder : AudioEncoder
        One that has a network in torch.
    int8 : bool
        Store the matrices as int8, with a scale for every column. What they are multiplied with is brought to 8 bits
        by its own range, at every call, so that no speech is needed beforehand. Convolutions stay in float32.
    folder : Path
        Of all networks kept.

    Returns
    -------
    Path
        An ``.onnx``: operations and numbers, no code.
    """

    def make(new: Path) -> None:
        _converted(encoder, new / FILE)
        check(compiled(new / FILE, torch.get_num_threads()), encoder, "ONNX Runtime")
        if int8:
            _quantised(new / FILE, new / "int8.onnx")
            os.replace(new / "int8.onnx", new / FILE)

    packages = ("onnx", "onnxruntime")
    return kept_network(encoder, packages, {"int8": int8, "opset": OPSET}, folder, make) / FILE


def compiled(path: Path, threads: int) -> Run:
    """Return a network ready to run on the processor with so many threads."""
    onnxruntime = load_package("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3  # errors
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # waiting threads leave their cores free
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda prepared: session.run(None, {GIVEN: np.ascontiguousarray(prepared)})[0]


@torch.no_grad()
def _converted(encoder: AudioEncoder, path: Path) -> None:
    one, two = examples(encoder)
    free = {axis: f"axis {axis}" for axis, (m, n) in enumerate(zip(one.shape, two.shape, strict=True)) if m != n}
    torch.onnx.export(
        Network(encoder).eval(),
        (one,),
        path,
        input_names=[GIVEN],
        output_names=["features"],
        opset_version=OPSET,
        dynamic_axes={GIVEN: free},
        # the older exporter: where lengths are left open the newer one takes 30 times as long, for no quicker a network
        dynamo=False,
    )


def _quantised(path: Path, into: Path) -> None:
    quantization = load_package("onnxruntime.quantization")
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.ERROR)  # it asks for shapes to be found beforehand, which the matrices do not need
    try:
        quantization.quantize_dynamic(
            path,
            into,
            op_types_to_quantize=["MatMul", "Gemm"],
            per_channel=True,
            # half of a weight's range: without VNNI a processor sums two products in 16 bits, which would overflow
            reduce_range=True,
            weight_type=quantization.QuantType.QInt8,
        )
    finally:
        root.setLevel(before)

