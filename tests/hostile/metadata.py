"""Honest pictures and clips whose metadata speak to terminals, browsers and spreadsheets."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image, PngImagePlugin

from tests.acceptance.folders import views
from tests.hostile.case import Case, Expect
from tests.hostile.names import MARKER

TEXTS = {
    "escape": f"\x1b]0;{MARKER}\x07\x1b[31m",
    "script": f"<script>{MARKER}=1</script>",
    "formula": '=HYPERLINK("http://x")',
    "control": "".join(map(chr, range(1, 32))),
    "long": "x" * 60_000,
}


def cases() -> Iterator[Case]:
    """EXIF, PNG text and tags of containers."""
    for number, (kind, text) in enumerate(TEXTS.items()):
        for ending in (".jpg", ".png"):
            yield Case(f"metadata/{kind}{ending}".encode(), partial(_photo, number, text), Expect.HONEST, 1)
        for ending in (".mp4", ".mkv", ".mov"):
            yield Case(f"metadata/{kind}{ending}".encode(), partial(_clip, number, text), Expect.HONEST, 1)


def _photo(number: int, text: str, path: Path) -> None:
    image = Image.fromarray(cv2.cvtColor(next(views(number, 1)), cv2.COLOR_BGR2RGB).astype(np.uint8))
    if path.suffix == ".png":
        said = PngImagePlugin.PngInfo()
        for key in ("Title", "Comment", "Software"):
            said.add_text(key, text)
        image.save(path, pnginfo=said)
        return
    exif = image.getexif()
    for tag in (0x010E, 0x010F, 0x0110, 0x0131, 0x013B, 0x9286):
        exif[tag] = text[:10_000]
    image.save(path, exif=exif, quality=95)


def _clip(number: int, text: str, path: Path) -> None:
    with av.open(str(path), "w") as output:
        output.metadata.update(dict.fromkeys(("title", "comment", "artist", "description", "encoder"), text))
        stream = output.add_stream("libx264", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        stream.codec_context.options = {"preset": "veryfast", "threads": "1"}
        for picture in views(number, 25):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        output.mux(stream.encode(None))
