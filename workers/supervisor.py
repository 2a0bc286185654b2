"""A crew of supervised children behind one queue of tasks and one queue of events.

Each lane is a thread that owns one child: it hands over a task, passes on what the child says, and when the child
dies it charges the item in hand, reports the rest as untouched, and starts a fresh child. It knows no database: what
becomes of an event is its owner's business, embedded or fleet.
"""

import logging
import queue
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

from workers.events import CrewBroken, Event, ItemDone, ItemFailed, ItemProgress, Task, TaskEnded, untouched
from workers.failures import ChildCannotStart, ChildStopped
from workers.lane import Lane
from workers.limits import ChildLimits
from workers.turns import Bell, Turns

__all__ = ["CrewBroken", "Event", "ItemDone", "ItemFailed", "ItemProgress", "Lane", "Supervisor", "Task", "TaskEnded"]

log = logging.getLogger(__name__)


class Supervisor:
    """`size` lanes. Submit tasks, read events; close it and no child is left behind.

    One thread owns it. `withdraw` and `stop_now` may also be called from that thread's signal handlers: they take no
    lock that it could hold.
    """

    def __init__(
        self,
        size: int,
        limits: ChildLimits | None = None,
        device: str = "auto",
        entry: str = "workers.child:main",
        *,
        early: bool = False,
    ) -> None:
        """`early`: one child is started at once, not by the first task."""
        self._tasks: Turns[Task] = Turns()
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._lanes = [Lane(limits or ChildLimits(), device, entry) for _ in range(size)]
        self._stopping = False
        self._pending = 0
        self._threads = [
            threading.Thread(target=self._work, args=(lane, early and not number), name=f"lane-{number}", daemon=True)
            for number, lane in enumerate(self._lanes)
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    @property
    def size(self) -> int:
        """How many children work at a time."""
        return len(self._lanes)

    @property
    def pending(self) -> int:
        """Tasks submitted whose TaskEnded has not been read."""
        return self._pending

    def submit(self, task: Task) -> None:
        """Queue a task."""
        self._pending += 1
        self._tasks.put(task)

    def events(self, timeout_s: float) -> list[Event]:
        """Everything that has happened; waits up to `timeout_s` for the first event."""
        events: list[Event] = []
        with suppress(queue.Empty):
            events.append(self._events.get(timeout=timeout_s))
            while True:
                events.append(self._events.get_nowait())
        self._pending -= sum(isinstance(event, TaskEnded) for event in events)
        return events

    def child_pids(self) -> list[int]:
        """The process ids of the children alive now."""
        return [pid for lane in self._lanes if (pid := lane.pid()) is not None]

    def withdraw(self) -> None:
        """Take back every task that no lane has begun: each ends untouched. Tasks in hand go on."""
        for task in self._tasks.withdraw():
            self._events.put(untouched(task))

    def stop_now(self) -> None:
        """Kill every child; tasks in hand and queued come back untouched."""
        self._stopping = True
        for lane in self._lanes:
            lane.stop_now()

    def close(self) -> None:
        """Stop everything and wait until it is gone."""
        self.stop_now()
        self.withdraw()
        self._tasks.close()
        for thread in self._threads:
            thread.join()

    def _work(self, lane: Lane, early: bool) -> None:
        bell: Bell = queue.SimpleQueue()
        if early:
            with suppress(ChildCannotStart, ChildStopped):  # the first task tries again, and says what is wrong
                lane.begin()
        while (task := self._tasks.get(bell)) is not None:
            if self._stopping:
                self._events.put(untouched(task))
            else:
                self._run(lane, task)
        lane.close()

    def _run(self, lane: Lane, task: Task) -> None:
        try:
            for event in lane.run(task):
                self._events.put(event)
        except ChildStopped:
            self._events.put(untouched(task))
        except ChildCannotStart as error:
            self._break(task, str(error))
        except Exception as error:
            # A lane that died silently would leave its owner waiting for ever.
            log.exception("action=lane-broken")
            self._break(task, f"unexpected {type(error).__name__}: {error}")

    def _break(self, task: Task, reason: str) -> None:
        self._stopping = True
        self._events.put(CrewBroken(reason))
        self._events.put(untouched(task))
