"""Sound files cut short, with bits turned over, and with absurd numbers in every field of their headers."""

import struct
from collections.abc import Iterator
from functools import partial

import numpy as np

from tests.hostile.case import Case, Expect, content, stock

CUT_WITHIN = 2048
EXTREMES = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
CONTAINERS = frozenset((b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"dinf", b"udta"))
FIELDS = 6
"""Words of each box that are replaced."""


def cases(seed: int, every: int, flips: int) -> Iterator[Case]:
    """Cuts at each `every`th byte of the first 2 kB, `flips` of turned bits a file, and extremes in boxes."""
    for ending, data in stock().items():
        kind = ending[1:]
        for at in range(1, min(CUT_WITHIN, len(data)), every):
            yield Case(f"cut/{kind}-{at:04}{ending}".encode(), content(data[:at]), Expect.EITHER)
        for number in range(flips):
            flipped = partial(_flipped, data, seed, number)
            yield Case(f"flips/{kind}-{number:03}{ending}".encode(), content(flipped), Expect.EITHER)
    yield from _extremes(max(1, every // 8))


def _flipped(data: bytes, seed: int, number: int) -> bytes:
    """A few bits or a great many, in the header or anywhere."""
    random = np.random.default_rng((seed, number))
    damaged = np.frombuffer(data, np.uint8).copy()
    within = min(len(damaged), 1024) if number % 2 else len(damaged)
    places = random.integers(0, within, 1 << random.integers(0, 8))
    damaged[places] ^= np.uint8(1) << random.integers(0, 8, len(places)).astype(np.uint8)
    return damaged.tobytes()


def _extremes(every: int) -> Iterator[Case]:
    """Each of the first words of each box of an MP4's header in turn, replaced."""
    data = stock()[".mp4"]
    words = [
        (kind, at)
        for kind, start, end in _leaves(data, 0, len(data))
        for at in range(start, min(end, start + 4 * FIELDS), 4)
    ]
    for place, (kind, at) in enumerate(words):
        for value in EXTREMES:
            if (place + value) % every == 0:
                changed = data[:at] + struct.pack(">I", value) + data[at + 4 :]
                name = f"boxes/{kind.decode('ascii', 'replace')}-{at:05}-{value:08x}.mp4"
                yield Case(name.encode(), content(changed), Expect.EITHER)
    for size in (0, 1, 7, 8, 0x7FFFFFFF, 0xFFFFFFFF):
        at = data.index(b"moov") - 4
        yield Case(
            f"boxes/moov-size-{size:08x}.mp4".encode(),
            content(data[:at] + struct.pack(">I", size) + data[at + 4 :]),
            Expect.EITHER,
        )
    giant = struct.pack(">I4sQ", 1, b"moov", 2**63)
    yield Case(
        b"boxes/moov-size-64.mp4", content(data[: data.index(b"moov") - 4] + giant + data[-4096:]), Expect.EITHER
    )


def _leaves(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Boxes that hold no others, and where their content lies."""
    while start + 8 <= end:
        size, kind = struct.unpack(">I4s", data[start : start + 8])
        stop = min(end, start + max(8, size))
        if kind in CONTAINERS:
            yield from _leaves(data, start + 8, stop)
        elif kind != b"mdat":
            yield kind, start, stop
        start = stop
