"""One thread's place in a worker: a desk with claims, a lane with a child."""

import itertools
import time
from collections.abc import Set

import structlog

from db.records import Fence
from workers.desk import GRACE_S, Assignment, Desk
from workers.errors import MODEL_FAULTS, MachineFault
from workers.events import Event, ItemDone, ItemFailed, Task, TaskEnded
from workers.failures import ChildCannotStart, ChildStopped
from workers.lane import Lane
from workers.limits import ChildLimits, deadline_s
from workers.messages import SegmentResult

log = structlog.get_logger(__name__)


class Bench:
    """Carries work from the desk to the child, and outcomes back."""

    def __init__(self, desk: Desk, lane: Lane, longer_s: float = 0.0) -> None:
        self.desk = desk
        self.lane = lane
        self.longer_s = longer_s
        """By how much a stint is longer while services score what was found in it."""
        self.is_busy = False
        """Whether its thread may have something in hand."""
        self._unwanted: list[Fence] = []
        self._numbers = itertools.count()
        self._honest_until = 0.0
        self._is_working = False
        """Whether its child has something in hand."""

    @property
    def is_honest(self) -> bool:
        """Whether the work in hand is still within its time: only then is its lease kept alive."""
        return self.desk.is_looking or self.desk.is_awaiting or time.monotonic() < self._honest_until

    def work(self, assignment: Assignment, limits: ChildLimits) -> None:
        """Analyse and settle. Raises ChildCannotStart, ChildStopped, MachineFault, StoreError; what was not settled
        then went back.
        """
        self._honest_until = (
            time.monotonic() + sum(deadline_s(item, limits) for item in assignment.request.items) + GRACE_S
        )
        fault: MachineFault | None = None
        self._is_working = True
        try:
            for event in self.lane.run(Task(next(self._numbers), assignment.request)):
                fault = self._settle(assignment, event) or fault
                self.desk.turn()
        except (ChildCannotStart, ChildStopped):
            self.desk.untouched(assignment.claims)
            raise
        finally:
            self._is_working = False
            self.desk.flush()
        if fault is not None:
            raise fault

    def drop_if_unwanted(self, fences: list[Fence], unwanted: Set[Fence]) -> None:
        """End the child's work over these claims where no live job wants any of them; called by another thread.

        Twice the same is waited for: what was committed a moment ago is not wanted either, and its child has other work
        by now.
        """
        over = [fence for fence in fences if fence in unwanted]
        if over == fences == self._unwanted and self._is_working:
            log.info("action=work-abandoned", segments=len(fences))
            self.lane.abandon()
        self.desk.withdraw(segment_ids=[fence.segment_id for fence in over if fence in self._unwanted])
        self._unwanted = over

    def _settle(self, assignment: Assignment, event: Event) -> MachineFault | None:
        """Write down what an event means; the fault of the machine, where it is to blame."""
        match event:
            case ItemDone(_, index, SegmentResult() as result):
                self.desk.done(assignment.claims[index], result)
            case ItemFailed(_, index, problem) if problem.code in MODEL_FAULTS:
                self.desk.untouched((assignment.claims[index],))
                return MachineFault(problem.reason, problem.hint)
            case ItemFailed(_, index, problem):
                self.desk.failed(assignment.claims[index], problem)
            case TaskEnded(_, untouched, child_died):
                left = [assignment.claims[index] for index in untouched]
                (self.desk.keep if child_died else self.desk.untouched)(left)
        return None
