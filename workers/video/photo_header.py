"""What the first bytes of a photo claim, read before any decoder sees them: its size, and where it should end."""

import os
import re
from collections.abc import Callable
from typing import BinaryIO, Literal

from workers.video.sniff import AVIF, HEIC, PNG, TIFF, WEBP, Format

_HEADER_BYTES = 1 << 18
_ISPE = re.compile(rb"\x00\x00\x00\x14ispe\x00\x00\x00\x00(.{8})", re.DOTALL)
"""The size property of HEIF and AVIF (ISO/IEC 23008-12, 6.5.3): one for each picture and tile."""


def claimed_size(path: bytes, form: Format) -> tuple[int, int]:
    """Width and height of the largest picture that the header names; (0, 0) where the reader may look for itself.

    Raises OSError.
    """
    if form not in (WEBP, AVIF, HEIC):
        return 0, 0
    with open(path, "rb") as stream:  # noqa: PTH123  names are bytes
        head = stream.read(_HEADER_BYTES)
    if form == WEBP:
        return _webp_size(head)
    sizes = [(int.from_bytes(found[:4]), int.from_bytes(found[4:])) for found in _ISPE.findall(head)]
    return max(sizes, key=lambda size: size[0] * size[1], default=(0, 0))


def _webp_size(head: bytes) -> tuple[int, int]:
    """The canvas (RFC 9649, 2.7): all other WebP files have at most 16383 x 16383 pixels, lossless or not."""
    kind = head[12:16]
    if kind == b"VP8X":
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return int.from_bytes(head[26:28], "little") & 0x3FFF, int.from_bytes(head[28:30], "little") & 0x3FFF


def ends_early(path: bytes, form: Format) -> bool:
    """Whether the file ends before its own structure does: then it was cut short rather than spoilt."""
    promised = _PROMISES.get(form)
    if promised is None:
        return False
    try:
        with open(path, "rb") as stream:  # noqa: PTH123  names are bytes
            size = os.fstat(stream.fileno()).st_size
            return promised(stream, size) > size
    except OSError:
        return False


def _riff_end(stream: BinaryIO, size: int) -> int:
    del size
    head = stream.read(8)
    return 8 + int.from_bytes(head[4:8], "little")


def _boxes_end(stream: BinaryIO, size: int) -> int:
    """The end of the last top-level box that begins within the file; beyond it where `meta` never came."""
    at, least = 0, size + 1
    while at < size:
        stream.seek(at)
        head = stream.read(16)
        length = int.from_bytes(head[:4])
        if length == 1:
            length = int.from_bytes(head[8:16])
        elif length == 0:
            return size  # it reaches to the end of the file, wherever that is
        if length < 8:
            return at
        if head[4:8] == b"meta":
            least = 0
        at += length
    return max(at, least)


def _chunks_end(stream: BinaryIO, size: int) -> int:
    """The end of PNG's IEND, or of the chunk that the file ends in."""
    at = 8
    while at < size:
        stream.seek(at)
        head = stream.read(8)
        at += 12 + int.from_bytes(head[:4])
        if head[4:] == b"IEND":
            return at
    return max(at, size + 1)


def _directory_end(stream: BinaryIO, size: int) -> int:
    """The end of TIFF's first directory, which many writers put last."""
    del size
    head = stream.read(8)
    order: Literal["little", "big"] = "little" if head[:2] == b"II" else "big"
    at = int.from_bytes(head[4:8], order)
    stream.seek(at)
    count = stream.read(2)
    return at + 2 + 12 * int.from_bytes(count, order)


_PROMISES: dict[Format, Callable[[BinaryIO, int], int]] = {
    WEBP: _riff_end,
    AVIF: _boxes_end,
    HEIC: _boxes_end,
    PNG: _chunks_end,
    TIFF: _directory_end,
}
