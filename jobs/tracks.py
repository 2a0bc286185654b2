"""Tracks on this machine: of what a run has completed, or of a whole job anew."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from db.store import Store
from db.tracks import TrackStore
from jobs.control import Ending, RunOutcome, Stop
from jobs.progress import Progress
from workers.desk import owner_name
from workers.tracking.assigning import Assigner, TrackCounts
from workers.tracking.tracker import REVISION


@dataclass(frozen=True, slots=True)
class Anew:
    """What assigning anew has done."""

    counts: TrackCounts
    waiting: int
    """Videos of the job that another is at, or that are left because somebody stopped it."""


def finish_tracks(
    store: Store, job_id: str, gap_s: float | None, stop: Stop, progress: Progress, outcome: RunOutcome
) -> RunOutcome:
    """Assign the tracks of all that the job asks for and that is complete, before a run says how it ended.

    A gap that the settings ask for is also that of what was assigned before. Raises StoreError.
    """

    def is_stopped() -> bool:
        return stop.level > 0

    if outcome.ending not in (Ending.FINISHED, Ending.STOPPED) or is_stopped():
        return outcome
    began = time.monotonic()
    tracks = TrackStore(store.engine, store.patience_s)
    tracks.renew(REVISION, job_id, gap_s)
    counts = _assign(store, job_id, gap_s, is_stopped)
    if counts.failed:
        progress.say(f"the tracks of {counts.failed} videos could not be assigned: please report what the log says")
    ending = Ending.INTERRUPTED if is_stopped() and tracks.waiting(job_id, REVISION) else outcome.ending
    return replace(outcome, ending=ending, elapsed_s=outcome.elapsed_s + time.monotonic() - began)


def assign_anew(store: Store, job_id: str, gap_s: float | None, default_s: float | None, stop: Stop) -> Anew:
    """Assign the tracks of a job's complete videos once more; `default_s` is the gap of the settings. What is left
    undone, workers or the next run do. Raises StoreError.
    """
    tracks = TrackStore(store.engine, store.patience_s)
    tracks.renew_all(job_id, gap_s)
    counts = _assign(store, job_id, default_s, lambda: stop.level > 0)
    return Anew(counts, tracks.waiting(job_id, REVISION))


def void_claims(store: Store) -> None:
    """On an SQLite file, whose lock we hold: whoever was assigning tracks is gone."""
    if store.file is not None:
        TrackStore(store.engine, store.patience_s).release_all()


def _assign(store: Store, job_id: str, gap_s: float | None, is_stopped: Callable[[], bool]) -> TrackCounts:
    assigner = Assigner(store, f"{owner_name()}/tracks", gap_s, is_stopped)
    while assigner.assign_next(job_id):
        pass
    return assigner.counts
