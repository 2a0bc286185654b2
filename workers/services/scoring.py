"""Service scoring, the parent's step between a child and the commit: segments go in with pictures, and come out scored.

Faces of many segments share a call. A segment ends once everything that was asked about it is answered; it fails where
an answer cannot be had for a reason of its own, and is returned, untouched, where the reason is another: no turn for a
while, a refused key, a spent budget, a stop. Whatever was paid for is on record and is never asked again.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import structlog

from db.errors import NotFound
from db.ledger import LedgerStore
from db.records import ClaimedSegment, Problem
from db.store import Store
from workers.analysis import AnalysisSpec
from workers.errors import SettingsError
from workers.failures import talked_nonsense
from workers.messages import Give, SegmentResult
from workers.scoring.catalogue import give_of
from workers.services.base import ServiceError
from workers.services.bookkeeper import Bookkeeper
from workers.services.cases import Failed, Item, Mailbox, open_case, recall
from workers.services.catalogue import open_service
from workers.services.counters import Counters, Opener
from workers.services.lines import Line, Trouble
from workers.services.waiting import LOOK_EVERY_S, Waiting
from workers.settings import Settings

log = structlog.get_logger(__name__)

CALLERS = 12
"""Calls under way at a time: what a service of one second's latency needs for ten a second, and some."""
MOST_WAITING = 512
MOST_WAITING_BYTES = 192 * 2**20
LEAVE_S = 10.0


@dataclass(frozen=True, slots=True)
class Manners:
    """How a process waits for services."""

    is_patient: bool
    """It has nothing better to do than to wait for a turn; otherwise segments go back."""
    linger_s: float | None
    """How long faces wait for others to share a call with; None: as long as more may come."""
    redis_url: str | None
    """Where the rate is shared; None: with nobody."""
    share: Callable[[], int] = lambda: 1
    """How many processes are known to use the accounts."""


class ServiceScoring:
    """All calls of one process. Any thread may use it."""

    def __init__(self, store: Store, settings: Settings, manners: Manners, opener: Opener = open_service) -> None:
        self._ledger = LedgerStore(store.engine, store.patience_s)
        self._stopping = threading.Event()
        self._changed = threading.Condition()
        self._book: Bookkeeper | None = None
        self._counters = Counters(store, settings, manners.redis_url, manners.share, self._stopping, opener)
        self._waiting = Waiting(is_patient=manners.is_patient, linger_s=manners.linger_s)
        self._threads: list[threading.Thread] = []

    def submit(self, claim: ClaimedSegment, spec: AnalysisSpec, result: SegmentResult, mailbox: Mailbox) -> None:
        """Have a segment scored; its ending comes into the mailbox. Raises a StoreError where nothing can be read."""
        try:
            case, items = open_case(claim, spec, give_of(spec), result, mailbox)
        except ValueError as error:
            mailbox.put(Failed(claim, talked_nonsense(str(error)).problem))
            return
        if items:
            items = recall(case, items, self._ledger.paid([claim.fence.segment_id], spec.scorer.name))
        with self._changed:
            self._waiting.admit(case, items, self._line(claim.job_id, spec.for_photos()) if items else None)
            self._start()
            self._changed.notify_all()

    def expect(self, who: object, *, more: bool) -> None:
        """Whether somebody may bring more soon: while anybody does, calls are filled before they leave."""
        with self._changed:
            (self._waiting.expecting.add if more else self._waiting.expecting.discard)(who)
            self._changed.notify_all()

    def withdraw(self, mailbox: Mailbox, *, at_once: bool = False, segment_ids: Iterable[int] | None = None) -> None:
        """End the segments of a mailbox (these, if given): what is under way is waited for, unless `at_once`."""
        with self._changed:
            self._waiting.withdraw(mailbox, segment_ids, at_once=at_once)

    @property
    def is_full(self) -> bool:
        """Whether so much waits that nobody should bring more."""
        with self._changed:
            waiting = self._waiting.items
        return len(waiting) >= MOST_WAITING or sum(item.size_bytes for item in waiting) >= MOST_WAITING_BYTES

    @property
    def trouble(self) -> Trouble | None:
        """Why some account cannot be called, if so."""
        return self._counters.trouble

    @property
    def waits_s(self) -> float:
        """How long some account gives no turn; 0 where all do."""
        return self._counters.closed_s(time.monotonic())

    def closed_scorers(self) -> tuple[str, ...]:
        """Scorers whose account cannot be called now."""
        return self._counters.closed(time.monotonic())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Make no more calls, and wait a moment for those under way: their answers are paid for."""
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()
        until = time.monotonic() + LEAVE_S
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        if self._book is not None:
            self._book.end(LEAVE_S)
        self._counters.close()

    def _line(self, job_id: str, spec: AnalysisSpec) -> Line | None:
        """Where the faces of a job wait for a service; None where it cannot be called for it now."""
        try:
            return self._waiting.line(job_id, spec, lambda: self._new_line(job_id, spec))
        except SettingsError as error:
            self._counters.blame(spec.scorer.name, Problem("service.settings", str(error), error.hint))
        except NotFound:
            log.info("action=job-gone", job=job_id)  # forgotten meanwhile
        return None

    def _new_line(self, job_id: str, spec: AnalysisSpec) -> Line:
        if self._book is None:
            self._book = Bookkeeper(self._ledger)
        most = None if give_of(spec) is Give.GRAY else spec.scorer.pack
        return Line(job_id, self._counters.counter(job_id, spec, self._book), most)

    def _start(self) -> None:
        if not self._threads:
            names = (f"caller-{number}" for number in range(CALLERS))
            self._threads = [threading.Thread(target=self._work, name=name, daemon=True) for name in names]
            for thread in self._threads:
                thread.start()

    def _work(self) -> None:
        while (load := self._next()) is not None:
            line, items = load
            if items:
                self._call(line, items)
            else:
                self._ask(line)

    def _next(self) -> tuple[Line, Sequence[Item]] | None:
        """What to send next; None at the end."""
        with self._changed:
            while not self._stopping.is_set():
                load = self._waiting.take()
                if load is not None:
                    return load
                self._changed.wait(LOOK_EVERY_S if self._waiting.items else None)
        return None

    def _ask(self, line: Line) -> None:
        """How many a call takes: only the service knows."""
        answer: int | ServiceError
        asked_at = time.monotonic()
        try:
            answer = line.counter.account.service.faces_a_call()  # type: ignore[union-attr]  # of a CropService's line
        except ServiceError as error:
            answer = error
        except Exception as error:
            log.exception("action=asking-broken", scorer=line.counter.account.scorer)
            answer = _broken(line, error)
        with self._changed:
            self._waiting.asked(line, answer, asked_at)
            self._changed.notify_all()

    def _call(self, line: Line, items: Sequence[Item]) -> None:
        account = line.counter.account
        try:
            landed = account.call(line.job_id, items, lambda: self._is_wanted(line, items))
        except Exception as error:
            # The boundary of a caller's thread: what is unforeseen costs no thread, and no other call's segments.
            log.exception("action=call-broken", scorer=account.scorer)
            with self._changed:
                self._waiting.broke(line, items, _broken(line, error).problem)
                self._changed.notify_all()
            return
        with self._changed:
            self._waiting.land(line, items, landed)
            self._changed.notify_all()
        if landed.is_spent:
            self._counters.stop_job(line.job_id)

    def _is_wanted(self, line: Line, items: Sequence[Item]) -> bool:
        """Whether a call that waits for its turn shall still be made; asked without the lock, for a moment's truth."""
        return line.is_open(time.monotonic()) and any(item.is_wanted for item in items)


def _broken(line: Line, error: Exception) -> ServiceError:
    reason = f"calling {line.counter.account.scorer} broke: unexpected {type(error).__name__}"
    return ServiceError("service.error", reason, "please report this")
