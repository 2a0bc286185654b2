"""Pictures as cameras might have taken them: turned, shifted, scaled, dark, small, compressed, half hidden.

FER2013 is tidy and faces from video are not. All of it is done on whole batches where the batch lies, on a CPU or a
GPU, and what is drawn depends on the generator alone. Pictures are float32 [n, 1, side, side], 0..255. Needs torch.
"""

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor
from torch.nn import functional

from training.jpeg import compressed

Change = Callable[[Tensor, Generator], Tensor]

TURN_DEGREES = 10.0
"""Standard deviation; twice as much is the most, as of the next two."""
SHIFT = 0.06
"""Of the side."""
SCALE = 0.09
"""Of the size's logarithm."""
ASPECT = 0.05
SMALL_PX = (16, 20, 24, 28, 32, 40)
SHARP = 1 / 3
"""Part of the pictures that are interpolated by cubes."""


def augmented(pictures: Tensor, side_px: int, random: Generator) -> Tensor:
    """One picture of each, changed at random, with `side_px` pixels a side."""
    for chance, change in _BEFORE:
        pictures = _some(pictures, chance, change, random)
    pictures = _warped(pictures, side_px, random)
    for chance, change in _AFTER:
        pictures = _some(pictures, chance, change, random)
    return pictures


def _some(pictures: Tensor, chance: float, change: Change, random: Generator) -> Tensor:
    chosen = _uniform(len(pictures), 0, 1, random) < chance
    if not bool(chosen.any()):
        return pictures
    pictures = pictures.clone()
    pictures[chosen] = change(pictures[chosen], random).clamp(0, 255)
    return pictures


def _warped(pictures: Tensor, side_px: int, random: Generator) -> Tensor:
    """Turned, shifted, scaled, and as often as not mirrored; the border goes on as its outermost pixels."""
    count = len(pictures)
    grid = functional.affine_grid(_affine(count, random), [count, 1, side_px, side_px], align_corners=False)
    cubic = torch.rand(count, generator=random, device=random.device) < SHARP
    warped = pictures.new_empty(count, 1, side_px, side_px)
    for rows, mode in ((~cubic, "bilinear"), (cubic, "bicubic")):
        if bool(rows.any()):
            warped[rows] = functional.grid_sample(
                pictures[rows], grid[rows], mode=mode, padding_mode="border", align_corners=False
            )
    return warped.clamp(0, 255)


def _affine(count: int, random: Generator) -> Tensor:
    """Maps from places in the result to places in the picture, both -1..1: float32 [n, 2, 3]."""
    drawn = torch.randn(6, count, generator=random, device=random.device).clamp(-2, 2)
    angle = torch.deg2rad(drawn[0] * TURN_DEGREES)
    scale, stretch = torch.exp(drawn[1] * SCALE), torch.exp(drawn[2] * ASPECT)
    mirror = torch.where(drawn[3] < 0, -1.0, 1.0)
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    across = torch.stack([cos * stretch * mirror, -sin / stretch, 2 * SHIFT * drawn[4]])
    down = torch.stack([sin * stretch * mirror, cos / stretch, 2 * SHIFT * drawn[5]])
    return torch.stack([across, down]).permute(2, 0, 1)


def _small(pictures: Tensor, random: Generator) -> Tensor:
    """From far away: what is left of them at 16 to 40 pixels."""
    which = torch.randint(len(SMALL_PX), (len(pictures),), generator=random, device=random.device)
    side = pictures.shape[-1]
    result = pictures.clone()
    for place, small_px in enumerate(SMALL_PX):
        rows = which == place
        if bool(rows.any()):
            small = functional.interpolate(pictures[rows], size=(small_px, small_px), mode="area")
            result[rows] = functional.interpolate(small, size=(side, side), mode="bilinear", align_corners=False)
    return result


def _compressed(pictures: Tensor, random: Generator) -> Tensor:
    return compressed(pictures, _uniform(len(pictures), 20, 80, random))


def _relit(pictures: Tensor, random: Generator) -> Tensor:
    """Under another light: gamma 0.4 to 2.5, contrast by a quarter, brightness by a seventh."""
    gamma = torch.exp(_column(pictures, -1, 1, random) * math.log(2.5))
    gain, offset = _column(pictures, 0.75, 1.25, random), _column(pictures, -0.15, 0.15, random)
    return 255 * (gain * ((pictures / 255) ** gamma - 0.5) + 0.5 + offset)


def _sharpened(pictures: Tensor, random: Generator) -> Tensor:
    """With more detail than FER2013 has: crops from good cameras are sharper."""
    kernel = torch.tensor([0.0545, 0.2442, 0.4026, 0.2442, 0.0545], device=pictures.device)
    padded = functional.pad(pictures, (2, 2, 2, 2), mode="replicate")
    soft = functional.conv2d(functional.conv2d(padded, kernel.view(1, 1, 1, 5)), kernel.view(1, 1, 5, 1))
    return pictures + _column(pictures, 0.3, 1.2, random) * (pictures - soft)


def _noisy(pictures: Tensor, random: Generator) -> Tensor:
    """With sensor noise of up to 12 levels."""
    noise = torch.randn(pictures.shape, generator=random, device=random.device)
    return pictures + noise * _column(pictures, 2, 12, random)


def _hidden(pictures: Tensor, random: Generator) -> Tensor:
    """Behind a hand or a microphone: a rectangle of up to a fifth of the face, in one gray or, half of them, noise."""
    count, side = len(pictures), pictures.shape[-1]
    area, ratio = _uniform(count, 0.03, 0.2, random), torch.exp(_uniform(count, -1, 1, random))
    height, width = torch.sqrt(area * ratio), torch.sqrt(area / ratio)
    top, left = (_uniform(count, 0, 1, random) * (1 - length) for length in (height, width))
    place = (torch.arange(side, device=pictures.device) + 0.5) / side
    rows = (place >= top[:, None]) & (place < (top + height)[:, None])
    columns = (place >= left[:, None]) & (place < (left + width)[:, None])
    covered = (rows[:, None, :, None]) & (columns[:, None, None, :])
    noise = 255 * torch.rand(pictures.shape, generator=random, device=random.device)
    plain = _column(pictures, 0, 255, random)
    return torch.where(covered, torch.where(_column(pictures, 0, 1, random) < 0.5, noise, plain), pictures)


def _uniform(count: int, low: float, high: float, random: Generator) -> Tensor:
    return low + (high - low) * torch.rand(count, generator=random, device=random.device)


def _column(pictures: Tensor, low: float, high: float, random: Generator) -> Tensor:
    """A number a picture, in a shape that fits them all."""
    return _uniform(len(pictures), low, high, random).view(-1, 1, 1, 1)


_BEFORE: tuple[tuple[float, Change], ...] = ((0.4, _small), (0.12, _sharpened), (0.1, _noisy), (0.15, _compressed))
_AFTER: tuple[tuple[float, Change], ...] = ((0.5, _relit), (0.25, _hidden))
"""What may happen, and how often, before and after the warp."""
