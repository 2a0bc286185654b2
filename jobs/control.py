"""How a run is steered, and how it ended: values that pass between the loop and whoever started it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from db.records import JobCounts, Problem
from jobs.errors import ExitCode, JobError
from jobs.progress import Progress

if TYPE_CHECKING:  # `status` loads this, and has no use for numpy
    from workers.places import Places
    from workers.services.scoring import ServiceScoring
    from workers.tally import DeskCounts


class Stop:
    """How urgently somebody wants the run to end: raised by signals, read by the loop."""

    def __init__(self) -> None:
        self.level = 0

    def ask(self) -> None:
        """Once: finish what is running. Twice: stop now."""
        self.level += 1

    def now(self) -> None:
        """Stop now."""
        self.level = 2


def _nothing() -> None:
    """Nothing is to be done."""


@dataclass(frozen=True, slots=True)
class Controls:
    """How a run shows itself and is stopped."""

    progress: Progress
    stop: Stop
    analyse: bool = True
    """False: walk and probe only."""
    now_and_then: Callable[[], None] = _nothing
    """Called about once a second."""
    places: "Places | None" = None
    """Where claimed contents lie; None: where the walk met them, on this machine."""
    services: "ServiceScoring | None" = None
    """Who calls services, where analyses ask for one."""


class CannotWork(JobError):
    """This machine cannot work, whatever the file: what was done is kept."""

    exit_code = ExitCode.UNAVAILABLE


class ServiceFault(CannotWork):
    """The service that scores cannot be called: nothing can be scored, and nothing more is spent."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.reason} [{problem.code}]", f"{problem.hint}; then `moodreel resume`")


class WalkInterrupted(JobError):
    """Somebody stopped a look at what there is before it was complete: half of it would mislead."""

    exit_code = ExitCode.INTERRUPTED

    def __init__(self) -> None:
        super().__init__("interrupted before every file was looked at", "nothing was written; start it again")


class ChildrenCannotStart(CannotWork):
    """No child can be started, or none can load its models, so nothing can be analysed."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"no child process can work: {reason}", "run `moodreel doctor`; then `moodreel resume`")


class Ending(StrEnum):
    """How a run ended."""

    FINISHED = "finished"
    INTERRUPTED = "interrupted"
    CANCELLED = "cancelled"
    STOPPED = "stopped"
    """Its budget for calls is spent; `resume` goes on once that is raised."""


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """What one run did. `counts` are of the whole job, `desk` of this run alone."""

    ending: Ending
    counts: JobCounts
    desk: "DeskCounts"
    elapsed_s: float
