"""Where a face's bars go."""

import pytest

from workers.drawing.covering import Region
from workers.drawing.placing import Side, choose, overlap, pushed, region_at

PICTURE = (640.0, 360.0)
SIZE = (120.0, 50.0)


def box(left: float, top: float, width: float = 100, height: float = 120) -> Region:
    return Region(left, top, left + width, top + height)


@pytest.mark.parametrize(
    ("face", "taken", "side"),
    [
        (box(200, 50), [], Side.BELOW),
        (box(200, 235), [], Side.RIGHT),
        (box(530, 235), [], Side.LEFT),
        (box(200, 50), [box(210, 180)], Side.RIGHT),
        (box(200, 50), [box(210, 180), box(310, 100)], Side.LEFT),
        (box(0, 0, 640, 360), [], Side.WITHIN),
        (box(200, 260, 100, 200), [], Side.RIGHT),
        (box(200, 50), [box(210, 180), box(310, 100), box(80, 100)], Side.WITHIN),
    ],
)
def test_bars_are_put_where_they_hide_nobody(face: Region, taken: list[Region], side: Side) -> None:
    chosen = choose(face, SIZE, PICTURE, taken, gap=4)
    assert chosen is side
    region = pushed(region_at(chosen, face, SIZE, PICTURE, 4), PICTURE)
    assert not any(overlap(region, one) for one in taken) or side is Side.WITHIN
    assert min(region.left, region.top) >= 0
    assert region.right <= PICTURE[0]
    assert region.bottom <= PICTURE[1]


def test_bars_stay_on_their_side_as_long_as_they_can_there() -> None:
    assert choose(box(200, 50), SIZE, PICTURE, [], gap=4, before=Side.RIGHT) is Side.RIGHT
    assert choose(box(530, 50), SIZE, PICTURE, [], gap=4, before=Side.RIGHT) is Side.BELOW
    assert choose(box(200, 50), SIZE, PICTURE, [], gap=4, before=Side.WITHIN) is Side.BELOW
