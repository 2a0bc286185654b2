"""What waits for one service on behalf of one job, and what goes next. No threads, no clock of its own."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from db.records import Problem
from workers.services.cases import Case, Item

if TYPE_CHECKING:  # it draws, and loads what that takes
    from workers.services.account import Account

MOST_TRIES = 5
"""Failed calls that one face or picture may have travelled with, while others went well."""
MOST_IN_A_ROW = 5
"""Calls that fail one after the other, with none that goes well: then the service is taken for unreachable."""
SPENT_S = 5.0
UNREACHABLE_S = 30.0
REFUSED_S = 300.0
"""When a service that could not be called is tried again, where anybody waits so long."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why an account cannot be called at the moment."""

    problem: Problem
    is_final: bool
    """It will not pass by itself: key, permission, a feature that is withdrawn."""
    scorer: str


@dataclass(eq=False, slots=True)
class Counter:
    """The account as its callers see it together: open, closed for a while, or in trouble."""

    account: "Account"
    in_a_row: int = 0
    closed_until: float = 0.0
    trouble: Trouble | None = None

    def went_well(self) -> None:
        """A call was answered."""
        self.in_a_row = 0
        self.trouble = None

    def failed(self, problem: Problem, now: float, *, is_final: bool) -> bool:
        """A call was not; whether that closes the account."""
        self.in_a_row += 1
        if not is_final and self.in_a_row < MOST_IN_A_ROW:
            return False
        self.in_a_row = 0
        self.trouble = Trouble(problem, is_final, self.account.scorer)
        self.closed_until = now + (REFUSED_S if is_final else UNREACHABLE_S)
        return True


@dataclass(eq=False, slots=True)
class Line:
    """The faces of one job that wait for one service, in the order they came."""

    job_id: str
    counter: Counter
    most: int | None
    """Items a call takes at most; None: to be asked first."""
    waiting: deque[Item] = field(default_factory=deque)
    alone: deque[Item] = field(default_factory=deque)
    since: float = 0.0
    """When what waits longest came."""
    is_asking: bool = False
    """One thread asks how many a call takes."""
    spent_until: float = 0.0
    """Its job may make no more calls; asked anew then, for a budget can be raised."""

    def add(self, items: Iterable[Item], now: float) -> None:
        """Take items in."""
        if not self.waiting:
            self.since = now
        self.waiting.extend(items)

    def put_back(self, items: Iterable[Item]) -> None:
        """These were taken and not sent: they go first."""
        self.waiting.extendleft(reversed(list(items)))

    def take(self, now: float, *, eager: bool) -> list[Item] | None:
        """What the next call is to carry; None where nothing is to go now. An empty list: ask what a call takes.

        What does not fill a call waits for more, unless `eager`.
        """
        if self.is_asking or now < max(self.spent_until, self.counter.closed_until) or not (self.waiting or self.alone):
            return None
        if self.most is None:
            self.is_asking = True
            return []
        if self.alone:
            return [self.alone.popleft()]
        if len(self.waiting) < self.most and not eager:
            return None
        return [self.waiting.popleft() for _ in range(min(self.most, len(self.waiting)))]

    def drop(self, case: Case) -> None:
        """Nothing of this case is to be sent any more."""
        self._keep(lambda item: item.case is not case)

    def set_apart(self, items: Sequence[Item]) -> None:
        """Each of these is to go alone."""
        self._keep(lambda item: item not in items)
        self.alone.extend(items)

    def drop_item(self, item: Item) -> None:
        """It is not to be sent any more."""
        self._keep(lambda other: other is not item)

    def _keep(self, wanted: Callable[[Item], bool]) -> None:
        for queue in (self.waiting, self.alone):
            kept = [item for item in queue if wanted(item)]
            queue.clear()
            queue.extend(kept)

    @property
    def items(self) -> list[Item]:
        """All that waits."""
        return [*self.alone, *self.waiting]
