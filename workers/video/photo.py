"""Photos through Pillow: the header for facts, the pixels for analysis, one forced format, limits before decoding.

A large JPEG is decoded at a half, a quarter or an eighth where that is enough: libjpeg then computes fewer
coefficients of each block, which is an area average, and costs less than it.
"""

import math
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import AvifImagePlugin, Image, TiffImagePlugin, UnidentifiedImageError

from db.records import MediaFacts
from workers.errors import MediaError
from workers.heap import bytes_left
from workers.video.orientation import Orientation
from workers.video.photo_header import claimed_size, ends_early
from workers.video.photo_pixels import to_bgr
from workers.video.problems import (
    LEADS_NOWHERE,
    MAX_PHOTO_PIXELS,
    corrupt,
    is_senseless,
    too_large,
    truncated,
    unreadable,
)
from workers.video.sniff import HEIC, JPEG, TIFF, Format

_EXIF_ORIENTATION = 0x0112
_TURNS = {
    2: Orientation(flip_x=True),
    3: Orientation(flip_x=True, flip_y=True),
    4: Orientation(flip_y=True),
    5: Orientation(transpose=True),
    6: Orientation(transpose=True, flip_x=True),
    7: Orientation(transpose=True, flip_x=True, flip_y=True),
    8: Orientation(transpose=True, flip_y=True),
}
"""EXIF orientation to what must be done to the stored picture (Exif 2.32, table 4, tag 274); 1 is upright."""
_CLOCKWISE = {3: 180, 4: 180, 5: 90, 6: 90, 7: 270, 8: 270}
_UPRIGHT = 1
REDUCED_ABOVE_PX = 2_000_000
"""Pixels above which a JPEG may be decoded at a reduced scale: below, nothing is won."""
_REDUCTIONS = (8, 4, 2)
"""What libjpeg reduces by, coarsest first."""

DECODING_BYTES = 12
"""What the decoders of WebP, AVIF and HEIC hold for each pixel at most: two canvases or the planes, and the copy that
they give out."""


def probe_photo(path: bytes, form: Format) -> MediaFacts:
    """What the header says; no pixel is decoded. Raises MediaError."""
    with _open(path, form) as image:
        turn = _turn(image)
        width, height = _stored_size(image)
        if _orientation(turn).transpose:
            width, height = height, width
        return MediaFacts("photo", form.name, form.name, width, height, rotation=_CLOCKWISE.get(turn, 0))


def read_photo(path: bytes, form: Format, enough_px: float = math.inf) -> NDArray[np.uint8]:
    """The photo as a person sees it: BGR uint8 [height, width, 3], upright, transparency over white.

    Where a longer side of `enough_px` is enough, a large JPEG may come with fewer pixels, never with fewer than that.
    Of a file with many pictures it is the first. Raises MediaError.
    """
    stored, turn = _decoded(path, form, enough_px)
    return _orientation(turn).apply(stored)


def says_how_to_turn(path: bytes, form: Format) -> bool:
    """Whether the file's metadata ask for the stored picture to be turned or mirrored. Raises MediaError."""
    with _open(path, form) as image:
        return _turn(image) in _TURNS


def _decoded(path: bytes, form: Format, enough_px: float) -> tuple[NDArray[np.uint8], int]:
    """The pixels, and how they must still be turned (a reader that turned them itself says: upright)."""
    with _open(path, form) as image:
        turn = _turn(image)  # before loading, as the probe saw it: a PNG may have metadata behind its pixels
        if form == JPEG:
            _reduce(image, enough_px)
        image.load()
        return to_bgr(image), _turn(image) if form == TIFF else turn


def _reduce(image: Image.Image, enough_px: float) -> None:
    """Have it decoded at the coarsest scale that is enough."""
    width, height = image.size
    if width * height > REDUCED_ABOVE_PX:
        times = next((times for times in _REDUCTIONS if max(width, height) / times >= enough_px), 1)
        image.draft(None, (width // times, height // times))


@contextmanager
def _open(path: bytes, form: Format) -> Iterator[Image.Image]:
    _prepare_readers(form)
    with _translated(path, form), _own_rules():
        # Some readers set aside memory for every pixel when they open a file: look at the header first.
        _check_size(*claimed_size(path, form))
        with Image.open(os.fsdecode(path), formats=[form.reader]) as image:
            _check_size(*image.size)
            yield image


@cache
def _prepare_readers(form: Format) -> None:
    """One thread a decoder, as everywhere: by default AVIF takes one a core, and each counts against our memory."""
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    if form == HEIC:
        from pillow_heif import register_heif_opener

        register_heif_opener(thumbnails=False, decode_threads=1)


@contextmanager
def _own_rules() -> Iterator[None]:
    """Our limit stands in for Pillow's, and its warnings about metadata are no fault of ours."""
    theirs = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = theirs


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PHOTO_PIXELS:
        raise too_large(width, height, MAX_PHOTO_PIXELS)


def _turn(image: Image.Image) -> int:
    try:
        # The base class's: that of PNG decodes the whole picture in search of metadata behind it.
        turn = Image.Image.getexif(image).get(_EXIF_ORIENTATION, _UPRIGHT)
    except Exception:  # noqa: BLE001  Pillow stumbles in any way over damaged metadata; the pixels may be sound
        return _UPRIGHT
    return turn if isinstance(turn, int) else _UPRIGHT


def _orientation(turn: int) -> Orientation:
    return _TURNS.get(turn, Orientation())


def _stored_size(image: Image.Image) -> tuple[int, int]:
    """Width and height before any turning. Pillow turns TIFF by itself, and says so in `size` beforehand."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return int(image.tag_v2[TiffImagePlugin.IMAGEWIDTH]), int(image.tag_v2[TiffImagePlugin.IMAGELENGTH])
    return image.size


@contextmanager
def _translated(path: bytes, form: Format) -> Iterator[None]:
    try:
        yield
    except (MediaError, MemoryError):
        raise
    except OSError as error:
        if error.errno is not None and not is_senseless(error):
            raise unreadable(error) from error
        raise _damaged(path, form, _said(error)) from error
    except Exception as error:
        # Pillow's decoders raise whatever a damaged file makes them stumble over (SyntaxError, struct.error, ...).
        raise _damaged(path, form, f"{type(error).__name__}: {error}") from error


def _said(error: OSError) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "its header makes no sense"
    return LEADS_NOWHERE if is_senseless(error) else str(error)


def _damaged(path: bytes, form: Format, why: str) -> MediaError | MemoryError:
    if _lacks_memory(path, form):
        return MemoryError(why)
    if "truncated" in why.lower():
        return truncated(why)
    if ends_early(path, form):
        return truncated("it ends before its own structure does")
    return corrupt(f"{why} ({form.name.upper()})")


def _lacks_memory(path: bytes, form: Format) -> bool:
    """Whether there is less memory left than decoding takes: libwebp, dav1d and libde265 say the same of that as of
    damage.
    """
    try:
        width, height = claimed_size(path, form)
    except OSError:
        return False
    return width * height * DECODING_BYTES > bytes_left()
