"""What a child may say, and when."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.records import Frame, MediaFacts, Problem, SegmentSpec
from tests.support.crews import task
from tests.support.drawing import unseen
from tests.unit.test_messages import ANALYSIS, FACTS, SOURCE
from workers.dialogue import Dialogue, Nonsense
from workers.drawing.work import DrawResult, DrawWork, Look
from workers.messages import (
    AnalyseBatch,
    Analysed,
    BatchDone,
    DrawBatch,
    Drawn,
    Enclosed,
    Enclosures,
    Failed,
    Give,
    Piece,
    Probed,
    ProbeResult,
    Progress,
    Ready,
    Reply,
    SegmentResult,
    SegmentWork,
    Started,
    Together,
    Whole,
)

PROBED = ProbeResult(None)
ANALYSED = SegmentResult(())
PROBLEM = Problem("a", "b", "c")


def honest(size: int) -> list[Reply]:
    """All that an honest child says over `size` items."""
    said: list[Reply] = []
    for index in range(size):
        said += [Started(index), Probed(index, PROBED) if index % 2 else Failed(index, PROBLEM)]
    return [*said, BatchDone()]


def test_an_honest_dialogue_is_heard_to_its_end() -> None:
    dialogue = Dialogue(task(1, "a", "b", "c").request)
    for reply in honest(3):
        assert not dialogue.over
        dialogue.hear(reply)
    assert dialogue.over
    assert dialogue.answered == 3


@pytest.mark.parametrize(
    ("before", "reply"),
    [
        (0, Ready()),
        (0, BatchDone()),
        (0, Started(1)),
        (0, Started(-1)),
        (0, Probed(0, PROBED)),
        (0, Progress(0, 1)),
        (0, Enclosed(0, Enclosures())),
        (1, Enclosed(0, Enclosures())),
        (1, Started(0)),
        (1, Probed(1, PROBED)),
        (1, Failed(1, PROBLEM)),
        (1, Analysed(0, ANALYSED)),
        (1, Progress(1, 1)),
        (1, BatchDone()),
        (2, Failed(0, PROBLEM)),
        (2, Started(0)),
        (2, BatchDone()),
        (4, Started(2)),
        (5, BatchDone()),
        (5, Started(2)),
    ],
)
def test_what_does_not_fit_is_nonsense(before: int, reply: Reply) -> None:
    dialogue = Dialogue(task(1, "a", "b").request)
    for said in honest(2)[:before]:
        dialogue.hear(said)
    with pytest.raises(Nonsense, match=type(reply).__name__):
        dialogue.hear(reply)


PICTURES = AnalyseBatch((SegmentWork(SOURCE, FACTS, SegmentSpec(0), ANALYSIS, Give.PICTURES),) * 2)
WHOLE = Whole(b"x", 1.0, 1, 1)
ENCLOSED = Enclosures(wholes=(WHOLE,))
TWO_FRAMES = SegmentResult((Frame(0, 0.0), Frame(1, 1.0)), wholes=(WHOLE,))


def test_what_is_asked_for_may_be_enclosed_before_each_answer() -> None:
    dialogue = Dialogue(PICTURES)
    for index in range(2):
        for reply in (Started(index), Enclosed(index, ENCLOSED), Progress(index, 1), Analysed(index, TWO_FRAMES)):
            dialogue.hear(reply)
    dialogue.hear(BatchDone())
    assert dialogue.over


@pytest.mark.parametrize(
    ("before", "reply", "why"),
    [
        ([], Enclosed(0, ENCLOSED), "not begun"),
        ([Started(0)], Enclosed(1, ENCLOSED), "in hand"),
        ([Started(0)], Analysed(0, TWO_FRAMES), "1 pictures for 0 faces in 2 frames"),
        ([Started(0), Enclosed(0, ENCLOSED), Failed(0, PROBLEM), Started(1)], Analysed(1, TWO_FRAMES), "1 pictures"),
        ([Started(0), Failed(0, PROBLEM)], Enclosed(0, ENCLOSED), "not begun"),
        ([Started(0)], Enclosed(0, Enclosures(crops=np.empty((0, 64, 64), np.uint8))), "gray where pictures"),
    ],
)
def test_what_is_enclosed_out_of_place_is_nonsense(before: list[Reply], reply: Reply, why: str) -> None:
    dialogue = Dialogue(PICTURES)
    for said in before:
        dialogue.hear(said)
    with pytest.raises(Nonsense, match=why):
        dialogue.hear(reply)


DRAWING = DrawBatch((DrawWork(SOURCE, FACTS, unseen().packed(), Look()),))
MOST = DRAWING.items[0].most_bytes


def test_a_file_is_handed_over_in_pieces_in_any_order_within_its_bounds() -> None:
    dialogue = Dialogue(DRAWING)
    for reply in (Started(0), Piece(0, 40, b"later"), Piece(0, 0, b"first"), Piece(0, MOST - 1, b"x")):
        dialogue.hear(reply)
    for reply in (Drawn(0, DrawResult(1)), BatchDone()):
        dialogue.hear(reply)
    assert dialogue.over


@pytest.mark.parametrize(
    "reply",
    [
        *(Piece(0, -1, b"x"), Piece(0, MOST, b"x"), Piece(0, 1 << 62, b""), Piece(1, 0, b"x")),
        *(Analysed(0, ANALYSED), Enclosed(0, Enclosures())),
    ],
)
def test_bytes_that_belong_to_no_file_are_nonsense(reply: Reply) -> None:
    dialogue = Dialogue(DRAWING)
    dialogue.hear(Started(0))
    with pytest.raises(Nonsense):
        dialogue.hear(reply)


def test_only_who_draws_hands_over_files() -> None:
    for request in (PICTURES, task(1, "a").request):
        for reply in (Piece(0, 0, b"x"), Drawn(0, DrawResult(1))):
            dialogue = Dialogue(request)
            dialogue.hear(Started(0))
            with pytest.raises(Nonsense):
                dialogue.hear(reply)


_INDEX = st.integers(-1, 3)
_REPLIES = st.one_of(
    st.builds(Started, _INDEX),
    st.builds(Probed, _INDEX, st.just(PROBED)),
    st.builds(Failed, _INDEX, st.just(PROBLEM)),
    st.builds(Progress, _INDEX, st.integers(0, 3)),
    st.just(BatchDone()),
)


@given(st.lists(_REPLIES, max_size=30))
@settings(derandomize=True)
def test_whatever_is_said_no_item_is_answered_twice_or_out_of_order(replies: list[Reply]) -> None:
    dialogue = Dialogue(task(1, "a", "b", "c").request)
    answers = []
    for reply in replies:
        try:
            dialogue.hear(reply)
        except Nonsense:
            break
        if isinstance(reply, (Probed, Failed)):
            answers.append(reply.index)
    assert answers == list(range(dialogue.answered))
    assert not dialogue.over or answers == [0, 1, 2]


PHOTO_FACTS = MediaFacts("photo", "jpeg", "jpeg", 640, 480)
PHOTO = SegmentWork(SOURCE, PHOTO_FACTS, SegmentSpec(0), ANALYSIS)
FILM = SegmentWork(SOURCE, FACTS, SegmentSpec(0), ANALYSIS)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_photos_may_be_begun_before_those_ahead_of_them_are_answered(order: tuple[int, ...]) -> None:
    dialogue = Dialogue(AnalyseBatch((PHOTO,) * 3))
    for index in range(3):
        dialogue.hear(Started(index))
    dialogue.hear(Together())
    for index in order:
        dialogue.hear(Failed(index, PROBLEM) if index == 1 else Analysed(index, ANALYSED))
    assert dialogue.answered == 3
    dialogue.hear(BatchDone())


@pytest.mark.parametrize(
    ("items", "said", "reply"),
    [
        ((PHOTO, FILM), [Started(0)], Started(1)),
        ((FILM, PHOTO), [Started(0)], Started(1)),
        ((PHOTO, PHOTO), [Started(0), Started(1)], BatchDone()),
        ((PHOTO, PHOTO), [Started(0), Started(1)], Progress(0, 1)),
        ((PHOTO, PHOTO), [Started(0), Started(1)], Enclosed(0, Enclosures())),
        ((PHOTO, PHOTO), [Started(0), Started(1), Analysed(0, ANALYSED)], Analysed(0, ANALYSED)),
        ((PHOTO, PHOTO), [Started(0)], Analysed(1, ANALYSED)),
        ((PHOTO, PHOTO), [Started(0)], Started(0)),
        ((PHOTO, PHOTO), [], Together()),
        ((FILM, PHOTO), [Started(0)], Together()),
        ((PHOTO, PHOTO), [Started(0), Failed(0, PROBLEM)], Together()),
    ],
)
def test_nothing_else_is_begun_or_said_out_of_turn(
    items: tuple[SegmentWork, ...], said: list[Reply], reply: Reply
) -> None:
    dialogue = Dialogue(AnalyseBatch(items))
    for one in said:
        dialogue.hear(one)
    with pytest.raises(Nonsense, match=type(reply).__name__):
        dialogue.hear(reply)
