"""Turning stored pictures into what a person sees: display matrix, sample aspect ratio."""

import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
from av.sidedata.sidedata import SideDataContainer
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Orientation:
    """First transpose, then flip: any of the eight ways to hold a picture."""

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @property
    def degrees(self) -> int:
        """Degrees clockwise that the picture is turned (a mirrored picture: those of the turn alone)."""
        if self.transpose:
            return 90 if self.flip_x else 270
        return 180 if self.flip_y else 0

    def apply(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture turned, uint8 [height, width, 3]; the same array where there is nothing to turn."""
        if self.transpose:
            picture = picture.transpose(1, 0, 2)
        if self.flip_x:
            picture = picture[:, ::-1]
        if self.flip_y:
            picture = picture[::-1]
        return np.ascontiguousarray(picture)


def orientation_of(frame: av.VideoFrame) -> Orientation:
    """How a frame must be turned, from its display matrix."""
    # `frame.side_data` would be kept by the frame and keep it in turn: a cycle that only the collector frees.
    matrix: Any = SideDataContainer(frame).get("DISPLAYMATRIX")  # type: ignore[call-arg]  # its stub takes none
    return Orientation() if matrix is None else from_matrix(bytes(matrix))


def from_matrix(matrix: bytes) -> Orientation:
    """The turn nearest to a display matrix: nine int32, (x, y) -> (a x + c y, b x + d y) with a, b, _, c, d first."""
    a, b, _, c, d = struct.unpack_from("=5i", matrix)
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Orientation(False, a < 0, d < 0)
    return Orientation(True, c < 0, b < 0)


def display_size(width: int, height: int, aspect: Fraction | None, orientation: Orientation) -> tuple[int, int]:
    """Width and height as shown, of a stored picture with pixels `aspect` as wide as high."""
    if aspect and aspect > 0:
        width = max(1, round(width * aspect))
    return (height, width) if orientation.transpose else (width, height)


def fit(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The picture at `size` (width, height); the same array where it fits already."""
    if (picture.shape[1], picture.shape[0]) == size:
        return picture
    shrinks = size[0] * size[1] < picture.shape[0] * picture.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(picture, size, interpolation=how).astype(np.uint8, copy=False)
