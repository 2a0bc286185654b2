"""What becomes of the items of a task when its child dies over them."""

from db.records import FileIdentity, MediaFacts, Problem, SegmentSpec
from workers.analysis import AnalysisSpec, DetectorSpec, ScorerSpec
from workers.events import ItemDone, ItemFailed, Task
from workers.lane import Account
from workers.messages import AnalyseBatch, Analysed, Failed, SegmentResult, SegmentWork, Started

DEAD = Problem("child.crashed", "it is gone", "")
PHOTO = SegmentWork(
    FileIdentity(b"/p", 0, 0, 9, 0),
    MediaFacts("photo", "jpeg", "jpeg", 640, 480),
    SegmentSpec(0),
    AnalysisSpec(None, DetectorSpec(), ScorerSpec()),
)


def account(photos: int) -> Account:
    return Account(Task(1, AnalyseBatch((PHOTO,) * photos)))


def test_the_photo_in_hand_pays_and_those_that_wait_for_their_scores_are_tried_again() -> None:
    told = account(4)
    for index in range(3):
        assert told.take(Started(index)) is None
    paid = list(told.charge(DEAD))
    assert [(event.index, event.problem) for event in paid if isinstance(event, ItemFailed)] == [(2, DEAD)]
    assert told.ended().untouched == (0, 1, 3)


def test_answers_may_come_in_any_order() -> None:
    told = account(3)
    for index in range(3):
        told.take(Started(index))
    for index in (2, 0):
        assert isinstance(told.take(Analysed(index, SegmentResult(()))), ItemDone)
    assert isinstance(told.take(Failed(1, DEAD)), ItemFailed)
    assert list(told.charge(DEAD)) == []
    assert told.ended().untouched == ()


def test_a_child_that_dies_while_it_answers_costs_none_of_those_that_are_left() -> None:
    told = account(3)
    for index in range(3):
        told.take(Started(index))
    told.take(Analysed(2, SegmentResult(())))
    assert list(told.charge(DEAD)) == []
    assert told.ended().untouched == (0, 1)


def test_where_none_was_taken_up_the_first_pays() -> None:
    told = account(2)
    (event,) = told.charge(DEAD)
    assert isinstance(event, ItemFailed)
    assert event.index == 0
    assert told.ended().untouched == (1,)
