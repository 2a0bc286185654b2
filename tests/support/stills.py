"""Photos made for the tests, and broken ones: each by the encoder that people's programs use, or byte by byte."""

import os
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from db.records import MediaFacts
from workers.video.photo import probe_photo, read_photo
from workers.video.sniff import HEAD_BYTES, Format, sniff

WIDTH, HEIGHT = 96, 64


def scene() -> NDArray[np.uint8]:
    """BGR uint8 [64, 96, 3] without any symmetry: soft enough for lossy codecs."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64)
    blue = 40 + 150 * x / WIDTH
    green = 30 + 190 * y / HEIGHT
    red = 128 + 90 * np.sin(x / 17 + y / 29)
    return np.stack((blue, green, red), axis=2).round().astype(np.uint8)


def image(picture: NDArray[np.uint8] | None = None) -> Image.Image:
    """The scene, or another BGR picture, for Pillow to save."""
    return Image.fromarray(np.ascontiguousarray((scene() if picture is None else picture)[:, :, ::-1]))


def exif(orientation: int) -> Image.Exif:
    """Metadata that say how the camera was held."""
    made = Image.Exif()
    made[0x0112] = orientation
    return made


def form_of(path: Path) -> Format:
    """What the file is, by its bytes."""
    with path.open("rb") as stream:
        form = sniff(stream.read(HEAD_BYTES))
    assert form is not None
    return form


def read(path: Path) -> NDArray[np.uint8]:
    """The pixels as our reader gives them."""
    return read_photo(os.fsencode(path), form_of(path))


def probe(path: Path) -> MediaFacts:
    """The facts as our reader gives them."""
    return probe_photo(os.fsencode(path), form_of(path))


def png(width: int, height: int, rows: bytes = b"", before: bytes = b"") -> bytes:
    """A PNG of one byte a pixel that claims a size, whatever it holds."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = _chunk(b"IHDR", header) + before + _chunk(b"IDAT", zlib.compress(rows, 9)) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def resized_header(original: bytes, form: str, width: int, height: int) -> bytes:
    """The same file with another size in its header."""
    raw = bytearray(original)
    if form == "jpeg":
        at = next(raw.find(marker) for marker in (b"\xff\xc0\x00", b"\xff\xc2\x00") if marker in raw) + 5
        raw[at : at + 4] = struct.pack(">HH", height, width)
    elif form == "bmp":
        raw[18:26] = struct.pack("<ii", width, height)
    elif form == "webp":
        raw[24:30] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    elif form == "tiff":
        _resize_tiff(raw, width, height)
    else:
        at = raw.find(b"ispe") + 8
        raw[at : at + 8] = struct.pack(">II", width, height)
    return bytes(raw)


def _resize_tiff(raw: bytearray, width: int, height: int) -> None:
    (directory,) = struct.unpack_from("<I", raw, 4)
    (count,) = struct.unpack_from("<H", raw, directory)
    for entry in range(directory + 2, directory + 2 + 12 * count, 12):
        (tag,) = struct.unpack_from("<H", raw, entry)
        if tag in (256, 257):
            struct.pack_into("<HII", raw, entry + 2, 4, 1, width if tag == 256 else height)
