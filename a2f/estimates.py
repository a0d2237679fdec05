"""What the paper's own training would take on one GPU, by counting operations and bytes: an estimate, not measured."""

from __future__ import annotations

import math
from dataclasses import dataclass

from a2f.config import Config

# Of one GPU: what a 24 GB card of the paper's time (RTX 3090) reaches in float32 matrix products of this size, about
# half of its 35 TFLOP/s on paper. A guess that the estimate is proportional to.
REACHED = 15e12  # operations a second
BYTES = 4
COPIES = 4  # a trained weight, its gradient, and Adam's two moments


@dataclass(frozen=True)
class Estimate:
    """One training run.

    Parameters
    ----------
    steps : int
    frozen_steps : int
        Of these, with the audio encoder frozen.
    operations : float
        Floating-point operations, 2 a multiplication with addition.
    minutes : float
        Of arithmetic at `REACHED` operations a second. Reading, copying and starting kernels come on top.
    weights_gb, activations_gb : float
        Trained weights with gradients and moments; what the audio encoder keeps for its gradient.
    """

    steps: int
    frozen_steps: int
    operations: float
    minutes: float
    weights_gb: float
    activations_gb: float

    def __str__(self) -> str:
        tuned, memory = self.steps - self.frozen_steps, self.weights_gb + self.activations_gb
        return (
            f"{self.steps} steps, {tuned} of them with the audio encoder: {self.operations / 1e15:.1f} PFLOP, "
            f"{self.minutes:.0f} min at {REACHED / 1e12:.0f} TFLOP/s, so in practice a few times that; "
            f"{memory:.0f} GB of GPU memory ({self.weights_gb:.1f} for weights)"
        )


def hubert_large():
    """Return HuBERT-large without memory for its weights: 315,438,720 parameters, on torch's meta device."""
    import torch
    from transformers import HubertConfig, HubertModel

    config = HubertConfig(
        hidden_size=1024,
        num_hidden_layers=24,
        num_attention_heads=16,
        intermediate_size=4096,
        feat_extract_norm="layer",
        conv_bias=True,
        do_stable_layer_norm=True,
    )
    with torch.device("meta"):
        return HubertModel(config).eval()


def encoder_operations(seconds: float) -> float:
    """Return the operations of HuBERT-large on sound of some seconds, counted on shapes alone."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from a2f.audio import SAMPLE_RATE

    network = hubert_large()
    with FlopCounterMode(display=False) as counted, torch.no_grad():
        network(torch.empty(1, int(seconds * SAMPLE_RATE), device="meta"))
    return float(counted.get_total_flops())


def estimate(config: Config, num_vertices: int, clips: int, mean_seconds: float) -> Estimate:
    """Estimate a training run with HuBERT-large, which is frozen first and trained then.

    Parameters
    ----------
    config : Config
        Of the paper's model.
    num_vertices : int
        N.
    clips : int
        Of the training split.
    mean_seconds : float
        Their mean length.
    """
    training, model = config.training, config.model
    per_epoch = clips // training.batch_size
    steps = per_epoch * training.epochs
    waiting = training.epochs if training.freeze_epochs is None else training.freeze_epochs
    frozen = per_epoch * min(training.epochs, waiting)
    crop = min(training.crop_frames / config.data.fps, mean_seconds)
    heard = training.batch_size * encoder_operations(crop)
    # W is met three times forward (style, W W^T, W d) and as often for each of two gradients
    frames = training.batch_size * (training.crop_frames + training.style_frames)
    drawn = 3 * 3 * 2 * frames * 3 * num_vertices * model.motion_dim
    operations = steps * drawn + (steps - frozen) * 3 * heard + clips * encoder_operations(mean_seconds)
    weights = (315_438_720 + 3 * num_vertices * model.motion_dim + 10_300_000) * BYTES * COPIES
    tokens = training.batch_size * math.ceil(crop * 50)
    # a layer keeps about 34 vectors of its width a token for the gradient; the convolutions, 512 wide, 64 times as many
    kept = BYTES * tokens * (24 * 34 * 1024 + 3 * 2 * 64 * 512)
    return Estimate(steps, frozen, operations, operations / REACHED / 60, weights / 1e9, kept / 1e9)
