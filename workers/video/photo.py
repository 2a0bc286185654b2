"""Photos through Pillow: the header for facts, the pixels for analysis, one forced format, limits before decoding."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from db.records import MediaFacts
from workers.errors import MediaError
from workers.video.problems import MAX_PHOTO_PIXELS, corrupt, too_large, truncated, unreadable
from workers.video.sniff import HEIC, Format

_SWAPS_SIDES = frozenset((5, 6, 7, 8))
_CLOCKWISE = {3: 180, 4: 180, 5: 90, 6: 90, 7: 270, 8: 270}
_EXIF_ORIENTATION = 0x0112


def probe_photo(path: bytes, form: Format) -> MediaFacts:
    """What the header says; no pixel is decoded. Raises MediaError."""
    with _open(path, form) as image:
        turn = image.getexif().get(_EXIF_ORIENTATION, 1)
        width, height = image.size[::-1] if turn in _SWAPS_SIDES else image.size
        return MediaFacts("photo", form.name, form.name, width, height, rotation=_CLOCKWISE.get(turn, 0))


def read_photo(path: bytes, form: Format) -> NDArray[np.uint8]:
    """The photo as a person sees it: BGR uint8 [height, width, 3], upright, transparency over white."""
    with _open(path, form) as image:
        rgb = _as_rgb(ImageOps.exif_transpose(image))
        return np.ascontiguousarray(np.asarray(rgb)[:, :, ::-1])


@contextmanager
def _open(path: bytes, form: Format) -> Iterator[Image.Image]:
    if form == HEIC:
        from pillow_heif import register_heif_opener

        register_heif_opener(thumbnails=False)
    with _translated(), warnings.catch_warnings():
        # Our own limit is checked below, before a pixel is read; Pillow's warnings about metadata are no fault of ours.
        warnings.simplefilter("ignore")
        with Image.open(os.fsdecode(path), formats=[form.reader]) as image:
            if image.width * image.height > MAX_PHOTO_PIXELS:
                raise too_large(image.width, image.height, MAX_PHOTO_PIXELS)
            yield image


def _as_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return _from_deep_gray(image).convert("RGB")
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")


def _from_deep_gray(image: Image.Image) -> Image.Image:
    """Gray with more than eight bits, scaled by its range: 16-bit whole, floats by their extremes."""
    values = np.asarray(image, np.float64)
    low, high = (0.0, 65535.0) if image.mode != "F" else (float(values.min()), float(values.max()))
    scaled = (values - low) * (255.0 / max(high - low, 1e-12))
    return Image.fromarray(np.clip(scaled, 0, 255).astype(np.uint8))


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (MediaError, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise MediaError(
            "media.too_large", f"its header claims too many pixels: {error}", "scale it down first"
        ) from error
    except UnidentifiedImageError as error:
        raise corrupt("its header makes no sense") from error
    except OSError as error:
        if error.errno is not None:
            raise unreadable(error) from error
        raise (truncated if "truncated" in str(error) else corrupt)(str(error)) from error
    except Exception as error:
        # Pillow's decoders raise whatever a damaged file makes them stumble over (SyntaxError, struct.error, ...).
        raise corrupt(f"{type(error).__name__}: {error}") from error
