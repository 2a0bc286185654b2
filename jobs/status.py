"""Where jobs stand, in words and numbers, decided from what was read. Pure: no clock, no database."""

import json
import re
from collections.abc import Sequence, Set
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from db.call_records import Bill
from db.job_records import JobCounts, JobRecord, Turn
from db.states import JobState
from jobs.pace import Pace, left_s
from jobs.words import numbered

if TYPE_CHECKING:
    from db.fleet import WorkerReport

SILENT_S = 10.0
"""A submitter that has not been heard of for this long is gone: it says that it is there every few seconds."""
WORKER_SILENT_S = 30.0
PAUSED = "paused"
BUDGET = "budget"
"""Whoever stops a job because no more may be spent on it says this word in the reason."""
STOPPED, STOPPED_FOR_BUDGET = "stopped", f"stopped ({BUDGET})"
_NOTES = 3
_LEFT = re.compile(r"leaves to others analysis (?P<numbers>\d+(?:, \d+)*): (?P<reason>.*)")


@dataclass(frozen=True, slots=True)
class Wait:
    """What a job waits for."""

    code: str
    """worker, paused, root, version, broker, retry or turn."""
    what: str
    reason: str
    hint: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain values, for programs."""
        return {"code": self.code, "reason": self.reason, "hint": self.hint}


@dataclass(frozen=True, slots=True)
class JobStatus:
    """One job and where it stands."""

    job: JobRecord
    counts: JobCounts
    state: str
    pace: Pace | None = None
    workers: "Sequence[WorkerReport]" = ()
    """Of a job that was submitted to a fleet."""
    waits_for: Wait | None = None
    bill: Bill | None = None
    """What was spent on services; None where nobody was called."""

    @property
    def left_s(self) -> float | None:
        """Seconds until it is done; None while that cannot be told."""
        return left_s(self.counts, self.pace, walking=self.job.sealed_at is None)

    @property
    def is_over(self) -> bool:
        """Whether nothing goes on in it any more, and nothing will by itself."""
        if self.state in ("cancelled", STOPPED, STOPPED_FOR_BUDGET, "interrupted"):
            return True
        if self.state in ("queued", "discovering (interrupted)"):  # a fleet goes on with what is known
            return not (is_fleet(self.job) and self.counts.left)
        return self.counts.left == 0 and self.state != "discovering"

    def line_json(self) -> dict[str, Any]:
        """Plain values, for programs: what a list has of each job."""
        job, left, pace = self.job, self.left_s, self.pace
        return {
            "job": job.id,
            "name": job.name,
            "state": self.state,
            "created_at": job.created_at,
            "sealed_at": job.sealed_at,
            "program_version": job.program_version,
            "frames_per_s": None if pace is None else round(pace.frames_per_s, 2),
            "times_real_time": None if pace is None else round(pace.times_real, 2),
            "left_s": None if left is None else round(left, 1),
            "counts": asdict(self.counts),
        }

    def as_json(self) -> dict[str, Any]:
        """The same with all that is known of one job."""
        waits = None if self.waits_for is None else self.waits_for.as_json()
        return self.line_json() | {
            "stop_reason": self.job.stop_reason,
            "bill": bill_json(self.bill, self.job),
            "waits_for": waits,
            "workers": [_worker_json(one) for one in self.workers],
        }


@dataclass(frozen=True, slots=True)
class Activity:
    """Who is at work, as far as can be seen from here."""

    locked: bool | None
    """Whether a run holds the lock of the SQLite file; None where the database is a server's, and has none."""
    walks: bool
    """Whether the submitter of the job lives, as far as a server's rows tell."""


def is_fleet(job: JobRecord) -> bool:
    """Whether a job was submitted to a fleet."""
    return bool(json.loads(job.request_json).get("fleet"))


def is_spent(job: JobRecord) -> bool:
    """Whether a job stopped because no more may be spent on it."""
    return job.stop_reason is not None and BUDGET in job.stop_reason


def bill_json(bill: Bill | None, job: JobRecord) -> dict[str, Any] | None:
    """Plain values, for programs: what a job has spent on services, and what it may."""
    return None if bill is None else asdict(bill) | {"max_calls": job.max_calls, "max_cost": job.max_cost}


def is_live(job: JobRecord, counts: JobCounts) -> bool:
    """Whether something of the job is still to be done, and wanted."""
    return job.state is not JobState.CANCELLED and (counts.left > 0 or job.state is JobState.DISCOVERING)


def state_of(job: JobRecord, counts: JobCounts, activity: Activity) -> str:
    """A job's state in a word or two."""
    if job.state is JobState.CANCELLED:
        return "cancelled" if job.stop_reason is None else STOPPED_FOR_BUDGET if is_spent(job) else STOPPED
    if job.state is JobState.DISCOVERING:
        walks = activity.walks if activity.locked is None else activity.locked
        return "discovering" if walks else "discovering (interrupted)"
    if counts.left:
        if activity.locked is None:
            return "running" if counts.at_work else "queued"
        return "running" if activity.locked else "interrupted"
    return "finished (some failed)" if counts.files_failed else "finished"


def mounted(workers: "Sequence[WorkerReport]") -> frozenset[str]:
    """The media roots that some worker has mounted and works below."""
    able = (one for one in workers if one.state != PAUSED)
    return frozenset(name for one in able for name in one.roots.split(",") if name)


def lacks_workers(workers: "Sequence[WorkerReport]") -> Wait | None:
    """Why nobody at all takes up work, if so."""
    if not workers:
        reason = f"none has reported within {WORKER_SILENT_S:.0f} s"
        return Wait("worker", "a worker", reason, "start one: moodreel worker")
    if any(one.state != PAUSED for one in workers):
        return None
    says = "; ".join(f"{one.host}: {one.note or 'no reason given'}" for one in workers[:_NOTES])
    hint = "mend what they say; they go on by themselves"
    return Wait("paused", "a worker", f"every one is paused ({says})", hint)


def lacks_root(roots: Sequence[str]) -> Wait | None:
    """The files lie below these roots, and no worker has mounted any; a URL needs no mount."""
    if not roots or any("://" in root for root in roots):
        return None
    hint = f"mount it on a worker, and name it there: MOODREEL_MEDIA_ROOTS={roots[0]}=/FOLDER"
    reason = f"none has mounted the media root {', '.join(roots)}"
    return Wait("root", "a worker that has its files", reason, hint)


def lacks_version(job: JobRecord, workers: "Sequence[WorkerReport]") -> Wait | None:
    """Every worker leaves the job's analysis to others, if so."""
    able = [one for one in workers if one.state != PAUSED]
    reasons = [_left(one.note or "", {job.video_analysis_id, job.photo_analysis_id}) for one in able]
    if not reasons or None in reasons:
        return None
    says = "; ".join(dict.fromkeys(filter(None, reasons)))
    hint = "upgrade the workers, or start one of the version that the job was submitted with; or submit it anew"
    return Wait("version", "a worker that can do its analysis", says, hint)


def _left(note: str, analyses: Set[int]) -> str | None:
    """Why a worker leaves one of these analyses to others, by its note (see workers.skills), if it does."""
    for part in note.split("; "):
        left = _LEFT.fullmatch(part)
        if left is not None and not analyses.isdisjoint(map(int, left["numbers"].split(", "))):
            return left["reason"]
    return None


def lacks_broker(reason: str) -> Wait:
    """The bells do not get through."""
    return Wait("broker", "the broker", reason, "start Redis, or check MOODREEL_BROKER_URL; nothing is lost meanwhile")


def lacks_time(turn: Turn) -> Wait:
    """Nothing is amiss: it is only too early."""
    if turn.retry_in_s is not None:
        soon = max(0.0, turn.retry_in_s)
        retried = numbered(turn.retried, "segment")
        return Wait("retry", "a while", f"{retried} to be tried again, the first in {soon:.0f} s")
    if turn.ahead:
        return Wait("turn", "its turn", f"{numbered(turn.ahead, 'segment')} of others first")
    return Wait("turn", "its turn", "it is next")


def _worker_json(one: "WorkerReport") -> dict[str, Any]:
    return {
        "id": one.id,
        "host": one.host,
        "slots": one.concurrency,
        "state": one.state,
        "note": one.note,
        "roots": [name for name in one.roots.split(",") if name],
        "program_version": one.program_version,
    }
