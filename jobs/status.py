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
    return JobStatus(job, counts, state_of(job, counts, worked_on=is_running(store.file)))


def state_of(job: JobRecord, counts: JobCounts, *, worked_on: bool) -> str:
    """A job's state in a word or two. `worked_on`: somebody runs jobs of this database now."""
    if job.state is JobState.CANCELLED:
        return "cancelled"
    if job.state is JobState.DISCOVERING:
        return "discovering" if worked_on else "discovering (interrupted)"
    if counts.finished:
        return "finished" if not counts.files_failed else "finished (some failed)"
    return "running" if counts.running and worked_on else ("queued" if worked_on else "interrupted")
