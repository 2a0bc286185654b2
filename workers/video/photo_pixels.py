"""From a decoded photo in any of Pillow's modes to BGR, in bands: beside the decoded photo only the result is held."""

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

BAND_PIXELS = 1 << 22


def to_bgr(image: Image.Image) -> NDArray[np.uint8]:
    """BGR uint8 [height, width, 3] of a loaded image: transparency over white, deep gray scaled by its range."""
    width, height = image.size
    picture = np.empty((height, width, 3), np.uint8)
    span = _span(image)
    rows = max(1, BAND_PIXELS // width)
    for top in range(0, height, rows):
        band = image if rows >= height else image.crop((0, top, width, min(top + rows, height)))
        cv2.cvtColor(np.asarray(_as_rgb(band, span)), cv2.COLOR_RGB2BGR, dst=picture[top : top + rows])
    return picture


def _as_rgb(image: Image.Image, span: tuple[float, float] | None) -> Image.Image:
    if span is not None:
        return _from_deep_gray(image, *span).convert("RGB")
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _span(image: Image.Image) -> tuple[float, float] | None:
    """The values that become black and white, for gray of more than eight bits: 16-bit whole, else its extremes."""
    if image.mode.startswith("I;16"):
        return 0.0, 65535.0
    if image.mode not in ("I", "F"):
        return None
    low, high = (float(value) for value in image.getextrema())  # type: ignore[arg-type]
    return (0.0, 65535.0) if image.mode == "I" and low >= 0 and high <= 65535 else (low, high)


def _from_deep_gray(image: Image.Image, low: float, high: float) -> Image.Image:
    values = np.asarray(image).astype(np.float64)
    scaled = np.nan_to_num((values - low) * (255.0 / max(high - low, 1e-12)))
    return Image.fromarray(np.clip(scaled, 0, 255).astype(np.uint8))
