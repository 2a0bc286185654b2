"""A picture to draw upon: BGR as photos are, or the planes of a video frame as they are encoded, without a detour.

Coordinates are pixels of the picture as a person sees it; that a plane is narrower or coarser is the canvas's business.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.drawing.covering import Region
from workers.drawing.palette import Colour

Plane = NDArray[np.uint8]
_Floats = NDArray[np.float32]


@dataclass(slots=True)
class Stamp:
    """A small picture to be pressed upon many frames: uint8 [height, width, 4], RGB and opacity."""

    pixels: NDArray[np.uint8]
    made: dict[Hashable, list[tuple[_Floats, _Floats]]] = field(default_factory=dict)
    """How it was pressed before, by the kind of canvas and the place within a coarse pixel: colour times opacity, and
    opacity, of each plane.
    """

    @property
    def width(self) -> int:
        """In pixels."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """In pixels."""
        return int(self.pixels.shape[0])


Coarse = list[Plane]
"""A region reduced to a few values, by plane."""


@dataclass(frozen=True, slots=True)
class CanvasKind:
    """What canvases have in common that take a stamp alike: two of a kind are one object."""

    steps: tuple[int, ...]
    """By plane: how many pixels of the picture one of its is wide and high."""
    colours: Callable[[_Floats], Sequence[_Floats]]
    """Turns RGB values, float [..., 3], into each plane's own."""
    stretch: tuple[float, float] = (1.0, 1.0)
    """Pixels of the first plane per pixel as seen, across and down."""


BGR = CanvasKind((1,), lambda rgb: (rgb[..., ::-1],))


class Canvas:
    """Draws on `planes`, uint8 [height, width] or [height, width, 3], which it writes to."""

    def __init__(self, planes: Sequence[Plane], kind: CanvasKind) -> None:
        self._planes = planes
        self._kind = kind
        self._steps, self._colours, self._stretch = kind.steps, kind.colours, kind.stretch
        self._known: dict[Colour, list[_Floats]] = {}
        self.width = round(planes[0].shape[1] / kind.stretch[0])
        self.height = round(planes[0].shape[0] / kind.stretch[1])

    @classmethod
    def of_bgr(cls, picture: Plane) -> Self:
        """On BGR uint8 [height, width, 3]."""
        return cls((picture,), BGR)

    def fill(self, region: Region, colour: Colour, opacity: float = 1.0) -> None:
        """Colour a rectangle; its edges are rounded to pixels of the coarsest plane, and one stays at least."""
        if colour not in self._known:
            one = np.array(colour, np.float32).reshape(1, 1, 3)
            self._known[colour] = [np.asarray(values, np.float32).ravel() for values in self._colours(one)]
        left, top, right, bottom = self._rounded(region)
        if right <= left or bottom <= top:
            return
        unit = max(self._steps)
        left, top = left // unit * unit, top // unit * unit
        right, bottom = max(left + unit, right // unit * unit), max(top + unit, bottom // unit * unit)
        for plane, step, values in zip(self._planes, self._steps, self._known[colour], strict=True):
            part = _part(plane, (left // step, top // step, -(-right // step), -(-bottom // step)))
            under = part.reshape(*part.shape[:2], -1)
            part[:] = np.rint(under + (values - under) * opacity).astype(np.uint8).reshape(part.shape)

    def press(self, stamp: Stamp, x: float, y: float) -> None:
        """Lay a stamp with its top left corner at a place; what hangs over the edge is cut off."""
        left, top = round(x * self._stretch[0]), round(y * self._stretch[1])
        pixels = stamp.pixels
        if self._stretch != (1.0, 1.0):
            wide, high = stamp.width * self._stretch[0], stamp.height * self._stretch[1]
            size = max(1, round(wide)), max(1, round(high))
            pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        self._lay(pixels, left, top, stamp)

    def coarse(self, region: Region, cells: int) -> Coarse:
        """What is left of a region in `cells` by `cells` values."""
        parts = (
            _part(plane, self._within(region, step)) for plane, step in zip(self._planes, self._steps, strict=True)
        )
        return [cv2.resize(part, (cells, cells), interpolation=cv2.INTER_AREA).astype(np.uint8) for part in parts]

    def cover(self, region: Region, coarse: Coarse) -> None:
        """Paint that over a region, smoothly. Nothing of what was there is left."""
        for plane, step, few in zip(self._planes, self._steps, coarse, strict=True):
            part = _part(plane, self._within(region, step))
            size = part.shape[1], part.shape[0]
            part[:] = cv2.resize(few, size, interpolation=cv2.INTER_CUBIC).astype(np.uint8, copy=False)

    def shows(self, region: Region) -> bool:
        """Whether any of a region lies in the picture."""
        left, top, right, bottom = self._rounded(region)
        return right > left and bottom > top

    def _rounded(self, region: Region) -> tuple[int, int, int, int]:
        """In pixels of the first plane, within it."""
        height, width = self._planes[0].shape[:2]
        across, down = self._stretch
        left, right = (min(max(0, round(x * across)), width) for x in (region.left, region.right))
        top, bottom = (min(max(0, round(y * down)), height) for y in (region.top, region.bottom))
        return left, top, right, bottom

    def _within(self, region: Region, step: int) -> tuple[int, int, int, int]:
        """In pixels of a plane: all that the region touches."""
        left, top, right, bottom = self._rounded(region)
        return left // step, top // step, -(-right // step), -(-bottom // step)

    def _lay(self, pixels: NDArray[np.uint8], left: int, top: int, stamp: Stamp) -> None:
        place = self._kind, left % max(self._steps), top % max(self._steps)
        made = stamp.made.get(place)
        if made is None:
            made = [self._separated(pixels, left % step, top % step, at) for at, step in enumerate(self._steps)]
            stamp.made[place] = made
        for plane, step, (colour, opacity) in zip(self._planes, self._steps, made, strict=True):
            _blend(plane, left // step, top // step, colour, opacity)

    def _separated(self, pixels: NDArray[np.uint8], x: int, y: int, at: int) -> tuple[_Floats, _Floats]:
        """Colour times opacity, and opacity, as plane number `at` has them; `x`, `y`: where in its first pixel."""
        step = self._steps[at]
        opacity: _Floats = pixels[..., 3:].astype(np.float32) / np.float32(255)
        colour = self._colours(pixels[..., :3].astype(np.float32))[at]
        premultiplied: _Floats = colour.reshape(*colour.shape[:2], -1) * opacity
        return _coarser(premultiplied, x, y, step), _coarser(opacity, x, y, step)


def _coarser(values: _Floats, x: int, y: int, step: int) -> _Floats:
    """Means over `step` by `step` pixels, with nothing around."""
    if step == 1:
        return values
    height, width = values.shape[:2]
    after = ((y, -(height + y) % step), (x, -(width + x) % step), (0, 0))
    padded = np.pad(values, after)
    cells = padded.reshape(padded.shape[0] // step, step, padded.shape[1] // step, step, -1)
    means: _Floats = cells.mean(axis=(1, 3))
    return means


def _part(plane: Plane, edges: tuple[int, int, int, int]) -> Plane:
    left, top, right, bottom = edges
    return plane[top:bottom, left:right]


def _blend(plane: Plane, x: int, y: int, colour: _Floats, opacity: _Floats) -> None:
    """Lay premultiplied colour upon a plane, as far as it lies within."""
    left, top = max(0, x), max(0, y)
    right, bottom = min(plane.shape[1], x + colour.shape[1]), min(plane.shape[0], y + colour.shape[0])
    if right <= left or bottom <= top:
        return
    inside = slice(top - y, bottom - y), slice(left - x, right - x)
    part = plane[top:bottom, left:right]
    under = part.reshape(*part.shape[:2], -1)
    mixed = under * (1 - opacity[inside]) + colour[inside]
    part[:] = np.rint(mixed).clip(0, 255).astype(np.uint8).reshape(part.shape)
