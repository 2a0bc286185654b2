"""The account of CPU seconds: what a stage takes is charged to it, whatever happens in it."""

from collections.abc import Iterator
from itertools import count

import pytest

from workers.stages import Stages


def ticking() -> Stages:
    """Stages whose clock goes on by one second at each look."""
    seconds = count()
    return Stages(lambda: float(next(seconds)))


def test_a_stage_adds_up_over_its_turns() -> None:
    stages = ticking()
    for _ in range(3):
        with stages.timed("detect"):
            pass
    assert stages.seconds == {"detect": 3.0}


def test_a_stage_that_fails_is_charged_too() -> None:
    stages = ticking()
    with pytest.raises(ValueError, match="no"), stages.timed("decode"):
        raise ValueError("no")
    assert stages.seconds == {"decode": 1.0}


def test_making_items_is_charged_and_using_them_is_not() -> None:
    stages = ticking()
    taken = []
    for item in stages.each("decode", iter("abc")):
        with stages.timed("detect"):
            taken.append(item)
    assert taken == ["a", "b", "c"]
    assert stages.seconds == {"decode": 4.0, "detect": 3.0}  # the end of the items takes its time, too


def test_an_error_while_making_an_item_comes_through() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise OSError("gone")

    stages = ticking()
    items = stages.each("decode", broken())
    assert next(items) == 1
    with pytest.raises(OSError, match="gone"):
        next(items)
