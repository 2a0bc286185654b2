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
    small, scale = reduce_to(np.zeros((height, width, 3), np.uint8), 640)
    assert (small.shape[1], small.shape[0]) == expected
    assert (scale[0] * expected[0], scale[1] * expected[1]) == pytest.approx((width, height), abs=7)


@pytest.mark.parametrize(("width", "height"), [(1283, 963), (1923, 1081), (4003, 2999), (901, 700)])
def test_what_is_reduced_stays_where_it_was(width: int, height: int) -> None:
    """A soft spot's middle, told in pixels of the picture, is found there again in what is left of it."""
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    at = (0.83 * width, 0.77 * height)
    spot = 255 * np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * (0.02 * width) ** 2))
    small, scale = reduce_to(np.repeat(spot[..., None], 3, axis=2).astype(np.uint8), 640)
    weight = small[..., 0].astype(float)
    weight[weight < 20] = 0
    columns, rows = np.meshgrid(np.arange(small.shape[1]) + 0.5, np.arange(small.shape[0]) + 0.5)
    found = ((columns * weight).sum() / weight.sum() * scale[0], (rows * weight).sum() / weight.sum() * scale[1])
    assert found == pytest.approx(at, abs=0.1)
