"""Whole pictures for a service that finds the faces itself: a photo's own file where the service takes it, else a JPEG.

A photo's own file leaves the machine as it is, and with it all that the camera or a person wrote into it: the place,
the time, names, comments. A JPEG made here holds the pixels and nothing else.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from db.records import FileIdentity
from workers.messages import SegmentWork, Takes, Whole
from workers.video import jpeg
from workers.video.photo import says_how_to_turn
from workers.video.probe import sniff_file
from workers.video.problems import unreadable
from workers.video.sniff import JPEG

BORDER = 127
"""Gray: what a small picture is widened with."""


def whole_of(pixels: NDArray[np.uint8], work: SegmentWork, takes: Takes) -> Whole:
    """A frame of `work` for a service that takes such pictures: `pixels` is BGR uint8 [height, width, 3], upright.

    That there are pixels proves that the file can be read to its end; that it is still the same one is proven by
    `workers.video.source`, which must have it open. Raises MediaError where the system refuses the file.
    """
    height, width = pixels.shape[:2]
    if work.facts.kind == "photo" and min(width, height) >= takes.min_side_px and _is_taken(work, takes):
        return Whole(_content(work.source), 1.0, width, height)
    return encoded(pixels, takes)


def encoded(pixels: NDArray[np.uint8], takes: Takes) -> Whole:
    """The picture as a JPEG of the best quality that fits, halved as often as it must be, widened where too small."""
    scale = 1
    while True:
        wide = _at_least(pixels, takes.min_side_px)
        picture = jpeg.within(wide, takes.max_bytes)
        if picture is not None:
            return Whole(jpeg.padded(picture, takes.min_bytes), float(scale), wide.shape[1], wide.shape[0])
        if max(pixels.shape[:2]) == 1:
            raise ValueError(f"no picture at all takes {takes.max_bytes} bytes")
        pixels = _halved(pixels)
        scale *= 2


def _is_taken(work: SegmentWork, takes: Takes) -> bool:
    """Whether a service takes the photo's file, and sees it as we do."""
    if work.facts.container not in takes.formats or not takes.min_bytes <= work.source.size <= takes.max_bytes:
        return False
    form = sniff_file(work.source.path)
    # Services turn a JPEG by its EXIF. In a PNG they do not look for any.
    return form is not None and (form == JPEG or not says_how_to_turn(work.source.path, form))


def _content(source: FileIdentity) -> bytes:
    try:
        with open(source.path, "rb") as stream:  # noqa: PTH123  names are bytes
            return stream.read(source.size)
    except OSError as error:
        raise unreadable(error) from error


def _at_least(pixels: NDArray[np.uint8], side_px: int) -> NDArray[np.uint8]:
    """With a border at the right and the bottom where a side is too short: what is in the picture keeps its place."""
    height, width = pixels.shape[:2]
    down, right = max(0, side_px - height), max(0, side_px - width)
    if not (down or right):
        return pixels
    wide = cv2.copyMakeBorder(pixels, 0, down, 0, right, cv2.BORDER_CONSTANT, value=(BORDER,) * 3)
    return wide.astype(np.uint8, copy=False)


def _halved(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Exactly half: an odd row or column at the edge is left out, so that one number says the scale."""
    half = [max(1, length // 2) for length in pixels.shape[:2]]
    even = pixels[: 2 * half[0], : 2 * half[1]]
    return cv2.resize(even, (half[1], half[0]), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
