"""What many machines need of the database: which segments to ring for, who works, who looks after the rest.

A message to a worker is only a doorbell. What is rung for is written down here (`dispatched_at`), so a broker that
loses everything delays work and loses none.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from db.claims import analysis_of_segment, named_root
from db.clock import now
from db.engine import dialect_insert, patient, reading, translated, writing
from db.records import Fence, MediaKind
from db.schema import analysis, job, job_file, media_analysis, runnable, segment, worker
from db.states import JobState, MediaAnalysisState, SegmentState

RING_AGAIN_S = 30.0
"""A segment that nobody claimed for this long is rung for once more: its message is lost, or waits behind others."""
SEAT_S = 12.0
"""A reaper that does not stir for this long (frozen, or its machine lost power) loses its seat to another."""
_REAPER_LOCK = 0x4D4F4F44_52454150


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """A worker process, as it last reported."""

    id: str
    host: str
    pid: int
    queues: str
    concurrency: int
    program_version: str
    state: str
    """`working`, `paused` (it claims nothing, `note` says why) or `gone`."""
    note: str | None = None
    roots: str = ""
    """The media roots it has mounted, by name, with commas between."""


class FleetStore:
    """The side of the store that workers and the reaper share."""

    def __init__(self, engine: Engine, patience_s: float) -> None:
        self._engine = engine
        self._patience_s = patience_s

    def due(self, bells: int, photos: int, refused: Sequence[int] = ()) -> list[list[int]]:
        """Up to `bells` groups of runnable segments that nobody was rung for, in their order; they count as rung for
        from now. A video's segment is a group, up to `photos` photos are one. `refused`: analyses to leave out.
        """

        def work(connection: Connection) -> list[list[int]]:
            statement = _undispatched().limit(bells * photos)
            if refused:
                statement = statement.where(analysis_of_segment.not_in(refused))
            groups = _grouped(connection.execute(statement), bells, photos)
            chosen = [number for group in groups for number in group]
            if chosen:
                connection.execute(sa.update(segment).where(segment.c.id.in_(chosen)).values(dispatched_at=now()))
            return groups

        return writing(self._engine, work, self._patience_s) if bells > 0 else []

    def unring(self, segment_ids: Sequence[int]) -> None:
        """The bell for these came to nothing: they are rung for again."""
        waiting = segment.c.id.in_(segment_ids) & (segment.c.state == SegmentState.QUEUED)
        statement = sa.update(segment).where(waiting).values(dispatched_at=None)
        writing(self._engine, lambda connection: connection.execute(statement), self._patience_s)

    def forget_bells(self) -> int:
        """The broker lost its messages: everything queued must be rung for again. Returns how many there were."""
        lost = segment.c.dispatched_at.is_not(None) & (segment.c.state == SegmentState.QUEUED)
        statement = sa.update(segment).where(lost).values(dispatched_at=None)
        return writing(self._engine, lambda connection: connection.execute(statement).rowcount, self._patience_s)

    def unwanted(self, fences: Sequence[Fence]) -> list[Fence]:
        """Those of our segments that no live job wants any more, or that are no longer ours."""
        ours = sa.select(segment.c.id, segment.c.attempt).where(
            segment.c.id.in_([fence.segment_id for fence in fences]),
            segment.c.state == SegmentState.RUNNING,
            segment.c.wanted,
        )
        with reading(self._engine) as connection:
            wanted = {Fence(row.id, row.attempt) for row in connection.execute(ours)}
        return [fence for fence in fences if fence not in wanted]

    def report(self, report: WorkerReport) -> None:
        """A worker says that it is there."""
        values = {
            "host": report.host,
            "pid": report.pid,
            "queues": report.queues,
            "concurrency": report.concurrency,
            "program_version": report.program_version,
            "state": report.state,
            "note": report.note,
            "roots": report.roots,
            "seen_at": now(),
        }

        def work(connection: Connection) -> None:
            insert = dialect_insert(connection)(worker).values(id=report.id, started_at=now(), **values)
            connection.execute(insert.on_conflict_do_update(index_elements=["id"], set_=values))

        writing(self._engine, work, self._patience_s)

    @patient
    def workers(self, silent_for_s: float) -> list[WorkerReport]:
        """The workers that reported within `silent_for_s`, and have not left; the reaper is no worker."""
        recent = sa.select(worker).where(worker.c.seen_at > now(-silent_for_s), worker.c.state != "gone")
        with reading(self._engine) as connection:
            rows = connection.execute(recent.where(worker.c.concurrency > 0).order_by(worker.c.id)).all()
        return [_report(row) for row in rows]

    def heard_on(self, host: str, silent_for_s: float, *, reapers: bool) -> bool:
        """Whether a worker (or a reaper) of this host reported lately."""
        recent = sa.select(sa.func.count()).where(
            worker.c.host == host,
            worker.c.seen_at > now(-silent_for_s),
            worker.c.state != "gone",
            (worker.c.concurrency == 0) if reapers else (worker.c.concurrency > 0),
        )
        with reading(self._engine) as connection:
            return bool(connection.execute(recent).scalar_one())

    def forget_workers(self, silent_for_s: float) -> None:
        """Workers that have been silent for that long are no longer listed."""
        statement = sa.delete(worker).where(worker.c.seen_at < now(-silent_for_s))
        writing(self._engine, lambda connection: connection.execute(statement), self._patience_s)

    @patient
    def analyses(self, known: Sequence[int] = ()) -> list[tuple[int, str]]:
        """Every analysis that is not among `known`: its id, and its spec as JSON."""
        wanted = sa.select(analysis.c.id, analysis.c.spec_json).where(analysis.c.id.not_in(known))
        with reading(self._engine) as connection:
            return [(row.id, row.spec_json) for row in connection.execute(wanted)]

    def awaited(self) -> frozenset[int]:
        """The analyses that jobs ask for which are not over."""
        live = (job.c.finished_at.is_(None), job.c.state != JobState.CANCELLED)
        asked = [sa.select(column).where(*live) for column in (job.c.video_analysis_id, job.c.photo_analysis_id)]
        with reading(self._engine) as connection:
            return frozenset(connection.execute(sa.union(*asked)).scalars())

    def finish_jobs(self) -> int:
        """Note which jobs have nothing left to do. Returns how many were found so."""
        left = (
            sa.select(sa.literal(1))
            .where(
                job_file.c.job_id == job.c.id,
                media_analysis.c.id == job_file.c.media_analysis_id,
                media_analysis.c.state == MediaAnalysisState.OPEN,
            )
            .limit(1)
            .scalar_subquery()
        )
        over = (job.c.state == JobState.SEALED) & job.c.finished_at.is_(None) & left.is_(None)
        statement = sa.update(job).where(over).values(finished_at=now())
        return writing(self._engine, lambda connection: connection.execute(statement).rowcount, self._patience_s)

    @contextmanager
    def reaping(self) -> Iterator["Seat | None"]:
        """The reaper's seat, if it is free: PostgreSQL elects one, and frees the seat of one that died."""
        with translated(), self._engine.connect() as connection:
            elected = bool(connection.execute(sa.select(sa.func.pg_try_advisory_lock(_REAPER_LOCK))).scalar_one())
            if elected:  # a frozen machine's connection looks alive to the server, for hours
                connection.execute(sa.text(f"SET idle_session_timeout = '{SEAT_S:.0f}s'"))
            connection.commit()
            try:
                yield Seat(connection) if elected else None
            finally:
                if elected and not connection.invalidated:
                    connection.execute(sa.select(sa.func.pg_advisory_unlock(_REAPER_LOCK)))
                    connection.execute(sa.text("RESET idle_session_timeout"))
                    connection.commit()


class Seat:
    """The one reaper's: held as long as its connection lives, and is used every few seconds."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def confirm(self) -> None:
        """Raise DatabaseUnavailable where the connection is lost, and the seat with it."""
        with translated():
            self._connection.execute(sa.select(1))
            self._connection.commit()


def _grouped(rows: Iterable[Any], bells: int, photos: int) -> list[list[int]]:
    groups: list[list[int]] = []
    open_group: list[int] | None = None
    for row in rows:
        alone = row.kind != "photo"
        if alone or open_group is None or len(open_group) == photos:
            if len(groups) == bells:
                break
            group = [row.id]
            groups.append(group)
            if not alone:
                open_group = group
        else:
            open_group.append(row.id)
    return groups


def _report(row: Any) -> WorkerReport:
    names = ("id", "host", "pid", "queues", "concurrency", "program_version", "state", "note")
    return WorkerReport(**{name: getattr(row, name) for name in names}, roots=row.roots or "")


def _undispatched() -> "sa.Select[tuple[int, MediaKind]]":
    stale = segment.c.dispatched_at.is_(None) | (segment.c.dispatched_at < now(-RING_AGAIN_S))
    return (
        sa.select(segment.c.id, segment.c.kind)
        .where(runnable, segment.c.not_before.is_(None) | (segment.c.not_before <= now()), stale, named_root)
        .order_by(segment.c.priority.desc(), segment.c.id)
        .with_for_update(skip_locked=True, of=segment)
    )
