"""A decoded frame as planes to draw upon and to encode: upright, even in size, its pixels untouched where they can be.

YUV 4:2:0 of eight bits stays what it is; whatever else a recording holds becomes that.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from numpy.typing import NDArray

from workers.drawing.canvas import Canvas, CanvasKind, Plane
from workers.video.orientation import Orientation, orientation_of

FORMAT = "yuv420p"
_ALIKE = frozenset(("yuv420p", "yuvj420p"))
_LUMA = {Colorspace.ITU709: (0.2126, 0.0722), 9: (0.2627, 0.0593), 10: (0.2627, 0.0593)}
_SD_LUMA = (0.299, 0.114)
"""What red and blue weigh: ITU-R BT.709, BT.2020, BT.601."""
_SD_HEIGHT = 576
_UNSPECIFIED = 2
_WHITE = {16: 0.58, 18: 0.75}
"""How high white stands where the highest value is brighter than it: PQ and HLG (ITU-R BT.2408)."""


@dataclass(frozen=True, slots=True)
class Colours:
    """How a recording's values become colours, as its frames say; integers as in ITU-T H.273."""

    matrix: int
    range: int
    primaries: int
    transfer: int

    @property
    def is_full(self) -> bool:
        """Whether values use all of 0 to 255."""
        return self.range == ColorRange.JPEG

    def values(self, luma: tuple[float, float]) -> Callable[[NDArray[np.float32]], Sequence[NDArray[np.float32]]]:
        """Turns RGB, float [..., 3], into Y, Cb and Cr."""
        red, blue = luma
        low, high, swing = (0.0, 1.0, 1.0) if self.is_full else (16.0, 219 / 255, 224 / 255)
        white = _WHITE.get(self.transfer, 1.0)

        def turned(rgb: NDArray[np.float32]) -> Sequence[NDArray[np.float32]]:
            r, g, b = np.moveaxis(rgb * np.float32(white), -1, 0)
            y = red * r + (1 - red - blue) * g + blue * b
            return (
                low + y * high,
                128 + (b - y) * (swing / (2 * (1 - blue))),
                128 + (r - y) * (swing / (2 * (1 - red))),
            )

        return turned


@dataclass(frozen=True, slots=True)
class Shape:
    """What all frames of a drawn recording have in common, from the first that decodes."""

    stored: tuple[int, int]
    """Width and height in the file."""
    orientation: Orientation
    width: int
    """Of what is drawn upon and encoded: turned upright, and even."""
    height: int
    aspect: Fraction
    """Width of a pixel in heights, once upright."""
    colours: Colours

    @classmethod
    def of(cls, first: av.VideoFrame, aspect: Fraction | None) -> "Shape":
        """The shape of a recording with this first frame and pixels of this `aspect` in the file."""
        orientation = orientation_of(first)
        width, height = first.width, first.height
        pixel = aspect if aspect is not None and aspect > 0 else Fraction(1)
        if orientation.transpose:
            width, height, pixel = height, width, 1 / pixel
        return cls(
            (first.width, first.height), orientation, width + width % 2, height + height % 2, pixel, _colours(first)
        )


class Turner:
    """Makes frames to draw upon of a recording's own; `display_size` is its width and height as a person sees it."""

    def __init__(self, shape: Shape, display_size: tuple[int, int]) -> None:
        self._shape = shape
        self._reformatter = VideoReformatter()
        luma = _LUMA.get(shape.colours.matrix, _SD_LUMA)
        if shape.colours.matrix == _UNSPECIFIED and shape.stored[1] > _SD_HEIGHT:
            luma = _LUMA[Colorspace.ITU709]
        width, height = shape.stored[::-1] if shape.orientation.transpose else shape.stored
        stretch = width / display_size[0], height / display_size[1]
        self._kind = CanvasKind((1, 2, 2), shape.colours.values(luma), stretch)

    def turned(self, frame: av.VideoFrame) -> tuple[av.VideoFrame, Canvas]:
        """A new frame with the same picture, upright, and the canvas that writes to it."""
        source = self._as_planes(frame)
        made = av.VideoFrame(self._shape.width, self._shape.height, FORMAT)
        planes = [_view(made, at) for at in range(3)]
        for at, plane in enumerate(planes):
            upright = self._shape.orientation.apply(_view(source, at)[..., None])[..., 0]
            height, width = upright.shape
            plane[:height, :width] = upright
            plane[height:] = plane[height - 1 : height]  # the even size repeats an odd edge
            plane[:, width:] = plane[:, width - 1 : width]
        return made, Canvas(planes, self._kind)

    def _as_planes(self, frame: av.VideoFrame) -> av.VideoFrame:
        """The frame in our format and at the size of the first, as players show a stream that changes on the way."""
        width, height = self._shape.stored
        if frame.format.name in _ALIKE and (frame.width, frame.height) == (width, height):
            return frame
        own_range = ColorRange.JPEG if _is_full(frame) else ColorRange.MPEG
        return self._reformatter.reformat(
            frame,
            width,
            height,
            FORMAT,
            src_color_range=own_range,
            dst_color_range=ColorRange.JPEG if self._shape.colours.is_full else ColorRange.MPEG,
            threads=1,
        )


def _view(frame: av.VideoFrame, at: int) -> Plane:
    """One plane of a frame as an array that shares its memory."""
    plane: Any = frame.planes[at]
    return np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]


def _is_full(frame: av.VideoFrame) -> bool:
    return frame.color_range == ColorRange.JPEG or frame.format.name.startswith("yuvj") or frame.format.is_rgb


def _colours(frame: av.VideoFrame) -> Colours:
    if frame.format.is_rgb:  # swscale makes BT.601 of it, unless told otherwise
        return Colours(int(Colorspace.ITU601), int(ColorRange.JPEG), int(frame.color_primaries), int(frame.color_trc))
    full = ColorRange.JPEG if _is_full(frame) else frame.color_range
    return Colours(int(frame.colorspace), int(full), int(frame.color_primaries), int(frame.color_trc))
