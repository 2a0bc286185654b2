"""What is done to pictures before a model is asked again: each change does what its name says."""

import numpy as np
import pytest
from numpy.typing import NDArray

from training.data import Faces
from training.pictures import enlarged
from training.robustness import CHANGES, compressed, measured, moved, relit, small
from workers.models.catalogue import load_verified

Picture = NDArray[np.uint8]


@pytest.fixture
def slope() -> Picture:
    """Brighter to the right and, half as much, downwards."""
    down, right = np.mgrid[0:48, 0:48]
    return (60 + 2 * right + down).astype(np.uint8)


def middle(picture: Picture) -> NDArray[np.float64]:
    """Away from the border, which goes on as its outermost pixels."""
    return picture[16:48, 16:48].astype(np.float64)


def test_nothing_moved_is_only_enlarged(slope: Picture) -> None:
    assert middle(moved(slope)) == pytest.approx(middle(enlarged(slope[None])[0]), abs=1)


def test_a_shift_is_a_tenth_of_the_side(slope: Picture) -> None:
    straight = middle(moved(slope))
    assert middle(moved(slope, right=0.1)) - straight == pytest.approx(np.full((32, 32), -0.1 * 48 * 2), abs=1.5)
    assert middle(moved(slope, down=-0.1)) - straight == pytest.approx(np.full((32, 32), 0.1 * 48), abs=1.5)


def test_a_quarter_turn_brings_right_down(slope: Picture) -> None:
    turned = middle(moved(slope, degrees=90))
    assert turned[-1].mean() - turned[0].mean() == pytest.approx(31 * 2 * 48 / 64, abs=1.5)


def test_a_crop_too_large_shows_the_face_smaller(slope: Picture) -> None:
    assert np.ptp(middle(moved(slope, scale=1 / 1.1))) == pytest.approx(1.1 * np.ptp(middle(moved(slope))), abs=2)


def test_light_and_detail_are_lost_and_the_size_is_kept(slope: Picture) -> None:
    straight = enlarged(slope[None])[0].astype(int)
    assert (relit(slope, 2.0) <= straight).all()
    assert (relit(slope, 0.5) >= straight).all()
    noise = np.random.default_rng(1).integers(0, 256, (48, 48)).astype(np.uint8)
    assert small(noise).std() < 0.6 * noise.std()
    assert compressed(noise).shape == noise.shape
    assert not np.array_equal(compressed(noise), noise)


def test_every_change_gives_what_a_model_takes(slope: Picture) -> None:
    for name, change in CHANGES.items():
        assert (change(slope).shape, change(slope).dtype) == ((64, 64), np.uint8), name


def test_a_model_is_asked_under_every_change(slope: Picture) -> None:
    votes = np.array([[10, 0, 0, 0, 0, 0, 0, 0, 0, 0]] * 2, np.uint8)
    found = dict(measured(load_verified("ferplus"), Faces(np.stack([slope, slope[::-1]]), votes)))
    assert list(found) == list(CHANGES)
    assert all(0 <= one <= 1 for one in found.values())
