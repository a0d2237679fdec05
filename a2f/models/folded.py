"""The paper's model with the batch norms of its decoder folded into the convolutions, to be used, not trained."""

from __future__ import annotations

import copy

from torch import nn
from torch.nn.utils import fuse_conv_bn_eval

from a2f.models.audio2face import Audio2Face


def folded(model: Audio2Face) -> Audio2Face:
    """Return a model in evaluation mode that gives the same faces, to rounding, in fewer operations.

    Only the decoder is new; all else, W included, is shared with the original.

    Parameters
    ----------
    model : Audio2Face
        In evaluation mode.
    """
    found = copy.copy(model)
    found._modules = dict(model._modules)  # the original keeps its own
    found.decoder = copy.deepcopy(model.decoder)
    for part in [part for part in found.decoder.modules() if isinstance(part, nn.Sequential)]:
        for index in range(len(part) - 1):
            if isinstance(part[index], nn.Conv1d) and isinstance(part[index + 1], nn.BatchNorm1d):
                part[index] = fuse_conv_bn_eval(part[index], part[index + 1])
                part[index + 1] = nn.Identity()
    return found
