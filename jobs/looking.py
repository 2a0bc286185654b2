"""Looking at jobs: what the database, the lock file and the broker say of them. Reads only; safe beside a run."""

import socket
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace

from db.call_records import Bill
from db.fleet import FleetStore
from db.job_records import Committed, JobCounts, JobRecord
from db.ledger import LedgerStore
from db.pace import PaceStore
from db.states import JobState
from db.store import Store
from db.waiting import WaitingStore
from jobs.broker import unreachable
from jobs.lock import is_running
from jobs.pace import LONG_WINDOW_S, WINDOW_S, Pace, pace_of
from jobs.status import (
    SILENT_S,
    WORKER_SILENT_S,
    Activity,
    JobStatus,
    Wait,
    is_fleet,
    is_live,
    lacks_broker,
    lacks_root,
    lacks_time,
    lacks_version,
    lacks_workers,
    mounted,
    state_of,
)

_BROKER = "the broker "
"""How a complaint of it begins."""


class Lookout:
    """Says where the jobs of a database stand. `broker_url`: where the bells of a fleet should go."""

    def __init__(self, store: Store, broker_url: str) -> None:
        self._store = store
        self._fleet = FleetStore(store.engine, store.patience_s)
        self._pace = PaceStore(store.engine)
        self._waiting = WaitingStore(store.engine)
        self._broker_url = broker_url

    def at(self, job_id: str) -> JobStatus:
        """Where one job stands, with all that is known. Raises NotFound."""
        job, counts = self._store.jobs.get(job_id), self._store.jobs.counts(job_id)
        paces = self._paces({job_id: counts} if is_live(job, counts) else {})
        status = self._status(job, counts, self._waiting.silent_s(job_id))
        status = replace(status, pace=paces.get(job_id), bill=bill_of(self._store, job_id))
        if self._store.file is not None or not is_fleet(job):
            return status
        status = replace(status, workers=self._fleet.workers(WORKER_SILENT_S))
        return replace(status, waits_for=self._wait(status))

    def listing(self, limit: int | None) -> list[JobStatus]:
        """The newest jobs, newest first, each with how far and how fast it goes."""
        lines = self._store.jobs.listing(limit)
        paces = self._paces({line.job.id: line.counts for line in lines if is_live(line.job, line.counts)})
        return [
            replace(self._status(line.job, line.counts, line.silent_s), pace=paces.get(line.job.id)) for line in lines
        ]

    def _status(self, job: JobRecord, counts: JobCounts, silent_s: float) -> JobStatus:
        file = self._store.file
        walks = job.state is JobState.DISCOVERING and silent_s <= SILENT_S and not _has_ended(job.submitter)
        activity = Activity(None if file is None else is_running(file), walks)
        return JobStatus(job, counts, state_of(job, counts, activity))

    def _paces(self, counts: Mapping[str, JobCounts]) -> dict[str, Pace]:
        found = _known(self._pace.commits(counts, WINDOW_S))
        slow = [number for number, one in counts.items() if number not in found and one.at_work]
        return found | _known(self._pace.commits(slow, LONG_WINDOW_S))

    def _wait(self, status: JobStatus) -> Wait | None:
        if status.job.state is JobState.CANCELLED or not status.counts.left or status.counts.at_work:
            return None
        wait = lacks_workers(status.workers) or self._lacks_root(status) or lacks_version(status.job, status.workers)
        if wait is not None:
            return wait
        reason = _said_of_broker(self._waiting.notes(WORKER_SILENT_S)) or unreachable(self._broker_url)
        return lacks_broker(reason) if reason is not None else lacks_time(self._waiting.turn(status.job.id))

    def _lacks_root(self, status: JobStatus) -> Wait | None:
        if self._waiting.within_reach(status.job.id, mounted(status.workers)):
            return None
        return lacks_root(self._waiting.roots(status.job.id))


def bill_of(store: Store, job_id: str) -> Bill | None:
    """What a job has spent on services; None where nobody was called."""
    bill = LedgerStore(store.engine, store.patience_s).bill(job_id)
    return bill if bill.calls else None


def _known(commits: Mapping[str, Iterable[Committed]]) -> dict[str, Pace]:
    paces = {number: pace_of(list(found)) for number, found in commits.items()}
    return {number: pace for number, pace in paces.items() if pace is not None}


def _has_ended(submitter: str) -> bool:
    """Whether a process on this very machine is seen to be gone; of others nobody here can tell."""
    import psutil

    host, _, pid = submitter.rpartition(":")
    if host != socket.gethostname() or not pid.isdecimal():
        return False
    with suppress(psutil.NoSuchProcess):
        return bool(psutil.Process(int(pid)).status() == psutil.STATUS_ZOMBIE)
    return True


def _said_of_broker(notes: Iterable[str]) -> str | None:
    """What a worker or the reaper says of the broker; a note may hold several complaints."""
    parts = (part.strip() for note in notes for part in note.split(";"))
    return next((part.removeprefix(_BROKER) for part in parts if part.startswith(_BROKER)), None)
