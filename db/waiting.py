"""What stands between a job and its next segment, as far as the database knows."""

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from db.clock import now
from db.counting import silence
from db.engine import reading
from db.job_records import Turn
from db.schema import job_file, media_analysis, runnable, segment, worker
from db.states import MediaAnalysisState
from db.wanted import analyses_of


class WaitingStore:
    """Reads for who asks why nothing goes on."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def within_reach(self, job_id: str, roots: Collection[str]) -> bool:
        """Whether an open file of the job lies below one of these roots, by its own path or another job's."""
        names = [root.encode() for root in roots]
        one = _open_files(job_id).where(job_file.c.root.in_(names)).limit(1)
        with reading(self._engine) as connection:
            return connection.execute(one).first() is not None

    def roots(self, job_id: str) -> list[str]:
        """The roots that the open files of a job lie below."""
        with reading(self._engine) as connection:
            found = connection.execute(_open_files(job_id).distinct()).scalars()
            return sorted(bytes(root).decode("utf-8", "backslashreplace") for root in found)

    def turn(self, job_id: str) -> Turn:
        """When the next segment of a job may be claimed."""
        with reading(self._engine) as connection:
            first = connection.execute(_first_of(job_id)).one_or_none()
            if first is not None:
                return Turn(ahead=_ahead(connection, first.priority, first.id))
            return _retries(connection, job_id)

    def silent_s(self, job_id: str) -> float:
        """Seconds since the submitter of a job was last heard of."""
        with reading(self._engine) as connection:
            return silence(connection, [job_id])[job_id]

    def notes(self, silent_for_s: float) -> list[str]:
        """What workers and reapers that reported within `silent_for_s` complain of."""
        lately = sa.select(worker.c.note).where(worker.c.seen_at > now(-silent_for_s), worker.c.state != "gone")
        with reading(self._engine) as connection:
            found = connection.execute(lately.where(worker.c.note.is_not(None)).order_by(worker.c.id))
            return [str(note) for note in found.scalars()]


_may_be_tried = segment.c.not_before.is_(None) | (segment.c.not_before <= now())


def _open_files(job_id: str) -> sa.Select[bytes]:
    asking = job_file.alias()
    return (
        sa.select(job_file.c.root)
        .join(media_analysis, media_analysis.c.id == job_file.c.media_analysis_id)
        .join(asking, asking.c.media_analysis_id == media_analysis.c.id)
        .where(asking.c.job_id == job_id, media_analysis.c.state == MediaAnalysisState.OPEN)
    )


def _first_of(job_id: str) -> sa.Select[int, int]:
    """The first segment of a job that may be claimed now, found as a claim finds it: see db.claims."""
    asks = (
        sa.select(sa.literal(1))
        .where(job_file.c.media_analysis_id == segment.c.media_analysis_id, job_file.c.job_id == job_id)
        .limit(1)
        .scalar_subquery()
    )
    return (
        sa.select(segment.c.priority, segment.c.id)
        .where(runnable, _may_be_tried, asks == 1)
        .order_by(segment.c.priority.desc(), segment.c.id)
        .limit(1)
    )


def _ahead(connection: Connection, priority: int, number: int) -> int:
    """Segments that run, and those before this one in the order of claims."""
    before = (segment.c.priority > priority) | ((segment.c.priority == priority) & (segment.c.id < number))
    counts = (
        sa.select(sa.func.count()).where(segment.c.state == sa.literal_column("'running'")),
        sa.select(sa.func.count()).where(runnable, _may_be_tried, before),
    )
    return sum(int(connection.execute(count).scalar_one()) for count in counts)


def _retries(connection: Connection, job_id: str) -> Turn:
    moment: datetime = connection.execute(sa.select(now())).scalar_one()
    row = connection.execute(
        sa.select(sa.func.count().label("waiting"), sa.func.min(segment.c.not_before).label("first")).where(
            runnable, segment.c.media_analysis_id.in_(analyses_of(job_id))
        )
    ).one()
    return Turn(retried=row.waiting, retry_in_s=None if row.first is None else (row.first - moment).total_seconds())
