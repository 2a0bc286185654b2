"""What a child may say in answer to a request, and when. Pure: replies in, or an error.

For each item in order: Started, any number of Progress and of Enclosed or Piece that the work asks for, then exactly
one answer of the request's kind, which fits what was enclosed; at the end BatchDone. Photos may be begun one after the
other before they are answered, in any order; Together may be said of them. A child that was taken over by a hostile
file gains nothing by saying more, less or something else.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from workers.drawing.work import DrawWork
from workers.enclosures import Tally, Unfit
from workers.messages import (
    AnalyseBatch,
    Analysed,
    BatchDone,
    DrawBatch,
    Drawn,
    Enclosed,
    Failed,
    Give,
    Piece,
    ProbeBatch,
    Probed,
    ProbeWork,
    Progress,
    Reply,
    Request,
    SegmentWork,
    Started,
    Together,
)


class Nonsense(Exception):
    """A reply that no honest child gives here."""


class Dialogue:
    """Follows the replies to one request."""

    def __init__(self, request: Request) -> None:
        self._items = request.items
        self._answer = _ANSWERS[type(request)]
        self._begun = 0
        self._open: dict[int, Tally] = {}
        """What each item that is begun and not answered has enclosed."""
        self.over = False

    @property
    def answered(self) -> int:
        """How many items are."""
        return self._begun - len(self._open)

    @property
    def in_hand(self) -> bool:
        """Whether the item begun last waits for its answer."""
        return self._begun - 1 in self._open

    def hear(self, reply: Reply) -> None:
        """Take the next reply. Raises Nonsense where it does not fit."""
        match reply:
            case Started(index):
                self._expect(index == self._begun < len(self._items) and self._may_begin(index), reply)
                self._open[index] = Tally(_give(self._items[index]))
                self._begun += 1
            case Together():
                self._expect(bool(self._open) and all(_may_wait(self._items[one]) for one in self._open), reply)
            case Progress(index):
                self._expect(self._is_in_hand(index), reply)
            case Enclosed(index, part):
                self._expect(self._answer is Analysed and self._is_in_hand(index), reply)
                with _of(reply):
                    self._open[index].add(part)
            case Piece(index, offset, data):
                self._expect(self._is_in_hand(index) and self._fits(index, offset, len(data)), reply)
            case Analysed(index) | Probed(index) | Drawn(index) | Failed(index):
                self._expect(isinstance(reply, (self._answer, Failed)) and index in self._open, reply)
                self._end(index, reply)
            case BatchDone():
                self._expect(not self._open and self._begun == len(self._items), reply)
                self.over = True
            case _:
                self._expect(False, reply)

    def _may_begin(self, index: int) -> bool:
        """Whether an item may be begun beside all that wait for their answers."""
        return not self._open or all(_may_wait(self._items[one]) for one in (*self._open, index))

    def _fits(self, index: int, offset: int, length: int) -> bool:
        """Whether bytes belong to a file that this item may make."""
        item = self._items[index]
        return isinstance(item, DrawWork) and 0 <= offset <= item.most_bytes - length

    def _end(self, index: int, reply: Reply) -> None:
        if isinstance(reply, Analysed):
            with _of(reply):
                self._open[index].close(reply.result)
        del self._open[index]

    def _is_in_hand(self, index: int) -> bool:
        return self.in_hand and index == self._begun - 1

    def _expect(self, true: bool, reply: Reply) -> None:
        if not true or self.over:
            where = f"with item {self.answered} of {len(self._items)} " + ("in hand" if self._open else "not begun")
            raise Nonsense(f"{type(reply).__name__} {where}")


def _give(item: SegmentWork | ProbeWork | DrawWork) -> Give:
    return Give.SCORES if isinstance(item, DrawWork) else item.give


def _may_wait(item: SegmentWork | ProbeWork | DrawWork) -> bool:
    return isinstance(item, SegmentWork) and item.may_wait


_ANSWERS = {ProbeBatch: Probed, AnalyseBatch: Analysed, DrawBatch: Drawn}


@contextmanager
def _of(reply: Reply) -> Iterator[None]:
    """What `reply` carries is looked at."""
    try:
        yield
    except Unfit as error:
        raise Nonsense(f"{type(reply).__name__} with {error}") from error
