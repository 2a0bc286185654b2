"""Turning pictures upright, checked on a picture of six different pixels."""

import struct
from fractions import Fraction

import numpy as np
import pytest

from workers.video.orientation import display_size, fit, from_matrix

ONE = 1 << 16
STORED = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
CLOCKWISE, OVER, ANTICLOCKWISE = 3, 2, 1  # quarter turns of np.rot90, which turns anticlockwise

# The matrices that cameras write (a, b, c, d of ISO 14496-12), with the turn done by other means.
MATRICES = [
    ((ONE, 0, 0, ONE), 0, STORED),
    ((0, ONE, -ONE, 0), 90, np.rot90(STORED, CLOCKWISE)),
    ((-ONE, 0, 0, -ONE), 180, np.rot90(STORED, OVER)),
    ((0, -ONE, ONE, 0), 270, np.rot90(STORED, ANTICLOCKWISE)),
    ((-ONE, 0, 0, ONE), 0, STORED[:, ::-1]),
    ((ONE, 0, 0, -ONE), 180, STORED[::-1]),
]


def matrix(a: int, b: int, c: int, d: int) -> bytes:
    return struct.pack("=9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)


@pytest.mark.parametrize(("entries", "degrees", "upright"), MATRICES)
def test_a_display_matrix_turns_as_players_do(entries: tuple[int, int, int, int], degrees: int, upright) -> None:
    orientation = from_matrix(matrix(*entries))
    assert np.array_equal(orientation.apply(STORED), upright)
    assert orientation.degrees == degrees
    assert orientation.apply(STORED).flags.c_contiguous


def test_a_crooked_matrix_is_taken_for_the_nearest_quarter_turn() -> None:
    a, b = round(ONE * 0.1), round(ONE * 0.99)
    assert from_matrix(matrix(a, b, -b, a)).degrees == 90


@pytest.mark.parametrize(
    ("aspect", "size"),
    [(None, (720, 576)), (Fraction(1), (720, 576)), (Fraction(16, 15), (768, 576)), (Fraction(1, 10_000), (1, 576))],
)
def test_the_aspect_of_a_pixel_changes_the_width(aspect: Fraction | None, size: tuple[int, int]) -> None:
    upright, turned = from_matrix(matrix(ONE, 0, 0, ONE)), from_matrix(matrix(0, ONE, -ONE, 0))
    assert display_size(720, 576, aspect, upright) == size
    assert display_size(720, 576, aspect, turned) == size[::-1]


def test_a_picture_that_fits_is_not_touched() -> None:
    assert fit(STORED, (3, 2)) is STORED
    assert fit(STORED, (6, 4)).shape == (4, 6, 3)
