"""Why a training stopped: the step and its clips, what in them or in the weights is not finite, what to go on from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from torch import Tensor

from a2f.data import Clip
from a2f.errors import TrainingDiverged

_WORDS = {"vertices": "faces that are", "template": "a neutral face that is", "waveform": "sound that is"}


def diverged(
    what: str, batch: Sequence[Clip], others: Iterable[Clip], weights: Mapping[str, Tensor], history: Sequence[dict]
) -> TrainingDiverged:
    """Return the error that tells what is not finite, where it comes from and what is still good.

    Parameters
    ----------
    what : str
        Which number at which step.
    batch : sequence of Clip
        Those of the step; none where it was no step.
    others : iterable of Clip
        Further clips that may have to do with it.
    weights : mapping of str to Tensor
        As they were before the step.
    history : sequence of dict
        Rows of the epochs done; those with a ``val_loss`` left a checkpoint.
    """
    parts = [what + (f" (clips {', '.join(clip.name for clip in batch)})" if batch else "")]
    spoiled = next((text for clip in dict.fromkeys([*batch, *others]) if (text := _spoiled(clip))), None)
    broken = next((name for name, value in weights.items() if not value.isfinite().all()), None)
    if spoiled is not None:
        parts.append(f"{spoiled}: mend or remove it, `a2f validate-data` names all such clips")
    elif broken is not None:
        parts.append(f"{broken} was not finite before it: the gradient of the step before was not. Lower learning_rate")
    else:
        parts.append("all that went into it is finite. Lower learning_rate")
    kept = [row["epoch"] for row in history if "val_loss" in row]
    parts.append(
        f"the last good checkpoint is last.safetensors in the run's folder, of epoch {kept[-1]}"
        if kept
        else "no checkpoint was written before"
    )
    return TrainingDiverged("; ".join(parts))


def _spoiled(clip: Clip) -> str | None:
    """Return what of a clip is not finite."""
    for name, word in _WORDS.items():
        if not np.isfinite(getattr(clip, name)).all():
            return f"clip {clip.name} holds {word} not finite"
    return None
