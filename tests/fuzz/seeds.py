"""What fuzzing begins with: the smallest sound file of each kind that we read, made by code."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2

from tests.clips import Clip, make, picture
from tests.hostile.case import stock

SIZE = (32, 32)
_CLIPS = (
    Clip("a.mp4", frames=3, size=SIZE),
    Clip("a.mov", frames=3, size=SIZE),
    Clip("a.mkv", frames=3, size=SIZE),
    Clip("a.ts", frames=3, size=SIZE),
    Clip("a.avi", "mpeg4", frames=3, size=SIZE),
    Clip("a.webm", "libvpx-vp9", frames=3, size=SIZE),
)


@cache
def seeds() -> dict[str, bytes]:
    """Files by the ending of their names."""
    with TemporaryDirectory(prefix="moodreel-fuzz-") as folder:
        found = {clip.name[1:]: make(clip, Path(folder)).read_bytes() for clip in _CLIPS}
    for ending in (".jpg", ".png", ".webp", ".tif", ".bmp"):
        done, encoded = cv2.imencode(ending, picture(7, SIZE))
        assert done
        found[ending] = encoded.tobytes()
    return found | {ending: stock()[ending] for ending in (".gif", ".avif", ".heic")}
