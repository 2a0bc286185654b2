"""The net: a residual net with squeeze-and-excitation, narrow where pictures are large. Needs torch.

Whatever side pictures have, they are brought to that of FER2013's first: what is learnt from has no more detail, and
most of the work is done at 12 x 12 and below, where a CPU is at its best.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from db.emotions import EMOTIONS

MEAN, DEVIATION = 129.0, 65.0
"""Of FER2013's pixels, about."""


@dataclass(frozen=True, slots=True)
class NetPlan:
    """How large a net is."""

    side_px: int = 48
    """What pictures are brought to."""
    stem: tuple[int, int] = (32, 32)
    """Channels of two convolutions, of which the first halves the picture."""
    widths: tuple[int, ...] = (32, 64, 128, 256)
    """Channels of the stages; each but the first halves."""
    depths: tuple[int, ...] = (1, 2, 2, 2)
    """Blocks of the stages."""
    squeeze: int = 8
    """Channels for one of a block's squeeze."""
    drop_path: float = 0.1
    """Chance that the last block is left out for a picture while training; the first is never, others between."""
    dropout: float = 0.2


NETS = {
    "small": NetPlan(),
    "large": NetPlan(stem=(64, 64), widths=(64, 128, 256, 512), depths=(2, 3, 3, 2), drop_path=0.2, dropout=0.3),
}
"""The one that is shipped, and one to teach it."""


class Convolution(nn.Sequential):
    """A convolution and its batch norm."""

    def __init__(self, source: int, target: int, kernel: int = 3, stride: int = 1) -> None:
        convolution = nn.Conv2d(source, target, kernel, stride, kernel // 2, bias=False)
        super().__init__(convolution, nn.BatchNorm2d(target))


class Squeeze(nn.Module):
    """Channels weighed by what the whole picture shows (arXiv:1709.01507)."""

    def __init__(self, channels: int, ratio: int) -> None:
        super().__init__()
        self.down = nn.Conv2d(channels, channels // ratio, 1)
        self.up = nn.Conv2d(channels // ratio, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Features of the same shape."""
        seen = functional.relu(self.down(features.mean((2, 3), keepdim=True)))
        return features * torch.sigmoid(self.up(seen))


class Block(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, source: int, target: int, stride: int, squeeze: int, drop_path: float) -> None:
        super().__init__()
        self.first = Convolution(source, target, stride=stride)
        self.second = Convolution(target, target)
        self.squeeze = Squeeze(target, squeeze)
        self.pool = nn.AvgPool2d(2) if stride == 2 else nn.Identity()
        self.shortcut = Convolution(source, target, 1) if source != target else nn.Identity()
        self.drop_path = drop_path

    def forward(self, features: Tensor) -> Tensor:
        """[n, target, side / stride, side / stride] of [n, source, side, side]."""
        change = self.squeeze(self.second(functional.relu(self.first(features))))
        if self.training and self.drop_path:
            stays = torch.rand(len(change), 1, 1, 1, device=change.device) >= self.drop_path
            change = change * stays / (1 - self.drop_path)
        return functional.relu(self.shortcut(self.pool(features)) + change)


class FerNet(nn.Module):
    """Eight logits, float32 [n, 8], of gray pictures, float32 [n, 1, side, side], 0..255."""

    def __init__(self, plan: NetPlan) -> None:
        super().__init__()
        self.plan = plan
        self.stem = nn.Sequential(Convolution(1, plan.stem[0], 5, 2), nn.ReLU(), Convolution(*plan.stem), nn.ReLU())
        self.blocks = nn.Sequential(*_blocks(plan))
        self.dropout = nn.Dropout(plan.dropout)
        self.head = nn.Linear(plan.widths[-1], len(EMOTIONS))

    def forward(self, pictures: Tensor) -> Tensor:
        """The logits of a batch."""
        side = (self.plan.side_px, self.plan.side_px)
        if pictures.shape[2:] != side:
            pictures = functional.interpolate(pictures, size=side, mode="bilinear", align_corners=False)
        features = self.blocks(self.stem((pictures - MEAN) / DEVIATION))
        logits: Tensor = self.head(self.dropout(features.mean((2, 3))))
        return logits


def _blocks(plan: NetPlan) -> list[Block]:
    total, source, blocks = sum(plan.depths), plan.stem[1], list[Block]()
    for stage, (width, depth) in enumerate(zip(plan.widths, plan.depths, strict=True)):
        for place in range(depth):
            stride = 2 if stage and not place else 1
            drop = plan.drop_path * len(blocks) / max(1, total - 1)
            blocks.append(Block(source, width, stride, plan.squeeze, drop))
            source = width
    return blocks
