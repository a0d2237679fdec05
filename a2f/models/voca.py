"""VOCA: a window of audio features and a one-hot identity drive a linear face space (Cudeiro et al., CVPR 2019).

Published for DeepSpeech's 29 outputs at 60 frames a second; here for any audio features at any frame rate.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from a2f.config import TrainingConfig
from a2f.errors import BadInput
from a2f.model_config import VocaConfig
from a2f.models.face_model import Batch, FaceModel, TrainingFaces
from a2f.models.motion import Motion, squared_error

CHANNELS = (32, 32, 64, 64)


class Voca(FaceModel):
    """Speech encoder, one-hot identity, and an output layer that starts as the principal components of training.

    Parameters
    ----------
    config : VocaConfig
    num_vertices : int
        N.
    audio_dim : int
    subjects : tuple of str
        The training subjects, one condition each.

    Raises
    ------
    BadInput
        Without training subjects.
    """

    config: VocaConfig

    def __init__(
        self, config: VocaConfig, num_vertices: int, audio_dim: int, subjects: tuple[str, ...] = ()
    ) -> None:
        super().__init__(config, num_vertices, audio_dim, subjects)
        if not subjects:
            raise BadInput("VOCA has one condition for each training subject, and was given no subjects")
        identities, width = len(subjects), audio_dim + len(subjects)
        self.audio_norm = nn.BatchNorm2d(1)  # one mean and scale for the whole window
        self.convolutions = nn.ModuleList()
        for channels in CHANNELS:
            self.convolutions.append(nn.Conv1d(width, channels, 3, stride=2, padding=1))
            width = channels
        steps = config.window_frames // 2 ** len(CHANNELS)
        self.hidden = nn.Linear(width * steps + identities, config.hidden_dim)
        self.expression = nn.Linear(config.hidden_dim, config.expression_dim)
        self.output = nn.Linear(config.expression_dim, 3 * num_vertices)
        for layer in (*self.convolutions, self.hidden, self.expression):
            deviation = 0.02 if isinstance(layer, nn.Conv1d) else 0.1
            nn.init.trunc_normal_(layer.weight, std=deviation, a=-2 * deviation, b=2 * deviation)
            nn.init.zeros_(layer.bias)
        nn.init.zeros_(self.output.bias)

    @torch.no_grad()
    def prepare(self, training: TrainingFaces, config: TrainingConfig) -> None:
        """Start the output layer with the principal components of the training motion, one deviation long each.

        VOCA takes FLAME's expression components, which exist on FLAME's topology only.
        """
        super().prepare(training, config)
        moved = ((training.faces - training.neutral) / self.data_std).flatten(1)
        # from the smaller side: M frames are far fewer than 3N coordinates
        values, vectors = torch.linalg.eigh((moved @ moved.T).double())
        rank = min(self.config.expression_dim, len(moved))
        # a millionth of the first variance is rounding in single precision, and no direction of motion
        kept = vectors[:, -rank:].flip(1).float() * (values[-rank:].flip(0) > 1e-6 * values[-1])
        directions = F.normalize(moved.T @ kept, dim=0)  # (3N, rank)
        deviation = values[-rank:].flip(0).clamp_min(0).sqrt().float() / len(moved) ** 0.5
        self.output.weight.zero_()
        self.output.weight[:, :rank] = directions * deviation

    def windows(self, audio: Tensor) -> Tensor:
        """Return the features around every frame, (B, T, window, C); zeros before the first and after the last."""
        size = self.config.window_frames
        padded = F.pad(audio, (0, 0, size // 2, size // 2 - 1))
        return padded.unfold(1, size, 1).transpose(2, 3)

    def expressions(self, audio: Tensor, identity: Tensor) -> Tensor:
        """Return the coefficients of the output layer (B, T, expression_dim) for identities (B, S)."""
        batch, frames = audio.shape[:2]
        window = self.windows(audio).flatten(0, 1)  # (B T, window, C)
        window = self.audio_norm(window.unsqueeze(1)).squeeze(1).transpose(1, 2)
        identity = identity.repeat_interleave(frames, dim=0)
        hidden = torch.cat([window, identity.unsqueeze(2).expand(-1, -1, window.shape[2])], dim=1)
        for convolution in self.convolutions:
            hidden = convolution(hidden).relu()
        hidden = torch.cat([hidden.flatten(1), identity], dim=1)
        return self.expression(self.hidden(hidden).tanh()).view(batch, frames, -1)

    def loss(self, batch: Batch, config: TrainingConfig) -> tuple[Tensor, Tensor]:
        """Return VOCA's objective, position and velocity term, and the position term (see `voca_terms`)."""
        codes = self.expressions(batch.audio, self.one_hot(batch.subject))
        position, velocity = voca_terms(codes, self.output.weight, self.output.bias, batch.target)
        return position + self.config.velocity_weight * velocity, position

    def animate(self, audio: Tensor, template: Tensor, style: Motion | None = None) -> Tensor:
        """Return the mean of the faces under all training identities: a new speaker has none of its own."""
        conditions = self.one_hot(torch.arange(len(self.subjects)))
        found = [self.expressions(audio, row.expand(len(audio), -1)) for row in conditions]
        # the output layer is linear: the mean of its faces is the face of the mean
        return self.faces(self.output(torch.stack(found).mean(0)), template)

    def animate_as(self, audio: Tensor, template: Tensor, identity: int) -> Tensor:
        """Return the faces (B, T, N, 3) under one training identity.

        Raises
        ------
        BadInput
            If there is no such training identity.
        """
        if not 0 <= identity < len(self.subjects):
            raise BadInput(f"identity is {identity}, expected 0 to {len(self.subjects) - 1}, one of the subjects")
        chosen = self.one_hot(torch.full((len(audio),), identity))
        return self.faces(self.output(self.expressions(audio, chosen)), template)


def voca_terms(codes: Tensor, weight: Tensor, bias: Tensor, target: Motion) -> tuple[Tensor, Tensor]:
    """Return the mean squared vertex distance of displacements W z + b, and that of their frame differences.

    A vertex' squared distance is the sum over its three axes, as in the release. No vertex is formed
    (`motion.squared_error`).

    Parameters
    ----------
    codes : Tensor, (B, T, K)
        z.
    weight, bias : Tensor, (3N, K) and (3N,)
    target : Motion
    """
    vertices = len(bias) // 3
    rows = torch.cat([weight, bias.unsqueeze(1)], dim=1).T  # the bias is a row that is always on
    position = squared_error(F.pad(codes, (0, 1), value=1.0), rows, target)
    change = Motion(target.values.diff(dim=1), target.basis)  # the bias does not change
    velocity = squared_error(codes.diff(dim=1), weight.T, change)
    return position.mean() / vertices, velocity.mean() / vertices
