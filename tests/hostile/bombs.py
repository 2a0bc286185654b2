"""Small files that unfold to more than anybody has: pixels, frames, streams, text and boxes without end."""

import math
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from tests.hostile.case import Case, Expect, content, stock
from workers.video.problems import MAX_PHOTO_PIXELS

HUGE = 65_535
MIB = 1 << 20
SIDE = math.isqrt(MAX_PHOTO_PIXELS)
UNDER = {"png": "RGBA", "jpg": "RGB", "jpeg": "CMYK", "tif": "I;16", "tiff": "F", "bmp": "L", "webp": "RGBA"}
"""As many pixels as are allowed, in modes that take much to become colours."""


def cases() -> Iterator[Case]:
    """Photos first, then what holds frames."""
    sizes = {"16000": (16_000, 16_000), "65535": (HUGE, HUGE), "wide": (2**31 - 1, 1), "tall": (1, 2**31 - 1)}
    for name, (width, height) in sizes.items():
        yield _bomb(f"png-{name}.png", partial(_png_of_nothing, width, height))
        yield _bomb(f"bmp-{name}.bmp", partial(_bmp_header, width, height))
        yield _bomb(f"tiff-{name}.tif", partial(_tiff, width, height))
    for name in ("jpg", "gif", "webp", "heic", "avif"):
        yield _bomb(f"{name}-65535.{name}", partial(_resized_header, f".{name}"))
    yield _bomb("png-exact.png", partial(_png_that_unfolds, 16_000, 16_000))
    for kind, mode in UNDER.items():
        yield _bomb(f"under-{mode.replace(';', '-')}.{kind}", partial(_under_the_limit, kind, mode), Expect.EITHER)
    yield _bomb("under-thread.png", partial(_png_that_unfolds, 99_999_999, 1), Expect.EITHER)
    for chunk in (b"zTXt", b"iTXt", b"iCCP", b"eXIf"):
        yield _bomb(f"png-{chunk.decode()}.png", partial(_png_with_text, chunk), Expect.EITHER)
    yield _bomb("png-chunks.png", _png_with_many_chunks, Expect.EITHER)
    yield _bomb("apng.png", partial(_animation, "PNG", 300), Expect.EITHER)
    yield _bomb("frames.webp", partial(_animation, "WEBP", 300), Expect.EITHER)
    yield _bomb("frames.gif", partial(_gif_of_frames, 1_000_000))
    yield _bomb("pages.tif", partial(_animation, "TIFF", 300), Expect.EITHER)
    yield _bomb("tiff-loop.tif", _tiff_that_loops, Expect.EITHER)
    yield _bomb("tiff-strips.tif", _tiff_of_strips, Expect.EITHER)
    yield _bomb("jpeg-scans.jpg", _jpeg_of_scans, Expect.EITHER)
    yield _bomb("jpeg-markers.jpg", lambda: b"\xff\xd8" + b"\xff\xe1\x00\x02" * 500_000)
    yield _bomb("zeros.mp4", lambda: stock()[".mp4"][:32] + bytes(8 * MIB))
    yield _bomb("fragments.mp4", _mp4_of_fragments, Expect.EITHER)
    yield _bomb("tracks.mp4", partial(_mp4_of_tracks, 10_000), Expect.EITHER)
    yield _bomb("deep.mp4", lambda: stock()[".mp4"][:32] + _nested(b"moov", 20_000))
    yield _bomb("deep-udta.mov", lambda: b"\x00\x00\x00\x14ftypqt  \x00\x00\x00\x00qt  " + _nested(b"udta", 20_000))
    yield _bomb("many-boxes.mp4", lambda: stock()[".mp4"] + b"\x00\x00\x00\x08free" * 1_000_000, Expect.EITHER)
    yield _bomb("deep.mkv", _ebml_nested)
    yield _bomb("void.mkv", lambda: stock()[".mkv"][:64] + b"\xec\x80" * 4_000_000, Expect.EITHER)
    yield _bomb("programs.ts", _ts_of_programs, Expect.EITHER)
    yield _bomb(
        "index.avi", lambda: stock()[".avi"] + b"idx1" + struct.pack("<I", 16 * MIB) + bytes(16 * MIB), Expect.EITHER
    )


def _bomb(name: str, make: Callable[[], bytes], expect: Expect = Expect.REFUSED) -> Case:
    return Case(f"bombs/{name}".encode(), content(make), expect)


def png_chunk(name: bytes, data: bytes) -> bytes:
    """A chunk with a right checksum."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _png(width: int, height: int, *chunks: bytes) -> bytes:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + png_chunk(b"IEND", b"")


def _png_of_nothing(width: int, height: int) -> bytes:
    return _png(width, height, png_chunk(b"IDAT", zlib.compress(bytes(1000))))


def _png_that_unfolds(width: int, height: int) -> bytes:
    """All its pixels are there: 768 MB of black in some hundred kilobytes."""
    packer, row, parts = zlib.compressobj(9), bytes(1 + 3 * width), []
    for _ in range(height):
        parts.append(packer.compress(row))
    return _png(width, height, png_chunk(b"IDAT", b"".join([*parts, packer.flush()])))


def _under_the_limit(kind: str, mode: str) -> bytes:
    """The largest picture that we promise to read: what is allowed must not be what ends a child, nor the machine."""
    stream = BytesIO()
    form = {"jpg": "JPEG", "tif": "TIFF"}.get(kind, kind.upper())
    packed: dict[str, Any] = {"compression": "tiff_adobe_deflate"} if form == "TIFF" else {}
    Image.new(mode, (SIDE, SIDE)).save(stream, form, **packed)
    return stream.getvalue()


def _png_with_text(chunk: bytes) -> bytes:
    """256 MB of text behind a small picture's header."""
    packer = zlib.compressobj(9)
    packed = b"".join([*(packer.compress(bytes(MIB)) for _ in range(256)), packer.flush()])
    data = {b"iTXt": b"x\0\1\0\0\0" + packed, b"eXIf": b"MM\0*" + packed}.get(chunk, b"x\0\0" + packed)
    pixels = zlib.compress((b"\0" + bytes(3 * 64)) * 64)
    return _png(64, 64, png_chunk(chunk, data), png_chunk(b"IDAT", pixels))


def _png_with_many_chunks() -> bytes:
    pixels = zlib.compress((b"\0" + bytes(3 * 64)) * 64)
    return _png(64, 64, png_chunk(b"tEXt", b"a\0b") * 300_000, png_chunk(b"IDAT", pixels))


def _bmp_header(width: int, height: int) -> bytes:
    return (
        b"BM"
        + struct.pack("<IHHI", 200, 0, 0, 54)
        + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    )


def _tiff(width: int, height: int, *, loop: bool = False, strips: int = 1) -> bytes:
    entries = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1),
        (273, 4, strips, 300), (277, 3, 1, 1), (278, 4, 1, max(1, height // strips)), (279, 4, strips, 300),
    ]  # fmt: skip
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return (
        b"II*\0" + struct.pack("<I", 8) + directory + struct.pack("<I", 8 if loop else 0) + zlib.compress(bytes(4096))
    )


def _tiff_that_loops() -> bytes:
    return _tiff(64, 64, loop=True)


def _tiff_of_strips() -> bytes:
    return _tiff(1000, 1_000_000, strips=1_000_000)


def _resized_header(ending: str) -> bytes:
    """A sound picture whose header says 65,535 x 65,535."""
    data = bytearray(stock()[ending])
    if ending == ".jpg":
        at = data.index(b"\xff\xc0") + 5
        data[at : at + 4] = struct.pack(">HH", HUGE, HUGE)
    elif ending == ".gif":
        data[6:10] = struct.pack("<HH", HUGE, HUGE)
    elif ending == ".webp":
        at = data.index(b"VP8 ") + 14
        data[at : at + 4] = struct.pack("<HH", 0x3FFF, 0x3FFF)
    else:
        at = data.index(b"ispe") + 8
        data[at : at + 8] = struct.pack(">II", HUGE, HUGE)
    return bytes(data)


def _animation(form: str, frames: int) -> bytes:
    stream = BytesIO()
    pictures = [Image.fromarray(np.full((64, 64, 3), number % 256, np.uint8)) for number in range(frames)]
    pictures[0].save(stream, form, save_all=True, append_images=pictures[1:])
    return stream.getvalue()


def _gif_of_frames(frames: int) -> bytes:
    one = b"\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0"
    return b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff" + one * frames + b";"


def _jpeg_of_scans() -> bytes:
    """A progressive picture whose last scan comes a thousand times."""
    stream = BytesIO()
    Image.fromarray(np.random.default_rng(3).integers(0, 256, (1024, 1024, 3), np.uint8)).save(
        stream, "JPEG", progressive=True
    )
    data = stream.getvalue()
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * 100 + b"\xff\xd9"


def box(kind: bytes, *parts: bytes) -> bytes:
    """A box of an MP4."""
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + kind + body


def _nested(kind: bytes, depth: int) -> bytes:
    """Boxes in boxes, each as large as what it holds."""
    return b"".join(struct.pack(">I", 8 * (depth - level)) + kind for level in range(depth))


def _mp4_of_fragments() -> bytes:
    fragment = box(
        b"moof",
        box(b"mfhd", bytes(8)),
        box(b"traf", box(b"tfhd", bytes(4), struct.pack(">I", 1)), box(b"trun", bytes(8))),
    )
    return stock()[".mp4"] + fragment * 1_000_000


def _mp4_of_tracks(tracks: int) -> bytes:
    """The one track of a sound file, again and again."""
    data = stock()[".mp4"]
    at = data.index(b"moov") - 4
    size = struct.unpack(">I", data[at : at + 4])[0]
    track = data.index(b"trak", at) - 4
    length = struct.unpack(">I", data[track : track + 4])[0]
    inner = data[at + 8 : track] + data[track : track + length] * tracks
    return data[:at] + box(b"moov", inner) + data[at + size :]


def _ebml_nested() -> bytes:
    """Segments of unknown size in segments of unknown size."""
    head = stock()[".mkv"]
    return head[: head.index(b"\x18\x53\x80\x67")] + b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff" * 50_000


def _ts_of_programs() -> bytes:
    """A table of 1,000 programs, each on a PID of its own with a table that names more, before a sound stream."""
    packets = []
    for number in range(1000):
        section = (
            bytes((0, 0xB0, 13)) + struct.pack(">HBBBHH", 1, 0xC1, 0, 0, number + 1, 0xE000 | (32 + number)) + bytes(4)
        )
        packets.append(b"\x47\x40\x00\x10\x00" + section + b"\xff" * (183 - len(section)))
    return b"".join(packets) + stock()[".ts"]
