"""MeshTalk: categories shared by speech and expression, and a prior that draws them from sound (Richard et al., 2021).

Published for log-mel features on one topology of 6172 vertices; here for any audio features at mesh frames on any
topology.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from a2f.config import TrainingConfig
from a2f.errors import BadInput
from a2f.model_config import MeshTalkConfig
from a2f.models.face_model import Batch, FaceModel, TrainingFaces
from a2f.models.meshtalk_error import output_error
from a2f.models.meshtalk_parts import Decoder, ExpressionEncoder, Fusion, SoundEncoder
from a2f.models.meshtalk_prior import CategoricalPrior
from a2f.models.motion import Motion

FLOOR = 0.1  # of the median deviation of a coordinate: the least that a z-score is divided by


class MeshTalk(FaceModel):
    """Two encoders, a categorical latent space, a decoder, and an autoregressive prior over the categories.

    Departures from the release, where this repository's frame asks for them:

    - The autoencoder and the prior are trained in one loop, not one after the other. The prior learns from detached
      codes and moves nothing else, so each gets the full number of steps; its codes settle as the encoders do.
    - The landmark term of 62 eye points is taken over the region `upper_face`, the masks of the cross-modality term
      are the regions `lips` and `upper_face`: every topology has these.
    - Errors are divided by the mean square displacement of training: 1 is a face that stays at rest.
    - Audio features are standardised, and initial weights hand on variance (`keep_variance`): few steps are enough.
    - Gumbel noise may be made smaller (`MeshTalkConfig.noise`, 1 in the release): within few steps the encoders do not
      grow sure of themselves, and full noise would train the decoder on other categories than they mean.
    - One Adam for all parts without weight decay; no Gaussian smoothing of forehead and neck afterwards.

    Parameters
    ----------
    config : MeshTalkConfig
    num_vertices : int
        N.
    audio_dim : int
    subjects : tuple of str
        Not looked at: a face sequence or the prior stand for the speaker.
    """

    config: MeshTalkConfig

    def __init__(
        self, config: MeshTalkConfig, num_vertices: int, audio_dim: int, subjects: tuple[str, ...] = ()
    ) -> None:
        super().__init__(config, num_vertices, audio_dim, subjects)
        self.audio_mean, self.audio_std = torch.zeros(audio_dim), torch.ones(audio_dim)  # of the training set
        self.sound_encoder = SoundEncoder(config, audio_dim)
        self.expression_encoder = ExpressionEncoder(config, num_vertices)
        self.fusion = Fusion(config)
        self.decoder = Decoder(config, num_vertices)
        self.prior = CategoricalPrior(config)
        # vectors of 3N and not (N, 3): files in half precision keep vectors as they are
        self.register_buffer("vertex_mean", torch.zeros(3 * num_vertices))
        self.register_buffer("vertex_std", torch.ones(3 * num_vertices))
        self.register_buffer("motion_scale", torch.ones(()))  # root mean square displacement, in the data set's unit
        self.register_buffer("lips", torch.zeros(num_vertices, dtype=torch.bool))
        self.register_buffer("upper_face", torch.zeros(num_vertices, dtype=torch.bool))

    @torch.no_grad()
    def prepare(self, training: TrainingFaces, config: TrainingConfig) -> None:
        """Take each coordinate's mean and deviation, the size of the motion, and the regions of the losses.

        The learned bias of the vertices starts at the mean motion of training.

        A coordinate that hardly varies in training would have its z-score divided by nothing: deviations have a floor
        at a tenth of their median.

        Raises
        ------
        BadInput
            If the training faces do not move or do not differ, or the batch has one item.
        """
        if config.batch_size < 2:
            raise BadInput(
                "MeshTalk's cross-modality loss takes a code from another item of the batch; batch_size is "
                f"{config.batch_size}, give 2 or more"
            )
        super().prepare(training, config)
        faces = training.faces.flatten(1).double()
        deviation, mean = torch.std_mean(faces, dim=0, correction=0)
        scale = (training.faces - training.neutral).double().square().mean().sqrt()
        if not (scale > 0 and deviation.median() > 0):
            raise BadInput(
                f"{len(faces)} training faces move by {float(scale):.3g} and vary by {float(deviation.median()):.3g}; "
                "MeshTalk divides by both, give clips with motion"
            )
        self.vertex_mean.copy_(mean)
        self.vertex_std.copy_(deviation.clamp_min(FLOOR * float(deviation.median())))
        self.motion_scale.copy_(scale)
        moved = (training.faces - training.neutral).double().mean(dim=0).flatten()
        self.decoder.vertex_bias.copy_(moved / self.vertex_std)
        for name in ("lips", "upper_face"):
            mask = getattr(self, name).zero_()
            mask[torch.from_numpy(training.topology.region(name)).long()] = True

    def z_scores(self, template: Tensor) -> Tensor:
        """Return z-scores (B, 3N) of faces (B, N, 3), divided by the root of 3N: a vector of about unit length.

        The vertices of a head vary together. A step of Adam, which moves all weights on 3N z-scores by the learning
        rate, would be a leap of what they add up to; with this factor, which the initial weights undo, it is not.
        """
        return (template.flatten(1) - self.vertex_mean) / self._deviation()

    def _deviation(self) -> Tensor:
        return self.vertex_std * (3 * self.num_vertices) ** 0.5

    def sound_code(self, audio: Tensor) -> Tensor:
        """Return the codes (B, T, latent_dim) of audio features (B, T, C), standardised as in training."""
        return self.sound_encoder((audio - self.audio_mean) / self.audio_std)

    def expression_code(self, motion: Motion, template: Tensor) -> Tensor:
        """Return the expression codes (B, T, latent_dim) of a motion around z-scored templates (B, 3N)."""
        return self.expression_encoder(motion, template, self.data_std / self._deviation())

    def loss(self, batch: Batch, config: TrainingConfig) -> tuple[Tensor, Tensor]:
        """Return reconstruction, landmark and cross-modality term plus the prior's, and the reconstruction term.

        For the cross-modality term each item is decoded twice more: with the expression of another item, after which
        its lips shall still be right, and with the sound of another, after which its upper face shall be. Batches are
        drawn at random, so the other item is simply the one before.

        Raises
        ------
        BadInput
            If the batch has a single item, which has no other.
        """
        if len(batch.template) < 2:
            raise BadInput("a batch of one item has no other one for the cross-modality loss, expected 2 or more")
        template = self.z_scores(batch.template)
        sound, expression = self.sound_code(batch.audio), self.expression_code(batch.target, template)
        # item by item: as it is, with the expression of another, with the sound of another
        logits = self.fusion(
            torch.cat([sound, sound, sound.roll(1, 0)]), torch.cat([expression, expression.roll(1, 0), expression])
        )
        hidden = self.decoder.hidden(self.fusion.quantise(logits), template)
        own, other_expression, other_sound = hidden.chunk(3)
        unit = self.data_std / self.motion_scale
        target = Motion(batch.target.values * unit, batch.target.basis)
        lips, upper = self._coordinates(self.lips), self._coordinates(self.upper_face)
        everywhere = torch.full_like(self.vertex_std, 1 / len(self.vertex_std))
        # reconstruction and landmark term in one: the upper face counts in both
        own_terms, errors = self._error(own, target, everywhere.index_add(0, upper, self._shares(upper)))
        lips_follow_sound, _ = self._error(other_expression, target, self._shares(lips), lips)
        upper_follows_expression, _ = self._error(other_sound, target, self._shares(upper), upper)
        crossed = lips_follow_sound + upper_follows_expression
        codes = logits[: len(template)].argmax(-1)
        return own_terms + crossed + self.prior.loss(codes, sound.detach()), errors.mean()

    def _error(
        self, hidden: Tensor, target: Motion, shares: Tensor, region: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return what `output_error` does, of all coordinates or those of a region."""
        output, scale = self.decoder.output, self.vertex_std / self.motion_scale
        layer = (output.weight, output.bias, self.decoder.vertex_bias)
        if region is not None:
            layer = tuple(values.index_select(0, region) for values in layer)
            scale = scale[region]
            dense = target.basis is None
            target = Motion(target.values[..., region]) if dense else Motion(target.values, target.basis[:, region])
        return output_error(hidden, *layer, scale, target, shares)

    def _shares(self, region: Tensor) -> Tensor:
        """Return what each coordinate of a region counts in its mean."""
        return self.vertex_std.new_full(region.shape, 1 / len(region))

    @staticmethod
    def _coordinates(mask: Tensor) -> Tensor:
        """Return the places among 3N coordinates of the vertices of a mask (N,)."""
        return mask.repeat_interleave(3).nonzero().flatten()

    def animate(self, audio: Tensor, template: Tensor, style: Motion | None = None, seed: int = 0) -> Tensor:
        """Return the mean of faces that the prior draws for sound; no expression is seen, as in the release.

        Parameters
        ----------
        audio : Tensor, (B, T, audio_dim)
        template : Tensor, (B, N, 3)
        style : Motion, optional
            Not looked at; see `reconstruct`.
        seed : int
            Decides what is drawn.

        Returns
        -------
        Tensor, (B, T, N, 3), in the data set's unit
        """
        generator = torch.Generator().manual_seed(seed)
        drawn = self.prior.sample(self.sound_code(audio), self.config.samples, generator)
        return self._decode(drawn, template)

    def reconstruct(self, audio: Tensor, template: Tensor, expression: Motion) -> Tensor:
        """Return faces for sound and a face sequence, through both encoders and without the prior.

        Parameters
        ----------
        audio : Tensor, (B, T, audio_dim)
        template : Tensor, (B, N, 3)
        expression : Motion
            Of any number of frames; it is repeated or cut to T.

        Returns
        -------
        Tensor, (B, T, N, 3), in the data set's unit
        """
        frames = torch.arange(audio.shape[1], device=audio.device) % expression.num_frames
        expression = Motion(expression.values[:, frames], expression.basis)
        code = self.expression_code(expression, self.z_scores(template))
        chosen = self.fusion(self.sound_code(audio), code).argmax(-1)
        return self._decode(chosen.unsqueeze(0), template)

    def _decode(self, codes: Tensor, template: Tensor) -> Tensor:
        """Return the mean faces (B, T, N, 3) of categories (samples, B, T, heads)."""
        one_hot = F.one_hot(codes.flatten(0, 1), self.config.classes).to(template)
        hidden = self.decoder.hidden(one_hot, self.z_scores(template)).unflatten(0, codes.shape[:2])
        moved = self.decoder.displacements(hidden[0], self.vertex_std / self.data_std)
        for sample in hidden[1:]:  # one after the other: a long clip times all samples would not fit
            moved = moved + self.decoder.displacements(sample, self.vertex_std / self.data_std)
        return self.faces(moved / len(codes), template)
