"""The loop that no message drives: leases that ran out, bells that were lost, jobs that are done.

Every worker runs it in a thread, and `moodreel reaper` runs it alone; PostgreSQL elects the one that acts. It is not a
task, so it cannot get stuck in the queue that it looks after.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from db.errors import StoreError
from db.fleet import FleetStore, Seat
from db.ledger import LedgerStore
from db.store import Store
from workers.bell import Bell, BrokerLost

log = structlog.get_logger(__name__)

TICK_S = 5.0
FORGET_WORKERS_S = 3600.0
LOST_S = 1200.0
"""A call of which nothing was heard for so long is given up: the longest that one may take is half of it."""


@dataclass(frozen=True, slots=True)
class Tick:
    """What one tick did."""

    expired: int
    sent: int
    finished: int
    trouble: str | None = None
    """Why nobody could be rung for, if so."""


class Reaper:
    """Looks after what no worker has in hand."""

    def __init__(self, store: Store, bell: Bell) -> None:
        self._store = store
        self._fleet = FleetStore(store.engine, store.patience_s)
        self._ledger = LedgerStore(store.engine, store.patience_s)
        self._bell = bell
        self._trouble: str | None = None

    @property
    def trouble(self) -> str | None:
        """Why nobody can be rung for, if this is the one that rings."""
        return self._trouble

    def run(self, wait: Callable[[float], bool]) -> None:
        """Stand by, and tick while elected, until `wait` (seconds) says that it is over."""
        over = False
        while not over:
            try:
                with self._fleet.reaping() as seat:
                    over = self._stand_by(wait) if seat is None else self._reign(seat, wait)
            except StoreError as error:
                self._say(str(error))
                over = wait(TICK_S)

    def tick(self) -> Tick:
        """Once round. Raises StoreError; a broker that is gone is said, and tried again at the next tick."""
        expired = self._store.segments.expire()
        if expired:
            log.warning("action=leases-expired", segments=expired)
        lost = self._ledger.lose_open(LOST_S)
        if lost:
            log.warning("action=calls-lost", calls=lost)
        sent, trouble = 0, None
        try:
            self._bell.notice_loss()
            sent = self._bell.ring()
        except BrokerLost as error:
            trouble = str(error)
        self._say(trouble)
        self._fleet.forget_workers(FORGET_WORKERS_S)
        return Tick(expired, sent, self._fleet.finish_jobs(), trouble)

    def _stand_by(self, wait: Callable[[float], bool]) -> bool:
        self._say(None)  # whatever it was, another minds it
        return wait(TICK_S)

    def _reign(self, seat: Seat, wait: Callable[[float], bool]) -> bool:
        log.info("action=reaper-elected")
        while True:
            began = time.monotonic()
            seat.confirm()
            self.tick()
            if wait(max(0.0, TICK_S - (time.monotonic() - began))):
                return True

    def _say(self, trouble: str | None) -> None:
        """Once when it begins, once when it is over."""
        if trouble != self._trouble:
            if trouble is not None:
                log.warning("action=reaper-hindered", reason=trouble)
            else:
                log.warning("action=reaper-goes-on")
            self._trouble = trouble
