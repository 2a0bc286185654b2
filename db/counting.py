"""How far jobs are, from the counts that each media analysis carries: no segment, frame or face is counted."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from db.clock import now
from db.errors import NotFound
from db.job_records import JobCounts
from db.schema import job, job_file, media, media_analysis, segment
from db.states import MediaAnalysisState

_SUMS = ("segments", "segments_done", "segments_failed", "targets", "frames", "faces")
_FILES = ("files", "files_failed", "files_partial", "files_done")
_LENGTHS = ("length_s", "length_done_s")


def count_jobs(connection: Connection, job_ids: Sequence[str]) -> dict[str, JobCounts]:
    """Where jobs stand, by id. Each recording counts once, however many of a job's files hold it."""
    work = {row.job_id: row for row in connection.execute(_work_of(job_ids))}
    running = {row.job_id: row for row in connection.execute(_running_of(job_ids))}
    skipped = connection.execute(sa.select(job.c.id, job.c.skipped).where(job.c.id.in_(job_ids)))
    return {row.id: _counts(row.skipped, work.get(row.id), running.get(row.id)) for row in skipped}


def count_job(connection: Connection, job_id: str) -> JobCounts:
    """Where one job stands. Raises NotFound."""
    counts = count_jobs(connection, [job_id]).get(job_id)
    if counts is None:
        raise NotFound(f"there is no job {job_id}", "`moodreel jobs` lists them")
    return counts


def silence(connection: Connection, job_ids: Sequence[str]) -> dict[str, float]:
    """Seconds since the submitters of jobs were last heard of, by the database's clock."""
    moment: datetime = connection.execute(sa.select(now())).scalar_one()
    rows = connection.execute(sa.select(job.c.id, job.c.submitter_seen_at).where(job.c.id.in_(job_ids)))
    return {row.id: (moment - row.submitter_seen_at).total_seconds() for row in rows}


def _counts(skipped: int, work: Any, running: Any) -> JobCounts:
    counted = {name: 0 if work is None else int(getattr(work, name)) for name in (*_SUMS, *_FILES)}
    segments, done, failed = (counted.pop(name) for name in ("segments", "segments_done", "segments_failed"))
    runs = 0 if running is None else int(running.runs)
    return JobCounts(
        **counted,
        skipped=skipped,
        segments=segments,
        queued=segments - done - failed - runs,
        running=runs,
        stalled=0 if running is None else int(running.stalled),
        done=done,
        failed=failed,
        media_s=0.0 if work is None else float(work.length_s),
        media_done_s=0.0 if work is None else float(work.length_done_s),
    )


def _work_of(job_ids: Sequence[str]) -> sa.Select[Any]:
    # Each media analysis is met once, with the number of its files: a job may have a hundred thousand.
    asked = (
        sa.select(
            job_file.c.job_id,
            job_file.c.media_analysis_id,
            sa.func.count().label("files"),
            sa.func.count(job_file.c.error_code).label("unread"),
        )
        .where(job_file.c.job_id.in_(job_ids))
        .group_by(job_file.c.job_id, job_file.c.media_analysis_id)
        .subquery()
    )
    cut_short = sa.select(media.c.id).where(media.c.error_code.is_not(None)).subquery()
    columns = media_analysis.c
    partial = cut_short.c.id.is_not(None) | (columns.frames_missing + columns.frames_damaged > 0)
    files = sa.func.sum(asked.c.files)
    sums = {
        "files": files,
        "files_failed": sa.func.sum(asked.c.unread) + _or_0(files.filter(columns.segments_failed > 0)),
        "files_partial": files.filter(partial),
        "files_done": files.filter(columns.state == MediaAnalysisState.COMPLETE),
        **{name: sa.func.sum(columns[name]) for name in (*_SUMS, *_LENGTHS)},
    }
    return (
        sa.select(asked.c.job_id, *(_or_0(total).label(name) for name, total in sums.items()))
        .outerjoin(media_analysis, columns.id == asked.c.media_analysis_id)
        .outerjoin(cut_short, cut_short.c.id == columns.media_id)
        .group_by(asked.c.job_id)
    )


def _running_of(job_ids: Sequence[str]) -> sa.Select[Any]:
    # From the few running segments to the jobs, not the other way round: see db.claims.
    running = (
        sa.select(segment.c.id, segment.c.media_analysis_id, (segment.c.lease_until < now()).label("stalled"))
        .where(segment.c.state == sa.literal_column("'running'"))
        .subquery()
    )
    once = (
        sa.select(job_file.c.job_id, running.c.id, running.c.stalled)
        .join(job_file, job_file.c.media_analysis_id == running.c.media_analysis_id)
        .where(job_file.c.job_id.in_(job_ids))
        .distinct()
        .subquery()
    )
    stalled = sa.func.count().filter(once.c.stalled)
    return sa.select(once.c.job_id, sa.func.count().label("runs"), stalled.label("stalled")).group_by(once.c.job_id)


def _or_0(total: "sa.ColumnElement[Any]") -> "sa.ColumnElement[Any]":
    return sa.func.coalesce(total, 0)
