"""What JPEG does to gray pictures, on whole batches: 8 x 8 cosine transforms, rounded by the standard's table.

The losses of a codec without its bits (ITU-T T.81, annexes A and K.1). Needs torch.
"""

import math

import torch
from torch import Tensor

_BLOCK = 8
_LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
"""Table K.1."""


def compressed(pictures: Tensor, quality: Tensor) -> Tensor:
    """Pictures, float32 [n, 1, side, side] with sides of whole blocks, as they come back from JPEGs of a quality each,
    1..100 as the usual encoder counts it.
    """
    count, side = len(pictures), pictures.shape[-1]
    across = side // _BLOCK
    blocks = pictures.reshape(count, across, _BLOCK, across, _BLOCK).transpose(2, 3) - 128
    cosines = _cosines(pictures.device)
    table = _table(quality)[:, None, None]
    rounded = torch.round(cosines @ blocks @ cosines.T / table) * table
    restored = (cosines.T @ rounded @ cosines + 128).transpose(2, 3)
    return restored.reshape(pictures.shape).round().clamp(0, 255)


def _table(quality: Tensor) -> Tensor:
    """The quantisation of each picture, float32 [n, 8, 8], scaled as the usual encoder does."""
    percent = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality).view(-1, 1, 1)
    base = torch.tensor(_LUMINANCE, dtype=torch.float32, device=quality.device)
    return ((base * percent + 50) / 100).floor().clamp(1, 255)


def _cosines(device: torch.device) -> Tensor:
    """The orthonormal cosine transform of eight values, float32 [8, 8]."""
    place = torch.arange(_BLOCK, dtype=torch.float32, device=device)
    waves = torch.cos((2 * place[None, :] + 1) * place[:, None] * math.pi / (2 * _BLOCK))
    waves[0] /= math.sqrt(2)
    return waves * math.sqrt(2 / _BLOCK)
