"""MeshTalk's prior: which facial categories follow which under a sound, one frame and one head after the other.

The probability of a frame's category in head h depends on all heads of earlier frames, on the heads before h in this
frame, and on the audio code. Masked causal convolutions learn all of these at once; sampling goes head by head.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from a2f.model_config import MeshTalkConfig

SLOPE = 0.2  # of every LeakyReLU of MeshTalk


class MaskedConvolution(nn.Module):
    """A convolution of width 2 over time whose tap on the current frame sees only some heads; the past one sees all.

    Parameters
    ----------
    channels_in, channels_out : int
        Of one head.
    heads, audio_dim, dilation : int
    own : bool
        The current frame is read up to the head's own channels; otherwise strictly before them.
    """

    def __init__(
        self, channels_in: int, channels_out: int, heads: int, audio_dim: int, dilation: int, own: bool
    ) -> None:
        super().__init__()
        self.dilation = dilation
        self.now = nn.Linear(heads * channels_in, heads * channels_out)
        self.past = nn.Linear(heads * channels_in, heads * channels_out, bias=False)
        self.sound = nn.Linear(audio_dim, heads * channels_out)
        seen = torch.ones(heads, heads).tril(0 if own else -1)
        mask = seen.repeat_interleave(channels_out, 0).repeat_interleave(channels_in, 1)
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, values: Tensor, audio: Tensor) -> Tensor:
        """Return (B, T, heads * channels_out) from values (B, T, heads * channels_in) and audio codes (B, T, C)."""
        earlier = F.pad(values, (0, 0, self.dilation, 0))[:, : values.shape[1]]
        current = F.linear(values, self.now.weight * self.mask, self.now.bias)
        return current + self.past(earlier) + self.sound(audio)


class CategoricalPrior(nn.Module):
    """A distribution over category sequences (T, heads) under audio codes.

    Parameters
    ----------
    config : MeshTalkConfig
        `heads`, `classes`, `prior_dim`, `prior_dilations` and `latent_dim`, the width of the audio code, are read.
    """

    def __init__(self, config: MeshTalkConfig) -> None:
        super().__init__()
        self.heads, self.classes, self.dim = config.heads, config.classes, config.prior_dim
        sizes = (self.heads, config.latent_dim)
        self.layers = nn.ModuleList([MaskedConvolution(self.classes, self.dim, *sizes, 1, own=False)])
        for dilation in config.prior_dilations:
            self.layers.append(MaskedConvolution(self.dim, self.dim, *sizes, dilation, own=True))
        self.layers.append(MaskedConvolution(self.dim, self.classes, *sizes, 1, own=True))

    def forward(self, codes: Tensor, audio: Tensor) -> Tensor:
        """Return the log-probabilities of all categories, each given the codes before it.

        Parameters
        ----------
        codes : Tensor of int64, (B, T, heads)
        audio : Tensor, (B, T, latent_dim)

        Returns
        -------
        Tensor, (B, T, heads, classes)
        """
        values = F.one_hot(codes, self.classes).to(audio.dtype).flatten(2)
        for layer in self.layers[:-1]:
            values = F.leaky_relu(layer(values, audio), SLOPE)
        logits = self.layers[-1](values, audio)
        return logits.unflatten(-1, (self.heads, self.classes)).log_softmax(-1)

    def loss(self, codes: Tensor, audio: Tensor) -> Tensor:
        """Return the mean negative log-likelihood of a code (B, T, heads), in nats."""
        return F.nll_loss(self(codes, audio).flatten(0, 2), codes.flatten())

    @torch.no_grad()
    def sample(self, audio: Tensor, draws: int, generator: torch.Generator) -> Tensor:
        """Draw code sequences.

        Each layer keeps its inputs of all frames; a step of one frame and one head computes that head's channels only.

        Parameters
        ----------
        audio : Tensor, (B, T, latent_dim)
        draws : int
            Sequences for each item. All items share their random numbers, so that what is drawn for one does not
            depend on its neighbours in the batch.
        generator : torch.Generator

        Returns
        -------
        Tensor of int64, (draws, B, T, heads)
        """
        batch, frames = audio.shape[:2]
        noise = gumbel((frames, self.heads, draws, 1, self.classes), generator).to(audio)
        rows = draws * batch
        first, *rest = self.layers
        # by layer: what the sound gives to each frame (T, B, out), and the inputs seen so far (T, rows, in)
        sounds = [(layer.sound(audio) + layer.now.bias).transpose(0, 1) for layer in self.layers]
        seen = [audio.new_zeros(frames, rows, layer.now.in_features) for layer in rest]
        columns = (first.now.weight * first.mask).T.contiguous()  # (heads * classes, heads * dim)
        past_columns = first.past.weight.T.contiguous()
        blocks = [self._blocks(layer) for layer in rest]
        offsets = torch.arange(self.heads, device=audio.device) * self.classes
        codes = torch.zeros(frames, rows, self.heads, dtype=torch.int64, device=audio.device)
        for t in range(frames):
            # what no head of this frame changes, (rows, out) by layer
            given = [sound[t].repeat(draws, 1) for sound in sounds]
            embedded = given[0]
            if t >= 1:
                embedded += F.embedding(codes[t - 1] + offsets, past_columns).sum(1)
            for layer, inputs, value in zip(rest, seen, given[1:], strict=True):
                if t >= layer.dilation:
                    value += layer.past(inputs[t - layer.dilation])
            now = [inputs[t] for inputs in seen]
            split = [value.chunk(self.heads, 1) for value in given]
            for head in range(self.heads):
                value, end = split[0][head], (head + 1) * self.dim
                for index, inputs in enumerate(now):
                    inputs[:, end - self.dim : end] = F.leaky_relu(value, SLOPE)
                    value = torch.addmm(split[index + 1][head], inputs[:, :end], blocks[index][head])
                noisy = value.view(draws, batch, -1) + noise[t, head]
                code = noisy.argmax(-1).flatten()
                codes[t, :, head] = code
                embedded += columns[code + head * self.classes]
        return codes.transpose(0, 1).reshape(draws, batch, frames, self.heads)

    def _blocks(self, layer: MaskedConvolution) -> list[Tensor]:
        """Return, for each head, the weights (in, out) from its own and earlier heads of the current frame."""
        each = layer.now.weight.chunk(self.heads, 0)
        return [weight[:, : (head + 1) * self.dim].T.contiguous() for head, weight in enumerate(each)]


def gumbel(shape: tuple[int, ...], generator: torch.Generator | None = None) -> Tensor:
    """Return Gumbel noise: the arg max of log-probabilities plus it is a draw from them."""
    return -torch.empty(shape).exponential_(generator=generator).log()
