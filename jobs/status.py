"""Where jobs stand, in words and numbers. Reads only; safe beside a run."""

from dataclasses import asdict, dataclass
from typing import Any

from db.records import JobCounts, JobRecord
from db.states import JobState
from db.store import Store
from jobs.lock import is_running


@dataclass(frozen=True, slots=True)
class JobStatus:
    """One job and where it stands."""

    job: JobRecord
    counts: JobCounts
    state: str

    def as_json(self) -> dict[str, Any]:
        """Plain values, for programs."""
        job = self.job
        return {
            "job": job.id,
            "name": job.name,
            "state": self.state,
            "created_at": job.created_at,
            "sealed_at": job.sealed_at,
            "program_version": job.program_version,
            "counts": asdict(self.counts),
        }


def status_of(store: Store, job: JobRecord) -> JobStatus:
    """Where one job stands."""
    counts = store.jobs.counts(job.id)
    left = counts.queued + counts.running
    state = state_of(job, left, counts.files_failed, worked_on=_worked_on(store, counts))
    return JobStatus(job, counts, state)


def _worked_on(store: Store, counts: JobCounts) -> bool | None:
    return worked_on(store) if store.file is not None or not counts.running else True


def worked_on(store: Store) -> bool | None:
    """Whether a run works on this database now; None for a server's, where only its own rows tell."""
    return None if store.file is None else is_running(store.file)


def state_of(job: JobRecord, left: int, failed: int, *, worked_on: bool | None) -> str:
    """A job's state in a word or two. `left`: segments to do; `failed`: files; `worked_on`: a run goes on now, or None
    where the database is a server's, and nobody here can tell.
    """
    if job.state is JobState.CANCELLED:
        return "cancelled"
    if job.state is JobState.DISCOVERING:
        return "discovering (interrupted)" if worked_on is False else "discovering"
    if left:
        return {True: "running", False: "interrupted", None: "queued"}[worked_on]
    return "finished (some failed)" if failed else "finished"
