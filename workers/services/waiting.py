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
from workers.services.lines import APART_TRIES, MOST_TRIES, SPENT_S, Counter, Line
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
        return [item for line in self.lines for item in line.items]

    @property
    def lines(self) -> Iterable[Line]:
        """Every line that is remembered."""
        return self._lines.values()

    def line(self, job_id: str, spec: AnalysisSpec, made: Callable[[], Line]) -> Line | None:
        """Where a job's faces wait for a service; None where the job may make no calls."""
        line = self._lines.get((job_id, spec))
        if line is None:
            idle = [key for key, other in self._lines.items() if not (other.items or other.flying)]
            for key in idle if len(self._lines) >= MOST_LINES else ():
                del self._lines[key]
            line = self._lines[job_id, spec] = made()
        return None if time.monotonic() < line.spent_until else line

    def admit(self, case: Case, items: Sequence[Item], line: Line | None) -> None:
        """A segment comes in. Without a line it goes back."""
        self._cases.add(case)
        if line is not None and items:
            line.add(items, time.monotonic())
            self._turn_away(line.counter)
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
                line.flying += 1
                line.counter.flying += 1
                for case in _cases(items):
                    case.flying += 1
                return line, items
        return None

    def land(self, line: Line, items: Sequence[Item], landed: "Landed") -> None:
        """A call came to an end."""
        self._down(line, items)
        for item, answer in landed.said:
            item.case.hear(item, answer)
        line.put_back(filter(_is_wanted, (*landed.unsent, *landed.left)))
        line.set_apart(filter(_is_wanted, landed.again))
        if landed.error is not None:
            self._wrong(line, landed.unsent, landed.error, landed.left_at)
        elif landed.left_at is not None:
            line.counter.went_well(time.monotonic())
        if landed.is_spent:
            line.spent_until = time.monotonic() + SPENT_S
        if time.monotonic() < line.spent_until:  # it, and whatever stood behind it
            self._return(line.items, 0.0)
        if landed.later_s is not None:
            # A turn may be had up to LONG_S ahead: no use to ask before.
            line.counter.close(time.monotonic() + max(LOOK_EVERY_S, landed.later_s - 0.8 * LONG_S))
        self._turn_away(line.counter)
        for case in _cases(items):
            self._end_if_over(case)

    def broke(self, line: Line, items: Sequence[Item], problem: Problem) -> None:
        """A call ended in a way that nobody foresaw. If one of its items is the cause, it costs no other's segment."""
        self._down(line, items)
        if len(items) > 1:
            line.set_apart(filter(_is_wanted, items))
        else:
            self.give_up(items[0].case, Failed(items[0].case.claim, problem))
        for case in _cases(items):
            self._end_if_over(case)

    def asked(self, line: Line, answer: int | ServiceError, asked_at: float) -> None:
        """How many items a call takes, or why that could not be learnt."""
        line.is_asking = False
        self._down(line, ())
        if isinstance(answer, int):
            line.most = answer
            return
        line.counter.close(time.monotonic() + 1.0)
        if line.counter.failed(answer, asked_at, time.monotonic()):
            self._shut(line.counter, answer)
        self._turn_away(line.counter)

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

    def _down(self, line: Line, items: Iterable[Item]) -> None:
        """What was under way is no more; a case that did not wait for it has ended."""
        line.flying -= 1
        line.counter.flying -= 1
        for case in _cases(items) & self._cases:
            case.flying -= 1

    def _wrong(self, line: Line, items: Sequence[Item], error: ServiceError, left_at: float | None) -> None:
        """A call brought nothing; its items are back in the line."""
        if isinstance(error, Throttled):
            return  # the gate has slowed down
        if isinstance(error, BadPicture):
            self._bad_picture(line, items, error)
            return
        now = time.monotonic()
        counter = line.counter
        counter.suspects.update(items)
        closes = counter.failed(error, now if left_at is None else left_at, now)
        for item in items:
            item.tries += item.tried_at != counter.answered  # of an outage, only the first is counted
            item.tried_at = counter.answered
        if len(items) > 1:
            self._suspect(line, items, error)
        elif items[0].tries >= MOST_TRIES or (closes and _is_about(error) and counter.suspects == set(items)):
            # Others went well meanwhile; or it is all that there was, and would close the account again and again.
            self.give_up(items[0].case, Failed(items[0].case.claim, error.problem))
            counter.acquit()
            closes = False
        if closes:
            self._shut(counter, error)

    def _suspect(self, line: Line, items: Sequence[Item], error: ServiceError) -> None:
        """One of these may be what the service stumbles over: then each is to be tried alone."""
        again_and_again = line.counter.in_a_row >= APART_TRIES and _is_about(error)
        if again_and_again or max(item.tries for item in items) >= APART_TRIES:
            line.set_apart(filter(_is_wanted, items))

    def _bad_picture(self, line: Line, items: Sequence[Item], error: ServiceError) -> None:
        """Of several faces, one may be to blame: each is tried alone. Of one, it is."""
        item = items[0]
        if len(items) > 1:
            line.set_apart(filter(_is_wanted, items))
        elif item.face is None:
            self.give_up(item.case, Failed(item.case.claim, error.problem))
        else:
            line.drop_item(item)
            item.case.hear(item, Said(note=error.problem.reason))

    def _shut(self, counter: Counter, error: ServiceError) -> None:
        """The service cannot be reached, talks nonsense, or refuses: nothing more is to be sent there for a while."""
        if counter.trouble is None:
            log.error("action=service-closed", scorer=counter.account.scorer, code=error.problem.code)
        counter.shut(error, time.monotonic())

    def _turn_away(self, counter: Counter) -> None:
        """Return what waits for an account that is in trouble, or closed for longer than anybody here waits."""
        delay_s = counter.closed_until - time.monotonic()
        if delay_s <= 0 or (counter.trouble is None and (self._is_patient or delay_s <= LONG_S)):
            return
        for line in self._lines.values():
            if line.counter is counter:
                # Who has nothing else to do ends here, and whoever goes on once it is mended shall not wait.
                self._return(line.items, 0.0 if self._is_patient else delay_s)

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


def _is_wanted(item: Item) -> bool:
    return item.is_wanted


def _is_about(error: ServiceError) -> bool:
    """Whether the service had what it was sent before it: then that may be to blame."""
    return not isinstance(error, Refused) and (error.call.status is not None or error.call.sent)
