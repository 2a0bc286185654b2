"""Files into a job: what their content's hash is known to be, and everything that hangs on it, admitted in batches."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from db.clock import now
from db.engine import dialect_insert, reading, writing
from db.errors import StoreError
from db.records import Admission, FileIdentity, JobFile, KnownMedia, MediaFacts, Problem
from db.schema import job, job_file, media, media_analysis, path_hash, segment, tag
from db.states import MediaAnalysisState, SegmentState

FACTS = tuple(field.name for field in fields(MediaFacts) if field.name != "partial")
"""The columns of `media` that hold MediaFacts under the same name."""


class IntakeStore:
    """The side of the store that submitters write to."""

    def __init__(self, engine: Engine, patience_s: float) -> None:
        self._engine = engine
        self._patience_s = patience_s

    def hash_of(self, identity: FileIdentity) -> str | None:
        """The SHA-256 of a file that has not changed since we read it."""
        known = sa.select(path_hash.c.sha256).where(
            path_hash.c.path == identity.path,
            path_hash.c.device == str(identity.device),
            path_hash.c.inode == str(identity.inode),
            path_hash.c.size == identity.size,
            path_hash.c.mtime_ns == identity.mtime_ns,
        )
        with reading(self._engine) as connection:
            return connection.execute(known).scalar_one_or_none()

    def remember_hashes(self, hashes: Sequence[tuple[FileIdentity, str]]) -> None:
        """Remember what the content of these files is, until they change."""
        rows = [
            {
                "path": identity.path,
                "device": str(identity.device),
                "inode": str(identity.inode),
                "size": identity.size,
                "mtime_ns": identity.mtime_ns,
                "sha256": sha256,
            }
            for identity, sha256 in sorted(dict(hashes).items(), key=lambda item: item[0].path)
        ]

        def work(connection: Connection) -> None:
            insert = dialect_insert(connection)(path_hash)
            new = {name: insert.excluded[name] for name in ("device", "inode", "size", "mtime_ns", "sha256")}
            connection.execute(insert.on_conflict_do_update(index_elements=["path"], set_=new), rows)

        if rows:
            writing(self._engine, work, self._patience_s)

    def known(self, sha256: str, video_analysis_id: int, photo_analysis_id: int) -> KnownMedia | None:
        """What is stored of a content under the analysis that fits its kind."""
        wanted = sa.case((media.c.kind == "video", video_analysis_id), else_=photo_analysis_id)
        statement = (
            sa.select(media.c.id, media.c.kind, media_analysis.c.id.is_not(None).label("analysed"))
            .outerjoin(
                media_analysis,
                (media_analysis.c.media_id == media.c.id) & (media_analysis.c.analysis_id == wanted),
            )
            .where(media.c.sha256 == sha256)
        )
        with reading(self._engine) as connection:
            row = connection.execute(statement).one_or_none()
        return None if row is None else KnownMedia(row.id, row.kind, bool(row.analysed))

    def admit(self, job_id: str, files: Sequence[JobFile]) -> Admission:
        """Write files into a job with the media, analyses and segments they need, in one transaction.

        Files that the job holds already are passed over, so a walk may be repeated.
        """
        batch = list({(file.root, file.relative): file for file in files}.values())
        return writing(self._engine, lambda connection: _Admitting(connection, job_id).admit(batch), self._patience_s)


@dataclass(frozen=True, slots=True)
class _Admitted:
    """One media analysis that a batch refers to."""

    id: int
    media_id: int
    new_segments: int


class _Admitting:
    """One transaction of `admit`."""

    def __init__(self, connection: Connection, job_id: str) -> None:
        self._connection = connection
        self._insert = dialect_insert(connection)
        self._job_id = job_id
        row = connection.execute(sa.select(job).where(job.c.id == job_id)).one_or_none()
        if row is None:
            raise StoreError(f"job {job_id} is gone", "submit it again")
        self._priority = row.priority
        self._analyses = {"video": row.video_analysis_id, "photo": row.photo_analysis_id}

    def admit(self, files: list[JobFile]) -> Admission:
        present = self._present(files)
        fresh = [file for file in files if (file.root, file.relative) not in present]
        analysed: dict[str, _Admitted] = {}
        # Sorted: two submitters of the same media lock the same rows in the same order.
        for file in sorted((file for file in fresh if file.sha256), key=lambda file: str(file.sha256)):
            analysed.setdefault(str(file.sha256), self._media_analysis(file))
        for file in fresh:
            self._file(file, analysed.get(file.sha256 or ""))
        return self._summary(len(files) - len(fresh), fresh, list(analysed.values()))

    def _present(self, files: list[JobFile]) -> set[tuple[bytes, bytes]]:
        keys = sa.tuple_(job_file.c.root, job_file.c.relative)
        rows = self._connection.execute(
            sa.select(job_file.c.root, job_file.c.relative).where(
                job_file.c.job_id == self._job_id, keys.in_([(file.root, file.relative) for file in files])
            )
        )
        return {(bytes(root), bytes(relative)) for root, relative in rows}

    def _media_analysis(self, file: JobFile) -> _Admitted:
        media_id, kind = self._media(file)
        analysis_id = self._analyses[kind]
        new = self._connection.execute(
            self._insert(media_analysis)
            .values(
                media_id=media_id,
                analysis_id=analysis_id,
                state=MediaAnalysisState.OPEN if file.segments else MediaAnalysisState.COMPLETE,
                segments=len(file.segments or ()),
                created_at=now(),
            )
            .on_conflict_do_nothing(index_elements=["media_id", "analysis_id"])
            .returning(media_analysis.c.id)
        ).scalar_one_or_none()
        if new is not None:
            if file.segments is None:
                raise StoreError(f"{file.path} was admitted without segments", "run the job again")
            self._segments(new, kind, file)
            return _Admitted(new, media_id, len(file.segments))
        known = sa.select(media_analysis.c.id).where(
            media_analysis.c.media_id == media_id, media_analysis.c.analysis_id == analysis_id
        )
        return _Admitted(self._connection.execute(known).scalar_one(), media_id, 0)

    def _media(self, file: JobFile) -> tuple[int, str]:
        if file.facts is not None:
            self._connection.execute(
                self._insert(media)
                .values(
                    sha256=file.sha256,
                    size_bytes=file.size,
                    path=file.path,
                    path_job_id=self._job_id,
                    created_at=now(),
                    **{name: getattr(file.facts, name) for name in FACTS},
                    **problem_columns(file.facts.partial),
                )
                .on_conflict_do_nothing(index_elements=["sha256"])
            )
        # The first path of the newest job names the media: a renamed file shows its new name.
        self._connection.execute(
            sa.update(media)
            .where(media.c.sha256 == file.sha256, media.c.path_job_id < self._job_id)
            .values(path=file.path, path_job_id=self._job_id)
        )
        row = self._connection.execute(
            sa.select(media.c.id, media.c.kind).where(media.c.sha256 == file.sha256)
        ).one_or_none()
        if row is None:
            raise StoreError(f"the media of {file.path} is gone", "run the job again")
        return int(row.id), str(row.kind)

    def _segments(self, media_analysis_id: int, kind: str, file: JobFile) -> None:
        rows = [
            {
                "media_analysis_id": media_analysis_id,
                "ordinal": spec.ordinal,
                "start_s": spec.start_s,
                "end_s": spec.end_s,
                "start_pts": spec.start_pts,
                "end_pts": spec.end_pts,
                "entry_pts": spec.entry_pts,
                "packets": spec.packets,
                "targets": spec.targets,
                "weight": spec.weight,
                "kind": kind,
                "state": SegmentState.QUEUED,
                "wanted": True,
                "priority": self._priority,
            }
            for spec in file.segments or ()
        ]
        if rows:
            self._connection.execute(sa.insert(segment).values(updated_at=now()), rows)

    def _file(self, file: JobFile, admitted: _Admitted | None) -> None:
        tags = dict(sorted(file.tags.items()))
        new = self._connection.execute(
            sa.insert(job_file)
            .values(
                job_id=self._job_id,
                path=file.path,
                root=file.root,
                relative=file.relative,
                size=file.size,
                mtime_ns=file.mtime_ns,
                tags_json=json.dumps(tags, ensure_ascii=False),
                media_id=None if admitted is None else admitted.media_id,
                media_analysis_id=None if admitted is None else admitted.id,
                **problem_columns(file.problem),
            )
            .returning(job_file.c.id)
        ).scalar_one()
        if tags:
            rows = [{"job_file_id": new, "key": key, "value": value} for key, value in tags.items()]
            self._connection.execute(sa.insert(tag), rows)

    def _summary(self, duplicates: int, fresh: list[JobFile], admitted: list[_Admitted]) -> Admission:
        old = [one.id for one in admitted if not one.new_segments]
        # A job that meets segments nobody wanted any more wants them again.
        self._connection.execute(sa.update(segment).where(segment.c.media_analysis_id.in_(old)).values(wanted=True))
        states: dict[str, int] = {
            row.state: row.number
            for row in self._connection.execute(
                sa.select(segment.c.state, sa.func.count().label("number"))
                .where(segment.c.media_analysis_id.in_(old))
                .group_by(segment.c.state)
            )
        }
        waiting = states.get(SegmentState.QUEUED, 0) + states.get(SegmentState.RUNNING, 0)
        return Admission(
            files=len(fresh),
            duplicates=duplicates,
            problems=sum(file.problem is not None for file in fresh),
            new_segments=sum(one.new_segments for one in admitted),
            reused_segments=states.get(SegmentState.DONE, 0),
            waiting_segments=waiting,
            old_failures=states.get(SegmentState.FAILED, 0),
        )


def problem_columns(problem: Problem | None) -> dict[str, Any]:
    """The three columns that hold a problem, or NULLs."""
    if problem is None:
        return {"error_code": None, "error_reason": None, "error_hint": None}
    return {"error_code": problem.code, "error_reason": problem.reason, "error_hint": problem.hint}
