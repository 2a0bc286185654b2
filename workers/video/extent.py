"""Whether a file is as long as its own container says, read from a few header bytes; no demuxer tells."""

import os
from collections.abc import Iterator
from typing import BinaryIO

from workers.video.sniff import AVI, HEAD_BYTES, MPEGTS, Format, transport_grid

_EBML_SEGMENT = 0x18538067


def missing_bytes(path: bytes, form: Format) -> int:
    """Bytes that the container announces and the file does not hold; 0 where it is whole or announces nothing."""
    with open(path, "rb") as stream:  # noqa: PTH123  names are bytes
        size = os.fstat(stream.fileno()).st_size
        if form.reader == "mov":
            end = max((end for _, _, end in atoms(stream)), default=0)
        elif form.reader == "matroska":
            end = _segment_end(stream)
        elif form == AVI:
            end = _riff_end(stream, size)
        elif form == MPEGTS:
            packet, start = transport_grid(stream.read(HEAD_BYTES)) or (1, 0)
            return (start - size) % packet
        else:
            return 0
    return max(0, end - size)


def atoms(stream: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """The top-level atoms of an MP4 or MOV: name, offset, and the offset where each ends by its own word."""
    at, there = 0, os.fstat(stream.fileno()).st_size
    stream.seek(0)
    while at < there and len(header := stream.read(16)) >= 8:  # an offset may be larger than any that can be sought
        size, name = int.from_bytes(header[:4]), header[4:8]
        if size == 1:
            size = int.from_bytes(header[8:16])
        if size < 8:  # 0: to the end of the file, whatever that is
            yield name, at, at + 8
            return
        yield name, at, at + size
        at += size
        stream.seek(min(at, there))


def _riff_end(stream: BinaryIO, size: int) -> int:
    """The end of the last RIFF chunk; long AVI files are a chain of them."""
    end = at = 0
    while at < size:
        stream.seek(at)
        header = stream.read(8)
        length = int.from_bytes(header[4:8], "little")
        if header[:4] != b"RIFF" or length in (0, 0xFFFFFFFF):  # a recorder that died left its length open
            break
        end = at + 8 + length
        at = end + length % 2
    return end


def _segment_end(stream: BinaryIO) -> int:
    """The end of Matroska's first Segment; 0 where it is open, as live streams are."""
    stream.seek(0)
    head = stream.read(HEAD_BYTES)
    at = 0
    while at < len(head):
        number, at = _vint(head, at, keep_marker=True)
        length, at = _vint(head, at, keep_marker=False)
        if number == _EBML_SEGMENT:
            return at + length if length >= 0 else 0
        at += max(0, length)
    return 0


def _vint(raw: bytes, at: int, keep_marker: bool) -> tuple[int, int]:
    """An EBML number at `at` and where the next thing begins; -1 for a length that is not known (RFC 8794, 4)."""
    first = raw[at] if at < len(raw) else 0
    width = 9 - first.bit_length() if first else 1
    value = int.from_bytes(raw[at : at + width])
    if not keep_marker:
        value &= (1 << 7 * width) - 1
        if value == (1 << 7 * width) - 1:
            value = -1
    return value, at + width
