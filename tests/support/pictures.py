"""Pictures for the tests of detection and scoring: real ones, and crowds put together from their faces."""

from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]


def photo(folder: Path, name: str) -> Picture:
    """A photo of the shared media, BGR, read by OpenCV."""
    picture = cv2.imread(str(folder / name))
    assert picture is not None
    return picture.astype(np.uint8, copy=False)


def frames(folder: Path, name: str, every: int, count: int) -> list[Picture]:
    """`count` frames of a clip, `every` frames apart, BGR, by a plain decode."""
    with av.open(str(folder / name)) as container:
        wanted = islice(container.decode(video=0), 0, every * count, every)
        return [frame.to_ndarray(format="bgr24").astype(np.uint8, copy=False) for frame in wanted]


def resized(picture: Picture, width: int, height: int) -> Picture:
    """The picture at another size, by area averaging."""
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def crowd(folder: Path, seed: int, people: int = 12, size: tuple[int, int] = (640, 384)) -> Picture:
    """Real heads at random sizes and places on a gray ground, some of them over one another."""
    random = np.random.default_rng(seed)
    group = photo(folder, "multi_face.jpg")
    heads = [
        photo(folder, "single_face.jpg"),
        *(group[y : y + 260, x : x + 230] for x, y in ((170, 40), (400, 150), (560, 60), (700, 130))),
    ]
    canvas = np.full((size[1], size[0], 3), 120, np.uint8)
    for _ in range(people):
        head = heads[int(random.integers(len(heads)))]
        height = int(random.integers(50, 150))
        width = max(1, round(height * head.shape[1] / head.shape[0]))
        x, y = int(random.integers(0, size[0] - width)), int(random.integers(0, size[1] - height))
        canvas[y : y + height, x : x + width] = resized(head, width, height)
    return canvas
