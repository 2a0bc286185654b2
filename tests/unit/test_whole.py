"""Pictures for a service: within its limits, and one number says where a point of theirs lies in the frame."""

from io import BytesIO

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from workers.messages import Takes, Whole
from workers.video.whole import BORDER, encoded

ROOMY = Takes(("jpeg",), 1, 6 * 2**20, 1)


def noise(width: int, height: int) -> NDArray[np.uint8]:
    """Gray: of colours, JPEG keeps every second one."""
    return np.random.default_rng(1).integers(0, 256, (height, width, 1), np.uint8).repeat(3, axis=2)


def marked(width: int, height: int, x: int, y: int) -> NDArray[np.uint8]:
    """A gray picture with a white square of 16 pixels about (x, y)."""
    picture = np.full((height, width, 3), 90, np.uint8)
    picture[y - 8 : y + 8, x - 8 : x + 8] = 255
    return picture


def pixels_of(whole: Whole) -> NDArray[np.uint8]:
    decoded = cv2.imdecode(np.frombuffer(whole.picture, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    assert decoded.shape == (whole.height, whole.width, 3)
    return decoded.astype(np.uint8, copy=False)


def quality_of(whole: Whole) -> int:
    """By the first coefficient of the luminance table, which libjpeg scales from 16."""
    return {2: 95, 3: 90, 6: 80, 10: 70}[Image.open(BytesIO(whole.picture)).quantization[0][0]]  # type: ignore[attr-defined]


def test_a_picture_that_fits_is_sent_in_its_own_size_and_in_the_best_quality() -> None:
    picture = noise(90, 60)
    whole = encoded(picture, ROOMY)
    assert (whole.scale, whole.width, whole.height, quality_of(whole)) == (1.0, 90, 60, 95)
    assert np.abs(pixels_of(whole).astype(int) - picture).mean() < 3


@pytest.mark.parametrize("quality", [90, 80, 70])
def test_quality_is_given_up_before_size(quality: int) -> None:
    picture = noise(300, 200)
    at_that = len(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1])
    whole = encoded(picture, Takes(("jpeg",), 1, at_that, 1))
    assert (quality_of(whole), whole.scale, len(whole.picture)) == (quality, 1.0, at_that)


@pytest.mark.parametrize(("width", "height"), [(400, 300), (403, 301)])
def test_halved_as_often_as_it_must_be_a_point_times_the_scale_is_where_it_was(width: int, height: int) -> None:
    picture = marked(width, height, 200, 120)
    whole = encoded(picture, Takes(("jpeg",), 1, 1_000, 1))
    assert whole.scale == 4.0
    assert len(whole.picture) <= 1_000
    y, x = (float(np.mean(at)) for at in np.nonzero(pixels_of(whole)[..., 1] > 200))
    assert ((x + 0.5) * whole.scale, (y + 0.5) * whole.scale) == pytest.approx((200, 120), abs=1)


def test_a_picture_that_is_too_small_gets_a_border_and_its_points_keep_their_places() -> None:
    picture = noise(50, 90)
    whole = encoded(picture, Takes(("jpeg",), 1, 2**20, 80))
    assert (whole.scale, whole.width, whole.height) == (1.0, 80, 90)
    sent = pixels_of(whole).astype(int)
    assert np.abs(sent[:, 58:] - BORDER).max() < 16
    assert np.abs(sent[:, :48] - picture[:, :48]).mean() < 3


def test_a_file_that_is_too_small_is_made_larger_by_a_comment() -> None:
    whole = encoded(np.zeros((40, 40, 3), np.uint8), Takes(("jpeg",), 1024, 2**20, 1))
    assert 1024 <= len(whole.picture) < 1100
    assert not pixels_of(whole).any()


def test_a_picture_wider_than_any_jpeg_is_halved() -> None:
    whole = encoded(np.zeros((3, 70_001, 3), np.uint8), ROOMY)
    assert (whole.scale, whole.width, whole.height) == (2.0, 35_000, 1)


def test_where_nothing_fits_it_ends() -> None:
    with pytest.raises(ValueError, match="takes 10 bytes"):
        encoded(noise(30, 30), Takes(("jpeg",), 1, 10, 1))
