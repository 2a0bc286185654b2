"""A whole worker process: a station with its children, the bell, the reaper's loop, and what it reports of itself.

It knows no Celery: whoever delivers bells calls `serve`, and `drain` when the end is near.
"""

import os
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata

import structlog

from db.errors import StoreError
from db.fleet import FleetStore, WorkerReport
from db.store import Store
from workers.bell import Bell, Broker, BrokerLost
from workers.desk import Terms
from workers.ears import Ears
from workers.mounts import Mounts
from workers.places import RootedPlaces
from workers.reaper import Reaper
from workers.roots import MediaRoots
from workers.settings import Settings
from workers.skills import Skills, Territory
from workers.staging import staging_of
from workers.station import Crew, Station

log = structlog.get_logger(__name__)

REPORT_EVERY_S = 3.0
BRIEF_S = 5.0
"""How long what is done again soon waits for a busy database."""


@dataclass(frozen=True, slots=True)
class Duty:
    """What a worker is there for."""

    concurrency: int
    queues: tuple[str, ...]


def unique_name() -> str:
    """This process among all that ever ran: containers may share host names and process ids."""
    return f"{socket.gethostname()}:{os.getpid()}:{os.urandom(3).hex()}"


class Reporter:
    """Tells the database, every few seconds, that we are there."""

    def __init__(self, store: Store, name: str, duty: Duty, roots: Callable[[], Sequence[str]] = tuple) -> None:
        self._fleet = FleetStore(store.engine, store.patience_s)
        self._name = name
        self._duty = duty
        self._roots = roots

    def report(self, state: str = "working", note: str | None = None) -> None:
        """Once. Raises StoreError."""
        host = socket.gethostname()
        version = metadata.version("moodreel")
        queues, roots = ",".join(self._duty.queues), ",".join(self._roots())
        report = WorkerReport(
            self._name, host, os.getpid(), queues, self._duty.concurrency, version, state, note, roots
        )
        self._fleet.report(report)

    def run(self, stopped: threading.Event, say: Callable[[], tuple[str, str | None]]) -> None:
        """Until `stopped`; `say` gives state and note, or raises a StoreError."""
        while not stopped.is_set():
            self._try(say)
            stopped.wait(REPORT_EVERY_S)
        self._try(lambda: ("gone", None))

    def _try(self, say: Callable[[], tuple[str, str | None]]) -> None:
        try:
            self.report(*say())
        except StoreError as error:
            log.warning("action=not-reported", error=str(error))


class Machine:
    """A worker. Close it and nothing of it is left running."""

    def __init__(self, settings: Settings, roots: MediaRoots, broker: Broker, duty: Duty) -> None:
        name = unique_name()
        self._store = Store.open(settings.database_url)
        brief = Store(self._store.engine, BRIEF_S)
        fleet = FleetStore(self._store.engine, BRIEF_S)
        self._skills = Skills(fleet)
        self._mounts = Mounts(roots)
        territory = Territory(self._skills, self._mounts, duty.queues)
        terms = Terms(territory=territory, lease_s=settings.lease_s)
        self._staging = staging_of(settings)
        places = RootedPlaces(roots, self._mounts, self._staging)
        self._station = Station(self._store, name, places, terms, Crew(settings.limits, settings.device))
        self._bell = Bell(fleet, self._skills, broker)
        self._reaper = Reaper(brief, self._bell)
        reporter = Reporter(brief, name, duty, self._mounts.names)
        self._over = threading.Event()
        self._reaping = threading.Thread(target=self._reaper.run, args=(self._over.wait,), name="reaper", daemon=True)
        self._reporting = threading.Thread(
            target=reporter.run, args=(self._over, self._state), name="reporter", daemon=True
        )
        self._ears = Ears(broker, duty.queues)
        self._listening = threading.Thread(
            target=self._ears.run, args=(self._over.wait, self._give_up), name="ears", daemon=True
        )
        self.is_deaf = False
        """Whether bells wait and none reaches us: we asked ourselves to end, to be started anew."""
        for thread in self._threads:
            thread.start()

    def serve(self, segment_ids: Sequence[int]) -> None:
        """Work through these segments and others, then have somebody rung for what is left."""
        with self._ears.answering():
            more = self._station.serve(segment_ids)
        if more:
            try:
                self._bell.ring()
            except (BrokerLost, StoreError) as error:
                log.warning("action=not-rung", reason=str(error))  # the reaper rings soon

    def drain(self) -> None:
        """Begin nothing more. Safe in a signal handler."""
        self._station.drain()

    def stop_now(self) -> None:
        """Give back what is in hand, within a moment. Safe in a signal handler."""
        self._station.stop_now()

    def finish(self) -> None:
        """Begin nothing more, and wait for what is in hand, for a while."""
        self._station.finish()

    def close(self) -> None:
        """Stop, give back, say goodbye."""
        self._station.close()
        self._staging.close()
        self._over.set()
        for thread in self._threads:
            thread.join()
        self._store.close()

    @property
    def _threads(self) -> tuple[threading.Thread, ...]:
        return self._reaping, self._reporting, self._listening

    def _give_up(self) -> None:
        self.is_deaf = True
        os.kill(os.getpid(), signal.SIGTERM)

    def _state(self) -> tuple[str, str | None]:
        if self._station.trouble is not None:
            return "paused", self._station.trouble
        notes = [*self._mounts.lacks(), *self._skills.lacks(), *filter(None, (self._reaper.trouble,))]
        return "working", "; ".join(notes) or None
