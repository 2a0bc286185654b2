"""What `submit`, `resume` and `retry` do with a job of a fleet: walk it, ring for it, and stay to look if asked."""

import time
from typing import TYPE_CHECKING

from jobs.cli.working import NOTHING, Show, open_store, take_up

if TYPE_CHECKING:
    from datetime import datetime

    from db.records import JobRecord
    from db.store import Store
    from jobs.control import RunOutcome
    from jobs.intake import Places
    from jobs.request import RunRequest
    from workers.settings import Settings

TRACKS_S = 30.0
"""How long whoever watches waits for tracks once all segments are done."""
LOOK_EVERY_S = 0.5


def require_celery() -> None:
    """Raise UsageError where the libraries of a fleet are not installed."""
    from importlib.util import find_spec

    from jobs.errors import UsageError

    if find_spec("celery") is None or find_spec("redis") is None:
        raise UsageError("a fleet needs Celery and the client of Redis", "pip install 'moodreel[fleet]'")


def submit_new(settings: "Settings", request: "RunRequest", show: Show) -> int:
    """Make a job of a request, print its id, and queue it. The exit code."""
    from jobs.cli.output import write_json, write_line
    from jobs.submission import require_places
    from jobs.submit import create_job
    from workers.desk import owner_name

    require_places(settings, request)
    with open_store(settings, create=True) as store:
        job = create_job(store, request, owner_name())
        if not show.as_json:
            write_line(job.id)
        elif not show.watch:
            write_json({"job": job.id})
        return _queue(settings, store, job, show, None)


def submit_on(settings: "Settings", store: "Store", job: "JobRecord", show: Show, *, only_failed: bool) -> int:
    """Go on with a job of a fleet, or have tried again what failed in it. The exit code."""
    from jobs.naming import NamedByRoots
    from workers.roots import fleet_roots

    require_celery()
    naming = NamedByRoots(fleet_roots(settings))
    places = take_up(store, job, only_failed=only_failed)
    if places is NOTHING:
        return 0
    walked = None if places is None else [naming.walked(place) for place in places]
    return _queue(settings, store, store.jobs.get(job.id), show, walked)


def _queue(settings: "Settings", store: "Store", job: "JobRecord", show: Show, places: "Places | None") -> int:
    from db.pace import PaceStore
    from jobs.cli.jobs import watch_job
    from jobs.cli.output import say
    from jobs.cli.summary import exit_code, say_totals, short, show_summary
    from jobs.control import Ending
    from jobs.errors import ExitCode
    from jobs.progress import progress
    from jobs.request import RunRequest
    from jobs.submission import submit

    request = RunRequest.from_json(job.request_json)
    began, since = time.monotonic(), PaceStore(store.engine).moment()
    with progress(quiet=show.quiet, as_json=show.as_json, notices_only=not show.watch) as display:
        outcome = submit(settings, store, job, request, display, places)
    if outcome is not None and outcome.ending is Ending.INTERRUPTED:
        say(f"interrupted: `moodreel resume {short(job.id)}` continues the walk; what was found is analysed meanwhile")
        return ExitCode.INTERRUPTED
    if not show.watch:
        if not show.quiet:
            say(_queued(store, job))
        return ExitCode.OK
    watch_job(settings, store, store.jobs.get(job.id), quiet=show.quiet, as_json=show.as_json)
    await_tracks(store, job)
    seen = _seen(store, job, since, time.monotonic() - began)
    if show.as_json:
        show_summary(store, store.jobs.get(job.id), seen, as_json=True, profile=False)
    elif not show.quiet:
        say_totals(store, store.jobs.get(job.id), seen)
    return exit_code(seen)


def await_tracks(store: "Store", job: "JobRecord") -> None:
    """Workers assign tracks within seconds of the last segment: whoever reads the results next shall find them."""
    from db.tracks import TrackStore
    from jobs.cli.output import say
    from workers.tracking.tracker import REVISION

    tracks = TrackStore(store.engine, store.patience_s)
    until = time.monotonic() + TRACKS_S
    while store.jobs.counts(job.id).finished and (waiting := tracks.waiting(job.id, REVISION)):
        if time.monotonic() > until:
            say(f"{waiting} videos have no tracks yet: a worker will assign them")
            return
        time.sleep(LOOK_EVERY_S)


def _queued(store: "Store", job: "JobRecord") -> str:
    from jobs.cli.summary import short
    from jobs.words import numbered

    counts = store.jobs.counts(job.id)
    waiting = counts.queued + counts.running
    return f"job {short(job.id)}: {numbered(counts.files, 'file')}, {numbered(waiting, 'segment')} for the workers"


def _seen(store: "Store", job: "JobRecord", since: "datetime", elapsed_s: float) -> "RunOutcome":
    """What became of a job while we looked, whoever did it."""
    from db.pace import PaceStore
    from db.states import JobState
    from jobs.control import Ending, RunOutcome
    from workers.tally import DeskCounts

    now, done = store.jobs.counts(job.id), PaceStore(store.engine).done_since(job.id, since)
    ending = Ending.FINISHED if now.finished else Ending.INTERRUPTED
    if (record := store.jobs.get(job.id)).state is JobState.CANCELLED:
        ending = Ending.CANCELLED if record.stop_reason is None else Ending.STOPPED
    desk = DeskCounts(segments=done.segments, frames=done.frames, media_s=done.media_s)
    return RunOutcome(ending, now, desk, elapsed_s)
