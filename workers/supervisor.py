"""A crew of supervised children behind one queue of tasks and one queue of events.

Each lane is a thread that owns one child: it hands over a task, passes on what the child says, and when the child
dies it charges the item in hand, reports the rest as untouched, and starts a fresh child. It knows no database: what
becomes of an event is its owner's business, embedded or fleet.
"""

import queue
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from db.records import Problem
from workers.limits import ChildLimits
from workers.messages import Analysed, Failed, Probed, ProbeResult, Progress, Request, SegmentResult, Started
from workers.process import ChildCannotStart, ChildFailure, ChildProcess, ChildStopped


@dataclass(frozen=True, slots=True)
class Task:
    """A request under an id of the owner's choice."""

    id: int
    request: Request


@dataclass(frozen=True, slots=True)
class ItemProgress:
    """An item of a task has `frames` sampled frames behind it."""

    task: Task
    index: int
    frames: int


@dataclass(frozen=True, slots=True)
class ItemDone:
    """An item of a task is finished."""

    task: Task
    index: int
    result: SegmentResult | ProbeResult


@dataclass(frozen=True, slots=True)
class ItemFailed:
    """An item of a task failed: the child said so, or died over it."""

    task: Task
    index: int
    problem: Problem


@dataclass(frozen=True, slots=True)
class TaskEnded:
    """Nothing more will be heard of a task. `untouched` items were never tried and cost nothing."""

    task: Task
    untouched: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class CrewBroken:
    """No child can be started: `reason` is a child's last words. Every task left comes back untouched."""

    reason: str


Event = ItemProgress | ItemDone | ItemFailed | TaskEnded | CrewBroken


class Lane:
    """One child and whoever talks to it. Used by one thread; `stop_now` may come from another."""

    def __init__(self, limits: ChildLimits, device: str = "auto", entry: str = "workers.child") -> None:
        self._limits = limits
        self._device = device
        self._entry = entry
        self._child: ChildProcess | None = None
        self._stopping = threading.Event()

    def run(self, task: Task) -> Iterator[Event]:
        """Work through one task; ends with TaskEnded. Raises ChildCannotStart, ChildStopped before the first item."""
        child = self._ready_child()
        in_hand: int | None = None
        answered: set[int] = set()
        try:
            for reply in child.ask(task.request):
                match reply:
                    case Started(index):
                        in_hand = index
                    case Progress(index, frames):
                        yield ItemProgress(task, index, frames)
                    case Analysed(index, result) | Probed(index, result):
                        answered.add(index)
                        yield ItemDone(task, index, result)
                    case Failed(index, problem):
                        answered.add(index)
                        yield ItemFailed(task, index, problem)
        except ChildFailure as failure:
            self._discard()
            if in_hand is not None and in_hand not in answered and not isinstance(failure, ChildStopped):
                answered.add(in_hand)
                yield ItemFailed(task, in_hand, failure.problem)
        untouched = tuple(i for i in range(len(task.request.items)) if i not in answered)
        yield TaskEnded(task, untouched)
        if self._child is not None and self._child.worn_out():
            self._discard()

    def pid(self) -> int | None:
        """The process id of the child, if there is one."""
        child = self._child
        return None if child is None else child.pid

    def stop_now(self) -> None:
        """Kill the child; its item in hand comes back untouched."""
        self._stopping.set()
        child = self._child
        if child is not None:
            child.stop_now()

    def close(self) -> None:
        """End the child."""
        self._discard()

    def _ready_child(self) -> ChildProcess:
        if self._child is None:
            self._child = ChildProcess(self._limits, self._device, self._entry)
            if self._stopping.is_set():
                self._child.stop_now()
            try:
                self._child.wait_ready()
            except (ChildCannotStart, ChildFailure):
                self._discard()
                raise
        return self._child

    def _discard(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.close()


class Supervisor:
    """`size` lanes. Submit tasks, read events; close it and no child is left behind."""

    def __init__(
        self, size: int, limits: ChildLimits | None = None, device: str = "auto", entry: str = "workers.child"
    ) -> None:
        self._tasks: queue.Queue[Task | None] = queue.Queue()
        self._events: queue.Queue[Event] = queue.Queue()
        self._lanes = [Lane(limits or ChildLimits(), device, entry) for _ in range(size)]
        self._stopping = threading.Event()
        self._pending = 0
        self._threads = [
            threading.Thread(target=self._work, args=(lane,), name=f"lane-{number}", daemon=True)
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

    def stop_now(self) -> None:
        """Kill every child; tasks in hand and queued come back untouched."""
        self._stopping.set()
        for lane in self._lanes:
            lane.stop_now()

    def close(self) -> None:
        """Stop everything and wait until it is gone."""
        self.stop_now()
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self, lane: Lane) -> None:
        while (task := self._tasks.get()) is not None:
            if self._stopping.is_set():
                self._events.put(_untouched(task))
                continue
            try:
                for event in lane.run(task):
                    self._events.put(event)
            except ChildStopped:
                self._events.put(_untouched(task))
            except ChildCannotStart as error:
                self._stopping.set()
                self._events.put(CrewBroken(str(error)))
                self._events.put(_untouched(task))
        lane.close()


def _untouched(task: Task) -> TaskEnded:
    return TaskEnded(task, tuple(range(len(task.request.items))))
