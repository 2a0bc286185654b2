"""From a detector's findings to the faces of a frame: filtered by size, in an order that never changes."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from db.records import Face
from workers.detection.base import Detection, FaceDetector

Scale = tuple[float, float]
"""Factors across and down."""


def find_faces(
    detector: FaceDetector, picture: NDArray[np.uint8], min_face: int, scale: Scale = (1.0, 1.0)
) -> tuple[list[Face], int]:
    """The faces of a picture from left to right, and how many were dropped for boxes lower than `min_face` pixels.

    Both count in pixels of the recording, of which `scale` go into one of the picture.
    """
    found = [scaled(_face(one), scale) for one in detector.detect(picture)]
    kept = sorted((one for one in found if one.box_height >= min_face), key=lambda one: (one.box_x, one.box_y))
    return kept, len(found) - len(kept)


def scaled(face: Face, scale: Scale) -> Face:
    """The same face in a picture that is so many times as wide and high."""
    if scale == (1.0, 1.0):
        return face
    across, down = scale
    return replace(
        face,
        box_x=face.box_x * across,
        box_y=face.box_y * down,
        box_width=face.box_width * across,
        box_height=face.box_height * down,
        landmarks=face.landmarks and tuple(at * by for at, by in zip(face.landmarks, scale * 5, strict=True)),  # type: ignore[arg-type]
    )


def _face(one: Detection) -> Face:
    return Face(
        box_x=one.x,
        box_y=one.y,
        box_width=one.width,
        box_height=one.height,
        landmarks=one.landmarks,
        confidence=one.confidence,
    )
