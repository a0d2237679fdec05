"""What every method of Table 1 is to the training loop and the evaluation: a loss on a batch, and faces from sound."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from a2f.config import TrainingConfig
from a2f.errors import BadInput
from a2f.mesh import Topology
from a2f.model_config import EncoderConfig
from a2f.models.motion import Motion


@dataclass(frozen=True, eq=False)
class Batch:
    """One training step's input.

    `audio` holds features at mesh frames (B, T, C) while the audio encoder is frozen, and waveforms (B, S) at 16 kHz
    once it is not; the training loop turns these into features before a model sees them.
    """

    audio: Tensor
    template: Tensor  # (B, N, 3), in the data set's unit
    target: Motion  # of T frames, in the model's units
    style: Motion  # of T' frames
    subject: Tensor  # (B,) int64, which training subject, in the order of `FaceModel.subjects`


@dataclass(frozen=True, eq=False)
class TrainingFaces:
    """What of the training set a model may look at before training: a sample of its frames, and its topology.

    Parameters
    ----------
    topology : Topology
    templates : Tensor, (S, N, 3)
        The neutral face of each training subject.
    faces, neutral : Tensor, (M, N, 3)
        Frames spread over all training clips, and the neutral face of each.
    """

    topology: Topology
    templates: Tensor
    faces: Tensor
    neutral: Tensor


class FaceModel(nn.Module):
    """Base of all methods. Vertices enter and leave in the data set's unit; inside, x is (x - mean) / std.

    Parameters
    ----------
    config : EncoderConfig
        The method's own settings.
    num_vertices : int
        N.
    audio_dim : int
        Channels of the audio encoder's features.
    subjects : tuple of str
        The training subjects, for methods with a one-hot identity.
    """

    def __init__(
        self, config: EncoderConfig, num_vertices: int, audio_dim: int, subjects: tuple[str, ...] = ()
    ) -> None:
        super().__init__()
        self.config, self.num_vertices, self.audio_dim, self.subjects = config, num_vertices, audio_dim, subjects
        self.register_buffer("data_mean", torch.zeros(3))  # per axis
        self.register_buffer("data_std", torch.ones(()))  # one number for all axes
        self.register_buffer("audio_mean", None)
        self.register_buffer("audio_std", None)

    def prepare(self, training: TrainingFaces, config: TrainingConfig) -> None:
        """Take from the training set what is fixed before the first step: here, the centre and size of its heads."""
        mean = training.templates.double().mean(dim=(0, 1))
        self.data_mean.copy_(mean)
        self.data_std.copy_((training.templates.double() - mean).square().mean().sqrt())

    def normalise_template(self, template: Tensor) -> Tensor:
        """Return the template S_bar (B, N, 3) in the model's units."""
        return (template - self.data_mean) / self.data_std

    def motion(self, vertices: Tensor, template: Tensor) -> Motion:
        """Return the motion of faces (B, T, N, 3) around their template (B, N, 3), in the model's units."""
        return Motion(((vertices - template.unsqueeze(1)) / self.data_std).flatten(2))

    def motion_in_basis(self, coefficients: Tensor, basis: Tensor) -> Motion:
        """Return a motion given as coefficients (B, T, R) of a basis (R, N, 3) in the data set's unit."""
        return Motion(coefficients, (basis / self.data_std).flatten(1))

    def faces(self, displacements: Tensor, template: Tensor) -> Tensor:
        """Return faces (B, T, N, 3) in the data set's unit from displacements (B, T, 3N) in the model's units."""
        moved = displacements.view(*displacements.shape[:2], -1, 3)
        return template.unsqueeze(1) + self.data_std * moved

    def loss(self, batch: Batch, config: TrainingConfig) -> tuple[Tensor, Tensor]:
        """Return what training minimises, and the part of it that is a distance to the data."""
        raise TypeError(f"{type(self).__name__} has to define loss")

    def animate(self, audio: Tensor, template: Tensor, style: Motion | None = None) -> Tensor:
        """Return faces for sound, as the method does it at test time.

        Parameters
        ----------
        audio : Tensor, (B, T, audio_dim)
            The encoder's features at the mesh frames.
        template : Tensor, (B, N, 3)
        style : Motion, optional
            Another motion of the speaker; only methods conditioned on motion look at it.

        Returns
        -------
        Tensor, (B, T, N, 3), in the data set's unit
        """
        raise TypeError(f"{type(self).__name__} has to define animate")

    @torch.no_grad()
    def measures(self, validated: bool) -> dict[str, float]:
        """Return what the history keeps of the weights after an epoch; more after a validated one."""
        return {}

    def one_hot(self, subject: Tensor) -> Tensor:
        """Return one-hot identities (B, S) of training subjects (B,)."""
        if not self.subjects:
            raise BadInput(f"{type(self).__name__} was made without training subjects and has no identities")
        if subject.min() < 0 or subject.max() >= len(self.subjects):
            raise BadInput(f"subjects are {subject.tolist()}, expected 0 to {len(self.subjects) - 1}")
        return nn.functional.one_hot(subject, len(self.subjects)).to(self.data_std)
