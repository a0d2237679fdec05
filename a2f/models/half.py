"""Weights in half precision on disk, where that costs nothing that shows."""

from __future__ import annotations

from torch import Tensor

from a2f.errors import BadInput


def half_precision(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors with the matrices among them in half precision.

    Raises
    ------
    BadInput
        If an entry is too large for it.
    """
    matrices = {key for key, value in tensors.items() if value.is_floating_point() and value.ndim > 1}
    found = {key: value.half() if key in matrices else value for key, value in tensors.items()}
    for key, value in found.items():
        if not value.isfinite().all():
            raise BadInput(f"{key} reaches {float(tensors[key].abs().max()):.3g}, too much for half precision")
    return found
