"""A job for a fleet: its files are walked, probed and admitted here, and workers are rung for as they come."""

import time

import structlog

from db.errors import DatabaseUnavailable
from db.fleet import FleetStore
from db.records import JobRecord
from db.states import JobState
from db.store import Store
from jobs.control import Controls, RunOutcome
from jobs.embedded import stoppable
from jobs.intake import Intake, Places
from jobs.naming import NamedByRoots
from jobs.progress import Progress
from jobs.request import RunRequest
from jobs.run import Runner
from workers.bell import Bell, BrokerLost
from workers.roots import fleet_roots
from workers.settings import Settings
from workers.skills import Skills
from workers.staging import staging_of
from workers.supervisor import Supervisor

log = structlog.get_logger(__name__)

RING_EVERY_S = 1.0
TRY_AGAIN_S = 10.0
"""How long a broker that cannot be reached is left alone: each try holds up the walk."""


class Ringer:
    """Rings now and then while files are admitted. A broker that is gone costs nothing but time: the reaper rings."""

    def __init__(self, settings: Settings, store: Store, progress: Progress) -> None:
        from workers.app import CeleryBroker, app

        app.settings = settings
        fleet = FleetStore(store.engine, store.patience_s)
        self._bell = Bell(fleet, Skills(fleet), CeleryBroker())
        self._progress = progress
        self._next = 0.0
        self._said = False

    def ring(self) -> None:
        """Now."""
        try:
            self._bell.ring()
        except BrokerLost as error:
            self._next = time.monotonic() + TRY_AGAIN_S
            if not self._said:
                self._progress.say(f"{error}; nothing is lost: a worker or the reaper rings once it is back")
            self._said = True
        except DatabaseUnavailable as error:
            log.warning("action=not-rung", reason=str(error))  # what the walk writes next waits for it

    def now_and_then(self) -> None:
        """If it is time again."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + RING_EVERY_S
            self.ring()


def submit(
    settings: Settings,
    store: Store,
    job: JobRecord,
    request: RunRequest,
    progress: Progress,
    places: Places | None = None,
) -> RunOutcome | None:
    """Walk a job until every file is known, or somebody stops it; None where it was walked before."""
    ringer = Ringer(settings, store, progress)
    if job.state is not JobState.DISCOVERING:
        ringer.ring()
        return None
    naming = NamedByRoots(fleet_roots(settings))
    patient = Store(store.engine)
    with (
        stoppable() as stop,
        Supervisor(settings.workers, settings.limits, settings.device) as supervisor,
        staging_of(settings) as staging,
        Intake(patient, job, request, places, naming, staging) as intake,
    ):
        controls = Controls(progress, stop, analyse=False, now_and_then=ringer.now_and_then)
        outcome = Runner(patient, job, supervisor, intake, controls).run()
    ringer.ring()
    return outcome


def require_places(settings: Settings, request: RunRequest) -> None:
    """Raise SettingsError where workers could not find what is submitted: a path in no media root."""
    naming = NamedByRoots(fleet_roots(settings))
    for path in request.paths:
        naming.stored(path, b"")
