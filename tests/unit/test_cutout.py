"""The cut-out of a face: what of the picture it shows, where the face lies in it, and that no sheet loses by it."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from db.records import Face
from tests.support.faces import face
from workers.detection.cutout import SHEET_PX, cut_out, reduced
from workers.messages import Cutout
from workers.services.base import PictureCard
from workers.services.packing import PICTURE_PX
from workers.services.sheets import Crop, Packed, pack

CARD = PictureCard(
    name="some", title="Some service", rate_per_s=10, usd_per_1000=Decimal(1), formats=("png",),
    max_bytes=50 * 2**20, max_faces=100, face_px=20,
)  # fmt: skip
"""Lossless: pictures are the same where their bytes are."""


def noise(width: int, height: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def shown(picture: NDArray[np.uint8], one: Face, cutout: Cutout) -> NDArray[np.uint8]:
    """What of the picture lies where the cut-out says that it is from."""
    left, top = (round(box - own) for box, own in zip((one.box_x, one.box_y), cutout.face_xywh[:2], strict=True))
    height, width = cutout.pixels.shape[:2]
    return picture[top : top + height, left : left + width]


def packed(cutouts: list[Cutout]) -> Packed:
    return pack([Crop(one.pixels, one.face_xywh) for one in cutouts], CARD)


def test_a_cut_out_is_the_square_of_one_and_a_half_heights_and_a_little_around_the_face() -> None:
    picture = noise(640, 480)
    one = face(301.25, 204.5, 100)
    cutout = cut_out(picture, one)
    assert cutout.pixels.shape == (160, 160, 3)
    assert np.array_equal(cutout.pixels, shown(picture, one, cutout))
    x, y, width, height = cutout.face_xywh
    assert (width, height) == (one.box_width, one.box_height)
    assert (x + width / 2, y + height / 2) == pytest.approx((80, 80), abs=1)


def test_a_face_at_the_edge_is_cut_out_as_far_as_the_picture_reaches() -> None:
    picture = noise(200, 100)
    one = face(195, 4, 60)  # its box reaches over the right and the upper edge
    cutout = cut_out(picture, one)
    assert cutout.pixels.shape == (52, 53, 3)
    assert np.array_equal(cutout.pixels, picture[:52, 147:])
    assert cutout.face_xywh == pytest.approx((one.box_x - 147, one.box_y, 48, 60))


def test_a_cut_out_is_a_copy_even_where_it_is_all_of_the_picture() -> None:
    picture = noise(100, 100)
    cutout = reduced(cut_out(picture, face(50, 50, 90)))
    assert cutout.pixels.shape == picture.shape
    assert not np.shares_memory(cutout.pixels, picture)


@pytest.mark.parametrize(
    ("box", "shape"),
    [
        ((5_000, 5_000, 40), (1, 1)),
        ((-5_000, 50, 40), (64, 1)),
        ((100, 50, 1e9), (100, 200)),
        ((100, 50, 0.1), (1, 1)),
    ],
    ids=["far-off", "left-of-it", "larger-than-it", "tiny"],
)
def test_no_box_gives_an_empty_cut_out(box: tuple[float, float, float], shape: tuple[int, int]) -> None:
    picture = noise(200, 100)
    cutout = cut_out(picture, face(*box))
    assert cutout.pixels.shape[:2] == shape
    assert np.array_equal(reduced(cutout).pixels, cutout.pixels)


@given(st.floats(-100, 800), st.floats(-100, 600), st.floats(0.5, 700), st.integers(1, 700), st.integers(1, 500))
@settings(derandomize=True, max_examples=150, deadline=None)
def test_a_cut_out_is_of_the_picture_and_its_sides_can_be_halved_to_the_size_of_a_sheet(
    x: float, y: float, side: float, width: int, height: int
) -> None:
    picture = np.empty((height, width, 3), np.uint8)
    whole = cut_out(picture, face(x, y, side)).pixels.shape
    half = reduced(cut_out(picture, face(x, y, side))).pixels.shape
    times = whole[0] // half[0]
    assert times in (1, 2, 4, 8)
    assert whole[:2] == (times * half[0], times * half[1])
    assert min(half) >= 1
    assert max(half[:2]) < 2 * SHEET_PX or min(half[:2]) == 1
    assert times == 1 or max(half[:2]) >= SHEET_PX


@given(
    st.lists(
        st.tuples(st.floats(0, 1400), st.floats(0, 900), st.floats(60, 900), st.floats(0.7, 1.0)),
        min_size=1,
        max_size=4,
    )
)
@settings(derandomize=True, max_examples=25, deadline=None)
def test_a_sheet_is_the_same_bit_for_bit_whether_cut_outs_were_reduced_before_or_not(
    boxes: list[tuple[float, float, float, float]],
) -> None:
    picture = noise(1400, 900)
    whole = [cut_out(picture, face(x, y, side, width=side * narrow)) for x, y, side, narrow in boxes]
    small = [reduced(one) for one in whole]
    before, after = packed(whole), packed(small)
    assert after.sheet == before.sheet
    assert after.picture == before.picture


def test_a_large_face_leaves_as_few_pixels_as_a_sheet_needs() -> None:
    cutout = reduced(cut_out(noise(1400, 1400), face(700, 700, 800)))
    assert SHEET_PX == PICTURE_PX
    assert cutout.pixels.shape == (160, 160, 3)
    assert cutout.face_xywh == pytest.approx((40, 30, 80, 100), abs=0.5)
