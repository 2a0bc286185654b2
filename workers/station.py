"""A worker process of a fleet: one child for each of its threads, one keeper for the leases of all.

A thread that hears a bell works through the segments it names, then through whatever else is runnable for a while, so
that the pace of the work does not hang on the pace of the messages.
"""

import itertools
import threading
import time
from collections.abc import Sequence
from contextlib import suppress

import structlog

from db.errors import StoreError
from db.fleet import FleetStore
from db.store import Store
from workers.desk import Assignment, Desk
from workers.events import Event, ItemDone, ItemFailed, Task, TaskEnded
from workers.failures import ChildCannotStart, ChildStopped
from workers.lane import Lane
from workers.limits import ChildLimits, deadline_s
from workers.messages import SegmentResult
from workers.places import Places

log = structlog.get_logger(__name__)

STINT_S = 10.0
"""How long a thread goes on claiming after its bell: then the broker may see the message done, and rings again."""
KEEP_EVERY_S = 2.0
GRACE_S = 60.0
"""What a lease may outlive the deadline of the work by: a thread that is stuck loses its segments after that."""


class Bench:
    """One thread's place: a desk with claims, a lane with a child."""

    def __init__(self, store: Store, owner: str, places: Places, lane: Lane) -> None:
        self.desk = Desk(store, owner, places)
        self.lane = lane
        self._numbers = itertools.count()
        self._honest_until = 0.0

    @property
    def is_honest(self) -> bool:
        """Whether the work in hand is still within its time: only then is its lease kept alive."""
        return time.monotonic() < self._honest_until

    def work(self, assignment: Assignment, limits: ChildLimits) -> None:
        """Analyse and settle. Raises ChildCannotStart, ChildStopped, StoreError; what was held then goes back."""
        self._honest_until = (
            time.monotonic() + sum(deadline_s(item, limits) for item in assignment.request.items) + GRACE_S
        )
        before: Event | None = None
        try:
            for event in self.lane.run(Task(next(self._numbers), assignment.request)):
                self._settle(assignment, event, child_died=isinstance(before, ItemFailed))
                self.desk.turn()
                before = event
        except (ChildCannotStart, ChildStopped):
            self.desk.untouched(assignment.claims)
            raise
        finally:
            self.desk.flush()

    def _settle(self, assignment: Assignment, event: Event, *, child_died: bool) -> None:
        match event:
            case ItemDone(_, index, SegmentResult() as result):
                self.desk.done(assignment.claims[index], result)
            case ItemFailed(_, index, problem):
                self.desk.failed(assignment.claims[index], problem)
            case TaskEnded(_, untouched):
                left = [assignment.claims[index] for index in untouched]
                (self.desk.keep if child_died else self.desk.untouched)(left)


class Station:
    """All benches of one process. Close it and no child is left behind, and what was claimed is given back."""

    def __init__(self, store: Store, name: str, places: Places, limits: ChildLimits, device: str = "auto") -> None:
        self._store = store
        self._fleet = FleetStore(store.engine, store.patience_s)
        self._name = name
        self._places = places
        self._limits = limits
        self._device = device
        self._local = threading.local()
        self._benches: list[Bench] = []
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)
        self._keeper.start()

    @property
    def stopping(self) -> bool:
        """Whether nothing more is to be begun."""
        return self._stopping.is_set()

    def serve(self, segment_ids: Sequence[int]) -> int:
        """Work through these segments, then through others for a while. Returns how many were settled."""
        bench = self._bench()
        before = bench.desk.counts.segments
        until = time.monotonic() + STINT_S
        with suppress(ChildStopped):  # we are closing: what was in hand went back
            while not self.stopping and (assignment := self._next(bench, segment_ids, until)) is not None:
                segment_ids = ()
                bench.work(assignment, self._limits)
        bench.desk.give_back_singles()
        bench.desk.flush()
        return bench.desk.counts.segments - before

    def close(self) -> None:
        """Stop at once: children are killed, what they had in hand goes back untouched."""
        self._stopping.set()
        with self._lock:
            benches = list(self._benches)
        for bench in benches:
            bench.lane.stop_now()
        self._keeper.join()
        for bench in benches:
            bench.lane.close()

    def _next(self, bench: Bench, segment_ids: Sequence[int], until: float) -> Assignment | None:
        """What the bell named comes first, then anything, while the stint lasts."""
        named = bench.desk.take(segment_ids) if segment_ids else None
        return named or (bench.desk.take() if time.monotonic() < until else None)

    def _bench(self) -> Bench:
        bench: Bench | None = getattr(self._local, "bench", None)
        if bench is None:
            with self._lock:
                owner = f"{self._name}/{len(self._benches)}"
                bench = Bench(self._store, owner, self._places, Lane(self._limits, self._device))
                self._benches.append(bench)
            self._local.bench = bench
        return bench

    def _keep(self) -> None:
        while not self._stopping.wait(KEEP_EVERY_S):
            with self._lock:
                benches = list(self._benches)
            for bench in benches:
                try:
                    self._keep_bench(bench)
                except StoreError as error:
                    log.warning("action=lease-not-kept", error=str(error))

    def _keep_bench(self, bench: Bench) -> None:
        fences = bench.desk.fences
        if not fences or not bench.is_honest:
            return
        bench.desk.extend()
        if len(self._fleet.unwanted(fences)) == len(fences):
            log.info("action=work-abandoned", segments=len(fences))
            bench.lane.abandon()
