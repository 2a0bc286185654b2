"""From findings to the faces of a frame: the small ones counted, the others in an order that never changes."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest

from workers.detection.base import Detection
from workers.detection.faces import find_faces
from workers.detection.yunet import reduce_to

PICTURE = np.zeros((100, 100, 3), np.uint8)


def found(x: float, y: float, height: float, confidence: float = 0.9) -> Detection:
    return Detection(x, y, 10.0, height, (0.0,) * 10, confidence)  # type: ignore[arg-type]


def faces(findings: list[Detection], min_face: int = 32) -> tuple[list[tuple[float, float]], int]:
    detector = SimpleNamespace(detect=lambda _: findings)
    kept, dropped = find_faces(detector, PICTURE, min_face)  # type: ignore[arg-type]
    return [(face.box_x, face.box_y) for face in kept], dropped


def test_faces_come_from_left_to_right_whatever_order_they_were_found_in() -> None:
    findings = [found(5, 1, 40), found(-3, 9, 40), found(5, 0, 40), found(70, 2, 40)]
    for order in itertools.permutations(findings):
        assert faces(list(order)) == ([(-3, 9), (5, 0), (5, 1), (70, 2)], 0)


def test_faces_lower_than_the_smallest_are_counted_not_kept() -> None:
    assert faces([found(1, 1, 31.99), found(2, 2, 32.0), found(3, 3, 5)]) == ([(2, 2)], 2)
    assert faces([found(1, 1, 5)], min_face=0) == ([(1, 1)], 0)


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [
        (640, 360, (640, 360)),
        (100, 50, (100, 50)),
        (1920, 1080, (640, 360)),
        (1080, 1920, (360, 640)),
        (641, 3, (640, 3)),
        (100_000, 1, (640, 1)),
        (1, 5000, (1, 640)),
    ],
)
def test_the_longer_side_is_bounded_and_small_pictures_are_left_alone(
    width: int, height: int, expected: tuple[int, int]
) -> None:
    small = reduce_to(np.zeros((height, width, 3), np.uint8), 640)
    assert (small.shape[1], small.shape[0]) == expected
