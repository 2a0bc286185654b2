"""Crews of misbehaving children: tasks for them, and what came of each."""

import json
import os
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import psutil

from db.records import FileIdentity, Problem
from workers.analysis import AnalysisSpec, DetectorSpec, Sampling, ScorerSpec
from workers.events import CrewBroken, Event, ItemDone, ItemFailed, ItemProgress, Task, TaskEnded
from workers.messages import ProbeBatch, ProbeWork
from workers.supervisor import Supervisor

SCRIPTED = "tests.support.children:scripted"
BARE = "tests.support.bare_children"
PATIENCE_S = 60.0
"""When a test gives up: far beyond what any takes on a busy machine."""


def task(number: int, *names: str, size: int = 0) -> Task:
    """A task of one item a name. `size` is the bytes that each file claims to have: 2 MB buy a second of patience."""
    analysis = AnalysisSpec(Sampling(interval_s=Fraction(1)), DetectorSpec(), ScorerSpec())
    items = (ProbeWork(FileIdentity(os.fsencode(name), 0, 0, size, 0), analysis) for name in names)
    return Task(number, ProbeBatch(tuple(items)))


@dataclass
class Outcome:
    """What came of one task."""

    done: list[int] = field(default_factory=list)
    failed: dict[int, Problem] = field(default_factory=dict)
    progress: int = 0
    untouched: tuple[int, ...] | None = None
    """None until the task ended."""

    @property
    def told(self) -> list[str]:
        """What the children were asked to tell."""
        return [problem.reason for problem in self.failed.values() if problem.code == "told"]

    def hear(self, event: Event) -> None:
        """Take one event of this task."""
        assert self.untouched is None, "an event after the end of its task"
        match event:
            case ItemDone(_, index):
                assert index not in self.done
                self.done.append(index)
            case ItemFailed(_, index, problem):
                assert index not in self.failed
                self.failed[index] = problem
            case ItemProgress():
                self.progress += 1
            case TaskEnded(_, untouched):
                self.untouched = untouched


@dataclass
class Heard:
    """Everything that a crew said, by task."""

    tasks: defaultdict[int, Outcome] = field(default_factory=lambda: defaultdict(Outcome))
    broken: list[str] = field(default_factory=list)

    def __getitem__(self, number: int) -> Outcome:
        return self.tasks[number]

    def hear(self, events: Sequence[Event]) -> None:
        """Take what `Supervisor.events` gave."""
        for event in events:
            if isinstance(event, CrewBroken):
                self.broken.append(event.reason)
            else:
                self.tasks[event.task.id].hear(event)


def listen(crew: Supervisor, heard: Heard | None = None) -> Heard:
    """Hear a crew out until nothing is pending."""
    heard = heard or Heard()
    give_up = time.monotonic() + PATIENCE_S
    while crew.pending:
        assert time.monotonic() < give_up, "the crew never finished"
        heard.hear(crew.events(1.0))
    return heard


def do(crew: Supervisor, *tasks: Task) -> Heard:
    """Submit the tasks and hear the crew out."""
    for one in tasks:
        crew.submit(one)
    return listen(crew)


def children() -> set[int]:
    """The ids of this process's children, zombies included; not of theirs: servers of the tests are among these."""
    return {child.pid for child in psutil.Process().children()}


def wait_until_gone(pids: Sequence[int]) -> None:
    """Until no such process runs. One that its new parent has yet to bury counts as gone."""
    give_up = time.monotonic() + PATIENCE_S
    while any(is_running(pid) for pid in pids):
        assert time.monotonic() < give_up, "a process is left over"
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    """Whether a process runs."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def hold() -> None:
    """A parent for tests that end or interrupt one: a lane for each of `argv`, which are names joined by `+`.

    Prints its children's ids once each has one, and what each told when all is over. Ctrl-C does nothing to it.
    """
    names = sys.argv[1:]
    signal.signal(signal.SIGINT, lambda *_: None)
    with Supervisor(len(names), entry=SCRIPTED) as crew:
        for number, name in enumerate(names):
            crew.submit(task(number, *name.split("+"), size=10**9))
        while len(crew.child_pids()) < len(names):
            time.sleep(0.01)
        print(json.dumps(crew.child_pids()), flush=True)
        heard = listen(crew)
        print(json.dumps([heard[number].told for number in range(len(names))]), flush=True)
