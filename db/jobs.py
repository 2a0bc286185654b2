"""Jobs: created, sealed, cancelled, revived, retried, found by what people call them, and counted."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from db.clock import now
from db.counting import count_job, count_jobs, silence
from db.engine import dialect_insert, patient, reading, writing
from db.errors import Ambiguous, NotFound
from db.progress import REOPENED
from db.records import AnalysisRecord, FilePlace, JobCounts, JobLine, JobRecord, NewJob
from db.schema import analysis, job, job_file, media_analysis, segment
from db.states import JobState, SegmentState
from db.text import storable
from db.wanted import analyses_of, lock_analyses, refresh_wanted

Result = TypeVar("Result")
MIN_SUFFIX = 4
_LIST = "`moodreel jobs` lists them"


class JobStore:
    """Everything about requests; results hang on media, not on jobs."""

    def __init__(self, engine: Engine, patience_s: float) -> None:
        self._engine = engine
        self._patience_s = patience_s

    def create(self, new: NewJob) -> JobRecord:
        """Store a request in state `discovering`."""

        def work(connection: Connection) -> None:
            insert = dialect_insert(connection)(job)
            connection.execute(
                insert.values(
                    id=new.id,
                    name=None if new.name is None else storable(new.name),
                    state=JobState.DISCOVERING,
                    video_analysis_id=ensure_analysis(connection, new.video_analysis),
                    photo_analysis_id=ensure_analysis(connection, new.photo_analysis),
                    priority=new.priority,
                    max_calls=new.max_calls,
                    max_cost=new.max_cost,
                    program_version=new.program_version,
                    submitter=new.submitter,
                    submitter_seen_at=now(),
                    created_at=now(),
                    request_json=new.request_json,
                ).on_conflict_do_nothing(index_elements=["id"])  # it is ours, of a commit that nobody heard of
            )

        self._write(work)
        return self.get(new.id)

    @patient
    def get(self, job_id: str) -> JobRecord:
        """One job by its whole id. Raises NotFound."""
        with reading(self._engine) as connection:
            row = connection.execute(_select_jobs().where(job.c.id == job_id)).one_or_none()
        if row is None:
            raise NotFound(f"there is no job {job_id}", _LIST)
        return _record(row)

    def find(self, reference: str) -> JobRecord:
        """The job meant by an id, a unique end of one (four characters at least), a name, or `latest`.

        A name means the newest job of that name. Raises NotFound or Ambiguous.
        """
        newest = _select_jobs().order_by(job.c.id.desc())
        wanted = storable(reference.strip())
        suffix = wanted.lower()
        with reading(self._engine) as connection:
            if wanted == "latest":
                rows = connection.execute(newest.limit(1)).all()
            else:
                rows = connection.execute(newest.where(job.c.name == wanted).limit(1)).all()
                if not rows and len(suffix) >= MIN_SUFFIX:
                    rows = connection.execute(newest.where(job.c.id.endswith(suffix, autoescape=True)).limit(2)).all()
        if not rows:
            raise NotFound(f"there is no job {reference!r}", _LIST)
        if len(rows) > 1:
            raise Ambiguous(f"{reference!r} fits more than one job", "give more of the id; " + _LIST)
        return _record(rows[0])

    def list(self) -> list[JobRecord]:
        """Every job, newest first."""
        with reading(self._engine) as connection:
            return [_record(row) for row in connection.execute(_select_jobs().order_by(job.c.id.desc()))]

    def listing(self, limit: int | None = None) -> Sequence[JobLine]:
        """The newest jobs, newest first, each with where it stands: a few queries, however many there are."""
        newest = _select_jobs().order_by(job.c.id.desc()).limit(limit)
        with reading(self._engine) as connection:
            jobs = [_record(row) for row in connection.execute(newest)]
            numbers = [one.id for one in jobs]
            counts, silent = count_jobs(connection, numbers), silence(connection, numbers)
        return [JobLine(one, counts[one.id], silent[one.id]) for one in jobs]

    def seal(self, job_id: str) -> None:
        """Every file of the request is known now."""
        self._change(job_id, job.c.state == JobState.DISCOVERING, state=JobState.SEALED, sealed_at=now())

    def finish(self, job_id: str) -> None:
        """Note the moment a job was seen finished, once."""
        self._change(job_id, job.c.finished_at.is_(None), finished_at=now())

    def heartbeat(self, job_id: str, submitter: str, skipped: int) -> None:
        """The walk is alive, and has passed over this many files."""
        self._change(job_id, sa.true(), submitter=submitter, submitter_seen_at=now(), skipped=skipped)

    @patient
    def is_cancelled(self, job_id: str) -> bool:
        """Whether somebody cancelled the job (or forgot it)."""
        with reading(self._engine) as connection:
            state = connection.execute(sa.select(job.c.state).where(job.c.id == job_id)).scalar_one_or_none()
        return state is None or state == JobState.CANCELLED

    def cancel(self, job_id: str, stop_reason: str | None = None) -> None:
        """Nobody waits for the job any more: segments that no other live job wants are not started.

        One that is cancelled already stays as it is, with its reason.
        """
        reason = None if stop_reason is None else storable(stop_reason)

        def work(connection: Connection) -> None:
            connection.execute(
                sa.update(job)
                .where(job.c.id == job_id, job.c.state != JobState.CANCELLED)
                .values(state=JobState.CANCELLED, cancelled_at=now(), stop_reason=reason)
            )
            lock_analyses(connection, analyses_of(job_id))
            refresh_wanted(connection, analyses_of(job_id))

        self._write(work)

    def stop(self, job_id: str, reason: str) -> None:
        """Cancel a job because of what became of it (its budget is spent), not because a person wants it."""
        self.cancel(job_id, reason)

    def allow(
        self, job_id: str, max_calls: int | None, max_cost: float | None, request_json: str | None = None
    ) -> None:
        """Set the job's budget for paid services, and what it asks of them; a part that is None stays as it is."""
        given = {"max_calls": max_calls, "max_cost": max_cost, "request_json": request_json}
        changes = {name: value for name, value in given.items() if value is not None}
        if changes:
            self._change(job_id, sa.true(), **changes)

    def revive(self, job_id: str) -> None:
        """Undo a cancellation: the job's segments are wanted again, and its walk goes on where it was not complete."""

        def work(connection: Connection) -> None:
            connection.execute(
                sa.update(job)
                .where(job.c.id == job_id, job.c.state == JobState.CANCELLED)
                .values(state=_UNCANCELLED, **_NOT_STOPPED)
            )
            connection.execute(sa.update(job).where(job.c.id == job_id).values(finished_at=None))
            lock_analyses(connection, analyses_of(job_id))
            refresh_wanted(connection, analyses_of(job_id))

        self._write(work)

    def retry(self, job_id: str) -> int:
        """Queue the job's failed segments again under raised caps, and forget its file problems (`unread` names them
        beforehand) so that those files can be looked at afresh. Returns how many of both there were.
        """

        analyses = analyses_of(job_id)
        failed = segment.c.media_analysis_id.in_(analyses) & (segment.c.state == SegmentState.FAILED)
        unread = (job_file.c.job_id == job_id) & job_file.c.error_code.is_not(None)

        def work(connection: Connection) -> int:
            lock_analyses(connection, analyses)
            _reopen(connection, sa.select(segment.c.media_analysis_id).where(failed))
            segments = connection.execute(
                sa.update(segment)
                .where(failed)
                .values(
                    state=SegmentState.QUEUED,
                    max_failures=segment.c.failures + 3,
                    max_expiries=segment.c.expiries + 10,
                    not_before=None,
                    dispatched_at=None,
                    updated_at=now(),
                    **_NO_PROBLEM,
                )
            ).rowcount
            files = connection.execute(sa.delete(job_file).where(unread)).rowcount
            if segments or files:
                walk = {"state": JobState.DISCOVERING, "sealed_at": None} if files else {"state": _UNCANCELLED}
                connection.execute(
                    sa.update(job).where(job.c.id == job_id).values(finished_at=None, **walk, **_NOT_STOPPED)
                )
                refresh_wanted(connection, analyses)
            return segments + files

        def reread(connection: Connection, before: int) -> int | None:
            lock_analyses(connection, analyses)
            left = connection.execute(sa.select(sa.exists().where(failed) | sa.exists().where(unread))).scalar_one()
            return None if left else before

        return writing(self._engine, work, self._patience_s, reread)

    def unread(self, job_id: str) -> Sequence[FilePlace]:
        """Every file of the job that could not be read."""
        wanted = sa.select(job_file.c.root, job_file.c.relative, job_file.c.path).where(
            job_file.c.job_id == job_id, job_file.c.error_code.is_not(None)
        )
        with reading(self._engine) as connection:
            rows = connection.execute(wanted.order_by(job_file.c.id))
            return [FilePlace(bytes(row.root), bytes(row.relative), row.path) for row in rows]

    @patient
    def counts(self, job_id: str) -> JobCounts:
        """Where the job stands."""
        with reading(self._engine) as connection:
            return count_job(connection, job_id)

    def _change(self, job_id: str, only_if: sa.ColumnElement[bool], **values: Any) -> None:
        statement = sa.update(job).where(job.c.id == job_id, only_if).values(**values)
        self._write(lambda connection: connection.execute(statement))

    def _write(self, work: Callable[[Connection], Result]) -> Result:
        return writing(self._engine, work, self._patience_s)


_UNCANCELLED = sa.case((job.c.sealed_at.is_(None), JobState.DISCOVERING.value), else_=JobState.SEALED.value)
"""What a job is once nobody has cancelled it: its walk goes on, or was complete."""
_NOT_STOPPED: dict[str, None] = {"cancelled_at": None, "stop_reason": None}
_NO_PROBLEM: dict[str, None] = {"error_code": None, "error_reason": None, "error_hint": None}


def ensure_analysis(connection: Connection, record: AnalysisRecord) -> int:
    """The id of an analysis, stored on first sight."""
    insert = dialect_insert(connection)
    values = {
        "fingerprint": record.fingerprint,
        "kind": record.kind,
        "sampling": record.sampling,
        "detector": record.detector,
        "detector_sha256": record.detector_sha256,
        "scorer": record.scorer,
        "scorer_sha256": record.scorer_sha256,
        "pipeline_revision": record.pipeline_revision,
        "spec_json": record.spec_json,
        "created_at": now(),
    }
    connection.execute(insert(analysis).values(**values).on_conflict_do_nothing(index_elements=["fingerprint"]))
    found = connection.execute(sa.select(analysis.c.id).where(analysis.c.fingerprint == record.fingerprint))
    return int(found.scalar_one())


def _reopen(connection: Connection, ids: sa.Select[tuple[int]]) -> None:
    failed = (
        sa.select(sa.func.count())
        .where(segment.c.media_analysis_id == media_analysis.c.id, segment.c.state == SegmentState.FAILED)
        .scalar_subquery()
    )
    connection.execute(
        sa.update(media_analysis)
        .where(media_analysis.c.id.in_(ids))
        .values(
            **REOPENED,
            segments_failed=media_analysis.c.segments_failed - failed,
        )
    )


def _select_jobs() -> sa.Select[Any]:
    return sa.select(job)


def _record(row: Any) -> JobRecord:
    return JobRecord(
        id=row.id,
        name=row.name,
        state=JobState(row.state),
        request_json=row.request_json,
        video_analysis_id=row.video_analysis_id,
        photo_analysis_id=row.photo_analysis_id,
        program_version=row.program_version,
        submitter=row.submitter,
        submitter_seen_at=_readable(row.submitter_seen_at),
        created_at=_readable(row.created_at),
        sealed_at=None if row.sealed_at is None else _readable(row.sealed_at),
        skipped=row.skipped,
        max_calls=row.max_calls,
        max_cost=row.max_cost,
        stop_reason=row.stop_reason,
    )


def _readable(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(sep=" ", timespec="seconds")
