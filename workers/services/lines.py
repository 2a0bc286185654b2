"""What waits for one service on behalf of one job, and what goes next. No threads, no clock of its own."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from db.records import Problem
from workers.services.base import Refused, ServiceError, Unavailable
from workers.services.cases import Case, Item

if TYPE_CHECKING:  # it draws, and loads what that takes
    from workers.services.account import Account

MOST_TRIES = 5
"""Failed calls that one face or picture may have travelled with, while others went well."""
APART_TRIES = 3
"""After so many it travels alone, and so do those with it: whichever is to blame costs no other its scores."""
MOST_IN_A_ROW = 5
"""Times that calls fail one after the other, with none that goes well: then the service is taken for unreachable."""
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
    flying: int = 0
    """Calls under way."""
    is_proven: bool = False
    """One was answered since it was last closed. Until then they go one by one: a refusal is met once, not by all."""
    answered: int = 0
    """Calls that went well."""
    in_a_row: int = 0
    failed_at: float = 0.0
    """When the last of them was counted."""
    suspects: set[Item] = field(default_factory=set)
    """What travelled with the calls that failed since one went well."""
    closed_until: float = 0.0
    trouble: Trouble | None = None

    def close(self, until: float) -> None:
        """No call before then; whoever closed it for longer is right."""
        self.closed_until = max(self.closed_until, until)

    def went_well(self, now: float) -> None:
        """A call was answered. One that had left before the account was closed does not open it."""
        self.answered += 1
        self.acquit()
        if now >= self.closed_until:
            self.is_proven, self.trouble = True, None

    def acquit(self) -> None:
        """The service is not to blame for what failed."""
        self.in_a_row = 0
        self.suspects.clear()

    def failed(self, error: ServiceError, left_at: float, now: float) -> bool:
        """A call that left at `left_at` was not answered; whether that closes the account.

        Calls that were under way when one found the service away find it away too: they count once, or a moment's
        outage would be taken for a long one.
        """
        if isinstance(error, Unavailable) and left_at < self.failed_at:
            return False
        self.failed_at = now
        self.in_a_row += 1
        return isinstance(error, Refused) or self.in_a_row >= MOST_IN_A_ROW

    def shut(self, error: ServiceError, now: float) -> None:
        """It is taken for unreachable, or for one that will have none of us."""
        is_final = isinstance(error, Refused)
        self.acquit()
        self.is_proven = False
        self.trouble = Trouble(error.problem, is_final, self.account.scorer)
        self.close(now + (REFUSED_S if is_final else UNREACHABLE_S))


@dataclass(eq=False, slots=True)
class Line:
    """The faces of one job that wait for one service, in the order they came."""

    job_id: str
    counter: Counter
    most: int | None
    """Items a call takes at most; None: to be asked first."""
    waiting: deque[Item] = field(default_factory=deque)
    alone: deque[Item] = field(default_factory=deque)
    flying: int = 0
    """Calls under way: what they could not send comes back here."""
    is_asking: bool = False
    """One thread asks how many a call takes."""
    spent_until: float = 0.0
    """Its job may make no more calls; asked anew then, for a budget can be raised."""

    @property
    def since(self) -> float:
        """When what is next came."""
        return self.waiting[0].came_at if self.waiting else 0.0

    def is_open(self, now: float) -> bool:
        """Whether anything may be sent."""
        return now >= max(self.spent_until, self.counter.closed_until)

    def add(self, items: Iterable[Item], now: float) -> None:
        """Take items in."""
        for item in items:
            item.came_at = now
            self.waiting.append(item)

    def put_back(self, items: Iterable[Item]) -> None:
        """These were taken and not sent: they go first."""
        for item in reversed(list(items)):
            (self.alone if item.goes_alone else self.waiting).appendleft(item)

    def take(self, now: float, *, eager: bool) -> list[Item] | None:
        """What the next call is to carry; None where nothing is to go now. An empty list: ask what a call takes.

        What does not fill a call waits for more, unless `eager`.
        """
        waits_for_the_first = self.counter.flying > 0 and not self.counter.is_proven
        if self.is_asking or waits_for_the_first or not self.is_open(now) or not (self.waiting or self.alone):
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

    def set_apart(self, items: Iterable[Item]) -> None:
        """Each of these is to go alone, from now on."""
        apart = dict.fromkeys(items)
        for item in apart:
            item.goes_alone = True
        self._keep(lambda item: item not in apart)
        self.alone.extend(apart)

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
