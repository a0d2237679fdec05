"""The paper's model: audio features, a template and a style motion in, faces out (section 4, Fig. 1)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from a2f.config import TrainingConfig
from a2f.model_config import ModelConfig
from a2f.models.aperture import LipAperture
from a2f.models.composite import AdaptiveModulation, instance_normalise
from a2f.models.face_model import Batch, FaceModel, TrainingFaces
from a2f.models.motion import Motion
from a2f.models.products import draw, products
from a2f.models.regional import MotionEmbedding
from a2f.models.resnet1d import ResNet1D


def data_loss(squared: Tensor, form: str) -> Tensor:
    """Return L_l2 of Eq. 4 as a mean over batch and frames, from squared norms (B, T).

    The text sums the norm over frames; the released code averages the squared norm over batch and frames. Both are
    averaged here, so that beta keeps its meaning when the crop length changes.
    """
    # the square root has no gradient at an exact zero
    return (squared + 1e-12).sqrt().mean() if form == "norm" else squared.mean()


class Audio2Face(FaceModel):
    """Speech-driven face animation with composite and regional facial movements.

    Parameters
    ----------
    config : ModelConfig
    num_vertices : int
        N.
    audio_dim : int
        Channels of the audio encoder's features.
    subjects : tuple of str
        Not used: style comes from motion, not from a label.
    """

    config: ModelConfig

    def __init__(
        self, config: ModelConfig, num_vertices: int, audio_dim: int, subjects: tuple[str, ...] = ()
    ) -> None:
        super().__init__(config, num_vertices, audio_dim, subjects)
        self.aperture: LipAperture | None = None
        width = config.motion_dim
        if config.standardise_audio:
            self.audio_mean, self.audio_std = torch.zeros(audio_dim), torch.ones(audio_dim)
        self.audio_projection = nn.Conv1d(audio_dim, width, 1)
        self.audio_norm = nn.BatchNorm1d(width) if config.audio_normalisation == "batch" else None
        self.embedding = MotionEmbedding(num_vertices, width, config.output_scale)
        self.modulation = AdaptiveModulation(config) if config.composite else None
        self.decoder = ResNet1D(width, ((width, config.decoder_blocks, 1),))

    def prepare(self, training: TrainingFaces, config: TrainingConfig) -> None:
        """Take the centre and size of the training heads, and where the lips' rims are if the loss looks at them."""
        super().prepare(training, config)
        self.aperture = LipAperture(training.topology) if config.aperture_weight else None

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

    def _style_of_embedded(self, embedded: Tensor) -> Tensor:
        """Return what `style` does, from W d (B, T', K): W is linear, so that the mean may be subtracted behind it."""
        if self.config.style_normalisation == "mean":
            embedded = embedded - embedded.mean(dim=1, keepdim=True)
        return self.modulation.style(embedded)

    def features(
        self, audio: Tensor, template: Tensor, style: Tensor | None, embedded_template: Tensor | None = None
    ) -> Tensor:
        """Return Z_pred, (B, T, K).

        Parameters
        ----------
        audio : Tensor, (B, T, audio_dim)
            The encoder's features, resampled to the T mesh frames.
        template : Tensor, (B, N, 3)
        style : Tensor, (B, 2K), or None
            What `style` returned.
        embedded_template : Tensor, (B, K), optional
            W S_bar where it was made already.
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
            if embedded_template is None:
                embedded_template = self.embedding.embed_template(self.normalise_template(template))
            fused = fused + embedded_template.unsqueeze(1)
        return self.decoder(fused)

    def loss(self, batch: Batch, config: TrainingConfig) -> tuple[Tensor, Tensor]:
        """Return the objective of Eq. 4 and its data term."""
        dense = batch.target.basis is None and (self.modulation is None or batch.style.basis is None)
        predicted, squared, sparsity = self._terms_of_dense(batch) if dense else self._terms(batch)
        data = data_loss(squared, config.loss)
        objective = config.data_weight * data + config.sparsity_weight * sparsity  # Eq. 4
        if self.aperture is not None:
            lips = self.aperture.loss(self, predicted, batch.target, batch.template)
            objective = objective + config.aperture_weight * lips
        return objective, data

    def _terms(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Return Z_pred, the squared error of every frame and ||W||_1."""
        embedded = None
        if batch.style is batch.target and self.modulation is not None:  # W d is wanted twice, and made once
            embedded = self.embedding.embed(batch.target)
            style = self._style_of_embedded(embedded)
        else:
            style = self.style(batch.style)
        predicted = self.features(batch.audio, batch.template, style)
        known = None if embedded is None else (self.embedding.weight @ self.embedding.weight.T, embedded)
        return predicted, self.embedding.frame_error(predicted, batch.target, known), self.embedding.sparsity()

    def _terms_of_dense(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Return the same with all products by W made at once; in a basis they are too small for a gain."""
        rows = {"target": batch.target.values}
        if self.modulation is not None and batch.style is not batch.target:
            rows["style"] = batch.style.values
        if self.config.template_embedding:
            rows["template"] = self.normalise_template(batch.template).flatten(1)
        gram, sparsity, read = products(self.embedding.weight, *rows.values())
        embedded = dict(zip(rows, read, strict=True))
        style = None
        if self.modulation is not None:
            style = self._style_of_embedded(embedded.get("style", embedded["target"]))
        predicted = self.features(batch.audio, batch.template, style, embedded.get("template"))
        squared = self.embedding.frame_error(predicted, batch.target, (gram, embedded["target"]))
        return predicted, squared, sparsity

    def animate(self, audio: Tensor, template: Tensor, style: Motion | None = None) -> Tensor:
        """Return the faces S_hat of Eq. 3, (B, T, N, 3) in the data set's unit, in the style of a motion."""
        return self(audio, template, style)

    @torch.no_grad()
    def measures(self, validated: bool) -> dict[str, float]:
        """Return ||W||_1 and, after a validated epoch, the share of W's entries below a thousandth of the largest."""
        found = {"sparsity": float(self.embedding.sparsity())}
        if validated:
            weight = self.embedding.weight.abs()
            found["small_entries"] = float((weight < 1e-3 * weight.max()).float().mean())
        return found

    def forward(self, audio: Tensor, template: Tensor, style_motion: Motion | None) -> Tensor:
        """Return the faces S_hat of Eq. 3, (B, T, N, 3) in the data set's unit."""
        style = None if self.modulation is None else self.style(style_motion)
        return self.synthesise(self.features(audio, template, style), template)

    def synthesise(
        self, features: Tensor, template: Tensor, vertex_ids: Tensor | None = None, out: Tensor | None = None
    ) -> Tensor:
        """Return S_bar + alpha W^T z (Eq. 3), (B, T, N, 3) in the data set's unit.

        Parameters
        ----------
        features : Tensor, (B, T, K)
        template : Tensor, (B, N, 3)
        vertex_ids : Tensor of int64, optional
            Only these vertices.
        out : Tensor, (B, T, N, 3), optional
            Where all vertices are written, without gradients; a loop need not ask for memory again.
        """
        if vertex_ids is not None:
            drawn = self.embedding.synthesise(features, vertex_ids)
            return template[:, vertex_ids].unsqueeze(1) + self.data_std * drawn
        # scaled before W, not behind it, and added by the product itself: the vertices are written once
        scaled, weight = (self.embedding.output_scale * self.data_std) * features, self.embedding.weight
        start = template.flatten(1)
        if torch.is_grad_enabled() and (scaled.requires_grad or weight.requires_grad):
            drawn = torch.baddbmm(start.unsqueeze(1), scaled, weight.expand(len(features), -1, -1))
        else:
            drawn = draw(scaled, weight, start, None if out is None else out.flatten(2))
        return drawn.unflatten(-1, (-1, 3))

    def blendshapes(self) -> np.ndarray:
        """Return the exact blendshape basis, (K, N, 3) float32 in the data set's unit: alpha * std * W^T.

        A face is the template plus Z_pred times this basis.
        """
        scale = self.embedding.output_scale * self.data_std
        return (scale * self.embedding.weight.detach()).view(-1, self.num_vertices, 3).cpu().numpy()
