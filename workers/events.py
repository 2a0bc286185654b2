"""What a crew is given and what it tells: tasks in, events out."""

from dataclasses import dataclass

from db.records import Problem
from workers.drawing.work import DrawResult
from workers.messages import ProbeResult, Request, SegmentResult


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
class ItemPiece:
    """Some bytes of the file that an item makes, and where in it they belong."""

    task: Task
    index: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class ItemDone:
    """An item of a task is finished."""

    task: Task
    index: int
    result: SegmentResult | ProbeResult


@dataclass(frozen=True, slots=True)
class ItemDrawn:
    """An item of a task has made its file."""

    task: Task
    index: int
    result: DrawResult


@dataclass(frozen=True, slots=True)
class ItemFailed:
    """An item of a task failed: the child said so, or died over it."""

    task: Task
    index: int
    problem: Problem


@dataclass(frozen=True, slots=True)
class TaskEnded:
    """Nothing more will be heard of a task. `untouched` items were not tried, or not to their end, and cost nothing."""

    task: Task
    untouched: tuple[int, ...] = ()
    child_died: bool = False
    """Over one of its items: those left are to be tried one by one."""


@dataclass(frozen=True, slots=True)
class CrewBroken:
    """No child can be started: `reason` is a child's last words. Every task left comes back untouched."""

    reason: str


Event = ItemProgress | ItemPiece | ItemDone | ItemDrawn | ItemFailed | TaskEnded | CrewBroken


def untouched(task: Task) -> TaskEnded:
    """The end of a task that nobody took up."""
    return TaskEnded(task, tuple(range(len(task.request.items))))
