"""How fast jobs go, whoever works on them: what was committed lately, second by second, by the database's clock."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from db.clock import Timestamp, now
from db.engine import PATIENCE_S, patient, reading
from db.job_records import Committed
from db.schema import committed, job, job_file, segment


@dataclass(frozen=True, slots=True)
class Done:
    """What was done of a job in a while."""

    segments: int
    frames: int
    media_s: float


class PaceStore:
    """Reads of what was done lately."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._patience_s = PATIENCE_S

    def commits(self, job_ids: Iterable[str], window_s: float) -> dict[str, Sequence[Committed]]:
        """What the last `window_s` seconds brought each of these jobs, oldest first; nothing from before a job was
        made. A second without a commit is left out. What several jobs asked for counts for each.
        """
        wanted = list(job_ids)
        if not wanted:
            return {}
        found: dict[str, list[Committed]] = {one: [] for one in wanted}
        with reading(self._engine) as connection:
            moment: datetime = connection.execute(sa.select(now())).scalar_one()
            for row in _rows(connection, wanted, moment - timedelta(seconds=window_s)):
                ago_s = (moment - row.second).total_seconds()
                found[row.job_id].append(Committed(ago_s, int(row.frames), float(row.media_s)))
        return dict(found)

    @patient
    def moment(self) -> datetime:
        """Now, by the database's clock."""
        with reading(self._engine) as connection:
            found: datetime = connection.execute(sa.select(now())).scalar_one()
        return found

    def done_since(self, job_id: str, since: datetime) -> Done:
        """What was done of a job from a moment on, whoever did it."""
        asked = sa.select(job_file.c.media_analysis_id).where(job_file.c.job_id == job_id)
        done = sa.select(
            sa.func.count().label("segments"),
            sa.func.coalesce(sa.func.sum(segment.c.targets), 0).label("frames"),
            sa.func.coalesce(sa.func.sum(segment.c.end_s - segment.c.start_s), 0.0).label("media_s"),
        ).where(committed, segment.c.updated_at >= since, segment.c.media_analysis_id.in_(asked))
        with reading(self._engine) as connection:
            row = connection.execute(done).one()
        return Done(int(row.segments), int(row.frames), float(row.media_s))


class _second_of(FunctionElement[Any]):  # noqa: N801  reads as the SQL function it is
    """The beginning of the second that a moment lies in."""

    type = Timestamp()
    inherit_cache = True
    name = "second_of"


@compiles(_second_of, "postgresql")
def _postgresql(element: _second_of, compiler: SQLCompiler, **options: Any) -> str:
    return f"date_trunc('second', {compiler.process(element.clauses, **options)})"


@compiles(_second_of, "sqlite")
def _sqlite(element: _second_of, compiler: SQLCompiler, **options: Any) -> str:
    return f"substr({compiler.process(element.clauses, **options)}, 1, 19)"


def _rows(connection: Connection, job_ids: Sequence[str], since: datetime) -> Iterable[Any]:
    # First what was done, which is little; then who asked for it, once each, however many files of a job hold it.
    second = _second_of(segment.c.updated_at)
    lately = (
        sa.select(
            segment.c.media_analysis_id,
            second.label("second"),
            sa.func.sum(segment.c.targets).label("frames"),
            sa.func.sum(segment.c.end_s - segment.c.start_s).label("media_s"),
        )
        .where(committed, segment.c.updated_at > since)
        .group_by(segment.c.media_analysis_id, second)
        .subquery()
    )
    asked = (
        sa.select(job_file.c.job_id, *lately.c)
        .join(job_file, job_file.c.media_analysis_id == lately.c.media_analysis_id)
        .join(job, job.c.id == job_file.c.job_id)
        .where(job.c.id.in_(job_ids), lately.c.second >= job.c.created_at)
        .distinct()
        .subquery()
    )
    return connection.execute(
        sa.select(
            asked.c.job_id,
            asked.c.second,
            sa.func.sum(asked.c.frames).label("frames"),
            sa.func.sum(asked.c.media_s).label("media_s"),
        )
        .group_by(asked.c.job_id, asked.c.second)
        .order_by(asked.c.second)
    )
