"""The height between the lips as a training target of its own: millimetres that decide whether a mouth looks shut.

The paper's loss weighs every vertex alike, so a closure missed by two millimetres costs less than a cheek. This term is
an addition of ours, off in every preset; the model that is shipped is trained with it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from a2f.errors import BadInput
from a2f.mesh import Topology
from a2f.models.motion import Motion

SOFTNESS = 1.5  # mm: squared errors are divided by the true height plus this, so that a closure weighs more than a yawn


class LipAperture:
    """Heights between the paired points of the lips' inner rims, read off W without forming a face.

    `model` is an `Audio2Face` throughout: its ``embedding`` and ``data_std`` are read.

    Parameters
    ----------
    topology : Topology
        With landmarks ``upper_lip_inner`` and ``lower_lip_inner``, pairs from corner to corner; y points up.

    Raises
    ------
    BadInput
        If the topology does not name the rims or its unit.
    """

    def __init__(self, topology: Topology) -> None:
        rims = [topology.landmarks.get(name) for name in ("upper_lip_inner", "lower_lip_inner")]
        if rims[0] is None or rims[1] is None:
            raise BadInput(
                f"topology {topology.name!r} names no inner lip rims (landmarks upper_lip_inner and lower_lip_inner), "
                "which aperture_weight needs; set aperture_weight=0"
            )
        if topology.metres_per_unit is None:
            raise BadInput(f"topology {topology.name!r} has no known unit, which aperture_weight needs; set it to 0")
        # the corners cannot part
        self.upper, self.lower = (torch.from_numpy(rim[1:-1]).long() for rim in rims)
        self.unit = 1000 * topology.metres_per_unit  # mm

    def _heights(self, displacements: Tensor) -> Tensor:
        """(R, 3N) to (R, P): what each row does to the heights."""
        y = displacements.view(len(displacements), -1, 3)[..., 1]
        return y[:, self.upper] - y[:, self.lower]

    def of_features(self, model: nn.Module, features: Tensor) -> Tensor:
        """Return the change of the heights that Z_pred (B, T, K) makes, (B, T, P) in mm."""
        scale = self.unit * model.embedding.output_scale * model.data_std
        return scale * (features @ self._heights(model.embedding.weight))

    def of_motion(self, model: nn.Module, motion: Motion) -> Tensor:
        """Return the change of the heights in a motion of T frames, (B, T, P) in mm."""
        scale = self.unit * model.data_std
        if motion.basis is not None:
            return scale * (motion.values @ self._heights(motion.basis))
        batch, frames, _ = motion.values.shape
        return scale * self._heights(motion.values.flatten(0, 1)).view(batch, frames, -1)

    def loss(self, model: nn.Module, features: Tensor, target: Motion, template: Tensor) -> Tensor:
        """Return the mean of squared errors of the heights over the true height plus `SOFTNESS`, in mm.

        Parameters
        ----------
        features : Tensor, (B, T, K)
            Z_pred.
        target : Motion
        template : Tensor, (B, N, 3)
            In the topology's unit.
        """
        wanted = self.of_motion(model, target)
        rest = self.unit * (template[:, self.upper, 1] - template[:, self.lower, 1]).unsqueeze(1)
        error = self.of_features(model, features) - wanted
        return (error.square() / ((rest + wanted).clamp_min(0) + SOFTNESS)).mean()
