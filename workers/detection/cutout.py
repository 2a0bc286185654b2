"""The cut-out that services see which find faces by themselves: a face with its surroundings, in colour."""

import cv2
import numpy as np
from numpy.typing import NDArray

from db.records import Face
from workers.messages import Cutout

AROUND = 1.6
"""Side of the square in box heights: a detector wants to see a head, not only a face (benchmarks/packing.py)."""
SHEET_PX = 128
"""Longer side of a face's picture on a sheet: more than twice as much is more than anybody will see."""


def cut_out(picture: NDArray[np.uint8], face: Face, around: float = AROUND) -> Cutout:
    """The square of so many box heights around the box, as far as the picture reaches; at least one pixel.

    Its sides can be halved without a rest until the longer one is below 2 x SHEET_PX: what is left over at the edges
    is left out. The pixels are a copy: a face does not keep its frame alive.
    """
    height, width = picture.shape[:2]
    reach = around * face.box_height / 2
    left, right = _span(face.box_x + face.box_width / 2, reach, width)
    top, bottom = _span(face.box_y + face.box_height / 2, reach, height)
    rest = 1 << _halvings(right - left, bottom - top)
    left, right = _trimmed(left, right, rest)
    top, bottom = _trimmed(top, bottom, rest)
    box = (face.box_x - left, face.box_y - top, face.box_width, face.box_height)
    return Cutout(picture[top:bottom, left:right].copy(), box)


def reduced(cutout: Cutout) -> Cutout:
    """The cut-out halved as a sheet would on the way to SHEET_PX: such a sheet is the same, bit for bit."""
    pixels = cutout.pixels
    height, width = pixels.shape[:2]
    halvings = _halvings(width, height)
    for _ in range(halvings):
        half = (pixels.shape[1] // 2, pixels.shape[0] // 2)
        pixels = cv2.resize(pixels, half, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    x, y, box_width, box_height = (length / (1 << halvings) for length in cutout.face_xywh)
    return Cutout(pixels, (x, y, box_width, box_height))


def _span(middle: float, reach: float, length: int) -> tuple[int, int]:
    """From where to where, within a side of `length`: of a box that lies beyond it, the pixels nearest to it."""
    start = min(max(0, round(middle - reach)), length - 1)
    return start, max(start + 1, min(length, round(middle + reach)))


def _halvings(width: int, height: int) -> int:
    """How often both sides can be halved while the longer one has twice SHEET_PX; the shorter one keeps a pixel."""
    wanted = (max(width, height) // SHEET_PX).bit_length() - 1
    return max(0, min(wanted, min(width, height).bit_length() - 1))


def _trimmed(start: int, end: int, rest: int) -> tuple[int, int]:
    """The stretch without what `rest` does not divide, off both ends."""
    over = (end - start) % rest
    return start + over // 2, end - (over - over // 2)
