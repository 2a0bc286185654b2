"""One lane of a crew: a child, replaced whenever it dies or is worn out, and the account of the task it has."""

import logging
import time
from collections.abc import Generator, Iterator

from db.records import Problem
from workers.enclosures import joined
from workers.events import Event, ItemDone, ItemDrawn, ItemFailed, ItemPiece, ItemProgress, Task, TaskEnded
from workers.failures import REPORT_HINT, ChildCannotStart, ChildCrashed, ChildFailure, ChildStopped
from workers.limits import ChildLimits
from workers.messages import (
    AnalyseBatch,
    Analysed,
    DrawBatch,
    Drawn,
    Enclosed,
    Enclosures,
    Failed,
    Piece,
    Probed,
    Progress,
    Reply,
    Started,
    Together,
)
from workers.process import ChildProcess

START_TRIES = 3
"""A child may be killed while it starts, or the machine be out of processes for a moment."""
START_PAUSE_S = 0.2
TAKE_UP_TRIES = 2

log = logging.getLogger(__name__)


class Account:
    """What has become of the items of one task. They are begun in order; photos may be answered out of it."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self._items = task.request.items
        self._answered: set[int] = set()
        self._last: int | None = None
        """The item begun last."""
        self._together = False
        """Whether all that were begun and not answered are in hand, not the last one alone."""
        self._frames = 0
        self._enclosed: list[Enclosures] = []

    @property
    def begun(self) -> bool:
        """Whether any item was taken up."""
        return self._last is not None

    def take(self, reply: Reply) -> Event | None:
        """The event that a reply means, if it means one."""
        match reply:
            case Started(index):
                self._last, self._frames, self._enclosed, self._together = index, 0, [], False
            case Together():
                self._together = True
            case Progress(index, frames) if self._frames < frames <= self._targets(index):
                self._frames = frames
                return ItemProgress(self.task, index, frames)
            case Enclosed(_, part):
                self._enclosed.append(part)
            case Analysed(index, result):
                whole = joined(self._enclosed, result) if index == self._last else result
                self._answered.add(index)
                self._enclosed = []  # which may be a gigabyte
                return ItemDone(self.task, index, whole)
            case Piece() | Drawn():
                return self._take_drawn(reply)
            case Probed(index, plan):
                self._answered.add(index)
                return ItemDone(self.task, index, plan)
            case Failed(index, problem):
                self._answered.add(index)
                return ItemFailed(self.task, index, problem)
        return None

    def _take_drawn(self, reply: Piece | Drawn) -> Event:
        if isinstance(reply, Piece):
            return ItemPiece(self.task, reply.index, reply.offset, reply.data)
        self._answered.add(reply.index)
        return ItemDrawn(self.task, reply.index, reply.result)

    def charge(self, problem: Problem) -> Iterator[Event]:
        """The child is dead: let the item in hand pay, or the first where none was ever taken up. Where several were
        in hand none pays: each is tried alone then.
        """
        payer = self._in_hand()
        if self._items and payer is not None and payer not in self._answered:
            self._answered.add(payer)
            yield ItemFailed(self.task, payer, problem)

    def _in_hand(self) -> int | None:
        """The one item that may be to blame, if it is one."""
        if self._last is None:
            return 0
        if not self._together:
            return self._last
        waiting = [place for place in range(self._last + 1) if place not in self._answered]
        return waiting[0] if len(waiting) == 1 else None

    def ended(self, *, child_died: bool) -> TaskEnded:
        """The end, with what was not tried, or not to its end."""
        left = tuple(place for place in range(len(self._items)) if place not in self._answered)
        return TaskEnded(self.task, left, child_died)

    def _targets(self, index: int) -> int:
        """Progress beyond what an item can hold is not passed on: no child fills its parent's memory with it."""
        match self.task.request:
            case AnalyseBatch(items):
                return items[index].segment.targets
            case DrawBatch(items):
                return items[index].frames
        return 0


class Lane:
    """One child and whoever talks to it. Used by one thread; `stop_now` may come from another, or a signal handler."""

    def __init__(self, limits: ChildLimits, device: str = "auto", entry: str = "workers.child:main") -> None:
        self._limits = limits
        self._device = device
        self._entry = entry
        self._child: ChildProcess | None = None
        self._stopping = False

    def run(self, task: Task) -> Iterator[Event]:
        """Work through one task; ends with TaskEnded. Raises ChildCannotStart, ChildStopped before the first item.

        A failure of the child costs the item in hand, and none where several were. When it had none yet, a fresh child
        gets the task; if that one does not take it up either, the first item pays: no task can go round for ever.
        """
        account = Account(task)
        failure: ChildFailure | None = None
        for _ in range(TAKE_UP_TRIES):
            failure = yield from self._converse(account)
            if failure is None or account.begun or isinstance(failure, ChildStopped):
                break
        died = failure is not None and not isinstance(failure, ChildStopped)
        if failure is not None and died:
            yield from account.charge(failure.problem)
        if self._child is not None and self._child.worn_out():
            self.close()
        yield account.ended(child_died=died)

    def begin(self) -> None:
        """Have a child ready before there is a task for it. Raises ChildCannotStart, ChildStopped."""
        self._ready_child()

    def pid(self) -> int | None:
        """The process id of the child, if there is one."""
        child = self._child
        return None if child is None else child.pid

    def stop_now(self) -> None:
        """Have the child killed within a moment; its item in hand comes back untouched."""
        self._stopping = True
        child = self._child
        if child is not None:
            child.stop_now()

    def abandon(self) -> None:
        """Have the child killed within a moment: nobody wants its work any more. The next task gets a fresh one."""
        child = self._child
        if child is not None:
            child.stop_now()

    def close(self) -> None:
        """End the child."""
        child, self._child = self._child, None
        if child is not None:
            child.close()

    def _converse(self, account: Account) -> Generator[Event, None, ChildFailure | None]:
        """Put the task to a child and pass on what it says. Unless that ends well, the child is gone after."""
        child = self._ready_child()
        well = False
        try:
            for reply in child.ask(account.task.request):
                event = account.take(reply)
                if event is not None:
                    yield event
            well = True
        except ChildFailure as failure:
            return failure
        except Exception as error:
            # The boundary of the lane: whatever goes wrong in talking to a child costs an item, never the lane.
            log.exception("action=lane-error")
            return ChildCrashed("child.error", f"unexpected {type(error).__name__}: {error}", REPORT_HINT)
        finally:
            if not well:
                self.close()
        return None

    def _ready_child(self) -> ChildProcess:
        """The child, started if there is none. Raises ChildCannotStart, ChildStopped."""
        for tries_left in reversed(range(START_TRIES)):
            try:
                return self._child or self._start()
            except ChildCannotStart as error:
                if not (tries_left and error.passing) or self._stopping:
                    raise
            time.sleep(START_PAUSE_S)
        raise AssertionError("unreachable")

    def _start(self) -> ChildProcess:
        self._child = ChildProcess(self._limits, self._device, self._entry)
        if self._stopping:
            self._child.stop_now()
        try:
            self._child.wait_ready()
        except BaseException:
            self.close()
            raise
        return self._child
