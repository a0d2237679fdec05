"""FaceFormer: a transformer decoder that draws each frame from sound and its own past frames (Fan et al., CVPR 2022).

Published on wav2vec 2.0; here for any audio features, which arrive at mesh frames: one audio token a frame. Two facts
keep the loop over frames small, and exact:

- A frame's cross attention may look at its own audio token only. Softmax over one key is 1, so what it adds is a linear
  map of that token, known for all frames before the loop. (Its query and key weights are there and get no gradient.)
- The predicted offset V z + b is fed back through a linear layer M. M (V z + b) = (M V) z + M b needs a d x d product,
  formed once, and no vertex inside the loop.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from a2f.config import TrainingConfig
from a2f.errors import BadInput
from a2f.model_config import FaceFormerConfig
from a2f.models.face_model import Batch, FaceModel
from a2f.models.motion import Motion, squared_error


class FaceFormer(FaceModel):
    """One post-norm decoder layer over the frames so far, and a style token from a one-hot identity.

    Parameters
    ----------
    config : FaceFormerConfig
    num_vertices : int
        N.
    audio_dim : int
    subjects : tuple of str
        The training subjects, one style each.

    Raises
    ------
    BadInput
        Without training subjects.
    """

    config: FaceFormerConfig

    def __init__(
        self, config: FaceFormerConfig, num_vertices: int, audio_dim: int, subjects: tuple[str, ...] = ()
    ) -> None:
        super().__init__(config, num_vertices, audio_dim, subjects)
        if not subjects:
            raise BadInput("FaceFormer has one style for each training subject, and was given no subjects")
        width = config.feature_dim
        self.audio_in = nn.Linear(audio_dim, width)
        self.motion_in = nn.Linear(3 * num_vertices, width)  # M
        self.style_in = nn.Linear(len(subjects), width, bias=False)
        self.position_dropout = nn.Dropout(config.dropout)
        self.decoder = nn.TransformerDecoderLayer(
            width, config.heads, dim_feedforward=2 * width, dropout=config.dropout, batch_first=True
        )
        self.motion_out = nn.Linear(width, 3 * num_vertices)  # V, b
        nn.init.zeros_(self.motion_out.weight)  # training starts from the neutral face
        nn.init.zeros_(self.motion_out.bias)

    def states(self, audio: Tensor, identity: Tensor) -> Tensor:
        """Return the decoder's output z of every frame, each drawn from the frames before it.

        Keys and values of past frames are kept and only the newest frame is computed. Without dropout this equals
        `plain`. With dropout a past frame keeps the units it lost when it was new; recomputing it at each step would
        lose others each time.

        Parameters
        ----------
        audio : Tensor, (B, T, audio_dim)
        identity : Tensor, (B, S)
            One-hot.

        Returns
        -------
        Tensor, (B, T, d)
        """
        layer, frames = self.decoder, audio.shape[1]
        batch, heads, width = len(audio), self.config.heads, self.config.feature_dim
        heard = self._heard(audio).unbind(1)
        positions = periodic_positions(frames, width, self.config.period).to(audio)
        # by distance, so that the newest frame's row is the end of the reversed one
        bias = staircase(frames, heads, self.config.period).to(audio).flip(1).unsqueeze(1)  # (heads, 1, T)
        token = self.style_in(identity)
        feedback = (self.motion_in.weight @ self.motion_out.weight).T  # (M V)^T
        offset = token + self.motion_in(self.motion_out.bias)
        keys = values = audio.new_empty(batch, heads, 0, width // heads)
        found = []
        for t in range(frames):
            entered = self.position_dropout(token + positions[t])
            attention = layer.self_attn
            projected = F.linear(entered, attention.in_proj_weight, attention.in_proj_bias)
            query, key, value = projected.view(batch, 3, heads, 1, -1).unbind(1)
            keys, values = torch.cat([keys, key], dim=2), torch.cat([values, value], dim=2)
            scores = query @ keys.transpose(2, 3) / math.sqrt(width // heads) + bias[..., frames - 1 - t :]
            weights = F.dropout(scores.softmax(-1), self.config.dropout, self.training)
            attended = attention.out_proj((weights @ values).reshape(batch, width))
            state = layer.norm1(entered + layer.dropout1(attended))
            state = layer.norm2(state + heard[t])
            changed = layer.linear2(layer.dropout(layer.linear1(state).relu()))
            state = layer.norm3(state + layer.dropout3(changed))
            found.append(state)
            token = torch.addmm(offset, state, feedback)
        return torch.stack(found, dim=1)

    def _heard(self, audio: Tensor) -> Tensor:
        """Return what cross attention adds to every frame, (B, T, d): the value of its own audio token."""
        attention, width = self.decoder.multihead_attn, self.config.feature_dim
        token = self.audio_in(audio)
        value = F.linear(token, attention.in_proj_weight[2 * width :], attention.in_proj_bias[2 * width :])
        value = value.unflatten(-1, (self.config.heads, -1))
        # dropout falls on the attention weights, of which a head has one
        weight = F.dropout(torch.ones_like(value[..., :1]), self.config.dropout, self.training)
        return self.decoder.dropout2(attention.out_proj((value * weight).flatten(2)))

    def forced(self, audio: Tensor, identity: Tensor, truth: Motion) -> Tensor:
        """Return z of every frame drawn from the true frames before it, (B, T, d), in one parallel pass.

        The first token is the style alone, as at test time; the release starts from M's image of a still face here.
        """
        style = self.style_in(identity).unsqueeze(1)
        past = truth.embed(self.motion_in.weight)[:, :-1] + self.motion_in.bias + style
        return self._decoded(torch.cat([style, past], dim=1), self.audio_in(audio))

    def plain(self, audio: Tensor, identity: Tensor) -> Tensor:
        """Return the displacements (B, T, 3N) as the paper describes them: all past frames anew at every step.

        Much slower than ``motion_out(states(audio, identity))``, which has to give the same.
        """
        style, memory = self.style_in(identity).unsqueeze(1), self.audio_in(audio)
        tokens = style
        for _ in range(audio.shape[1]):
            predicted = self.motion_out(self._decoded(tokens, memory))
            tokens = torch.cat([tokens, self.motion_in(predicted[:, -1:]) + style], dim=1)
        return predicted

    def _decoded(self, tokens: Tensor, memory: Tensor) -> Tensor:
        """Return the decoder layer's output (B, T', d) for T' tokens under the full masks."""
        batch, frames = tokens.shape[:2]
        heads, period = self.config.heads, self.config.period
        positions = periodic_positions(frames, self.config.feature_dim, period).to(tokens)
        past = staircase_mask(frames, heads, period).to(tokens).repeat(batch, 1, 1)  # (B heads, T', T')
        alone = torch.eye(frames, memory.shape[1], dtype=torch.bool, device=tokens.device)  # its own token
        return self.decoder(self.position_dropout(tokens + positions), memory, tgt_mask=past, memory_mask=~alone)

    def frame_error(self, states: Tensor, target: Motion) -> Tensor:
        """Return || V z_t + b - d_t ||^2 of every frame, (B, T), by `motion.squared_error`; b is a row always on."""
        weight = torch.cat([self.motion_out.weight, self.motion_out.bias.unsqueeze(1)], dim=1).T  # (d + 1, 3N)
        return squared_error(F.pad(states, (0, 1), value=1.0), weight, target)

    def loss(self, batch: Batch, config: TrainingConfig) -> tuple[Tensor, Tensor]:
        """Return the mean squared error of all coordinates, twice: FaceFormer's objective is its data term."""
        identity = self.one_hot(batch.subject)
        if self.config.teacher_forcing:
            states = self.forced(batch.audio, identity, batch.target)
        else:
            states = self.states(batch.audio, identity)
        error = self.frame_error(states, batch.target).mean() / (3 * self.num_vertices)
        return error, error

    def animate(self, audio: Tensor, template: Tensor, style: Motion | None = None) -> Tensor:
        """Return the mean of the faces under all training identities: a new speaker has none of its own."""
        count = len(self.subjects)
        identity = self.one_hot(torch.arange(count)).repeat(len(audio), 1)
        states = self.states(audio.repeat_interleave(count, dim=0), identity)
        # the output layer is linear: the mean of its faces is the face of the mean
        return self.faces(self.motion_out(states.unflatten(0, (-1, count)).mean(1)), template)

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
        return self.faces(self.motion_out(self.states(audio, chosen)), template)


def periodic_positions(frames: int, width: int, period: int) -> Tensor:
    """Return the sinusoids of Vaswani et al. (2017), (T, d) float64, starting anew after every `period` frames."""
    place = (torch.arange(frames) % period).double().unsqueeze(1)
    rate = torch.exp(torch.arange(0, width, 2).double() * (-math.log(10_000) / width))
    return torch.stack([(place * rate).sin(), (place * rate).cos()], dim=2).flatten(1)


def staircase(frames: int, heads: int, period: int) -> Tensor:
    """Return the bias on attention to a frame so many frames back, (heads, T) float64: one step down a period.

    Slopes are those of ALiBi (Press et al., 2022): for 2^k heads 2^(-8 / heads) and its powers; other counts add every
    second slope of twice as many heads.
    """
    closest = 2 ** int(math.log2(heads))
    slopes = [2 ** (-8 * (i + 1) / closest) for i in range(closest)]
    slopes += [2 ** (-8 * (2 * i + 1) / (2 * closest)) for i in range(heads - closest)]
    return -torch.tensor(slopes, dtype=torch.float64).unsqueeze(1) * (torch.arange(frames) // period)


def staircase_mask(frames: int, heads: int, period: int) -> Tensor:
    """Return the bias of every frame's attention to every other, (heads, T, T) float64; -inf to the future."""
    back = torch.arange(frames).unsqueeze(1) - torch.arange(frames)
    return staircase(frames, heads, period)[:, back.clamp_min(0)].masked_fill(back < 0, -math.inf)
