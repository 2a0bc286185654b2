"""The segments that wait for services, and what becomes of them when a call lands. No threads, no lock: whoever holds
it calls one method at a time.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import structlog

from db.records import Problem
from workers.analysis import AnalysisSpec
from workers.services.base import BadPicture, Refused, ServiceError, Throttled
from workers.services.cases import Case, Failed, Item, Mailbox, Returned
from workers.services.lines import MOST_TRIES, SPENT_S, Counter, Line
from workers.services.said import Said

if TYPE_CHECKING:
    from workers.services.account import Landed

log = structlog.get_logger(__name__)

MOST_LINES = 32
"""Jobs that are remembered when nothing of them waits."""
LOOK_EVERY_S = 0.2
LONG_S = 5.0
"""Who would wait longer gives its segments back, where others may have a use for the time."""


class Waiting:
    """Cases, and the lines that their items stand in. `is_patient`: segments wait here however long a turn takes."""

    def __init__(self, *, is_patient: bool, linger_s: float | None) -> None:
        self._is_patient = is_patient
        self._linger_s = linger_s
        self._lines: dict[tuple[str, AnalysisSpec], Line] = {}
        self._cases: set[Case] = set()
        self.expecting: set[object] = set()
        """Whoever may bring more soon."""

    @property
    def items(self) -> list[Item]:
        """All that waits to be sent."""
        return [item for line in self._lines.values() for item in line.items]

    def line(self, job_id: str, spec: AnalysisSpec, made: Callable[[], Line]) -> Line | None:
        """Where a job's faces wait for a service; None where the job may make no calls."""
        line = self._lines.get((job_id, spec))
        if line is None:
            idle = [key for key, other in self._lines.items() if not other.items]
            for key in idle if len(self._lines) >= MOST_LINES else ():
                del self._lines[key]
            line = self._lines[job_id, spec] = made()
        return None if time.monotonic() < line.spent_until else line

    def admit(self, case: Case, items: Sequence[Item], line: Line | None) -> None:
        """A segment comes in. Without a line it goes back."""
        self._cases.add(case)
        if line is not None and items:
            line.add(items, time.monotonic())
        elif items:
            self.give_up(case, Returned(case.claim, LONG_S))
        self._end_if_over(case)

    def take(self) -> tuple[Line, Sequence[Item]] | None:
        """What is to be sent next; None where nothing is to go now."""
        now = time.monotonic()
        for key, line in list(self._lines.items()):
            lingered = self._linger_s is not None and now - line.since >= self._linger_s
            items = line.take(now, eager=lingered or not self.expecting)
            if items is not None:
                self._lines[key] = self._lines.pop(key)  # another's turn next time
                for case in _cases(items):
                    case.flying += 1
                return line, items
        return None

    def land(self, line: Line, items: Sequence[Item], landed: "Landed") -> None:
        """A call came to an end."""
        for case in _cases(items):
            case.flying -= 1
        for item, answer in landed.said:
            item.case.hear(item, answer)
        if landed.error is None and (landed.said or landed.again):
            line.counter.went_well()
        line.alone.extend(item for item in landed.again if item.case.ending is None)
        line.put_back(item for item in landed.unsent if item.case.ending is None)
        if landed.error is not None:
            self._wrong(line, landed.unsent, landed.error)
        if landed.is_spent:
            line.spent_until = time.monotonic() + SPENT_S
            self._return(line.items, 0.0)
        if landed.later_s is not None:
            self._later(line.counter, landed.later_s)
        for case in _cases(items):
            self._end_if_over(case)

    def broke(self, items: Sequence[Item], problem: Problem) -> None:
        """A call ended in a way that nobody foresaw: its segments fail."""
        for case in _cases(items):
            case.flying -= 1
            self.give_up(case, Failed(case.claim, problem))

    def asked(self, line: Line, answer: int | ServiceError) -> None:
        """How many items a call takes, or why that could not be learnt."""
        line.is_asking = False
        if isinstance(answer, int):
            line.most = answer
            return
        line.counter.closed_until = time.monotonic() + 1.0
        self._blame(line.counter, answer)

    def withdraw(self, mailbox: Mailbox, segment_ids: Iterable[int] | None, *, at_once: bool) -> None:
        """End the segments of a mailbox (these, if given): what is under way is waited for, unless `at_once`."""
        wanted = None if segment_ids is None else set(segment_ids)
        for case in list(self._cases):
            if case.mailbox is mailbox and (wanted is None or case.claim.fence.segment_id in wanted):
                self.give_up(case, Returned(case.claim, 0.0), at_once=at_once)

    def give_up(self, case: Case, ending: Failed | Returned, *, at_once: bool = False) -> None:
        """Nothing more of a segment is sent."""
        if case in self._cases and case.ending is None:
            case.ending = ending
            for line in self._lines.values():
                line.drop(case)
        if at_once:
            case.flying = 0
        self._end_if_over(case)

    def _wrong(self, line: Line, items: Sequence[Item], error: ServiceError) -> None:
        """A call brought nothing; its items are back in the line."""
        if isinstance(error, Throttled):
            return  # the gate has slowed down
        if isinstance(error, BadPicture):
            self._bad_picture(line, items, error)
            return
        self._blame(line.counter, error)
        for item in items:
            item.tries += 1
            if item.tries >= MOST_TRIES:
                self.give_up(item.case, Failed(item.case.claim, error.problem))

    def _bad_picture(self, line: Line, items: Sequence[Item], error: ServiceError) -> None:
        """Of several faces, one may be to blame: each is tried alone. Of one, it is."""
        item = items[0]
        if len(items) > 1:
            line.set_apart([one for one in items if one.case.ending is None])
        elif item.face is None:
            self.give_up(item.case, Failed(item.case.claim, error.problem))
        else:
            line.drop_item(item)
            item.case.hear(item, Said(note=error.problem.reason))

    def _blame(self, counter: Counter, error: ServiceError) -> None:
        """The service cannot be reached, talks nonsense, or refuses: perhaps nothing more is to be sent there."""
        if counter.failed(error.problem, time.monotonic(), is_final=isinstance(error, Refused)):
            log.error("action=service-closed", scorer=counter.account.scorer, code=error.problem.code)
            self._return_all(counter, counter.closed_until - time.monotonic())

    def _later(self, counter: Counter, wait_s: float) -> None:
        # A turn may be had up to LONG_S ahead: no use to ask before.
        counter.closed_until = time.monotonic() + max(LOOK_EVERY_S, wait_s - 0.8 * LONG_S)
        if wait_s > LONG_S and not self._is_patient:
            self._return_all(counter, wait_s)

    def _return_all(self, counter: Counter, delay_s: float) -> None:
        for line in self._lines.values():
            if line.counter is counter:
                self._return(line.items, delay_s)

    def _return(self, items: Iterable[Item], delay_s: float) -> None:
        for case in _cases(items):
            self.give_up(case, Returned(case.claim, delay_s))

    def _end_if_over(self, case: Case) -> None:
        if case not in self._cases or case.flying > 0:
            return
        over = case.result() if case.left == 0 else case.ending
        if over is not None:
            self._cases.remove(case)
            case.mailbox.put(over)


def _cases(items: Iterable[Item]) -> set[Case]:
    return {item.case for item in items}
