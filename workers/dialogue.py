"""What a child may say in answer to a request, and when. Pure: replies in, or an error.

For each item in order: Started, any number of Progress and of Enclosed or Piece that the work asks for, then exactly
one answer of the request's kind, which fits what was enclosed; at the end BatchDone. A child that was taken over by a
hostile file gains nothing by saying more, less or something else.
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
)


class Nonsense(Exception):
    """A reply that no honest child gives here."""


class Dialogue:
    """Follows the replies to one request."""

    def __init__(self, request: Request) -> None:
        self._items = request.items
        self._answer = _ANSWERS[type(request)]
        self._tally = Tally(Give.SCORES)
        self.answered = 0
        """Items answered; the one in hand, if any, has this index."""
        self.in_hand = False
        self.over = False

    def hear(self, reply: Reply) -> None:
        """Take the next reply. Raises Nonsense where it does not fit."""
        match reply:
            case Started(index):
                self._expect(not self.in_hand and index == self.answered < len(self._items), reply)
                self._begin(self._items[index])
            case Progress(index):
                self._expect(self._is_in_hand(index), reply)
            case Enclosed(index, part):
                self._expect(self._answer is Analysed and self._is_in_hand(index), reply)
                with _of(reply):
                    self._tally.add(part)
            case Piece(index, offset, data):
                self._expect(self._is_in_hand(index) and self._fits(index, offset, len(data)), reply)
            case Analysed(index) | Probed(index) | Drawn(index) | Failed(index):
                of_kind = isinstance(reply, (self._answer, Failed))
                self._expect(of_kind and self._is_in_hand(index), reply)
                self._end(reply)
            case BatchDone():
                self._expect(not self.in_hand and self.answered == len(self._items), reply)
                self.over = True
            case _:
                self._expect(False, reply)

    def _begin(self, item: SegmentWork | ProbeWork | DrawWork) -> None:
        self.in_hand = True
        self._tally = Tally(Give.SCORES if isinstance(item, DrawWork) else item.give)

    def _fits(self, index: int, offset: int, length: int) -> bool:
        """Whether bytes belong to a file that this item may make."""
        item = self._items[index]
        return isinstance(item, DrawWork) and 0 <= offset <= item.most_bytes - length

    def _end(self, reply: Reply) -> None:
        if isinstance(reply, Analysed):
            with _of(reply):
                self._tally.close(reply.result)
        self.in_hand = False
        self.answered += 1

    def _is_in_hand(self, index: int) -> bool:
        return self.in_hand and index == self.answered

    def _expect(self, true: bool, reply: Reply) -> None:
        if not true or self.over:
            where = f"with item {self.answered} of {len(self._items)} " + ("in hand" if self.in_hand else "not begun")
            raise Nonsense(f"{type(reply).__name__} {where}")


_ANSWERS = {ProbeBatch: Probed, AnalyseBatch: Analysed, DrawBatch: Drawn}


@contextmanager
def _of(reply: Reply) -> Iterator[None]:
    """What `reply` carries is looked at."""
    try:
        yield
    except Unfit as error:
        raise Nonsense(f"{type(reply).__name__} with {error}") from error
