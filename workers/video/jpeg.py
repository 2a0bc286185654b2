"""JPEG within the limits of whoever is to get it."""

import cv2
import numpy as np
from numpy.typing import NDArray

QUALITIES = (95, 90, 80, 70)
"""Best first; below the last, a face loses more than by being smaller."""
MOST_SIDE_PX = 65_500
"""What libjpeg makes."""
_COMMENT = b"\xff\xfe"
_LONGEST_COMMENT = 65_533


def within(pixels: NDArray[np.uint8], most_bytes: int) -> bytes | None:
    """BGR uint8 [height, width, 3] at the best of QUALITIES that takes no more than `most_bytes`; None at none."""
    if max(pixels.shape[:2]) > MOST_SIDE_PX:
        return None
    for quality in QUALITIES:
        done, encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if not done:
            raise RuntimeError(f"OpenCV encodes no JPEG of shape {pixels.shape}")
        if len(encoded) <= most_bytes:
            return encoded.tobytes()
    return None


def padded(jpeg: bytes, least_bytes: int) -> bytes:
    """The same picture with as long a comment as makes it `least_bytes`: some services refuse smaller files."""
    lacking = least_bytes - len(jpeg)
    if lacking <= 0:
        return jpeg
    comment = bytes(min(lacking, _LONGEST_COMMENT))
    start, rest = jpeg[:2], jpeg[2:]
    return start + _COMMENT + (len(comment) + 2).to_bytes(2, "big") + comment + rest
