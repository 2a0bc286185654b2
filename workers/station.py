"""A worker's benches: one child for each of its threads, one keeper for the leases of all.

A thread that hears a bell works through the segments it names, then through whatever else is runnable for a while, so
that the pace of the work does not hang on the pace of the messages.
"""

import math
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

from db.errors import StoreError
from db.fleet import FleetStore
from db.store import Store
from workers.bench import Bench
from workers.desk import Assignment, Desk, Terms
from workers.errors import MachineFault
from workers.failures import ChildCannotStart, ChildStopped
from workers.lane import Lane
from workers.limits import ChildLimits
from workers.places import Places
from workers.services.scoring import ServiceScoring

log = structlog.get_logger(__name__)

STINT_S = 10.0
"""How long a thread goes on claiming after its bell: then the broker may see the message done, and rings again."""
KEEP_EVERY_S = 1.0
LONGER_S = (20.0, 80.0)
"""By how much a stint is longer whose faces services score: by another time for each bench, so that never all wait."""
DRAIN_S = 20.0
"""How long segments in hand may run on once the worker is to stop; then they go back untouched."""
LEAVE_S = 10.0
"""How long they may take to go back; a database that is away need not hear it: their leases run out."""
LOOK_EVERY_S = 0.05
PAUSE_S = 30.0
"""When a machine that could not work is tried again."""
DATABASE_PAUSE_S = 5.0
"""The same where only the database could not be reached: it is asked before anything is claimed."""
FORGET_S = 10.0


@dataclass(frozen=True, slots=True)
class Crew:
    """How a station's children are made, and who calls services for them."""

    limits: ChildLimits
    device: str = "auto"
    services: ServiceScoring | None = None


class Station:
    """All benches of one process. Close it and no child is left behind, and what was claimed is given back."""

    def __init__(self, store: Store, name: str, places: Places, terms: Terms, crew: Crew) -> None:
        self._store = store
        self._fleet = FleetStore(store.engine, store.patience_s)
        self._name = name
        self._places = places
        self._terms = terms
        self._crew = crew
        self._local = threading.local()
        self._benches: list[Bench] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        # Plain values: they are set in signal handlers, where no lock may be taken.
        self._draining = False
        self._at_once = False
        self._drained_by: float | None = None
        self._trouble: str | None = None
        self._resumes_at = 0.0
        self._keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)
        self._keeper.start()

    @property
    def stopping(self) -> bool:
        """Whether nothing more is to be begun."""
        return self._draining or self._closing.is_set()

    @property
    def trouble(self) -> str | None:
        """Why this machine claims nothing at the moment, if so; forgotten where nobody rang since its next try."""
        return self._trouble if time.monotonic() < self._resumes_at + FORGET_S else None

    def serve(self, segment_ids: Sequence[int]) -> bool:
        """Work through these segments, then through others for a while. Returns whether there may be more to do."""
        until = time.monotonic() + STINT_S
        bench = self._bench()
        bench.is_busy = True
        try:
            self._stint(bench, segment_ids, until)
        except StoreError as error:
            self._pause(str(error), DATABASE_PAUSE_S)
        except Exception as error:
            # A mistake of ours must not burn through the queue: what was claimed runs out of its lease meanwhile.
            log.exception("action=stint-broken")
            self._pause(f"unexpected {type(error).__name__}: {error}", PAUSE_S)
        finally:
            bench.is_busy = False
        return time.monotonic() >= until

    def drain(self) -> None:
        """Begin nothing more; what is in hand may end within DRAIN_S. Safe in a signal handler."""
        self._draining = True

    def stop_now(self) -> None:
        """Have every child killed within a moment; what they had in hand goes back. Safe in a signal handler."""
        self._draining = self._at_once = True
        for bench in tuple(self._benches):
            bench.lane.stop_now()

    def finish(self) -> None:
        """Begin nothing more, and wait until what is in hand has ended, or went back when DRAIN_S were over."""
        self.drain()
        self._await_idle(DRAIN_S + LEAVE_S)

    def close(self) -> None:
        """Stop at once, and wait until every child is gone."""
        self._closing.set()
        self.stop_now()
        self._await_idle(LEAVE_S)  # what was in hand is given back by those who had it
        self._keeper.join()
        for bench in tuple(self._benches):
            bench.lane.close()

    def _await_idle(self, patience_s: float) -> None:
        until = time.monotonic() + patience_s
        while any(bench.is_busy for bench in tuple(self._benches)) and time.monotonic() < until:
            time.sleep(LOOK_EVERY_S)

    def _stint(self, bench: Bench, segment_ids: Sequence[int], until: float) -> None:
        named: Sequence[int] = segment_ids
        self._expect(bench, more=True)
        try:
            while not self.stopping:
                self._wait_out_trouble(named)
                self._await_room(bench)
                assignment = self._next(bench, named, until)
                if assignment is None:
                    break
                named = ()
                self._work(bench, assignment)
        finally:
            self._expect(bench, more=False)
            bench.desk.give_back_singles()
            self._await_answers(bench)
            bench.desk.flush()
            bench.desk.lose_sight()
            if named:  # not claimed by us: taken by another, or not for us
                self._fleet.unring(named)

    def _expect(self, bench: Bench, *, more: bool) -> None:
        """Whether this bench may bring faces that others could share a call with."""
        if self._crew.services is not None:
            self._crew.services.expect(bench, more=more)

    def _await_answers(self, bench: Bench) -> None:
        """Until services have ended all that they got from here; where we stop, only what is under way."""
        while bench.desk.is_awaiting:
            if self.stopping:
                bench.desk.withdraw(at_once=self._at_once)
            try:
                bench.desk.turn()
            except StoreError as error:  # what is paid for is kept until it can be written
                log.warning("action=answers-wait", reason=str(error))
                self._closing.wait(DATABASE_PAUSE_S)
            time.sleep(LOOK_EVERY_S)
        # Services that were silent for too long: who has these segments next shall not pay beside us.
        bench.desk.withdraw(at_once=True)
        bench.desk.turn()

    def _await_room(self, bench: Bench) -> None:
        """While services have more than enough to send, find no more faces."""
        while self._crew.services is not None and self._crew.services.is_full and not self.stopping:
            bench.desk.turn()
            time.sleep(LOOK_EVERY_S)

    def _work(self, bench: Bench, assignment: Assignment) -> None:
        try:
            with suppress(ChildStopped):  # we are stopping, or nobody wants it: what was in hand went back
                bench.work(assignment, self._crew.limits)
        except (ChildCannotStart, MachineFault) as error:
            self._pause(str(error), PAUSE_S)
        else:
            self._resume()

    def _pause(self, trouble: str, pause_s: float) -> None:
        self._resumes_at = time.monotonic() + pause_s
        if self._trouble is None:
            log.error("action=paused", reason=trouble)
        self._trouble = trouble

    def _resume(self) -> None:
        if self._trouble is not None:
            self._trouble = None
            log.warning("action=resumed")

    def _wait_out_trouble(self, segment_ids: Sequence[int]) -> None:
        """While this machine cannot work, hold the bell, so that we take no more of them, and let others have these."""
        if self._trouble is not None and segment_ids:
            self._fleet.unring(segment_ids)
        while self._trouble is not None and time.monotonic() < self._resumes_at and not self.stopping:
            self._closing.wait(KEEP_EVERY_S)

    def _next(self, bench: Bench, segment_ids: Sequence[int], until: float) -> Assignment | None:
        """What the bell named comes first, then anything, while the stint lasts."""
        if self.stopping:
            return None
        try:
            named = bench.desk.take(segment_ids, self._may_wait) if segment_ids else None
            return named or (bench.desk.take(wait=self._may_wait) if self._lasts(bench, until) else None)
        except MachineFault as error:
            self._pause(str(error), PAUSE_S)
            return None

    def _lasts(self, bench: Bench, until: float) -> bool:
        """Whether a stint goes on: while benches only wait for answers, nobody finds the next faces to ask about."""
        return time.monotonic() < until + (bench.longer_s if bench.desk.is_awaiting else 0.0)

    def _may_wait(self) -> bool:
        """Whether to wait for files that are still being fetched."""
        return not self.stopping

    def _bench(self) -> Bench:
        bench: Bench | None = getattr(self._local, "bench", None)
        if bench is None:
            with self._lock:
                owner = f"{self._name}/{len(self._benches)}"
                desk = Desk(self._store, owner, self._places, self._terms, self._crew.services)
                bench = Bench(desk, Lane(self._crew.limits, self._crew.device), _longer_s(len(self._benches)))
                self._benches.append(bench)
            self._local.bench = bench
        return bench

    def _keep(self) -> None:
        while not self._closing.wait(KEEP_EVERY_S):
            self._mind_the_drain()
            try:
                self._mind_the_leases()
            except StoreError as error:
                log.warning("action=lease-not-kept", error=str(error))

    def _mind_the_drain(self) -> None:
        if self._draining and self._drained_by is None:
            self._drained_by = time.monotonic() + DRAIN_S
        if self._drained_by is not None and time.monotonic() >= self._drained_by:
            self.stop_now()

    def _mind_the_leases(self) -> None:
        """Hold on to what is in hand and within its time, and stop what nobody wants: one question for all benches."""
        held = {bench: fences for bench in tuple(self._benches) if bench.is_honest and (fences := bench.desk.fences)}
        for bench in held:
            bench.desk.extend_if_due()
        unwanted = set(self._fleet.unwanted([fence for fences in held.values() for fence in fences])) if held else set()
        for bench, fences in held.items():
            bench.drop_if_unwanted(fences, unwanted)


def _longer_s(number: int) -> float:
    """Spread evenly, however many benches there are."""
    shortest, longest = LONGER_S
    return shortest + (longest - shortest) * (number * (math.sqrt(5) - 1) / 2 % 1)
