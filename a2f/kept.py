"""What an animator makes of its model once and uses until a weight changes."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
from torch import Tensor

from a2f.data import Clip
from a2f.models import Audio2Face
from a2f.models.folded import folded


class Kept:
    """A model's folded form, its blendshapes, and the styles of clips.

    Parameters
    ----------
    model : Audio2Face
        Changes made to its weights in place are noticed, and that they moved to another device.
    """

    def __init__(self, model: Audio2Face) -> None:
        self._model, self._state = model, None
        self._found: dict[Hashable, Any] = {}
        self._styles: weakref.WeakKeyDictionary[Clip, Tensor | None] = weakref.WeakKeyDictionary()

    @property
    def model(self) -> Audio2Face:
        """The model with folded batch norms."""
        return self._once("model", lambda: folded(self._model))

    @property
    def blendshapes(self) -> np.ndarray:
        """The basis, (K, N, 3) float32, which all animations share and none may write to."""

        def made() -> np.ndarray:
            basis = self._model.blendshapes()
            basis.flags.writeable = False
            return basis

        return self._once("blendshapes", made)

    def style(self, motion: Clip | None, make: Callable[[], Tensor | None]) -> Tensor | None:
        """Return the style of a clip, or of the motionless face, by `make` where it is not known yet."""
        if motion is None:
            return self._once("still", make)
        self._forget_if_changed()
        if motion not in self._styles:
            self._styles[motion] = make()
        return self._styles[motion]

    def _once(self, name: str, make: Callable[[], Any]) -> Any:
        self._forget_if_changed()
        if name not in self._found:
            self._found[name] = make()
        return self._found[name]

    def _forget_if_changed(self) -> None:
        tensors = [*self._model.parameters(), *self._model.buffers()]
        state = tuple((id(tensor), tensor._version, tensor.device) for tensor in tensors)
        if state != self._state:
            self._found.clear()
            self._styles.clear()
            self._state = state
