"""The aligned crop, on pictures whose crop is known beforehand: a plane of gray stays a plane however it is cut."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from db.records import Face
from tests.support.faces import face
from workers.detection.crop import SIDE, aligned_crop

WIDTH, HEIGHT = 900, 700

Plane = tuple[float, float, float]
"""Gray at the origin, and its slope a pixel to the right and down."""


def painted(plane: Plane) -> NDArray[np.uint8]:
    """A picture of the plane: each pixel has the plane's value at its centre."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] + 0.5
    gray = np.clip(plane[0] + plane[1] * x + plane[2] * y, 0, 255).round().astype(np.uint8)
    return np.repeat(gray[:, :, None], 3, axis=2)


def expected(plane: Plane, of: Face, angle: float) -> NDArray[np.float64]:
    """The crop of the plane, from the definition: a square as high as the box, centred on it, turned by the eyes."""
    down, right = (np.mgrid[0:SIDE, 0:SIDE] + 0.5) / SIDE - 0.5
    side = of.box_height
    x = of.box_x + of.box_width / 2 + side * (math.cos(angle) * right - math.sin(angle) * down)
    y = of.box_y + of.box_height / 2 + side * (math.sin(angle) * right + math.cos(angle) * down)
    # Beyond the border the picture goes on as its outermost pixels, whose centres are half a pixel within.
    x, y = np.clip(x, 0.5, WIDTH - 0.5), np.clip(y, 0.5, HEIGHT - 0.5)
    return np.clip(plane[0] + plane[1] * x + plane[2] * y, 0, 255)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(
    x=st.floats(260, 640),
    y=st.floats(260, 440),
    side=st.floats(20, 360),
    angle=st.floats(-math.pi, math.pi),
    slopes=st.sampled_from([(0.22, 0.0), (0.0, 0.25), (0.12, 0.12), (-0.1, 0.15)]),
)
def test_the_crop_is_centred_scaled_and_turned_as_defined(
    x: float, y: float, side: float, angle: float, slopes: tuple[float, float]
) -> None:
    plane = (127 - slopes[0] * WIDTH / 2 - slopes[1] * HEIGHT / 2, *slopes)
    of = face(x, y, side, angle)
    error = aligned_crop(painted(plane), of).astype(float) - expected(plane, of, angle)
    assert np.abs(error).max() <= 1.5  # rounded twice
    assert abs(error.mean()) <= 0.2


@pytest.mark.parametrize("side", [24.0, 64.0, 65.0, 130.0, 190.0])
@pytest.mark.parametrize("direction", [(1.0, 0.4), (-0.4, 1.0)])
def test_the_crop_is_not_off_by_half_a_pixel(side: float, direction: tuple[float, float]) -> None:
    of = face(430.3, 340.7, side)
    steep = 150 / side
    errors = []
    for slope in (steep, -steep):  # what a shift adds changes its sign with the slope; what rounding adds does not
        slope_x, slope_y = slope * direction[0], slope * direction[1]
        plane = (127.0 - 430.3 * slope_x - 340.7 * slope_y, slope_x, slope_y)
        errors.append((aligned_crop(painted(plane), of).astype(float) - expected(plane, of, 0.0)).mean())
    assert abs(errors[0] - errors[1]) / 2 / steep < 0.07  # pixels


@settings(max_examples=40, derandomize=True, deadline=None)
@given(
    x=st.floats(-40, WIDTH + 40),
    y=st.floats(-40, HEIGHT + 40),
    side=st.floats(30, 300),
    angle=st.floats(-1.0, 1.0),
)
def test_beyond_the_border_the_picture_repeats_its_edge(x: float, y: float, side: float, angle: float) -> None:
    plane = (10.0, 0.12, 0.17)
    of = face(x, y, side, angle)
    error = aligned_crop(painted(plane), of).astype(float) - expected(plane, of, angle)
    assert np.abs(error).max() <= 1.5


@pytest.mark.parametrize("angle", [-2.5, -0.5, 0.0, 0.3, 1.2, 3.0])
def test_the_eyes_lie_level_and_where_fer_has_them(angle: float) -> None:
    of = face(450, 350, 256, angle)
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] + 0.5
    spots = []
    for eye_x, eye_y in (of.landmarks[:2], of.landmarks[2:4]):
        spot = picture.copy()
        spot[np.hypot(x - eye_x, y - eye_y) < 8] = 255
        crop = aligned_crop(spot, of).astype(float)
        weights = crop / crop.sum()
        down, right = np.mgrid[0:SIDE, 0:SIDE] + 0.5
        spots.append(((weights * right).sum() / SIDE, (weights * down).sum() / SIDE))
    (right_x, right_y), (left_x, left_y) = spots
    assert (right_x, left_x) == pytest.approx((0.3, 0.7), abs=0.005)
    assert (right_y, left_y) == pytest.approx((0.4, 0.4), abs=0.005)


@pytest.mark.parametrize("side", [128, 300, 640, 1000])
def test_detail_finer_than_the_crop_averages_to_gray(side: int) -> None:
    board = np.indices((1100, 1100)).sum(axis=0) % 2 * 255
    picture = np.repeat(board.astype(np.uint8)[:, :, None], 3, axis=2)
    crop = aligned_crop(picture, face(550.0, 550.0, side, angle=0.1))
    assert abs(float(crop.mean()) - 127.5) < 2
    assert float(crop.std()) < 12


def test_colours_become_gray_by_their_luminance() -> None:
    for colour, gray in (((255, 0, 0), 29), ((0, 255, 0), 150), ((0, 0, 255), 76)):
        picture = np.full((200, 200, 3), colour, np.uint8)
        assert np.all(aligned_crop(picture, face(100, 100, 80)) == gray)


@pytest.mark.parametrize(
    "of",
    [face(0, 0, 50), face(-500, -500, 50), face(5000, 5000, 64), face(50, 50, 4000), face(0.5, 0.5, 0.01)],
    ids=["corner", "far before", "far beyond", "huge", "tiny"],
)
@pytest.mark.parametrize("size", [(1, 1), (3, 100), (100, 3), (100, 100)])
def test_any_box_on_any_picture_gives_a_crop(of: Face, size: tuple[int, int]) -> None:
    crop = aligned_crop(np.full((*size, 3), 77, np.uint8), of)
    assert crop.shape == (SIDE, SIDE)
    assert crop.dtype == np.uint8
    assert np.all(crop == 77)


def test_only_the_surroundings_of_a_face_matter() -> None:
    plane = (10.0, 0.12, 0.17)
    of = face(450, 350, 100, 0.4)
    picture = painted(plane)
    elsewhere = np.full_like(picture, 255)
    near = (slice(250, 450), slice(350, 550))
    elsewhere[near] = picture[near]
    assert np.array_equal(aligned_crop(picture, of), aligned_crop(elsewhere, of))


def test_the_picture_is_not_changed() -> None:
    picture = painted((10.0, 0.12, 0.17))
    before = picture.copy()
    aligned_crop(picture, face(450, 350, 100, 0.4))
    assert np.array_equal(picture, before)


def test_a_face_without_landmarks_is_refused() -> None:
    with pytest.raises(ValueError, match="landmarks"):
        aligned_crop(painted((127, 0, 0)), replace(face(430, 340, 64), landmarks=None))
