"""The L1 term of Eq. 4 as a step of its own: W is thresholded after each step of Adam, and gets exact zeros."""

from __future__ import annotations

import torch
from torch import Tensor


@torch.no_grad()
def threshold(optimizer: torch.optim.Adam, weight: Tensor, beta: float) -> None:
    """Move every entry of a weight towards zero, and no further, after a step that left ``beta * ||W||_1`` out.

    This is the proximal operator of that term (Parikh and Boyd, Proximal Algorithms, 2014, section 6.5.2) in the metric
    of Adam's step: an entry that Adam moves by its learning rate over r, the root of its mean squared gradient, is
    thresholded by learning rate * beta / r. In this metric a W at rest is a minimum of Eq. 4. With learning rate * beta
    for all entries alike it would be one of another objective, whose beta is r times as large in each entry.

    Parameters
    ----------
    optimizer : torch.optim.Adam
        It has taken its step.
    weight : Tensor
        One of its parameters.
    beta : float
    """
    (group,) = (group for group in optimizer.param_groups if any(other is weight for other in group["params"]))
    state = optimizer.state[weight]
    grown = 1 - group["betas"][1] ** float(state["step"])
    root = (state["exp_avg_sq"] / grown).sqrt() + group["eps"]
    bound = group["lr"] * beta / root
    weight.copy_(weight.sign() * (weight.abs() - bound).clamp_min(0))
