"""Streams whose pictures change their size, and whose clocks stand still, run back or jump by a century."""

import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np

from tests.clips import Clip, make
from tests.hostile.bombs import box
from tests.hostile.case import Bait, Case, Expect, content, stock

WIDE = 8192
LARGEST = (("largest.mp4", "libx264", 4608), ("largest.mkv", "mjpeg", 4608), ("above.mp4", "libx264", 4640))
"""Three frames as large as we promise to read, and some rows more."""
CENTURY_S = 100 * 365 * 86_400


def cases(bait: Bait) -> Iterator[Case]:
    """Sizes, clocks, then references of an MP4 to data that lies elsewhere."""
    yield _case("size-changes.ts", partial(_joined, Clip("a.ts", frames=30), Clip("b.ts", frames=30, size=(320, 240))))
    yield _case(
        "size-explodes.ts", partial(_joined, Clip("a.ts", frames=10), Clip("b.ts", frames=3, size=(3840, 2160)))
    )
    yield _case("codec-changes.ts", partial(_joined, Clip("a.ts", frames=30), Clip("b.ts", "mpeg2video", frames=30)))
    yield _case("again.ts", lambda: stock()[".ts"] * 200)
    for name, codec, height in LARGEST:
        yield _case(name, partial(_plain, name, codec, height))
    yield _case("tiny.mp4", partial(_made, Clip("t.mp4", frames=3, size=(2, 2))))
    stamps: dict[str, Callable[[int], int]] = {
        "gap-of-a-century": lambda number: 40 * number if number < 15 else 1000 * CENTURY_S + 40 * number,
        "negative": lambda number: 40 * number - 10_000_000,
        "huge": lambda number: 2**61 + 40 * number,
        "backwards": lambda number: 40_000 - 40 * number,
        "still": lambda _number: 0,
        "one-tick": lambda number: number,
        "zigzag": lambda number: 40 * (number ^ 1) + (number % 3) * 100_000,
    }
    for name, clock in stamps.items():
        for ending in (".mkv", ".ts", ".mp4", ".webm"):
            yield _case(f"{name}{ending}", partial(_restamped, ending, clock))
    for scale in (0, 1, 2**31 - 1, 2**32 - 1):
        yield _case(f"timescale-{scale}.mp4", partial(_patched, b"mdhd", 12, scale))
    for delta in (0, 2**31, 2**32 - 1):
        yield _case(f"delta-{delta}.mp4", partial(_patched, b"stts", 12, delta))
    for count in (2**31 - 1, 2**32 - 1):
        for table in (b"stsz", b"stts", b"stss", b"stsc", b"stco", b"ctts"):
            yield _case(f"{table.decode()}-{count}.mp4", partial(_patched, table, 8 if table == b"stsz" else 4, count))
    references = {
        "url-http": box(b"url ", bytes(4), bait.url.encode() + b"\0"),
        "url-file": box(b"url ", bytes(4), bait.secret.as_uri().encode() + b"\0"),
        "urn": box(b"urn ", bytes(4), b"x\0" + bait.secret.as_uri().encode() + b"\0"),
        "alis": _alias(str(bait.secret)),
        "alis-beside": _alias(f"/{bait.BESIDE}", levels=1),
    }
    yield bait.beside("streams")
    for name, reference in references.items():
        for ending in (".mp4", ".mov"):
            yield _case(f"dref-{name}{ending}", partial(_referring, bait.secret, reference))


def _case(name: str, make_it: Callable[[], bytes]) -> Case:
    return Case(f"streams/{name}".encode(), content(make_it), Expect.EITHER)


def _made(clip: Clip) -> bytes:
    with TemporaryDirectory(prefix="moodreel-hostile-") as folder:
        return make(clip, Path(folder)).read_bytes()


def _plain(name: str, codec: str, height: int) -> bytes:
    """Gray frames of that height."""
    with TemporaryDirectory(prefix="moodreel-hostile-") as folder:
        path = Path(folder) / name
        with av.open(str(path), "w") as output:
            stream = output.add_stream(codec, rate=25)
            assert isinstance(stream, av.VideoStream)
            stream.width, stream.height = WIDE, height
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            stream.codec_context.options = {"preset": "ultrafast", "threads": "1"} if codec == "libx264" else {}
            gray = av.VideoFrame.from_ndarray(np.full((height, WIDE, 3), 128, np.uint8), format="bgr24")
            for number in range(3):
                gray.pts, gray.time_base = number, Fraction(1, 25)
                output.mux(stream.encode(gray))
            output.mux(stream.encode(None))
        return path.read_bytes()


def _joined(*clips: Clip) -> bytes:
    return b"".join(map(_made, clips))


def _restamped(ending: str, clock: Callable[[int], int]) -> bytes:
    """The packets of a sound file at other times, as far as its muxer writes that down, or the sound file."""
    with TemporaryDirectory(prefix="moodreel-hostile-") as name:
        source, target = Path(name) / f"a{ending}", Path(name) / f"b{ending}"
        source.write_bytes(stock()[ending])
        with suppress(av.error.FFmpegError, OverflowError):
            _restamp(source, target, clock)
        return target.read_bytes() if target.exists() and target.stat().st_size else source.read_bytes()


def _restamp(source: Path, target: Path, clock: Callable[[int], int]) -> None:
    with av.open(str(source)) as reading, av.open(str(target), "w") as writing:
        copy = writing.add_stream_from_template(reading.streams.video[0])
        for number, packet in enumerate(packet for packet in reading.demux(video=0) if packet.size):
            packet.time_base = Fraction(1, 1000)
            packet.pts = packet.dts = clock(number)
            packet.stream = copy
            writing.mux(packet)


def _patched(kind: bytes, offset: int, value: int) -> bytes:
    """A sound MP4 with one number replaced, so many bytes into a box's content."""
    data = stock()[".mp4"]
    at = data.find(kind)
    if at < 0:
        return data
    return data[: at + 4 + offset] + struct.pack(">I", value) + data[at + 8 + offset :]


def _referring(secret: Path, reference: bytes) -> bytes:
    """The header of the secret alone, whose samples lie in another file: where they lie in it, it says as ever."""
    data = secret.read_bytes()
    start = bytes(data[: struct.unpack(">I", data[:4])[0]])
    header = next(data[at : at + size] for at, size, kind in _boxes(data) if kind == b"moov")
    at = header.index(b"dref") - 4
    old = struct.unpack(">I", header[at : at + 4])[0]
    new = box(b"dref", bytes(4), struct.pack(">I", 1), reference)
    changed = bytearray(header[:at] + new + header[at + old :])
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"dinf"):  # boxes around it grow with it
        place = changed.index(kind) - 4
        grown = struct.unpack(">I", changed[place : place + 4])[0] + len(new) - old
        changed[place : place + 4] = struct.pack(">I", grown)
    return start + bytes(changed)


def _boxes(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Offset, size and kind of the outermost boxes."""
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        yield at, size, kind
        at += max(8, size)


def _alias(path: str, levels: int = -1) -> bytes:
    """An alias record (QuickTime File Format, `alis`): an absolute path, or one so many levels up and down."""
    raw = path.encode()
    name = raw.rpartition(b"/")[2][:63]
    record = bytes(10) + bytes(28) + bytes(12) + bytes((len(name),)) + name.ljust(63, b"\0") + bytes(16)
    record += struct.pack(">hh", levels, levels) + bytes(16)
    record += struct.pack(">hH", 2, len(raw)) + raw + bytes(len(raw) % 2) + struct.pack(">hH", -1, 0)
    return box(b"alis", bytes(4), record)
