"""What many machines need of the database: which segments to ring for, who works, who looks after the rest.

A message to a worker is only a doorbell. What is rung for is written down here (`dispatched_at`), so a broker that
loses everything delays work and loses none.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from db.clock import now
from db.engine import dialect_insert, reading, translated, writing
from db.records import Fence, MediaKind
from db.schema import runnable, segment, worker
from db.states import SegmentState

RING_AGAIN_S = 900.0
"""A segment that nobody claimed for this long is rung for once more: its message is lost, or stuck."""
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

    def due(self, limit: int) -> list[tuple[int, MediaKind]]:
        """Up to `limit` runnable segments that nobody was rung for, in their order; they count as rung for from now."""

        def work(connection: Connection) -> list[tuple[int, MediaKind]]:
            chosen = connection.execute(_undispatched().limit(limit)).all()
            ids = [row.id for row in chosen]
            if ids:
                connection.execute(sa.update(segment).where(segment.c.id.in_(ids)).values(dispatched_at=now()))
            return [(row.id, row.kind) for row in chosen]

        return writing(self._engine, work, self._patience_s)

    def rung_for(self) -> int:
        """How many queued segments a message was sent for and nobody has claimed."""
        waiting = sa.select(sa.func.count()).where(runnable, segment.c.dispatched_at.is_not(None))
        with reading(self._engine) as connection:
            return int(connection.execute(waiting).scalar_one())

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

    def workers(self, silent_for_s: float) -> list[WorkerReport]:
        """The workers that reported within `silent_for_s`, and have not left."""
        recent = sa.select(worker).where(worker.c.seen_at > now(-silent_for_s), worker.c.state != "gone")
        with reading(self._engine) as connection:
            rows = connection.execute(recent.order_by(worker.c.id)).all()
        names = ("id", "host", "pid", "queues", "concurrency", "program_version", "state", "note", "roots")
        return [WorkerReport(**{name: getattr(row, name) for name in names}) for row in rows]

    @contextmanager
    def reaping(self) -> Iterator[bool]:
        """Whether we are the one reaper now: PostgreSQL elects one, and frees the place of one that died."""
        with translated(), self._engine.connect() as connection:
            elected = bool(connection.execute(sa.select(sa.func.pg_try_advisory_lock(_REAPER_LOCK))).scalar_one())
            connection.commit()
            try:
                yield elected
            finally:
                if elected:
                    connection.execute(sa.select(sa.func.pg_advisory_unlock(_REAPER_LOCK)))
                    connection.commit()


def _undispatched() -> "sa.Select[tuple[int, MediaKind]]":
    stale = segment.c.dispatched_at.is_(None) | (segment.c.dispatched_at < now(-RING_AGAIN_S))
    return (
        sa.select(segment.c.id, segment.c.kind)
        .where(runnable, segment.c.not_before.is_(None) | (segment.c.not_before <= now()), stale)
        .order_by(segment.c.priority.desc(), segment.c.id)
        .with_for_update(skip_locked=True)
    )
