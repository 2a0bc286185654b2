"""Piece by piece or at once: a parent has the same in hand, and no more of it than an honest child would send."""

import weakref

import numpy as np
import pytest
from numpy.typing import NDArray

from db.records import Frame, Problem, SegmentSpec
from tests.support.faces import face
from tests.unit.test_messages import ANALYSIS, FACTS, SOURCE
from workers import enclosures
from workers.enclosures import HAND_OVER_BYTES, Gathering, Tally, Unfit, joined
from workers.errors import WorkError
from workers.events import ItemDone, ItemFailed, Task
from workers.lane import Account
from workers.messages import (
    AnalyseBatch,
    Analysed,
    Cutout,
    Enclosed,
    Enclosures,
    Failed,
    Give,
    SegmentResult,
    SegmentWork,
    Started,
    Whole,
)

MEGABYTE = 1 << 20


def crop(number: int) -> NDArray[np.uint8]:
    return np.full((64, 64), number % 256, np.uint8)


def cutout(number: int, side: int = 4) -> Cutout:
    return Cutout(np.full((side, side, 3), number % 256, np.uint8), (0.5, 0.5, 2.0, float(number + 1)))


def whole(number: int, size: int = 10) -> Whole:
    return Whole(bytes(size), 1.0, number + 1, 1)


def frames(*faces: int) -> tuple[Frame, ...]:
    """A frame for each number, with so many faces."""
    return tuple(Frame(pts, 0.0, (face(9, 9, 9),) * count) for pts, count in enumerate(faces))


def size_of(part: Enclosures) -> int:
    pixels = sum(one.pixels.nbytes for one in part.cutouts) + (0 if part.crops is None else part.crops.nbytes)
    return pixels + sum(len(one.picture) for one in part.wholes if one is not None)


def test_cut_outs_are_handed_over_whenever_eight_megabytes_are_together_and_none_is_kept() -> None:
    handed: list[Enclosures] = []
    gathering = Gathering(Give.CROPS, handed.append)
    for number in range(300):
        gathering.add_cutout(cutout(number, side=250))
    rest = gathering.rest()
    assert len(handed) == 6
    assert all(HAND_OVER_BYTES - 500_000 < size_of(part) < HAND_OVER_BYTES + 200_000 for part in handed)
    assert size_of(rest) < HAND_OVER_BYTES
    together = joined(handed, SegmentResult(frames(300), cutouts=rest.cutouts))
    assert [one.face_xywh[3] for one in together.cutouts] == list(range(1, 301))


def test_what_was_handed_over_is_held_no_longer() -> None:
    made: list[weakref.ref[NDArray[np.uint8]]] = []
    alive: list[int] = []
    gathering = Gathering(Give.CROPS, lambda _: alive.append(sum(ref() is not None for ref in made)))
    for number in range(300):
        one = cutout(number, side=250)
        made.append(weakref.ref(one.pixels))
        gathering.add_cutout(one)
        del one
    assert len(set(alive)) == 1
    assert len(alive) == 6


def test_gray_crops_are_one_array_however_they_came() -> None:
    handed: list[Enclosures] = []
    gathering = Gathering(Give.GRAY, handed.append)
    for number in range(3000):
        gathering.add_crop(crop(number))
    rest = gathering.rest()
    assert len(handed) == 1
    together = joined(handed, SegmentResult(frames(3000), crops=rest.crops)).crops
    assert together is not None
    assert together.shape == (3000, 64, 64)
    assert together[:, 0, 0].tolist() == [number % 256 for number in range(3000)]


def test_whole_pictures_keep_the_places_of_frames_that_are_missing() -> None:
    handed: list[Enclosures] = []
    gathering = Gathering(Give.PICTURES, handed.append)
    for number in range(6):
        gathering.add_whole(None if number % 3 == 1 else whole(number, 3 * MEGABYTE))
    together = joined(handed, SegmentResult(frames(*[0] * 6), wholes=gathering.rest().wholes))
    assert handed
    assert [one and one.width for one in together.wholes] == [1, None, 3, 4, None, 6]


def test_without_anybody_to_hand_over_to_all_is_kept() -> None:
    gathering = Gathering(Give.PICTURES)
    for number in range(4):
        gathering.add_whole(whole(number, 5 * MEGABYTE))
    assert len(gathering.rest().wholes) == 4


def test_an_honest_child_gives_up_before_its_parent_has_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enclosures, "MOST_BYTES", 32 * MEGABYTE)
    tally = Tally(Give.CROPS)
    gathering = Gathering(Give.CROPS, tally.add)
    with pytest.raises(WorkError) as caught:
        for number in range(1000):
            gathering.add_cutout(cutout(number, side=250))
    assert caught.value.problem.code == "child.result_size"
    assert caught.value.problem.permanent
    assert "--every" in caught.value.problem.hint


@pytest.mark.parametrize("part", [Enclosures(cutouts=(cutout(1, side=250),)), Enclosures()], ids=["large", "empty"])
def test_a_child_that_does_not_stop_is_heard_only_so_far(part: Enclosures, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enclosures, "MOST_BYTES", MEGABYTE)
    tally = Tally(Give.CROPS)
    with pytest.raises(Unfit, match="for one item"):
        for _ in range(2000):
            tally.add(part)


@pytest.mark.parametrize(
    ("give", "part"),
    [
        (Give.SCORES, Enclosures(cutouts=(cutout(1),))),
        (Give.SCORES, Enclosures(crops=np.empty((0, 64, 64), np.uint8))),
        (Give.GRAY, Enclosures(cutouts=(cutout(1),))),
        (Give.CROPS, Enclosures(wholes=(None,))),
        (Give.PICTURES, Enclosures(crops=np.empty((1, 64, 64), np.uint8))),
        (Give.GRAY, Enclosures(crops=np.empty((1, 64, 65), np.uint8))),
        (Give.GRAY, Enclosures(crops=np.empty((4096,), np.uint8))),
        (Give.GRAY, Enclosures(crops=np.empty((1, 64, 64, 3), np.uint8))),
    ],
)
def test_only_what_was_asked_for_is_taken_in(give: Give, part: Enclosures) -> None:
    with pytest.raises(Unfit):
        Tally(give).add(part)


@pytest.mark.parametrize(
    ("give", "before", "result"),
    [
        (Give.SCORES, [], SegmentResult(frames(2))),
        (Give.GRAY, [], SegmentResult(frames(1, 1), crops=np.empty((2, 64, 64), np.uint8))),
        (Give.GRAY, [Enclosures(np.empty((2, 64, 64), np.uint8))], SegmentResult(frames(2))),
        (Give.CROPS, [Enclosures(cutouts=(cutout(1),))], SegmentResult(frames(2), cutouts=(cutout(2),))),
        (Give.CROPS, [], SegmentResult(frames(0, 0))),
        (Give.PICTURES, [Enclosures(wholes=(None,))], SegmentResult(frames(0, 0), wholes=(whole(1),))),
    ],
)
def test_a_result_with_a_piece_for_each_face_or_frame_is_taken(
    give: Give, before: list[Enclosures], result: SegmentResult
) -> None:
    closed(give, before, result)


@pytest.mark.parametrize(
    ("give", "before", "result"),
    [
        (Give.GRAY, [], SegmentResult(frames(1))),
        (Give.GRAY, [Enclosures(np.empty((2, 64, 64), np.uint8))], SegmentResult(frames(1))),
        (Give.CROPS, [Enclosures(cutouts=(cutout(1),))], SegmentResult(frames(2))),
        (Give.CROPS, [], SegmentResult(frames(0), cutouts=(cutout(1),))),
        (Give.PICTURES, [], SegmentResult(frames(0))),
        (Give.PICTURES, [], SegmentResult(frames(0), wholes=(whole(1), whole(2)))),
        (Give.PICTURES, [], SegmentResult(frames(1), wholes=(whole(1),))),
        (Give.SCORES, [], SegmentResult(frames(1), cutouts=(cutout(1),))),
    ],
)
def test_a_result_with_more_or_less_is_refused(give: Give, before: list[Enclosures], result: SegmentResult) -> None:
    with pytest.raises(Unfit):
        closed(give, before, result)


def closed(give: Give, before: list[Enclosures], result: SegmentResult) -> None:
    tally = Tally(give)
    for part in before:
        tally.add(part)
    tally.close(result)


def test_what_was_enclosed_with_an_item_that_failed_is_not_the_next_ones() -> None:
    item = SegmentWork(SOURCE, FACTS, SegmentSpec(0), ANALYSIS, Give.CROPS)
    account = Account(Task(1, AnalyseBatch((item, item))))
    problem = Problem("a", "b", "c")
    assert account.take(Started(0)) is None
    assert account.take(Enclosed(0, Enclosures(cutouts=(cutout(1),)))) is None
    assert isinstance(account.take(Failed(0, problem)), ItemFailed)
    account.take(Started(1))
    account.take(Enclosed(1, Enclosures(cutouts=(cutout(2),))))
    done = account.take(Analysed(1, SegmentResult(frames(2), cutouts=(cutout(3),))))
    assert isinstance(done, ItemDone)
    assert isinstance(done.result, SegmentResult)
    assert [one.face_xywh[3] for one in done.result.cutouts] == [3.0, 4.0]
