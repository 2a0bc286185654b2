"""What stands between a job and its next segment, as far as the database knows."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from db.clock import now
from db.counting import silence
from db.engine import reading
from db.job_records import Waiting
from db.schema import job_file, media_analysis, runnable, segment, worker
from db.states import MediaAnalysisState
from db.wanted import analyses_of


class WaitingStore:
    """Reads for who asks why nothing goes on."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of(self, job_id: str) -> Waiting:
        """Why no segment of a job runs now."""
        with reading(self._engine) as connection:
            moment: datetime = connection.execute(sa.select(now())).scalar_one()
            retried, first = _retries(connection, job_id, moment)
            return Waiting(
                roots=_roots(connection, job_id),
                retried=retried,
                retry_in_s=None if first is None else (first - moment).total_seconds(),
                ahead=_ahead(connection, job_id),
            )

    def silent_s(self, job_id: str) -> float:
        """Seconds since the submitter of a job was last heard of."""
        with reading(self._engine) as connection:
            return silence(connection, sa.select(sa.literal(job_id)))[job_id]

    def notes(self, silent_for_s: float) -> list[str]:
        """What workers and reapers that reported within `silent_for_s` complain of."""
        lately = sa.select(worker.c.note).where(worker.c.seen_at > now(-silent_for_s), worker.c.state != "gone")
        with reading(self._engine) as connection:
            found = connection.execute(lately.where(worker.c.note.is_not(None)).order_by(worker.c.id))
            return [str(note) for note in found.scalars()]


def _roots(connection: Connection, job_id: str) -> frozenset[str]:
    open_ones = sa.select(media_analysis.c.id).where(
        media_analysis.c.id.in_(analyses_of(job_id)), media_analysis.c.state == MediaAnalysisState.OPEN
    )
    wanted = sa.select(job_file.c.root).where(job_file.c.media_analysis_id.in_(open_ones)).distinct()
    return frozenset(bytes(root).decode("utf-8", "backslashreplace") for root in connection.execute(wanted).scalars())


def _retries(connection: Connection, job_id: str, moment: datetime) -> tuple[int, datetime | None]:
    """How many segments must not be tried yet, and when the first may, if none may be tried before."""
    later = segment.c.not_before > moment
    row = connection.execute(
        sa.select(
            sa.func.count().label("queued"),
            sa.func.count().filter(later).label("later"),
            sa.func.min(segment.c.not_before).filter(later).label("first"),
        ).where(runnable, segment.c.media_analysis_id.in_(analyses_of(job_id)))
    ).one()
    return row.later, row.first if row.queued == row.later else None


def _ahead(connection: Connection, job_id: str) -> int:
    """Segments that run, and those before the first of the job in the order of claims."""
    first = connection.execute(
        sa.select(segment.c.priority, sa.func.min(segment.c.id).label("id"))
        .where(runnable, segment.c.media_analysis_id.in_(analyses_of(job_id)))
        .group_by(segment.c.priority)
        .order_by(segment.c.priority.desc())
        .limit(1)
    ).one_or_none()
    running = sa.select(sa.func.count()).where(segment.c.state == sa.literal_column("'running'"))
    count = int(connection.execute(running).scalar_one())
    if first is None:
        return count
    before = (segment.c.priority > first.priority) | (
        (segment.c.priority == first.priority) & (segment.c.id < first.id)
    )
    return count + int(connection.execute(sa.select(sa.func.count()).where(runnable, before)).scalar_one())
