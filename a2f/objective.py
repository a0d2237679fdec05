"""The forward pass of a training step as one module: the audio encoder where it learns, and the model's loss."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor, nn

from a2f.config import Config, TrainingConfig
from a2f.models import Audio2Face, AudioEncoder, Batch, FaceModel, resample_features


class Objective(nn.Module):
    """What several processes share has to be one module; here it is.

    Parameters
    ----------
    model : FaceModel
    encoder : AudioEncoder or None
        None while it is frozen: batches then hold features.
    config : Config
    precision : {"float32", "bfloat16"}
        Of the encoder; the model has its own (`a2f.precision.lower`).
    """

    def __init__(
        self, model: FaceModel, encoder: AudioEncoder | None, config: Config, precision: str = "float32"
    ) -> None:
        super().__init__()
        self.model, self.encoder, self.config, self.precision = model, encoder, config, precision

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return what training minimises, and its data term without a gradient."""
        if self.encoder is not None:
            frames, fps = batch.target.num_frames, self.config.data.fps
            with torch.autocast(batch.audio.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
                audio = self.encoder(batch.audio)
            audio = resample_features(audio.float(), frames, fps, self.encoder.feature_rate, self.encoder.first_centre)
            batch = dataclasses.replace(batch, audio=audio)
        training = self.config.training
        if not thresholded(self.model, training):
            objective, data = self.model.loss(batch, training)
            return objective, data.detach()
        smooth, data = self.model.loss(batch, dataclasses.replace(training, sparsity_weight=0.0))
        penalty = training.sparsity_weight * self.model.embedding.sparsity().detach()  # without a gradient
        return smooth + penalty, data.detach()


def thresholded(model: FaceModel, training: TrainingConfig) -> bool:
    """Return whether W is thresholded instead of following its term's gradient; other methods have no W."""
    return training.sparsity_step == "proximal" and isinstance(model, Audio2Face)
