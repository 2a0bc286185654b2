"""From a detector's findings to the faces of a frame: filtered by size, in an order that never changes."""

import numpy as np
from numpy.typing import NDArray

from db.records import Face
from workers.detection.base import Detection, FaceDetector


def find_faces(detector: FaceDetector, picture: NDArray[np.uint8], min_face: int) -> tuple[list[Face], int]:
    """The faces of a picture from left to right, and how many were dropped for boxes lower than `min_face` pixels."""
    found = detector.detect(picture)
    kept = sorted((one for one in found if one.height >= min_face), key=lambda one: (one.x, one.y))
    return [_face(one) for one in kept], len(found) - len(kept)


def _face(one: Detection) -> Face:
    return Face(
        box_x=one.x,
        box_y=one.y,
        box_width=one.width,
        box_height=one.height,
        landmarks=one.landmarks,
        confidence=one.confidence,
    )
