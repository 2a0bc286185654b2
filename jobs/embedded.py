"""A whole run on this machine, set up and torn down: signals, children, walk, loop."""

import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from db.records import JobCounts, JobRecord
from db.states import JobState
from db.store import Store
from jobs.control import Controls, RunOutcome, Stop, WalkInterrupted
from jobs.intake import Intake, Places
from jobs.progress import Progress
from jobs.request import RunRequest
from jobs.run import Runner
from jobs.submit import create_job
from jobs.tracks import finish_tracks, void_claims
from workers.desk import owner_name
from workers.messages import Give
from workers.places import NamedPlaces
from workers.scoring.catalogue import give_of
from workers.settings import Settings, file_url
from workers.staging import staging_of
from workers.supervisor import Supervisor

if TYPE_CHECKING:
    from workers.services.scoring import ServiceScoring


@dataclass(frozen=True, slots=True)
class Means:
    """What a run works with. Whoever has the store holds its run lock."""

    settings: Settings
    store: Store
    crew: Supervisor


def analyse(
    means: Means, job: JobRecord, request: RunRequest, progress: Progress, places: Places | None = None
) -> RunOutcome:
    """Run a job until it is finished, interrupted or cancelled.

    A job that is still discovering is walked: over all it asked for, or over `places` of it only.
    """
    settings, crew = means.settings, means.crew
    patient = Store(means.store.engine)  # a run in the middle of its work waits longer than a person at the keyboard
    with (
        stoppable() as stop,
        staging_of(settings) as staging,
        services_of(settings, patient, request) as services,
    ):
        controls = Controls(progress, stop, places=NamedPlaces(staging), services=services)
        void_claims(patient)
        if job.state is not JobState.DISCOVERING:
            outcome = Runner(patient, job, crew, None, controls).run()
        else:
            with Intake(patient, job, request, places, staging=staging) as intake:
                outcome = Runner(patient, job, crew, intake, controls).run()
        return finish_tracks(patient, job.id, settings.track_gap_s, stop, progress, outcome)


@contextmanager
def services_of(settings: Settings, store: Store, request: RunRequest) -> Iterator["ServiceScoring | None"]:
    """Who calls the service that a request asks for, if it does. This process has nothing else to do than to wait for
    it; where Redis is set, the rate is shared through it with whoever else uses the account.
    """
    if give_of(request.analysis) is Give.SCORES:
        yield None
        return
    from workers.services.scoring import Manners, ServiceScoring

    redis_url = settings.broker_url if "broker_url" in settings.model_fields_set else None
    with ServiceScoring(store, settings, Manners(is_patient=True, linger_s=None, redis_url=redis_url)) as services:
        yield services


@dataclass(frozen=True, slots=True)
class Preview:
    """What a run would do: a job in a throw-away database."""

    store: Store
    job: JobRecord
    counts: JobCounts


@contextmanager
def preview(settings: Settings, request: RunRequest, progress: Progress) -> Iterator[Preview]:
    """Walk and probe as a run would, into a database that is thrown away. Nothing is analysed.

    Raises WalkInterrupted where somebody stopped it.
    """
    with (
        tempfile.TemporaryDirectory(prefix="moodreel-") as folder,
        Store.open(file_url(Path(folder) / "preview.db"), create=True) as store,
        stoppable() as stop,
        Supervisor(settings.workers, settings.limits, settings.device) as crew,
        staging_of(settings) as staging,
    ):
        job = create_job(store, request, owner_name())
        with Intake(store, job, request, staging=staging) as intake:
            Runner(store, job, crew, intake, Controls(progress, stop, analyse=False)).run()
        if stop.level:
            raise WalkInterrupted
        yield Preview(store, job, store.jobs.counts(job.id))


@contextmanager
def stoppable() -> Iterator[Stop]:
    """Ctrl-C asks to finish, a second one and every other end ask to stop now."""
    stop = Stop()
    handlers = {
        signal.SIGINT: lambda *_: stop.ask(),
        signal.SIGTERM: lambda *_: stop.now(),
        signal.SIGHUP: lambda *_: stop.now(),
    }
    # What our caller ignores stays ignored: `nohup moodreel run` outlives its terminal.
    heard = {number: handler for number, handler in handlers.items() if signal.getsignal(number) is not signal.SIG_IGN}
    before = {number: signal.signal(number, handler) for number, handler in heard.items()}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
