"""What the commands that analyse share: settings, the database, a run, and what is shown of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from db.records import FilePlace, JobRecord
    from db.store import Store
    from jobs.control import RunOutcome
    from jobs.embedded import Means
    from jobs.request import CallLimits, RunRequest
    from workers.settings import Settings
    from workers.supervisor import Supervisor

PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Show:
    """What a command shows of a run."""

    quiet: bool = False
    as_json: bool = False
    profile: bool = False
    watch: bool = False
    """Of a job that others work on: stay and look."""


def settings_of(
    database: str | None, workers: int | None = None, device: str | None = None, rate: str | None = None
) -> "Settings":
    """The settings in force, with logging and the model cache set up accordingly."""
    from jobs.logs import configure
    from workers.settings import Settings

    settings = Settings.load(database_url=database, workers=workers, device=device, rate=rate)
    configure(settings.log_level)
    settings.share_model_cache()
    return settings


def open_store(settings: "Settings", *, create: bool = False) -> "Store":
    """The database, for somebody who waits at the keyboard: a busy one is given up on after a few seconds."""
    from db.store import Store

    return Store.open(settings.database_url, create=create, patience_s=PATIENCE_S)


def run_new(settings: "Settings", request: "RunRequest", show: Show) -> "RunOutcome":
    """Make a job of a request, and run it."""
    with _crew(settings) as crew:
        from jobs.embedded import Means
        from jobs.lock import run_lock
        from jobs.submit import create_job, require_device, require_service
        from workers.desk import owner_name

        require_device(settings.device)
        require_service(settings, request)
        with open_store(settings, create=True) as store, run_lock(store.file):
            return _run(Means(settings, store, crew), create_job(store, request, owner_name()), request, show)


def _crew(settings: "Settings") -> "Supervisor":
    """The children of a run, of whom one loads its libraries while we load ours and make the database ready."""
    from workers.supervisor import Supervisor

    return Supervisor(settings.workers, settings.limits, settings.device, early=True)


def run_on(
    settings: "Settings", reference: str, show: Show, *, only_failed: bool = False, limits: "CallLimits | None" = None
) -> int:
    """Go on with a job, or try again what failed in it, where it was begun: here or on a fleet. The exit code."""
    from jobs.cli.queueing import submit_on
    from jobs.cli.summary import exit_code
    from jobs.embedded import Means
    from jobs.lock import run_lock
    from jobs.request import RunRequest
    from jobs.submit import require_device, require_same_models, require_service

    require_device(settings.device)
    with open_store(settings) as store, run_lock(store.file):
        job = store.jobs.find(reference)
        request = RunRequest.from_json(job.request_json)
        require_same_models(request)
        if limits is not None:
            allow(store, job, request, limits)
            request = RunRequest.from_json(store.jobs.get(job.id).request_json)
        if request.fleet:
            return submit_on(settings, store, job, show, only_failed=only_failed)
        require_service(settings, request)
        places = take_up(store, job, only_failed=only_failed)
        if places is NOTHING:
            return 0
        walked = None if places is None else [(one.root, one.relative) for one in places]
        with _crew(settings) as crew:
            return exit_code(_run(Means(settings, store, crew), store.jobs.get(job.id), request, show, walked))


def allow(store: "Store", job: "JobRecord", request: "RunRequest", limits: "CallLimits") -> None:
    """Give a job other bounds on its calls, where any are given. Raises SettingsError."""
    from workers.services.rate import parse_rate

    changed = None
    if limits.rate is not None:
        parse_rate(limits.rate)
        changed = replace(request, calls=limits).to_json()
    store.jobs.allow(job.id, limits.max_calls, limits.max_cost, changed)


NOTHING: "Sequence[FilePlace]" = ()
"""There is nothing to take up."""


def take_up(store: "Store", job: "JobRecord", *, only_failed: bool) -> "Sequence[FilePlace] | None":
    """Make a job live again, or what failed in it: the files to walk again, None for all, or NOTHING to do."""
    from jobs.cli.output import say

    if not only_failed:
        store.jobs.revive(job.id)
        return None
    # Where the walk was complete, only the files that could not be read are looked at again.
    places = list(store.jobs.unread(job.id)) if job.sealed_at else None
    if not store.jobs.retry(job.id):
        say("nothing has failed in this job")
        return NOTHING
    return places


def _run(
    means: "Means",
    job: "JobRecord",
    request: "RunRequest",
    show: Show,
    places: "Sequence[tuple[bytes, bytes]] | None" = None,
) -> "RunOutcome":
    from jobs.cli.summary import show_summary
    from jobs.embedded import analyse
    from jobs.progress import progress

    with progress(quiet=show.quiet, as_json=show.as_json) as display:
        outcome = analyse(means, job, request, display, places)
    store = means.store
    if not show.quiet:
        show_summary(store, store.jobs.get(job.id), outcome, as_json=show.as_json, profile=show.profile)
    return outcome
