"""The invariant `segment.wanted`: true exactly while some live job wants the segment.

It is written down with the segment so that a claim need not ask every job; whoever changes what jobs want calls this.
"""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from db.schema import job, job_file, media_analysis, segment
from db.states import JobState


def refresh_wanted(connection: Connection, media_analysis_ids: sa.Select[tuple[int]]) -> None:
    """Make `wanted` true again to the jobs for the segments of these media analyses."""
    live = (
        sa.select(job_file.c.id)
        .join(job, job.c.id == job_file.c.job_id)
        .where(job_file.c.media_analysis_id == segment.c.media_analysis_id, job.c.state != JobState.CANCELLED)
    )
    connection.execute(
        sa.update(segment)
        .where(segment.c.media_analysis_id.in_(media_analysis_ids), segment.c.wanted != live.exists())
        .values(wanted=live.exists())
    )


def lock_analyses(connection: Connection, media_analysis_ids: sa.Select[tuple[int]]) -> None:
    """Wait for everybody who is changing what hangs on these media analyses, and keep others out until we commit.

    Without it an admission that is not committed yet would be overlooked, and its segments never run. (SQLite has one
    writer at a time anyway.)
    """
    statement = sa.select(media_analysis.c.id).where(media_analysis.c.id.in_(media_analysis_ids))
    if connection.dialect.name != "sqlite":
        connection.execute(statement.order_by(media_analysis.c.id).with_for_update()).close()


def analyses_of(job_id: str) -> sa.Select[tuple[int]]:
    """The media analyses that a job's files ask for."""
    return sa.select(job_file.c.media_analysis_id).where(
        job_file.c.job_id == job_id, job_file.c.media_analysis_id.is_not(None)
    )
