"""JPEGs for the benchmarks: some are drawn, the others are the same pictures under other bytes."""

import struct
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

import cv2
import numpy as np

from benchmarks.clips import Picture, portrait

DRAWN = 12
"""Pictures that are drawn and encoded."""
QUALITY = 90


def write_photos(folder: Path, number: int, size: tuple[int, int], least_face: float = 0.3) -> list[Path]:
    """So many JPEGs of one face each, at places and of sizes that are drawn, from `least_face` of the height on."""
    folder.mkdir(parents=True)
    pictures = [_jpeg(one) for one in islice(_scenes(size, least_face), min(DRAWN, number))]
    paths = []
    for place in range(number):
        path = folder / f"{place:06}.jpg"
        path.write_bytes(numbered(pictures[place % len(pictures)], place))
        paths.append(path)
    return paths


def numbered(jpeg: bytes, number: int) -> bytes:
    """The same picture in another file: a comment tells them apart."""
    return jpeg[:2] + b"\xff\xfe" + struct.pack(">HQ", 10, number) + jpeg[2:]


def _scenes(size: tuple[int, int], least_face: float) -> Iterator[Picture]:
    width, height = size
    for seed in count(1):
        random = np.random.default_rng(seed)
        coarse = random.integers(40, 200, (height // 40 + 1, width // 40 + 1, 3), np.uint8)
        picture = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC).astype(np.uint8, copy=False)
        side = int(random.uniform(2 * least_face, 0.95) * height)  # the face is about half of the portrait
        x, y = random.integers(0, width - side), random.integers(0, height - side)
        picture[y : y + side, x : x + side] = cv2.resize(portrait(), (side, side), interpolation=cv2.INTER_CUBIC)
        grain = random.integers(0, 12, (height, width, 1), np.uint8)
        yield cv2.add(picture, np.repeat(grain, 3, axis=2)).astype(np.uint8, copy=False)


def _jpeg(picture: Picture) -> bytes:
    done, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    assert done
    return encoded.tobytes()
