"""The paper's model: audio features, a template and a style motion in, faces out (section 4, Fig. 1)."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from a2f.config import Config, ModelConfig
from a2f.errors import BadInput, MissingData
from a2f.files import atomic_path, read_json, write_json
from a2f.models.composite import AdaptiveModulation, instance_normalise
from a2f.models.half import half_precision
from a2f.models.motion import Motion
from a2f.models.regional import MotionEmbedding
from a2f.models.resnet1d import ResNet1D


class Audio2Face(nn.Module):
    """Speech-driven face animation with composite and regional facial movements.

    Vertices enter and leave in the data set's unit; inside, x is (x - `data_mean`) / `data_std`.

    Parameters
    ----------
    config : ModelConfig
    num_vertices : int
        N.
    audio_dim : int
        Channels of the audio encoder's features.
    """

    def __init__(self, config: ModelConfig, num_vertices: int, audio_dim: int) -> None:
        super().__init__()
        self.config, self.num_vertices, self.audio_dim = config, num_vertices, audio_dim
        width = config.motion_dim
        self.register_buffer("data_mean", torch.zeros(3))  # per axis
        self.register_buffer("data_std", torch.ones(()))  # one number for all axes
        standard = config.standardise_audio
        self.register_buffer("audio_mean", torch.zeros(audio_dim) if standard else None)
        self.register_buffer("audio_std", torch.ones(audio_dim) if standard else None)
        self.audio_projection = nn.Conv1d(audio_dim, width, 1)
        self.audio_norm = nn.BatchNorm1d(width) if config.audio_normalisation == "batch" else None
        self.embedding = MotionEmbedding(num_vertices, width, config.output_scale)
        self.modulation = AdaptiveModulation(config) if config.composite else None
        self.decoder = ResNet1D(width, ((width, config.decoder_blocks, 1),))

    def normalise_template(self, template: Tensor) -> Tensor:
        """Return the template S_bar (B, N, 3) in the model's units."""
        return (template - self.data_mean) / self.data_std

    def motion(self, vertices: Tensor, template: Tensor) -> Motion:
        """Return the motion of faces (B, T, N, 3) around their template (B, N, 3), in the model's units."""
        return Motion(((vertices - template.unsqueeze(1)) / self.data_std).flatten(2))

    def motion_in_basis(self, coefficients: Tensor, basis: Tensor) -> Motion:
        """Return a motion given as coefficients (B, T, R) of a basis (R, N, 3) in the data set's unit."""
        return Motion(coefficients, (basis / self.data_std).flatten(1))

    def style(self, motion: Motion) -> Tensor | None:
        """Return sigma_predict and mu_predict of a style motion, (B, 2K); None without the composite part.

        Eq. 1 subtracts the mean face of the sequence. With ``style_normalisation="template"`` the template is
        subtracted instead, which it already is from a `Motion`.
        """
        if self.modulation is None:
            return None
        if self.config.style_normalisation == "mean":
            motion = motion.minus_mean()
        return self.modulation.style(self.embedding.embed(motion))

    def features(self, audio: Tensor, template: Tensor, style: Tensor | None) -> Tensor:
        """Return Z_pred, (B, T, K).

        Parameters
        ----------
        audio : Tensor, (B, T, audio_dim)
            The encoder's features, resampled to the T mesh frames.
        template : Tensor, (B, N, 3)
        style : Tensor, (B, 2K), or None
            What `style` returned.
        """
        if self.audio_mean is not None:
            audio = (audio - self.audio_mean) / self.audio_std
        projected = self.audio_projection(audio.transpose(1, 2))
        if self.audio_norm is not None:
            fused = self.audio_norm(projected).transpose(1, 2)
        else:
            fused = instance_normalise(projected.transpose(1, 2))
        if self.modulation is not None:
            fused = self.modulation(fused, style)  # Z_fuse, Eq. 2
        if self.config.template_embedding:
            fused = fused + self.embedding.embed_template(self.normalise_template(template)).unsqueeze(1)
        return self.decoder(fused)

    def forward(self, audio: Tensor, template: Tensor, style_motion: Motion | None) -> Tensor:
        """Return the faces S_hat of Eq. 3, (B, T, N, 3) in the data set's unit."""
        style = None if self.modulation is None else self.style(style_motion)
        return self.synthesise(self.features(audio, template, style), template)

    def synthesise(self, features: Tensor, template: Tensor, vertex_ids: Tensor | None = None) -> Tensor:
        """Return S_bar + alpha W^T z (Eq. 3) in the data set's unit, of all vertices or of `vertex_ids`."""
        if vertex_ids is not None:
            template = template[:, vertex_ids]
        return template.unsqueeze(1) + self.data_std * self.embedding.synthesise(features, vertex_ids)

    def blendshapes(self) -> np.ndarray:
        """Return the exact blendshape basis, (K, N, 3) float32 in the data set's unit: alpha * std * W^T.

        A face is the template plus Z_pred times this basis.
        """
        scale = self.embedding.output_scale * self.data_std
        return (scale * self.embedding.weight.detach()).view(-1, self.num_vertices, 3).cpu().numpy()

    def save_pretrained(
        self,
        folder: str | os.PathLike,
        config: Config,
        name: str = "best",
        seed: int | None = None,
        extra: dict[str, Tensor] | None = None,
        half: bool = False,
    ) -> None:
        """Write ``config.json`` and ``<name>.safetensors`` to a folder.

        Parameters
        ----------
        folder : path-like
        config : Config
            The whole run's configuration.
        name : str
            ``"best"`` or ``"last"`` of a run, ``"model"`` of a model to be handed on.
        seed : int, optional
            Of the run that made it.
        extra : dict of str to Tensor, optional
            Further tensors, such as a fine-tuned audio encoder's under ``audio_encoder.``.
        half : bool
            Keep the weights in half precision; vectors, such as the mean that vertices are centred by, stay exact.

        Raises
        ------
        BadInput
            If a weight is too large for half precision.
        """
        from safetensors.torch import save_file

        tensors = {key: value.detach().contiguous() for key, value in self.state_dict().items()} | (extra or {})
        if half:
            tensors = half_precision(tensors)
        with atomic_path(Path(folder) / f"{name}.safetensors") as temporary:
            save_file(tensors, temporary)
        described = {
            "config": config.to_dict(),
            "num_vertices": self.num_vertices,
            "audio_dim": self.audio_dim,
            "seed": seed,
        }
        write_json(Path(folder) / "config.json", described)

    @classmethod
    def from_pretrained(cls, folder: str | os.PathLike, name: str = "best") -> Audio2Face:
        """Read a model that `save_pretrained` wrote, in evaluation mode.

        Raises
        ------
        MissingData
            If the folder or its weights are not there.
        BadInput
            If the weights do not fit the configuration.
        """
        config, described = read_run_config(folder)
        model = cls(config.model, int(described["num_vertices"]), int(described["audio_dim"]))
        tensors = {k: v for k, v in read_weights(folder, name).items() if not k.startswith("audio_encoder.")}
        try:
            model.load_state_dict(tensors)
        except RuntimeError as error:
            raise BadInput(f"{Path(folder) / name}.safetensors does not fit its config.json: {error}") from None
        broken = [key for key, value in tensors.items() if not value.isfinite().all()]
        if broken:
            raise BadInput(f"{Path(folder) / name}.safetensors is damaged: {broken[0]} is not finite")
        return model.eval()


def read_run_config(folder: str | os.PathLike) -> tuple[Config, dict]:
    """Return the configuration of a run folder and the whole of its ``config.json``."""
    path = Path(folder) / "config.json"
    if not path.is_file():
        raise MissingData(
            f"{folder} holds no config.json; give the folder of a trained model (`a2f train --out FOLDER`)"
        )
    described = read_json(path)
    if not isinstance(described, dict) or not {"config", "num_vertices", "audio_dim"} <= set(described):
        raise BadInput(f"{path} is not the configuration of a trained a2f model")
    for key in ("num_vertices", "audio_dim"):
        if not isinstance(described[key], int) or described[key] < 1:
            raise BadInput(f"{path}: {key} is {described[key]!r}, expected a whole positive number")
    try:
        return Config.from_dict(described["config"]), described
    except (TypeError, ValueError) as error:
        raise BadInput(f"{path} is not a configuration of this version of a2f: {error}") from None


def read_weights(folder: str | os.PathLike, name: str = "best") -> dict[str, Tensor]:
    """Return the tensors of ``<name>.safetensors`` in a run folder."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = Path(folder) / f"{name}.safetensors"
    if not path.is_file():
        raise MissingData(f"{path} is not there; the run was not trained so far, or the copy is not whole")
    try:
        return load_file(path)
    except SafetensorError as error:
        raise BadInput(f"{path} is not a whole safetensors file: {error}") from None
