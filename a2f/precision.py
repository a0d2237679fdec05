"""Training in half as many bits where the hardware has them: layers in bfloat16, weights and losses in float32."""

from __future__ import annotations

import torch
from torch import nn

from a2f.errors import BadInput

PRECISIONS = ("float32", "bfloat16")


def computes_bfloat16(device: torch.device) -> bool:
    """Return whether a device multiplies bfloat16 in hardware; elsewhere it is emulated, and slower than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    known = torch.cpu.get_capabilities()
    return bool(known.get("amx_bf16") or known.get("avx512_bf16"))


def check_precision(precision: str, device: torch.device) -> None:
    """Check that a device computes in a precision.

    Raises
    ------
    BadInput
        If the precision is unknown, or the device lacks it.
    """
    if precision not in PRECISIONS:
        raise BadInput(f"precision is {precision!r}, expected one of {', '.join(PRECISIONS)}")
    if precision == "bfloat16" and not computes_bfloat16(device):
        what = "GPU" if device.type == "cuda" else "CPU (it has neither AMX nor AVX512-BF16)"
        raise BadInput(f"this {what} does not compute in bfloat16; train with precision 'float32'")


def lower(model: nn.Module, device: torch.device) -> None:
    """Let the convolutions and linear layers of a model compute in bfloat16 while it is trained.

    What they return is float32 again, and so are statistics, recurrent layers, products with W and the loss, which
    subtracts nearly equal numbers (`models.motion.squared_error`). Validation and later use are in float32.
    """
    for layer in model.modules():
        if isinstance(layer, (nn.Conv1d, nn.Linear)):
            layer.forward = _lowered(layer, device)


def _lowered(layer: nn.Module, device: torch.device):
    whole = layer.forward

    def forward(values: torch.Tensor) -> torch.Tensor:
        if not layer.training:
            return whole(values)
        with torch.autocast(device.type, torch.bfloat16):
            return whole(values).float()

    return forward
