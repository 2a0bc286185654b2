"""Streams whose pictures change their size, and whose clocks stand still, run back or jump by a century."""

import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import av

from tests.clips import Clip, make
from tests.hostile.bombs import box
from tests.hostile.case import Bait, Case, Expect, content, stock

CENTURY_S = 100 * 365 * 86_400


def cases(bait: Bait) -> Iterator[Case]:
    """Sizes, clocks, then references of an MP4 to data that lies elsewhere."""
    yield _case("size-changes.ts", partial(_joined, Clip("a.ts", frames=30), Clip("b.ts", frames=30, size=(320, 240))))
    yield _case(
        "size-explodes.ts", partial(_joined, Clip("a.ts", frames=10), Clip("b.ts", frames=3, size=(3840, 2160)))
    )
    yield _case("codec-changes.ts", partial(_joined, Clip("a.ts", frames=30), Clip("b.ts", "mpeg2video", frames=30)))
    yield _case("again.ts", lambda: stock()[".ts"] * 200)
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
        "alis": _alias(bait.secret),
    }
    for name, reference in references.items():
        for ending in (".mp4", ".mov"):
            yield _case(f"dref-{name}{ending}", partial(_referring, ending, reference))


def _case(name: str, make_it: Callable[[], bytes]) -> Case:
    return Case(f"streams/{name}".encode(), content(make_it), Expect.EITHER)


def _made(clip: Clip) -> bytes:
    with TemporaryDirectory(prefix="moodreel-hostile-") as folder:
        return make(clip, Path(folder)).read_bytes()


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


def _referring(ending: str, reference: bytes) -> bytes:
    """A sound file whose one data reference leads elsewhere; boxes around it grow with it, offsets do not."""
    data = stock()[ending]
    at = data.index(b"dref") - 4
    old = struct.unpack(">I", data[at : at + 4])[0]
    new = box(b"dref", bytes(4), struct.pack(">I", 1), reference)
    changed = bytearray(data[:at] + new + data[at + old :])
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"dinf"):
        place = changed.index(kind) - 4
        changed[place : place + 4] = struct.pack(
            ">I", struct.unpack(">I", changed[place : place + 4])[0] + len(new) - old
        )
    return bytes(changed)


def _alias(secret: Path) -> bytes:
    """An alias record that names a path (QuickTime File Format, `alis`), as libavformat's mov demuxer reads it."""
    path = str(secret).encode()
    volume, name = b"\0" * 28, secret.name.encode()[:63]
    record = (
        bytes(10)
        + volume
        + bytes(12)
        + bytes((len(name),))
        + name.ljust(63, b"\0")
        + bytes(16)
        + struct.pack(">hh", -1, -1)
    )
    record += bytes(16) + struct.pack(">hH", 18, len(path)) + path + bytes(len(path) % 2) + struct.pack(">hH", -1, 0)
    return box(b"alis", bytes(4), record)
