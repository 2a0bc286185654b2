"""What of that which was seen is on screen at a moment."""

import numpy as np
import pytest

from tests.support.drawing import NO_TRACK, Sight, seen_of
from workers.drawing.holding import Holding, Rows, held_until

STEP = 100


def rows(*stamps: int, missing: tuple[int, ...] = (), ordinals: tuple[int, ...] | None = None) -> Rows:
    return Rows(
        np.array(stamps, np.int64),
        np.array([pts not in missing for pts in stamps], bool),
        np.array(ordinals or [0] * len(stamps), np.int64),
    )


def until(looks: Rows, step: float | None) -> dict[int, int]:
    looked, ends = held_until(looks, step)
    return dict(zip(looked.tolist(), ends.tolist(), strict=True))


def test_a_look_holds_until_the_next_and_the_last_for_a_step_and_a_half() -> None:
    assert until(rows(0, 100, 200), STEP) == {0: 100, 100: 200, 200: 350}


def test_where_a_look_is_missing_what_was_seen_before_goes_half_a_step_later() -> None:
    assert until(rows(0, 100, 200, 300, missing=(100, 200)), STEP) == {0: 150, 300: 450}


def test_a_stretch_that_was_not_looked_at_is_not_bridged() -> None:
    assert until(rows(0, 100, 900, 1000), STEP) == {0: 100, 100: 250, 900: 1000, 1000: 1150}


def test_where_the_step_varies_each_look_holds_until_the_next_of_its_stretch() -> None:
    looks = rows(0, 250, 300, 9000, 9100, ordinals=(0, 0, 1, 3, 3))
    assert until(looks, None) == {0: 250, 250: 300, 300: 450, 9000: 9100, 9100: 9250}


@pytest.mark.parametrize("step", [None, 33.4])
def test_nothing_holds_where_nothing_was_looked_at(step: float | None) -> None:
    assert until(rows(), step) == {}
    assert until(rows(5, missing=(5,)), step) == {}
    assert until(rows(5), step)[5] > 5


def shown(holding: Holding, pts: int) -> list[tuple[int, list[float]]]:
    return [(face, box.tolist()) for face, box in holding.faces(pts)]


def test_a_box_moves_straight_to_where_its_track_is_next_and_is_that_of_each_look_at_its_moment() -> None:
    holding = Holding(seen_of([0, 100], [Sight(0, (0, 0, 10, 20)), Sight(100, (50, 100, 20, 40))]))
    assert shown(holding, 0) == [(0, [0, 0, 10, 20])]
    assert shown(holding, 50) == [(0, [25, 50, 15, 30])]
    assert shown(holding, 100) == [(1, [50, 100, 20, 40])]


def test_a_box_stays_where_it_is_unless_the_next_look_sees_its_track() -> None:
    box = (0.0, 0.0, 10.0, 10.0)
    far = (90.0, 90.0, 10.0, 10.0)
    for later in (Sight(100, far, track=2), Sight(200, far), Sight(100, far, track=NO_TRACK)):
        holding = Holding(seen_of([0, 100, 200], [Sight(0, box), later]))
        assert shown(holding, 99) == [(0, list(box))]
        assert 0 not in [face for face, _ in holding.faces(100)]
    without = Holding(seen_of([0, 100], [Sight(0, box, NO_TRACK), Sight(100, far, NO_TRACK)]))
    assert shown(without, 50) == [(0, list(box))]


def test_a_face_that_the_next_look_does_not_see_is_gone_then() -> None:
    holding = Holding(seen_of([0, 100, 200], [Sight(0, (0, 0, 10, 10))]))
    assert [len(holding.faces(pts)) for pts in (-1, 0, 99, 100, 250)] == [0, 1, 1, 0, 0]


def test_where_a_look_is_missing_a_face_does_not_move() -> None:
    seen = seen_of([0, 300], [Sight(0, (0, 0, 10, 10)), Sight(300, (90, 0, 10, 10))], until=[150, 450])
    holding = Holding(seen)
    assert shown(holding, 149) == [(0, [0, 0, 10, 10])]
    assert shown(holding, 150) == []
    assert shown(holding, 300) == [(1, [90, 0, 10, 10])]
