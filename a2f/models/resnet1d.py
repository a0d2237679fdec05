"""ResNet1D: residual 1D convolutions over time, the backbone of encoder and decoder (section 4.4)."""

from __future__ import annotations

from torch import Tensor, nn

from a2f.model_config import Stage
from a2f.models.convolution import TimeConvolution


class ResidualBlock(nn.Module):
    """conv3 - batch norm - PReLU - conv3 - batch norm, plus a shortcut; nothing after the sum, as in the released code.

    The stride sits in the second convolution. A shortcut that keeps the channels only drops frames; one that changes
    them is a 1 x 1 convolution with batch norm.
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(
            TimeConvolution(in_channels, channels, 3),
            nn.BatchNorm1d(channels),
            nn.PReLU(channels),
            TimeConvolution(channels, channels, 3, stride),
            nn.BatchNorm1d(channels),
        )
        if in_channels == channels:
            self.shortcut = nn.MaxPool1d(1, stride) if stride > 1 else nn.Identity()
        else:
            self.shortcut = nn.Sequential(
                nn.Conv1d(in_channels, channels, 1, stride=stride, bias=False), nn.BatchNorm1d(channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in_channels, T) to (B, channels, ceil(T / stride))."""
        return self.body(x) + self.shortcut(x)


class ResNet1D(nn.Module):
    """Stages of residual blocks without stem, pooling or head.

    Parameters
    ----------
    in_channels : int
    stages : sequence of (channels, blocks, stride)
        The stride is that of a stage's first block. The style encoder's strides multiply to 4; the decoder's are all 1,
        which keeps high-frequency detail (section 4.4).
    """

    def __init__(self, in_channels: int, stages: tuple[Stage, ...]) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        for channels, count, stride in stages:
            for index in range(count):
                blocks.append(ResidualBlock(in_channels, channels, stride if index == 0 else 1))
                in_channels = channels
        self.blocks = nn.Sequential(*blocks)
        self.out_channels = in_channels
        for module in self.modules():
            if isinstance(module, nn.Conv1d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, T, in_channels) to (B, T / total stride rounded up, out_channels)."""
        return self.blocks(x.transpose(1, 2)).transpose(1, 2)
