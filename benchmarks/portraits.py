"""Photos whose faces are known: the packaged portrait at drawn places and sizes, dim, blurred, turned, compressed."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.clips import portrait
from workers.analysis import DetectorSpec
from workers.detection.yunet import YuNet

Pixels = NDArray[np.uint8]
Box = tuple[float, float, float, float]
"""x, y, width, height in pixels."""
WIDE = 640
SLOTS = 3
"""Portraits across a picture."""
FACE_PX = (16, 150)
"""Heights of faces, drawn evenly by their logarithm."""
MOST_TURNED = 15.0
"""Degrees, either way."""
MATCHING_IOU = 0.4


@dataclass(frozen=True, slots=True)
class Labelled:
    """A picture, BGR, and the boxes of its faces."""

    pixels: Pixels
    boxes: Sequence[Box]


@dataclass(frozen=True, slots=True)
class Found:
    """How a detector did over labelled pictures."""

    faces: int
    hit: int
    false: int

    @property
    def recall(self) -> float:
        """Share of the faces that were found."""
        return self.hit / self.faces if self.faces else 0.0

    def __add__(self, other: "Found") -> "Found":
        return Found(self.faces + other.faces, self.hit + other.hit, self.false + other.false)


def composed(count: int, seed: int = 1, high: int | None = None) -> Iterator[Labelled]:
    """So many pictures of three faces each, 640 pixels wide and of drawn heights, or so `high`."""
    random = np.random.default_rng(seed)
    head = portrait()
    face = _face_of(head)
    for _ in range(count):
        yield _picture(head, face, high or round(WIDE * float(random.choice([9 / 16, 3 / 4, 1.0]))), random)


def labelled(folder: Path, labels: Path) -> Iterator[Labelled]:
    """A folder of one's own: CSV rows of path, x, y, width, height; a path without numbers has no face."""
    boxes: dict[str, list[Box]] = {}
    with labels.open(newline="", encoding="utf-8") as rows:
        for path, *numbers in csv.reader(rows):
            boxes.setdefault(path, []).extend([_box_of(numbers)] if any(numbers) else [])
    for path, known in boxes.items():
        pixels = cv2.imread(str(folder / path), cv2.IMREAD_COLOR)
        if pixels is None:
            raise SystemExit(f"error: {folder / path} cannot be read as a picture\nhint: correct {labels}")
        yield Labelled(pixels.astype(np.uint8, copy=False), known)


def matched(truth: Sequence[Box], said: Sequence[Box]) -> Found:
    """How many faces have a box that is theirs."""
    hit = len(couples(truth, said))
    return Found(len(truth), hit, len(said) - hit)


def couples(some: Sequence[Box], others: Sequence[Box]) -> dict[int, int]:
    """Which of `some` is which of `others`: they overlap by MATCHING_IOU, each is used once, best overlaps first."""
    pairs = [(iou(one, other), place, at) for place, one in enumerate(some) for at, other in enumerate(others)]
    found: dict[int, int] = {}
    for overlap, place, at in sorted(pairs, reverse=True):
        if overlap >= MATCHING_IOU and place not in found and at not in found.values():
            found[place] = at
    return found


def iou(one: Box, other: Box) -> float:
    """The common area of two boxes in that of both together."""
    across = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    down = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    common = max(0.0, across) * max(0.0, down)
    return common / max(1e-9, one[2] * one[3] + other[2] * other[3] - common)


def _box_of(numbers: Sequence[str]) -> Box:
    x, y, width, height = map(float, numbers)
    return x, y, width, height


def _face_of(head: Pixels) -> Box:
    """Where the portrait's face is, looked up once at its full size: what is found later is compared with this."""
    with YuNet(DetectorSpec(), "cpu") as detector:
        (face,) = detector.detect(head)
    return face.x, face.y, face.width, face.height


def _picture(head: Pixels, face: Box, high: int, random: np.random.Generator) -> Labelled:
    pixels = cv2.resize(random.integers(20, 220, (6, 8, 3), np.uint8), (WIDE, high), interpolation=cv2.INTER_CUBIC)
    boxes = []
    for slot in range(SLOTS):
        boxes.append(_paste(pixels, slot, head, face, random))
    return Labelled(_worn(pixels.astype(np.uint8, copy=False), random), boxes)


def _paste(pixels: Pixels, slot: int, head: Pixels, face: Box, random: np.random.Generator) -> Box:
    """Put a turned portrait into its third of the picture; returns where its face is then."""
    third = WIDE / SLOTS
    wanted = float(np.exp(random.uniform(*np.log(FACE_PX))))
    scale = min(wanted / face[3], third / head.shape[1], pixels.shape[0] / head.shape[0])
    width, height = head.shape[1] * scale, head.shape[0] * scale
    left = slot * third + random.uniform(0, third - width)
    top = random.uniform(0, pixels.shape[0] - height)
    turned = cv2.getRotationMatrix2D(
        (face[0] + face[2] / 2, face[1] + face[3] / 2), random.uniform(-MOST_TURNED, MOST_TURNED), scale
    )
    middle = (left + (face[0] + face[2] / 2) * scale, top + (face[1] + face[3] / 2) * scale)
    turned[:, 2] += np.array(middle) - (face[0] + face[2] / 2, face[1] + face[3] / 2)
    size = (pixels.shape[1], pixels.shape[0])
    mask = cv2.warpAffine(np.full(head.shape[:2], 255, np.uint8), turned, size)
    small = cv2.GaussianBlur(head, (0, 0), max(0.01, 0.4 / scale)) if scale < 1 else head  # fine detail must not alias
    drawn = cv2.warpAffine(small, turned, size)
    np.copyto(pixels, drawn, where=(mask > 127)[..., None])
    return middle[0] - face[2] * scale / 2, middle[1] - face[3] * scale / 2, face[2] * scale, face[3] * scale


def _worn(pixels: Pixels, random: np.random.Generator) -> Pixels:
    """As a camera on a bad day has it."""
    lit = cv2.convertScaleAbs(pixels, alpha=random.uniform(0.35, 1.2), beta=random.uniform(-10, 20))
    soft = cv2.GaussianBlur(lit, (0, 0), random.uniform(0.2, 1.2))
    noisy = cv2.add(soft, random.normal(0, 4, soft.shape).astype(np.int16), dtype=cv2.CV_8U)
    done, encoded = cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(30, 96))])
    assert done
    decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    assert decoded is not None
    return decoded.astype(np.uint8, copy=False)
