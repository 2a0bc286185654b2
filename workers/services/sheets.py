"""A planned sheet as the picture that a service gets: crops scaled into their cells, encoded within its limits."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.services.base import PictureCard
from workers.services.packing import PICTURE_PX, Box, CropShape, DoesNotFit, Sheet, plan
from workers.video.jpeg import QUALITIES, padded

Pixels = NDArray[np.uint8]

BACKGROUND = 127


@dataclass(frozen=True, slots=True)
class Crop:
    """A face with its surroundings (about 1.6 times its box): BGR uint8 [height, width, 3], and where the face lies."""

    pixels: Pixels
    face_xywh: Box

    @property
    def shape(self) -> CropShape:
        """All that planning needs."""
        height, width = self.pixels.shape[:2]
        return CropShape(width, height, self.face_xywh)


@dataclass(frozen=True, slots=True)
class Packed:
    """A sheet that is ready to be sent."""

    sheet: Sheet
    picture: bytes


def pack(crops: Sequence[Crop], card: PictureCard, picture_px: int = PICTURE_PX) -> Packed:
    """The first of the crops on one sheet: as many as the service takes in a picture, and its byte limit allows.

    The same crops always make the same bytes. Raises ValueError where not even one can be sent.
    """
    count = min(len(crops), card.max_faces)
    while True:
        try:
            sheet = plan([crop.shape for crop in crops[:count]], card, picture_px)
            return Packed(sheet, encode(draw(sheet, crops[:count]), card))
        except DoesNotFit as error:
            if count == 1:
                raise ValueError(str(error)) from error
            count = (count + 1) // 2


def draw(sheet: Sheet, crops: Sequence[Crop]) -> Pixels:
    """The sheet in BGR, uint8 [height, width, 3]; crops in the order of its cells."""
    pixels = np.full((sheet.height, sheet.width, 3), BACKGROUND, np.uint8)
    for cell, crop in zip(sheet.cells, crops, strict=True):
        x, y, width, height = cell.picture_xywh
        pixels[y : y + height, x : x + width] = _scaled(crop.pixels, width, height)
    return pixels


def _scaled(crop: Pixels, width: int, height: int) -> Pixels:
    """A large crop is halved by averaging first, so that fine detail does not alias; a small one grows smoothly."""
    while crop.shape[0] >= 2 * height and crop.shape[1] >= 2 * width:
        half = (crop.shape[1] // 2, crop.shape[0] // 2)
        crop = cv2.resize(crop, half, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    grows = width > crop.shape[1]
    how = cv2.INTER_CUBIC if grows else cv2.INTER_LINEAR
    return cv2.resize(crop, (width, height), interpolation=how).astype(np.uint8, copy=False)


def encode(pixels: Pixels, card: PictureCard) -> bytes:
    """JPEG, or PNG for a service that takes no JPEG, within its limits. Raises DoesNotFit: a sheet gets fewer faces."""
    size = 0
    for suffix, options in _ways(card.formats):
        done, encoded = cv2.imencode(suffix, pixels, options)
        if not done:
            raise RuntimeError(f"OpenCV encodes no {suffix} of shape {pixels.shape}")
        size = len(encoded)
        if size <= card.max_bytes:
            picture = encoded.tobytes()
            return padded(picture, card.min_bytes) if suffix == ".jpg" else picture
    raise DoesNotFit(f"a sheet of {pixels.shape[1]} x {pixels.shape[0]} takes {size:,} bytes of {card.max_bytes:,}")


def _ways(formats: tuple[str, ...]) -> list[tuple[str, list[int]]]:
    if "jpeg" not in formats:
        return [(".png", [cv2.IMWRITE_PNG_COMPRESSION, 1])]
    return [(".jpg", [cv2.IMWRITE_JPEG_QUALITY, quality]) for quality in QUALITIES]
