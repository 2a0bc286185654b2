"""How far jobs are, from the counts that each media analysis carries: no segment, frame or face is counted."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from db.clock import now
from db.records import JobCounts
from db.schema import job, job_file, media, media_analysis, segment
from db.states import MediaAnalysisState
from db.wanted import analyses_of

_SUMS = {
    "segments": media_analysis.c.segments,
    "done": media_analysis.c.segments_done,
    "failed": media_analysis.c.segments_failed,
    "targets": media_analysis.c.targets,
    "frames": media_analysis.c.frames,
    "faces": media_analysis.c.faces,
}
_LENGTHS = {"media_s": media_analysis.c.length_s, "media_done_s": media_analysis.c.length_done_s}
_file_failed = job_file.c.error_code.is_not(None) | (media_analysis.c.segments_failed > 0)


def count_job(connection: Connection, job_id: str) -> JobCounts:
    """Where one job stands. Each recording counts once, however many of its files hold it."""
    files = connection.execute(_files_of(job_id)).one()
    work = connection.execute(_work_of(job_id)).one()
    sums = {name: int(getattr(work, name)) for name in _SUMS}
    running = connection.execute(_running_of(job_id)).scalar_one()
    return JobCounts(
        **files._mapping,
        **sums,
        queued=sums["segments"] - sums["done"] - sums["failed"] - running,
        running=running,
        media_s=float(work.media_s),
        media_done_s=float(work.media_done_s),
        skipped=connection.execute(sa.select(job.c.skipped).where(job.c.id == job_id)).scalar_one(),
    )


def job_lines(limit: int | None) -> sa.Select[Any]:
    """The newest jobs with their counts, and the database's time as `moment`."""
    chosen = sa.select(job.c.id).order_by(job.c.id.desc()).limit(limit).subquery()
    files = (
        sa.select(
            job_file.c.job_id,
            sa.func.count().label("files"),
            sa.func.count().filter(_file_failed).label("files_failed"),
        )
        .outerjoin(media_analysis, media_analysis.c.id == job_file.c.media_analysis_id)
        .where(job_file.c.job_id.in_(sa.select(chosen.c.id)))
        .group_by(job_file.c.job_id)
        .subquery()
    )
    once = (
        sa.select(job_file.c.job_id, job_file.c.media_analysis_id)
        .where(job_file.c.job_id.in_(sa.select(chosen.c.id)))
        .distinct()
        .subquery()
    )
    work = (
        sa.select(once.c.job_id, *(sa.func.sum(column).label(name) for name, column in _SUMS.items()))
        .join(media_analysis, media_analysis.c.id == once.c.media_analysis_id)
        .group_by(once.c.job_id)
        .subquery()
    )
    return (
        sa.select(
            job,
            now().label("moment"),
            *(sa.func.coalesce(column, 0).label(column.name) for column in (files.c.files, files.c.files_failed)),
            *(sa.func.coalesce(work.c[name], 0).label(name) for name in _SUMS),
        )
        .join(chosen, chosen.c.id == job.c.id)
        .outerjoin(files, files.c.job_id == job.c.id)
        .outerjoin(work, work.c.job_id == job.c.id)
        .order_by(job.c.id.desc())
    )


def _files_of(job_id: str) -> sa.Select[int, int, int, int]:
    one = sa.func.count()
    partial = media.c.error_code.is_not(None) | (media_analysis.c.frames_missing + media_analysis.c.frames_damaged > 0)
    counts: sa.Select[int, int, int, int] = sa.select(
        one.label("files"),
        one.filter(_file_failed).label("files_failed"),
        one.filter(partial).label("files_partial"),
        one.filter(media_analysis.c.state == MediaAnalysisState.COMPLETE).label("files_done"),
    )
    return (
        counts.select_from(job_file)
        .outerjoin(media_analysis, media_analysis.c.id == job_file.c.media_analysis_id)
        .outerjoin(media, media.c.id == job_file.c.media_id)
        .where(job_file.c.job_id == job_id)
    )


def _work_of(job_id: str) -> sa.Select[Any]:
    sums = (sa.func.coalesce(sa.func.sum(column), 0).label(name) for name, column in (_SUMS | _LENGTHS).items())
    return sa.select(*sums).where(media_analysis.c.id.in_(analyses_of(job_id)))


def _running_of(job_id: str) -> sa.Select[Any]:
    # From the few running segments to the job, not the other way round: see db.claims.
    asks = (
        sa.select(sa.literal(1))
        .where(job_file.c.media_analysis_id == segment.c.media_analysis_id, job_file.c.job_id == job_id)
        .limit(1)
        .scalar_subquery()
    )
    return sa.select(sa.func.count()).where(segment.c.state == sa.literal_column("'running'"), asks == 1)
