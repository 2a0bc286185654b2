"""Consent withdrawn: recordings and everything derived from them taken out again, in one transaction.

A recording is known by its content, so it goes for every job that holds it, under every name. What was asked stays
(analyses, jobs), without the paths that are forgotten: a request that named such a file no longer does, so that
`resume` does not look for it. A folder that was named stays named; whoever keeps the file in it should delete it.
"""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from db.engine import reading, translated, writing
from db.errors import Ambiguous, NotFound
from db.forget_find import Selection, by_content, by_place, by_shown
from db.jobs import JobStore
from db.places import absolute, without_paths
from db.schema import (
    face,
    frame,
    job,
    job_file,
    media,
    media_analysis,
    paid_score,
    path_hash,
    segment,
    tag,
)
from db.states import JobState, SegmentState
from db.wanted import lock_analyses

_AS_STORED = "`moodreel jobs` lists jobs; name a path as stored"
_NOT_FROM_HERE = "what lies there was not analysed; a file of that name in another folder is named by its whole path"


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What went, or would go."""

    media: int
    files: int
    """Files of jobs, the unreadable ones too."""
    elsewhere: int
    """Those of the files that the reference does not name: they hold a recording that it names."""
    jobs: int
    """Jobs that those files were part of. More than one: a recording was shared and is gone from all of them."""
    frames: int
    faces: int
    segments: int
    running: int
    """Segments that somebody is working on at this moment; their results will be refused."""
    paid_scores: int
    requests: int
    """Requests that named a forgotten file and no longer do."""


class ForgetStore:
    """Taking things out again."""

    def __init__(self, engine: Engine, patience_s: float) -> None:
        self._engine = engine
        self._patience_s = patience_s

    def at(self, path: str) -> Selection | None:
        """What the database knows at or below an absolute path, or None."""
        with reading(self._engine) as connection:
            return by_place(connection, path)

    def find(self, reference: str, *, shown: bool = True) -> Selection:
        """What a person means: an absolute path of a file or folder, a SHA-256 (8 digits at least), a media id, a job,
        or, where `shown`, a path as the views show it.

        Raises NotFound, and Ambiguous where it fits a recording and a job, or files in several places.
        """
        with reading(self._engine) as connection:
            path = by_place(connection, reference) or (by_shown(connection, reference) if shown else None)
            if path is not None:
                return path
            found = by_content(connection, reference)
        found += self._job(reference)
        if not found:
            raise NotFound(f"nothing here is called {reference!r}", _AS_STORED if shown else _NOT_FROM_HERE)
        if len(found) > 1:
            raise Ambiguous(f"{reference!r} fits {' and '.join(one.what for one in found)}", "give more of its id")
        return found[0]

    def _job(self, reference: str) -> list[Selection]:
        try:
            record = JobStore(self._engine, self._patience_s).find(reference)
        except NotFound:
            return []
        return [Selection(f"job {record.id}", record.id, files=job_file.c.job_id == record.id)]

    def preview(self, selection: Selection) -> Forgotten:
        """What `forget` would take out."""

        def work(connection: Connection) -> Forgotten:
            _select(connection, selection)
            counts = _count(connection, selection, len(_requests(connection)))
            _deselect(connection)
            return counts

        return writing(self._engine, work, self._patience_s)

    def forget(self, selection: Selection) -> Forgotten:
        """Take it out, all or nothing. Call `scrub` afterwards to leave nothing in the file's unused parts either."""

        def work(connection: Connection) -> Forgotten:
            _select(connection, selection)
            lock_analyses(connection, sa.select(media_analysis.c.id).where(media_analysis.c.media_id.in_(_media_ids)))
            requests = _requests(connection)
            counts = _count(connection, selection, len(requests))
            for job_id, text in requests.items():
                connection.execute(sa.update(job).where(job.c.id == job_id).values(request_json=text))
            _delete(connection)
            if selection.job_id is not None:
                connection.execute(sa.delete(job).where(job.c.id == selection.job_id))
            _deselect(connection)
            return counts

        def reread(connection: Connection, before: Forgotten) -> Forgotten | None:
            _select(connection, selection)
            left = _count(connection, selection, 0)
            _deselect(connection)
            return before if before.media + before.files and not left.media + left.files else None

        return writing(self._engine, work, self._patience_s, reread)

    def scrub(self) -> None:
        """Rewrite the database so that its unused parts hold nothing old. Raises DatabaseLocked while others use it.

        On PostgreSQL, dead rows are made over to reuse; its write-ahead log and backups are for its administrator.
        """
        with translated(), self._engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            if self._engine.dialect.name == "sqlite":
                driver.execute("VACUUM")
                driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                return
            driver.autocommit = True
            try:
                for table in (face, frame, paid_score, segment, media_analysis, media, tag, job_file, job, path_hash):
                    driver.execute(f'VACUUM "{table.name}"')
            finally:
                driver.autocommit = False


_gone_media = sa.Table("gone_media", sa.MetaData(), sa.Column("id", sa.BigInteger), prefixes=["TEMPORARY"])
_gone_file = sa.Table("gone_file", sa.MetaData(), sa.Column("id", sa.BigInteger), prefixes=["TEMPORARY"])
_media_ids = sa.select(_gone_media.c.id)
_file_ids = sa.select(_gone_file.c.id)
_analysis_ids = sa.select(media_analysis.c.id).where(media_analysis.c.media_id.in_(_media_ids))
_segment_ids = sa.select(segment.c.id).where(segment.c.media_analysis_id.in_(_analysis_ids))


def _select(connection: Connection, selection: Selection) -> None:
    """Put the ids of what goes aside: they must hold while rows vanish."""
    _gone_media.create(connection)
    _gone_file.create(connection)
    files = _files_of(selection)
    found = sa.select(job_file.c.media_id).where(files, job_file.c.media_id.is_not(None))
    if selection.media is not None:
        found = found.union(sa.select(media.c.id).where(selection.media))  # type: ignore[assignment]
    connection.execute(sa.insert(_gone_media).from_select(["id"], sa.select(found.subquery()).distinct()))
    also = sa.select(job_file.c.id).where(files | job_file.c.media_id.in_(_media_ids))
    connection.execute(sa.insert(_gone_file).from_select(["id"], also))


def _files_of(selection: Selection) -> "sa.ColumnElement[bool]":
    """The job files that it names; what names a recording names every file that holds it."""
    return job_file.c.media_id.in_(_media_ids) if selection.files is None else selection.files


def _deselect(connection: Connection) -> None:
    _gone_media.drop(connection)
    _gone_file.drop(connection)


def _count(connection: Connection, selection: Selection, requests: int) -> Forgotten:
    def number(table: sa.Table, *where: sa.ColumnElement[bool]) -> int:
        return int(connection.execute(sa.select(sa.func.count()).select_from(table).where(*where)).scalar_one())

    of_files = sa.select(sa.func.count(job_file.c.job_id.distinct())).where(job_file.c.id.in_(_file_ids))
    ours = segment.c.media_analysis_id.in_(_analysis_ids)
    return Forgotten(
        media=number(_gone_media),
        files=number(_gone_file),
        elsewhere=number(job_file, job_file.c.id.in_(_file_ids), sa.not_(_files_of(selection))),
        jobs=int(connection.execute(of_files).scalar_one()),
        frames=number(frame, frame.c.media_analysis_id.in_(_analysis_ids)),
        faces=number(face, face.c.media_analysis_id.in_(_analysis_ids)),
        segments=number(segment, ours),
        running=number(segment, ours, segment.c.state == SegmentState.RUNNING),
        paid_scores=number(paid_score, paid_score.c.segment_id.in_(_segment_ids)),
        requests=requests,
    )


def _paths(connection: Connection) -> set[bytes]:
    rows = connection.execute(sa.select(job_file.c.root, job_file.c.relative).where(job_file.c.id.in_(_file_ids)))
    return {absolute(bytes(root), bytes(relative)) for root, relative in rows}


def _requests(connection: Connection) -> dict[str, str]:
    """The requests that name what goes, without it: those of jobs that hold it, and of those that may yet find it."""
    paths = _paths(connection)
    holds = sa.select(job_file.c.job_id).where(job_file.c.id.in_(_file_ids))
    jobs = connection.execute(
        sa.select(job.c.id, job.c.request_json).where(job.c.id.in_(holds) | (job.c.state != JobState.SEALED))
    )
    changed = ((job_id, text, without_paths(text, paths)) for job_id, text in jobs.all())
    return {job_id: new for job_id, old, new in changed if new != old}


def _delete(connection: Connection) -> None:
    """Children first: a cascade would look for them row by row."""
    known = sa.select(media.c.sha256).where(media.c.id.in_(_media_ids))
    connection.execute(sa.delete(path_hash).where(path_hash.c.sha256.in_(known)))
    for paths in _some(sorted(_paths(connection))):
        connection.execute(sa.delete(path_hash).where(path_hash.c.path.in_(paths)))
    connection.execute(sa.delete(face).where(face.c.media_analysis_id.in_(_analysis_ids)))
    connection.execute(sa.delete(frame).where(frame.c.media_analysis_id.in_(_analysis_ids)))
    connection.execute(sa.delete(paid_score).where(paid_score.c.segment_id.in_(_segment_ids)))
    connection.execute(sa.delete(segment).where(segment.c.media_analysis_id.in_(_analysis_ids)))
    connection.execute(sa.delete(tag).where(tag.c.job_file_id.in_(_file_ids)))
    connection.execute(sa.delete(job_file).where(job_file.c.id.in_(_file_ids)))
    connection.execute(sa.delete(media_analysis).where(media_analysis.c.media_id.in_(_media_ids)))
    connection.execute(sa.delete(media).where(media.c.id.in_(_media_ids)))


def _some(paths: list[bytes], at_once: int = 1000) -> list[list[bytes]]:
    return [paths[start : start + at_once] for start in range(0, len(paths), at_once)]
