"""The aligned crop that scorers see: FER2013's framing, cut from a picture with a face's box and eyes."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from db.records import Face

SIDE = 64
"""Pixels a side, as every FER+ model takes it."""
BOX_HEIGHTS = 1.0
"""Side of the square in box heights. FER2013 crops hold the eye line's midpoint at (0.495, 0.397) of the square and the
mouth's at (0.487, 0.750); on YuNet boxes that is a square of 1.0 to 1.1 box heights (medians over 750 faces)."""
MAX_OVERSAMPLING = 16


def aligned_crop(picture: NDArray[np.uint8], face: Face) -> NDArray[np.uint8]:
    """Gray uint8 [64, 64]: the square centred on the box, turned so that the eyes are level.

    A large face is sampled finely and averaged down, so that detail does not alias. What lies outside the picture
    repeats its border. Raises ValueError for a face without landmarks: nothing tells which way up it is.
    """
    side = BOX_HEIGHTS * face.box_height
    fine = SIDE * min(MAX_OVERSAMPLING, max(1, math.ceil(side / SIDE)))
    region, origin = _surroundings(picture, face, side)
    to_crop = _transform(face, side, fine, origin)
    gray = cv2.cvtColor(region, cv2.COLOR_BGR2GRAY)
    crop = cv2.warpAffine(gray, to_crop, (fine, fine), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if fine != SIDE:
        crop = cv2.resize(crop, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return crop.astype(np.uint8, copy=False)


def _surroundings(picture: NDArray[np.uint8], face: Face, side: float) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """The part of the picture that the turned square can touch, and where it begins: only that is made gray."""
    height, width = picture.shape[:2]
    reach = side * math.sqrt(0.5) + 2
    x, y = face.box_x + face.box_width / 2, face.box_y + face.box_height / 2
    left, right = (min(max(int(edge), 0), width - 1) for edge in (x - reach, x + reach))
    top, bottom = (min(max(int(edge), 0), height - 1) for edge in (y - reach, y + reach))
    return picture[top : bottom + 1, left : right + 1], (left, top)


def _transform(face: Face, side: float, fine: int, origin: tuple[int, int]) -> NDArray[np.float64]:
    """The 2 x 3 affine map from the region's pixels to the crop's."""
    if face.landmarks is None:
        raise ValueError("a face without landmarks cannot be aligned")
    right_x, right_y, left_x, left_y = face.landmarks[:4]
    angle = math.atan2(left_y - right_y, left_x - right_x)
    x = face.box_x + face.box_width / 2 - origin[0]
    y = face.box_y + face.box_height / 2 - origin[1]
    scale = fine / side
    cos, sin = scale * math.cos(angle), scale * math.sin(angle)
    # Pixel centres lie at whole numbers: the square's centre falls between the two middle pixels.
    middle = (fine - 1) / 2
    x, y = x - 0.5, y - 0.5
    return np.array([[cos, sin, middle - cos * x - sin * y], [-sin, cos, middle + sin * x - cos * y]])
