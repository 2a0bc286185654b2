"""What a child may say in answer to a request, and when. Pure: replies in, or an error.

For each item in order: Started, any number of Progress, then exactly one answer of the request's kind; at the end
BatchDone. A child that was taken over by a hostile file gains nothing by saying more, less or something else.
"""

from workers.messages import Analysed, BatchDone, Failed, ProbeBatch, Probed, Progress, Reply, Request, Started


class Nonsense(Exception):
    """A reply that no honest child gives here."""


class Dialogue:
    """Follows the replies to one request."""

    def __init__(self, request: Request) -> None:
        self._size = len(request.items)
        self._answer = Probed if isinstance(request, ProbeBatch) else Analysed
        self.answered = 0
        """Items answered; the one in hand, if any, has this index."""
        self.in_hand = False
        self.over = False

    def hear(self, reply: Reply) -> None:
        """Take the next reply. Raises Nonsense where it does not fit."""
        match reply:
            case Started(index):
                self._expect(not self.in_hand and index == self.answered < self._size, reply)
                self.in_hand = True
            case Progress(index):
                self._expect(self.in_hand and index == self.answered, reply)
            case Analysed(index) | Probed(index) | Failed(index):
                of_kind = isinstance(reply, (self._answer, Failed))
                self._expect(of_kind and self.in_hand and index == self.answered, reply)
                self.in_hand = False
                self.answered += 1
            case BatchDone():
                self._expect(not self.in_hand and self.answered == self._size, reply)
                self.over = True
            case _:
                self._expect(False, reply)

    def _expect(self, true: bool, reply: Reply) -> None:
        if not true or self.over:
            where = f"with item {self.answered} of {self._size} " + ("in hand" if self.in_hand else "not begun")
            raise Nonsense(f"{type(reply).__name__} {where}")
