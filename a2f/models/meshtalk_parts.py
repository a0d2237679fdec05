"""MeshTalk's encoders and decoder: sound and motion to one code each, both to categories, categories to motion."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from a2f.model_config import MeshTalkConfig
from a2f.models.meshtalk_prior import SLOPE, gumbel
from a2f.models.motion import Motion

WIDTH = 5  # of the audio encoder's convolutions
GATE_GAIN = 3.0  # of a recurrent layer's input: gates that are half open let about a third of it pass
LOGIT_GAIN = 2.0  # of the initial log-probabilities, so that Gumbel noise, of deviation 1.3, does not drown them


def keep_variance(part: nn.Module) -> None:
    """Draw a part's initial weights so that its layers hand on the variance of what they read; biases are zero.

    PyTorch's own shrink it in every layer. Of what changes while a face speaks, less than a thousandth would arrive at
    the categories, and less again at the vertices: categories start as noise, training learns to do without, and they
    fall together into one. The release takes 50 000 steps; a preset with hundreds needs a better start.
    """
    for layer in part.modules():
        if isinstance(layer, (nn.Linear, nn.Conv1d)):
            nn.init.kaiming_normal_(layer.weight, a=SLOPE)
            nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.LSTM):
            for name, weight in layer.named_parameters():
                if name.startswith("weight_ih"):
                    nn.init.normal_(weight, std=GATE_GAIN / weight.shape[1] ** 0.5)


def read_vertices(layer: nn.Linear) -> None:
    """Draw initial weights for a layer that reads z-scores as a vector of about unit length (`MeshTalk.z_scores`)."""
    nn.init.normal_(layer.weight, std=2**0.5)


class SoundEncoder(nn.Module):
    """Audio features at mesh frames to one code a frame, by convolutions alone.

    MeshTalk cuts a second of features around every frame and encodes each cut by itself. The cut is as long as the
    receptive field of the convolutions, so one convolution over the whole sequence, extended by zeros, gives the same
    codes and computes what neighbouring cuts share once.

    Parameters
    ----------
    config : MeshTalkConfig
    audio_dim : int
    """

    def __init__(self, config: MeshTalkConfig, audio_dim: int) -> None:
        super().__init__()
        channels = config.audio_channels
        self.first = nn.Conv1d(audio_dim, channels, WIDTH)
        self.convolutions = nn.ModuleList(
            [nn.Conv1d(channels, channels, WIDTH, dilation=dilation) for dilation in config.audio_dilations]
        )
        self.dropout = config.dropout
        self.output = nn.Linear(channels, config.latent_dim)
        keep_variance(self)

    @property
    def receptive_field(self) -> int:
        """Frames of features that one code depends on."""
        return 1 + (WIDTH - 1) * (1 + sum(layer.dilation[0] for layer in self.convolutions))

    def forward(self, audio: Tensor) -> Tensor:
        """Return codes (B, T, latent_dim) of features (B, T, C)."""
        around = self.receptive_field // 2
        hidden = self._active(self.first(F.pad(audio.transpose(1, 2), (around, around))))
        for layer in self.convolutions:
            lost = (WIDTH - 1) // 2 * layer.dilation[0]
            hidden = (hidden[:, :, lost:-lost] + self._active(layer(hidden))) / 2
        return self.output(hidden.transpose(1, 2))

    def _active(self, hidden: Tensor) -> Tensor:
        return F.dropout(F.leaky_relu(hidden, SLOPE), self.dropout, self.training)


class ExpressionEncoder(nn.Module):
    """A face sequence to one code a frame.

    Parameters
    ----------
    config : MeshTalkConfig
    num_vertices : int
    """

    def __init__(self, config: MeshTalkConfig, num_vertices: int) -> None:
        super().__init__()
        wide, narrow = config.expression_widths
        self.first, self.second = nn.Linear(3 * num_vertices, wide), nn.Linear(wide, narrow)
        self.temporal = nn.LSTM(narrow, config.latent_dim, batch_first=True)
        self.output = nn.Linear(config.latent_dim, config.latent_dim)
        keep_variance(self)
        read_vertices(self.first)

    def forward(self, motion: Motion, template: Tensor, scale: Tensor) -> Tensor:
        """Return codes (B, T, latent_dim).

        Parameters
        ----------
        motion : Motion
        template : Tensor, (B, 3N)
            What `MeshTalk.z_scores` gives.
        scale : Tensor, (3N,)
            What turns displacements in the motion's units into differences of these.
        """
        # z-scores of a face are those of its template plus scaled displacements; a basis stays a basis
        hidden = self.first(template).unsqueeze(1) + motion.embed(self.first.weight * scale)
        hidden = F.leaky_relu(self.second(F.leaky_relu(hidden, SLOPE)), SLOPE)
        return self.output(self.temporal(hidden)[0])


class Fusion(nn.Module):
    """The codes of sound and expression to log-probabilities of `classes` categories in each of `heads` heads.

    Parameters
    ----------
    config : MeshTalkConfig
    """

    def __init__(self, config: MeshTalkConfig) -> None:
        super().__init__()
        self.heads, self.temperature, self.noise = config.heads, config.temperature, config.noise
        self.layers = nn.Sequential(
            nn.Linear(2 * config.latent_dim, config.fusion_dim),
            nn.LeakyReLU(SLOPE),
            nn.Linear(config.fusion_dim, config.fusion_dim),
            nn.LeakyReLU(SLOPE),
            nn.Linear(config.fusion_dim, config.heads * config.classes),
        )
        keep_variance(self)
        with torch.no_grad():
            self.layers[-1].weight.mul_(LOGIT_GAIN)

    def forward(self, sound: Tensor, expression: Tensor) -> Tensor:
        """Return (B, T, heads, classes) from two codes (B, T, latent_dim)."""
        logits = self.layers(torch.cat([sound, expression], dim=-1))
        return logits.unflatten(-1, (self.heads, -1)).log_softmax(-1)

    def quantise(self, logits: Tensor) -> Tensor:
        """Return one-hot categories (B, T, heads, classes).

        In training they are drawn, and gradients pass as if they were a softmax (straight-through Gumbel softmax);
        otherwise they are the most probable ones. With noise times s, each is drawn as often as its probability to the
        power 1 / s says: the less noise, the nearer is what the decoder learns from to what it is given afterwards.
        """
        classes = logits.shape[-1]
        if not self.training:
            return F.one_hot(logits.argmax(-1), classes).to(logits)
        soft = ((logits + self.noise * gumbel(logits.shape).to(logits)) / self.temperature).softmax(-1)
        hard = F.one_hot(soft.argmax(-1), classes).to(logits)
        return hard - soft.detach() + soft


class Decoder(nn.Module):
    """A template and categories over time to motion: a UNet over vertices with a recurrent waist.

    Its last skip adds the z-scored template, and the release then undoes the z-scores. The two together add the
    template itself, exactly: what the layers before produce is a displacement, in deviations of each coordinate, and
    that is what is computed here.

    Parameters
    ----------
    config : MeshTalkConfig
    num_vertices : int
    """

    def __init__(self, config: MeshTalkConfig, num_vertices: int) -> None:
        super().__init__()
        size, (wide, middle, narrow) = 3 * num_vertices, config.decoder_widths
        self.down = nn.ModuleList([nn.Linear(size, wide), nn.Linear(wide, middle), nn.Linear(middle, narrow)])
        self.join = nn.Linear(narrow + config.heads * config.classes, narrow)
        self.temporal = nn.LSTM(narrow, narrow, num_layers=2, batch_first=True)
        self.up = nn.ModuleList([nn.Linear(narrow, middle), nn.Linear(middle, wide)])
        self.output = nn.Linear(wide, size)
        self.vertex_bias = nn.Parameter(torch.zeros(size))
        keep_variance(self)
        read_vertices(self.down[0])
        nn.init.normal_(self.join.weight[:, narrow:], std=(2 / config.heads) ** 0.5)  # one input of each head is 1
        nn.init.zeros_(self.output.weight)

    def hidden(self, codes: Tensor, template: Tensor) -> Tensor:
        """Return what the last layer reads, (M, T, wide).

        Parameters
        ----------
        codes : Tensor, (M, T, heads, classes)
            M is a multiple of B: item m has template m mod B.
        template : Tensor, (B, 3N)
            What `MeshTalk.z_scores` gives. It passes the first layers once a clip, not once a frame.
        """
        skips = [template]
        for layer in self.down:
            skips.append(F.leaky_relu(layer(skips[-1]), SLOPE))
        repeats = len(codes) // len(template)
        _, wide, middle, narrow = (skip.repeat(repeats, 1).unsqueeze(1) for skip in skips)
        on_template, on_codes = self.join.weight.split([narrow.shape[-1], codes.shape[2] * codes.shape[3]], dim=1)
        joined = F.linear(narrow, on_template, self.join.bias) + F.linear(codes.flatten(2), on_codes)
        found = self.temporal(F.leaky_relu(joined, SLOPE))[0]
        for layer, skip in zip(self.up, (middle, wide), strict=True):
            found = F.leaky_relu(layer(found), SLOPE) + skip
        return found

    def displacements(self, hidden: Tensor, scale: Tensor) -> Tensor:
        """Return displacements (M, T, 3N) of what `hidden` gave.

        Parameters
        ----------
        hidden : Tensor, (M, T, wide)
        scale : Tensor, (3N,)
            The deviation of each coordinate, in the unit asked for.
        """
        # a LeakyReLU lets positive factors pass: scaling its weights spares a pass over all frames
        active = F.leaky_relu(
            F.linear(hidden, self.output.weight * scale.unsqueeze(1), self.output.bias * scale), SLOPE
        )
        return active.add_(self.vertex_bias * scale)
