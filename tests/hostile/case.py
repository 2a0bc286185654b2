"""What one file of the corpus is, and what may become of it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import cache, partial
from pathlib import Path
from shutil import copy
from tempfile import TemporaryDirectory
from typing import ClassVar

import cv2
import numpy as np

from tests.clips import Clip, make, picture

Write = Callable[[Path], object]


class Expect(Enum):
    """What must become of a file."""

    HONEST = "honest"
    """All of it is analysed."""
    REFUSED = "refused"
    """It is a problem, with a code and a hint, and gives no frame."""
    EITHER = "either"
    """It is a problem, or gives frames, or both; and harms nobody."""
    PASSED = "passed"
    """It is passed over: neither its name nor its content claims to be media."""


@dataclass(frozen=True, slots=True)
class Case:
    """One file of the corpus."""

    name: bytes
    """Below the folder; needs not be text."""
    write: Write
    expect: Expect = Expect.REFUSED
    frames: int = 0
    """Of an honest one, with a face each."""


@dataclass(frozen=True, slots=True)
class Bait:
    """What hostile files reach for."""

    http_port: int
    udp_port: int
    secret: Path
    """A video outside of the folder, full of a face that nothing in the folder shows."""

    BESIDE: ClassVar[str] = "secret.bait"
    """A copy of it in folders of the corpus, which the run is told to leave out: for lists that reach no further."""

    def beside(self, folder: str) -> "Case":
        """That copy."""
        return Case(f"{folder}/{self.BESIDE}".encode(), partial(copy, self.secret), Expect.PASSED)

    @property
    def url(self) -> str:
        """What nobody may ask for."""
        return f"http://127.0.0.1:{self.http_port}/x"


def content(data: bytes | Callable[[], bytes]) -> Write:
    """Writes these bytes, which may be made only then."""
    return lambda path: path.write_bytes(data if isinstance(data, bytes) else data())


@cache
def stock() -> dict[str, bytes]:
    """Small sound files without a face in them, by the ending of their names: what damage is done to."""
    with TemporaryDirectory(prefix="moodreel-hostile-") as name:
        folder = Path(name)
        clips = (
            Clip("a.mp4", frames=30),
            Clip("a.mov", frames=30),
            Clip("a.mkv", frames=30),
            Clip("a.ts", frames=30),
            Clip("a.avi", "mpeg4", frames=30),
            Clip("a.webm", "libvpx-vp9", frames=30),
        )
        files = {clip.name.removeprefix("a"): make(clip, folder).read_bytes() for clip in clips}
    pixels = cv2.cvtColor(picture(7, (320, 240)), cv2.COLOR_RGB2BGR)
    for ending in (".jpg", ".png", ".webp", ".tif", ".bmp"):
        done, encoded = cv2.imencode(ending, pixels, [cv2.IMWRITE_WEBP_QUALITY, 80] if ending == ".webp" else [])
        assert done
        files[ending] = encoded.tobytes()
    return files | {ending: _pillow(form) for ending, form in ((".gif", "GIF"), (".avif", "AVIF"), (".heic", "HEIF"))}


def _pillow(form: str) -> bytes:
    from io import BytesIO

    from PIL import Image
    from pillow_heif import register_heif_opener

    register_heif_opener()
    stream = BytesIO()
    Image.fromarray(picture(7, (320, 240)).astype(np.uint8)).save(stream, form)
    return stream.getvalue()
