"""One transaction that writes files into a job, with the media, analyses and segments they need.

Everything goes in a few statements a batch: one statement a file would cost more than hashing a photo.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from db.clock import now
from db.engine import dialect_insert
from db.errors import StoreError
from db.records import Admission, JobFile, SegmentSpec
from db.rows import FACTS, problem_columns
from db.schema import job, job_file, media, media_analysis, segment, tag
from db.states import JobState, MediaAnalysisState, SegmentState
from db.text import storable

AT_ONCE = 1000
"""Files a statement: a database takes some 32,000 values in one."""
Key = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class _Media:
    id: int
    kind: str
    path_job_id: str


class Admitting:
    """One transaction of `admit`."""

    def __init__(self, connection: Connection, job_id: str, *, alone: bool = False) -> None:
        self._connection = connection
        self._insert = dialect_insert(connection)
        self._job_id = job_id
        # Locked: a job that is cancelled meanwhile waits for us, or we see that it is. `alone`: so does any admission.
        lock = sa.select(job).where(job.c.id == job_id).with_for_update(read=not alone)
        row = connection.execute(lock).one_or_none()
        if row is None:
            raise StoreError(f"job {job_id} is gone", "submit it again")
        self._priority = row.priority
        self._live = row.state != JobState.CANCELLED
        self._now = connection.execute(sa.select(now())).scalar_one()
        self._analyses = {"video": row.video_analysis_id, "photo": row.photo_analysis_id}

    def admit(self, files: Sequence[JobFile]) -> Admission:
        """Write files into the job; those it holds already are passed over."""
        total = Admission()
        remaining = iter(files)
        while batch := list(islice(remaining, AT_ONCE)):
            total = total + self._admit(batch)
        return total

    def holds(self, files: Sequence[JobFile]) -> bool:
        """Whether the job has every one of these files."""
        remaining = iter(files)
        while batch := list(islice(remaining, AT_ONCE)):
            if not {_key(file) for file in batch} <= self._present(batch):
                return False
        return True

    def _admit(self, files: list[JobFile]) -> Admission:
        present = self._present(files)
        fresh = [file for file in files if _key(file) not in present]
        by_hash = _by_hash(fresh)
        known = self._media(by_hash)
        analyses, new = self._media_analyses(by_hash, known)
        new_segments = self._segments(by_hash, {sha256: analyses[sha256] for sha256 in new}, known)
        written = self._files(fresh, known, analyses)
        old = [analyses[sha256] for sha256 in by_hash if sha256 not in new]
        self._want(old)
        problems = sum(file.problem is not None and _key(file) in written for file in fresh)
        return Admission(
            files=len(written),
            duplicates=len(files) - len(written),
            problems=problems,
            new_segments=new_segments,
            **self._states(old),
        )

    def _present(self, files: list[JobFile]) -> set[Key]:
        rows = self._connection.execute(
            sa.select(job_file.c.root, job_file.c.relative).where(
                job_file.c.job_id == self._job_id,
                job_file.c.root.in_({file.root for file in files}),
                job_file.c.relative.in_([file.relative for file in files]),
            )
        )
        return {(bytes(root), bytes(relative)) for root, relative in rows}

    def _media(self, files: dict[str, JobFile]) -> dict[str, _Media]:
        facts = [self._media_row(file) for file in files.values() if file.facts is not None]
        if facts:
            insert = self._insert(media).on_conflict_do_nothing(index_elements=["sha256"])
            self._connection.execute(insert, facts)
        rows = self._connection.execute(
            sa.select(media.c.sha256, media.c.id, media.c.kind, media.c.path_job_id).where(media.c.sha256.in_(files))
        )
        known = {row.sha256: _Media(row.id, row.kind, row.path_job_id) for row in rows}
        for sha256, file in files.items():
            if sha256 not in known:
                raise StoreError(f"the media of {file.path} is gone", "run the job again")
        self._rename(files, known)
        return known

    def _media_row(self, file: JobFile) -> dict[str, Any]:
        assert file.facts is not None  # noqa: S101  narrows the type
        return {
            "sha256": file.sha256,
            "size_bytes": file.size,
            "path": storable(file.path),
            "path_job_id": self._job_id,
            "created_at": self._now,
            **{name: getattr(file.facts, name) for name in FACTS},
            **problem_columns(file.facts.partial),
        }

    def _rename(self, files: dict[str, JobFile], known: dict[str, _Media]) -> None:
        """The first path of the newest job names the media: a renamed file shows its new name."""
        rows = [
            {"which": known[sha256].id, "new_path": storable(file.path)}
            for sha256, file in files.items()
            if known[sha256].path_job_id < self._job_id
        ]
        if rows:
            rename = sa.update(media).where(media.c.id == sa.bindparam("which"), media.c.path_job_id < self._job_id)
            self._connection.execute(rename.values(path=sa.bindparam("new_path"), path_job_id=self._job_id), rows)

    def _media_analyses(self, files: dict[str, JobFile], known: dict[str, _Media]) -> tuple[dict[str, int], set[str]]:
        """The media analysis of each content, and which of them are new."""
        before = self._stored(known)
        missing = {sha256: file for sha256, file in files.items() if sha256 not in before}
        for file in missing.values():
            if file.segments is None:
                raise StoreError(f"{file.path} was admitted without segments", "run the job again")
        if not missing:
            return before, set()
        # Somebody else may write the same at this moment: then we wait here and get nothing back.
        insert = self._insert(media_analysis).on_conflict_do_nothing(index_elements=["media_id", "analysis_id"])
        rows = [self._media_analysis_row(file, known[sha256]) for sha256, file in missing.items()]
        written = set(self._connection.execute(insert.returning(media_analysis.c.media_id), rows).scalars())
        new = {sha256 for sha256 in missing if known[sha256].id in written}
        return self._stored(known), new

    def _stored(self, known: dict[str, _Media]) -> dict[str, int]:
        rows = self._connection.execute(
            sa.select(media_analysis.c.media_id, media_analysis.c.analysis_id, media_analysis.c.id).where(
                media_analysis.c.media_id.in_([one.id for one in known.values()]),
                media_analysis.c.analysis_id.in_(set(self._analyses.values())),
            )
        )
        ids = {(media_id, analysis_id): number for media_id, analysis_id, number in rows}
        wanted = {sha256: (one.id, self._analyses[one.kind]) for sha256, one in known.items()}
        return {sha256: ids[key] for sha256, key in wanted.items() if key in ids}

    def _media_analysis_row(self, file: JobFile, known: _Media) -> dict[str, Any]:
        segments = file.segments or ()
        return {
            "media_id": known.id,
            "analysis_id": self._analyses[known.kind],
            "state": MediaAnalysisState.OPEN if segments else MediaAnalysisState.COMPLETE,
            "segments": len(segments),
            "targets": sum(spec.targets for spec in segments),
            "length_s": sum(spec.end_s - spec.start_s for spec in segments),
            "created_at": self._now,
            "completed_at": None if segments else self._now,
        }

    def _segments(self, files: dict[str, JobFile], new: dict[str, int], known: dict[str, _Media]) -> int:
        rows = [
            {
                "media_analysis_id": new[sha256],
                "kind": known[sha256].kind,
                "state": SegmentState.QUEUED,
                "wanted": self._live,
                "priority": self._priority,
                "updated_at": self._now,
                **{name: getattr(spec, name) for name in SegmentSpec.__slots__},
            }
            for sha256, file in files.items()
            if sha256 in new
            for spec in file.segments or ()
        ]
        if rows:
            self._connection.execute(sa.insert(segment), rows)
        return len(rows)

    def _files(self, files: list[JobFile], known: dict[str, _Media], analyses: dict[str, int]) -> set[Key]:
        """Write the files and their tags; returns which were written: another walk of the job may have been faster."""
        if not files:
            return set()
        insert = self._insert(job_file).on_conflict_do_nothing(index_elements=["job_id", "root", "relative"])
        rows = [self._file_row(file, known, analyses) for file in files]
        returned = self._connection.execute(insert.returning(job_file.c.id, job_file.c.root, job_file.c.relative), rows)
        ids = {(bytes(row.root), bytes(row.relative)): row.id for row in returned}
        tags = [
            {"job_file_id": ids[_key(file)], "key": storable(key), "value": storable(value)}
            for file in files
            if _key(file) in ids
            for key, value in sorted(file.tags.items())
        ]
        if tags:
            self._connection.execute(sa.insert(tag), tags)
        return set(ids)

    def _file_row(self, file: JobFile, known: dict[str, _Media], analyses: dict[str, int]) -> dict[str, Any]:
        tags = {storable(key): storable(value) for key, value in sorted(file.tags.items())}
        return {
            "job_id": self._job_id,
            "path": storable(file.path),
            "root": file.root,
            "relative": file.relative,
            "size": file.size,
            "mtime_ns": file.mtime_ns,
            "tags_json": json.dumps(tags, ensure_ascii=False),
            "media_id": known[file.sha256].id if file.sha256 else None,
            "media_analysis_id": analyses[file.sha256] if file.sha256 else None,
            **problem_columns(file.problem),
        }

    def _want(self, old: list[int]) -> None:
        """Segments that an earlier job left: wanted again, and as urgent as the most urgent job that wants them."""
        if not self._live or not old:
            return
        ours = segment.c.media_analysis_id.in_(old)
        self._connection.execute(sa.update(segment).where(ours, ~segment.c.wanted).values(wanted=True))
        self._connection.execute(
            sa.update(segment).where(ours, segment.c.priority < self._priority).values(priority=self._priority)
        )

    def _states(self, old: list[int]) -> dict[str, int]:
        counted = (
            sa.select(segment.c.state, sa.func.count().label("number"))
            .where(segment.c.media_analysis_id.in_(old))
            .group_by(segment.c.state)
        )
        states = {row.state: row.number for row in self._connection.execute(counted)} if old else {}
        return {
            "reused_segments": states.get(SegmentState.DONE, 0),
            "waiting_segments": states.get(SegmentState.QUEUED, 0) + states.get(SegmentState.RUNNING, 0),
            "old_failures": states.get(SegmentState.FAILED, 0),
        }


def _key(file: JobFile) -> Key:
    return file.root, file.relative


def _by_hash(files: Iterable[JobFile]) -> dict[str, JobFile]:
    """One file for each content, the first, or the first that was probed where the content is new.

    Sorted: two submitters of the same media lock the same rows in the same order.
    """
    chosen: dict[str, JobFile] = {}
    for file in files:
        if file.sha256 is None:
            continue
        present = chosen.get(file.sha256)
        if present is None or (present.facts is None and file.facts is not None):
            chosen[file.sha256] = file
    return dict(sorted(chosen.items()))
