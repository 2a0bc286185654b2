"""A photo drawn upon: upright and in full, without anything that the camera wrote into it."""

import cv2

from workers.drawing.canvas import Canvas
from workers.drawing.output import Write, hand_over
from workers.drawing.painter import Painter
from workers.drawing.work import DrawResult, DrawWork, Seen
from workers.errors import WorkError
from workers.video.photo import read_photo
from workers.video.sniff import PNG, Format

QUALITY = 90
MOST_SIDE_PX = 65_500
"""What libjpeg makes."""


def draw_still(work: DrawWork, form: Format, write: Write) -> DrawResult:
    """Make a PNG of a PNG, and a JPEG of any other photo. Raises WorkError."""
    picture = read_photo(work.source.path, form)
    Painter(Seen.unpacked(work.seen), work.facts, work.look).paint(Canvas.of_bgr(picture), 0)
    if form != PNG and max(picture.shape[:2]) > MOST_SIDE_PX:
        reason = f"its longer side has more than {MOST_SIDE_PX:,} pixels, which no JPEG holds"
        raise WorkError("draw.too_long", reason, "save it as PNG, and analyse that")
    how = (".png", []) if form == PNG else (".jpg", [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    done, encoded = cv2.imencode(how[0], picture, how[1])
    if not done:
        raise RuntimeError(f"OpenCV encodes no picture of shape {picture.shape}")
    hand_over(encoded.tobytes(), write)
    return DrawResult(1)
