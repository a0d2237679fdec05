"""Weights in half precision on disk, where that costs nothing that shows."""

from __future__ import annotations

from torch import Tensor

from a2f.errors import BadInput


def half_precision(tensors: dict[str, Tensor], also: str = "") -> dict[str, Tensor]:
    """Return tensors with the matrices among them in half precision.

    Parameters
    ----------
    tensors : dict of str to Tensor
    also : str, optional
        Of names that begin so, vectors too, where that changes nothing: they came in half precision.

    Raises
    ------
    BadInput
        If an entry is too large for it.
    """

    def halved(key: str, value: Tensor) -> bool:
        if not value.is_floating_point():
            return False
        return value.ndim > 1 or (bool(also) and key.startswith(also) and bool((value.half() == value).all()))

    found = {key: value.half() if halved(key, value) else value for key, value in tensors.items()}
    for key, value in found.items():
        if not value.isfinite().all():
            raise BadInput(f"{key} reaches {float(tensors[key].abs().max()):.3g}, too much for half precision")
    return found
