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
from workers.services.scoring import Manners, ServiceScoring
from workers.settings import Settings
from workers.skills import API, Skills, Territory
from workers.staging import staging_of
from workers.station import Crew, Station
from workers.tracking.rounds import TrackRounds

log = structlog.get_logger(__name__)

REPORT_EVERY_S = 3.0
LINGER_S = 3.0
"""How long a face waits for others to share a call with, while benches may bring more."""
SILENT_S = 30.0
"""A worker that has not reported for so long is gone."""
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


def _manners(settings: Settings, fleet: FleetStore) -> Manners:
    """Others wait for the same services: whoever has to wait long gives its segments back."""

    def share() -> int:
        return max(1, sum(API in one.queues for one in fleet.workers(SILENT_S)))

    return Manners(is_patient=False, linger_s=LINGER_S, redis_url=settings.broker_url, share=share)


class Machine:
    """A worker. Close it and nothing of it is left running."""

    def __init__(self, settings: Settings, roots: MediaRoots, broker: Broker, duty: Duty) -> None:
        name = unique_name()
        self._store = Store.open(settings.database_url)
        brief = Store(self._store.engine, BRIEF_S)
        fleet = FleetStore(self._store.engine, BRIEF_S)
        self._skills = Skills(fleet, settings)
        self._mounts = Mounts(roots)
        self._services = ServiceScoring(self._store, settings, _manners(settings, fleet))
        territory = Territory(self._skills, self._mounts, duty.queues, self._services.closed_scorers)
        terms = Terms(territory=territory, lease_s=settings.lease_s)
        self._staging = staging_of(settings)
        places = RootedPlaces(roots, self._mounts, self._staging)
        crew = Crew(settings.limits, settings.device, self._services)
        self._station = Station(self._store, name, places, terms, crew)
        self._bell = Bell(fleet, self._skills, broker)
        self._reaper = Reaper(brief, self._bell)
        reporter = Reporter(brief, name, duty, self._mounts.names)
        self._over = threading.Event()
        rounds = TrackRounds(brief, f"{name}/tracks", settings.track_gap_s, lambda: self._station.stopping)
        self._tracking = threading.Thread(target=rounds.run, args=(self._over.wait,), name="tracks", daemon=True)
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
        self._services.close()
        self._staging.close()
        self._over.set()
        for thread in self._threads:
            thread.join()
        self._store.close()

    @property
    def _threads(self) -> tuple[threading.Thread, ...]:
        return self._reaping, self._reporting, self._listening, self._tracking

    def _no_service(self) -> str | None:
        trouble = self._services.trouble
        return None if trouble is None else f"{trouble.scorer} cannot be called: {trouble.problem.reason}"

    def _give_up(self) -> None:
        self.is_deaf = True
        os.kill(os.getpid(), signal.SIGTERM)

    def _state(self) -> tuple[str, str | None]:
        if self._station.trouble is not None:
            return "paused", self._station.trouble
        notes = [
            *self._mounts.lacks(),
            *self._skills.lacks(),
            *filter(None, (self._reaper.trouble, self._no_service())),
        ]
        return "working", "; ".join(notes) or None
