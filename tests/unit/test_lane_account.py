"""What becomes of the items of a task when its child dies over them."""

from db.records import FileIdentity, MediaFacts, Problem, SegmentSpec
from workers.analysis import AnalysisSpec, DetectorSpec, ScorerSpec
from workers.events import ItemDone, ItemFailed, Task
from workers.lane import Account
from workers.messages import AnalyseBatch, Analysed, Failed, SegmentResult, SegmentWork, Started, Together

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
    assert told.ended(child_died=True).untouched == (0, 1, 3)


def test_answers_may_come_in_any_order() -> None:
    told = account(3)
    for index in range(3):
        told.take(Started(index))
    for index in (2, 0):
        assert isinstance(told.take(Analysed(index, SegmentResult(()))), ItemDone)
    assert isinstance(told.take(Failed(1, DEAD)), ItemFailed)
    assert list(told.charge(DEAD)) == []
    assert told.ended(child_died=True).untouched == ()


def test_a_child_that_dies_while_it_answers_costs_none_of_those_that_are_left() -> None:
    told = account(3)
    for index in range(3):
        told.take(Started(index))
    told.take(Analysed(2, SegmentResult(())))
    assert list(told.charge(DEAD)) == []
    assert told.ended(child_died=True).untouched == (0, 1)


def test_where_none_was_taken_up_the_first_pays() -> None:
    told = account(2)
    (event,) = told.charge(DEAD)
    assert isinstance(event, ItemFailed)
    assert event.index == 0
    assert told.ended(child_died=True).untouched == (1,)


def test_while_faces_of_several_photos_are_scored_together_none_pays() -> None:
    told = account(4)
    for index in range(3):
        told.take(Started(index))
    assert isinstance(told.take(Failed(1, DEAD)), ItemFailed)
    told.take(Together())
    assert list(told.charge(DEAD)) == []
    assert told.ended(child_died=True).untouched == (0, 2, 3)


def test_the_only_one_whose_face_can_be_to_blame_pays() -> None:
    told = account(3)
    for index in range(3):
        told.take(Started(index))
    told.take(Together())
    for index in (2, 0):
        told.take(Analysed(index, SegmentResult(())))
    (event,) = told.charge(DEAD)
    assert isinstance(event, ItemFailed)
    assert event.index == 1


def test_who_is_begun_after_a_crowd_was_scored_is_in_hand_alone() -> None:
    told = account(3)
    for reply in (Started(0), Started(1), Together(), Started(2)):
        told.take(reply)
    (event,) = told.charge(DEAD)
    assert isinstance(event, ItemFailed)
    assert event.index == 2
