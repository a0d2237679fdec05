"""ResNet1D: strides, receptive fields, and a residual block as it is described."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from a2f.config import PAPER, RELEASE
from a2f.models import ResidualBlock, ResNet1D

WIDTH = 6


def narrow(stages) -> tuple:
    """The stages of a preset at a width that runs at once; receptive field and stride do not depend on it."""
    return tuple((WIDTH, blocks, stride) for _, blocks, stride in stages)


def reached(network: nn.Module, frames: int, output: int) -> list[int]:
    """The input frames that move one output frame when they are perturbed."""
    torch.manual_seed(1)
    network = network.double().eval()
    still = torch.randn(1, frames, WIDTH, dtype=torch.float64)
    with torch.no_grad():
        before = network(still)[0, output]
        found = []
        for t in range(frames):
            moved = still.clone()
            moved[0, t] += 10 * torch.randn(WIDTH, dtype=torch.float64)
            if not torch.equal(network(moved)[0, output], before):
                found.append(t)
    return found


def test_decoder_sees_33_frames_centred_on_its_own():
    decoder = ResNet1D(WIDTH, ((WIDTH, PAPER.model.decoder_blocks, 1),))
    assert reached(decoder, 60, 30) == list(range(30 - 16, 30 + 16 + 1))


def test_released_style_encoder_sees_37_frames():
    encoder = ResNet1D(WIDTH, narrow(RELEASE.model.style_stages))
    seen = reached(encoder, 80, 10)
    assert len(seen) == 37 and seen == list(range(seen[0], seen[-1] + 1))
    assert seen[0] <= 40 <= seen[-1]  # latent step 10 sits over frame 40


@pytest.mark.parametrize("frames", [*range(1, 14), 16, 17, 31, 48, 63, 64, 65, 100])
@pytest.mark.parametrize("preset", [PAPER, RELEASE], ids=lambda p: p.name)
def test_style_latent_has_a_quarter_of_the_frames_rounded_up(preset, frames):
    encoder = ResNet1D(WIDTH, narrow(preset.model.style_stages)).eval()
    latent = encoder(torch.randn(2, frames, WIDTH))
    assert latent.shape == (2, math.ceil(frames / 4), encoder.out_channels)
    assert latent.isfinite().all()


@pytest.mark.parametrize("frames", [1, 2, 3, 17, 48])
def test_decoder_keeps_every_frame(frames):
    decoder = ResNet1D(WIDTH, ((WIDTH, 2, 1),)).eval()
    assert decoder(torch.randn(2, frames, WIDTH)).shape == (2, frames, WIDTH)


@pytest.mark.parametrize("channels, stride", [(4, 1), (4, 2), (6, 1), (6, 2)])
def test_a_block_is_two_convolutions_and_a_shortcut_summed_with_nothing_after(channels, stride):
    torch.manual_seed(0)
    block = ResidualBlock(4, channels, stride).double()
    for module in block.modules():
        if isinstance(module, nn.BatchNorm1d):  # as if trained, so that a forgotten norm shows
            nn.init.normal_(module.weight), nn.init.normal_(module.bias)
            module.running_mean.normal_(), module.running_var.uniform_(0.5, 2)
    block.eval()
    x = torch.randn(1, 4, 9, dtype=torch.float64)

    def convolve(x, weight, stride):
        """A kernel-k convolution with (k - 1) / 2 zeros on each side, written out."""
        out_channels, _, k = weight.shape
        pad = torch.zeros(x.shape[0], k // 2, dtype=x.dtype)
        x = torch.cat([pad, x, pad], dim=1)
        steps = range(0, x.shape[1] - k + 1, stride)
        return torch.stack(
            [torch.stack([(weight[c] * x[:, t : t + k]).sum() for t in steps]) for c in range(out_channels)]
        )

    def norm(x, layer):
        shape = (x.T - layer.running_mean) / (layer.running_var + layer.eps).sqrt()
        return (shape * layer.weight + layer.bias).T

    first, first_norm, prelu, second, second_norm = block.body
    hidden = norm(convolve(x[0], first.weight, 1), first_norm)
    slopes = prelu.weight[:, None]
    hidden = torch.where(hidden > 0, hidden, slopes * hidden)
    out = norm(convolve(hidden, second.weight, stride), second_norm)
    if channels == 4:
        shortcut = x[0][:, ::stride]
    else:
        convolution, shortcut_norm = block.shortcut
        shortcut = norm(convolve(x[0], convolution.weight, stride), shortcut_norm)
    torch.testing.assert_close(block(x)[0], out + shortcut)
    assert prelu.weight.numel() == channels, "one slope a channel"
    assert (block(x) < 0).any(), "no rectifier after the sum"


def test_convolutions_have_no_bias_and_kaiming_fan_out_weights():
    torch.manual_seed(0)
    network = ResNet1D(64, ((64, 3, 1),))
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv1d)]
    assert len(convolutions) == 6
    for convolution in convolutions:
        assert convolution.bias is None and convolution.kernel_size == (3,)
        assert convolution.weight.std().item() == pytest.approx(math.sqrt(2 / (64 * 3)), rel=0.05)
