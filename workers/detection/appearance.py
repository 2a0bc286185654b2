"""A few bytes that tell one face of a video from the others of it: colours of the head, the clothes and the scene.

Tracks are assigned by them, and they are removed once that is done. They are no biometrics: a few dozen mean colours,
which another coat or another lamp changes.
"""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from db.records import Face
from workers.tracking.look import CLOTHES_SIZE, HEAD_SIDE, SCENE_SIZE

HEAD_HEIGHTS = 1.6
"""Side of the square around the head, in box heights."""
CLOTHES_WIDTHS, CLOTHES_HEIGHTS, CHIN_HEIGHTS = 2.0, 1.2, 0.15
"""Extent of the clothes in box widths and heights, and how far below the box they begin."""
CELL_PX = 8
"""Pixels a cell is averaged over at most, each way: a coarse mean needs no more, and large faces cost no more."""

Pixels = NDArray[np.uint8]


def with_appearance(picture: Pixels, faces: Sequence[Face]) -> list[Face]:
    """The faces of a BGR picture, each with its descriptor."""
    if not faces:
        return []
    scene = scene_of(picture)
    return [replace(face, appearance=appearance_of(picture, face, scene)) for face in faces]


def scene_of(picture: Pixels) -> bytes:
    """The part of every descriptor that all faces of a BGR picture share."""
    cells = _cells(picture, SCENE_SIZE)
    return cv2.cvtColor(cells, cv2.COLOR_BGR2Lab)[..., 0].tobytes()


def appearance_of(picture: Pixels, face: Face, scene: bytes) -> bytes:
    """The descriptor of a face: `workers.tracking.look` says how it is laid out."""
    middle, reach = face.box_x + face.box_width / 2, HEAD_HEIGHTS * face.box_height / 2
    level = face.box_y + face.box_height / 2
    head, _ = _part(picture, (middle - reach, middle + reach), (level - reach, level + reach))
    wide = CLOTHES_WIDTHS * face.box_width / 2
    collar = face.box_y + (1 + CHIN_HEIGHTS) * face.box_height
    waist = collar + CLOTHES_HEIGHTS * face.box_height
    clothes, shown = _part(picture, (middle - wide, middle + wide), (collar, waist))
    cells = np.concatenate(
        (_cells(head, (HEAD_SIDE, HEAD_SIDE)).reshape(-1, 1, 3), _cells(clothes, CLOTHES_SIZE).reshape(-1, 1, 3))
    )
    return cv2.cvtColor(cells, cv2.COLOR_BGR2Lab).tobytes() + bytes((round(255 * shown),)) + scene


def _part(picture: Pixels, across: tuple[float, float], down: tuple[float, float]) -> tuple[Pixels, float]:
    """What of a rectangle lies within the picture, a pixel at least, and how much of it that is, 0 to 1."""
    height, width = picture.shape[:2]
    left, right = _span(across, width)
    top, bottom = _span(down, height)
    return picture[top:bottom, left:right], _share(across, width) * _share(down, height)


def _share(edges: tuple[float, float], length: int) -> float:
    """How much of a stretch lies within `length`."""
    return max(0.0, min(edges[1], length) - max(edges[0], 0.0)) / max(1.0, edges[1] - edges[0])


def _span(edges: tuple[float, float], length: int) -> tuple[int, int]:
    start = min(max(0, round(edges[0])), length - 1)
    return start, max(start + 1, min(length, round(edges[1])))


def _cells(part: Pixels, size: tuple[int, int]) -> Pixels:
    """The mean colours of a grid of cells, uint8 [height, width, 3]."""
    height, width = part.shape[:2]
    thin = part[:: max(1, height // (size[1] * CELL_PX)), :: max(1, width // (size[0] * CELL_PX))]
    return cv2.resize(thin, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
