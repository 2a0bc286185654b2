"""Where faces are covered, so that none peeps out."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.drawing import NO_TRACK, Sight, seen_of
from workers.drawing.canvas import Canvas
from workers.drawing.covering import WHOLE, Covering, Region
from workers.drawing.mosaic import CELLS, Mosaic

WIDTH, HEIGHT, LEAST = 1000, 800, 10


def covering(looked: list[int], sights: list[Sight], until: list[int] | None = None) -> Covering:
    return Covering(seen_of(looked, sights, until), WIDTH, HEIGHT, LEAST)


def holds(region: Region, box: tuple[float, float, float, float]) -> bool:
    x, y, width, height = box
    return region.left <= x and region.top <= y and region.right >= x + width and region.bottom >= y + height


boxes = st.tuples(st.floats(0, 800), st.floats(0, 600), st.floats(20, 200), st.floats(20, 200))


@given(st.lists(st.one_of(st.none(), boxes), min_size=2, max_size=8), st.sampled_from([1, NO_TRACK]))
@settings(derandomize=True, max_examples=60)
def test_a_face_is_covered_wherever_it_is_on_the_straight_way_between_looks(
    seen: "list[tuple[float, float, float, float] | None]", track: int
) -> None:
    looked = [100 * at for at in range(len(seen))]
    sights = [Sight(pts, box, track) for pts, box in zip(looked, seen, strict=True) if box is not None]
    cover = covering(looked, sights)
    for (pts, before), (_, after) in pairwise(zip(looked, seen, strict=True)):
        for step in range(0, 100, 25):
            regions = list(cover.at(pts + step).values())
            if before is not None:
                assert any(holds(region, before) for region in regions)
            if before is not None and after is not None and track != NO_TRACK:
                share = step / 100
                way = tuple(a + (b - a) * share for a, b in zip(before, after, strict=True))
                assert any(holds(region, way) for region in regions)  # type: ignore[arg-type]


def test_a_face_is_covered_from_the_look_before_until_the_look_after_it_was_seen() -> None:
    box = (100.0, 100.0, 50.0, 50.0)
    cover = covering([0, 100, 200, 300, 400], [Sight(200, box)])
    covered = [pts for pts in range(0, 401, 20) if cover.at(pts)]
    assert covered == list(range(100, 301, 20))


def test_a_face_is_covered_for_a_while_longer_where_looks_are_close() -> None:
    looked = list(range(0, 100, 2))
    cover = covering(looked, [Sight(40, (100, 100, 50, 50))])
    covered = [pts for pts in looked if cover.at(pts)]
    assert covered == list(range(40 - LEAST, 40 + LEAST + 1, 2))


def test_a_face_that_a_few_looks_missed_is_covered_meanwhile() -> None:
    cover = covering([0, 100, 200, 300], [Sight(0, (0, 0, 50, 50)), Sight(300, (600, 0, 50, 50))])
    for pts in (50, 150, 250):
        (region,) = cover.at(pts).values()
        assert holds(region, (300, 0, 50, 50))


def test_what_nobody_looked_at_is_covered_whole() -> None:
    cover = covering([100, 200, 500], [Sight(100, (0, 0, 50, 50))], until=[200, 350, 650])
    whole = [pts for pts in range(0, 701, 50) if WHOLE in cover.at(pts)]
    assert whole == [0, 50, 350, 400, 450, 650, 700]


def test_two_people_are_covered_apart() -> None:
    cover = covering([0, 100], [Sight(0, (0, 0, 50, 50), 1), Sight(0, (500, 0, 50, 50), 2)])
    assert len(cover.at(0)) == 2


def test_a_photo_is_covered_where_its_faces_are_and_little_more() -> None:
    seen = seen_of([0], [Sight(0, (100, 100, 100, 100), NO_TRACK)])
    (region,) = Covering(seen, WIDTH, HEIGHT, None).at(0).values()
    assert (region.left, region.right) == pytest.approx((65, 235))


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (120, 160, 3), np.uint8)


FACE = {"me": Region(20, 10, 110, 100)}


def test_what_is_left_of_a_face_is_a_few_values_and_nothing_else() -> None:
    """Another picture with the same few values looks the same, so nobody can tell which it was."""
    one, other = picture(1), picture(2)
    inside = np.s_[10:100, 20:110]
    cells = 90 // CELLS
    for row in range(CELLS):
        for column in range(CELLS):
            cell = np.s_[10 + row * cells : 10 + (row + 1) * cells, 20 + column * cells : 20 + (column + 1) * cells]
            other[cell] = np.random.default_rng(3).permutation(one[cell].reshape(-1, 3)).reshape(one[cell].shape)
    assert not np.array_equal(one[inside], other[inside])
    for each in (one, other):
        Mosaic(10).cover(Canvas.of_bgr(each), 0, FACE)
    assert np.array_equal(one[inside], other[inside])


def test_what_lies_outside_stays_as_it_was() -> None:
    before, after = picture(1), picture(1)
    Mosaic(10).cover(Canvas.of_bgr(after), 0, FACE)
    outside = np.ones(before.shape[:2], bool)
    outside[10:100, 20:110] = False
    assert np.array_equal(before[outside], after[outside])


def test_a_face_is_not_reduced_anew_with_every_frame() -> None:
    mosaic, seen = Mosaic(10), []
    for pts in range(0, 25, 5):
        frame = picture(pts)
        mosaic.cover(Canvas.of_bgr(frame), pts, FACE)
        seen.append(frame[10:100, 20:110].tobytes())
    assert [one == seen[0] for one in seen] == [True, True, False, False, False]
    assert seen[2] == seen[3] != seen[4]
