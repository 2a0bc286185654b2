"""The state machine of a segment: claimed, committed, failed, given back, expired. Each transition is one method.

`attempt` is the fencing token: it rises at each claim and never resets, and every outcome is written under the very
attempt that was claimed. A refused row never sinks the others of its batch.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from db.clock import now
from db.engine import writing
from db.intake import FACTS, problem_columns
from db.records import (
    ClaimedSegment,
    Fence,
    MediaFacts,
    MediaKind,
    Problem,
    SegmentCommit,
    SegmentFailure,
    SegmentOutcome,
    SegmentSpec,
)
from db.results import count_frames, write_frames
from db.schema import analysis, job, job_file, media, media_analysis, segment
from db.states import JobState, MediaAnalysisState, SegmentState
from db.wanted import analyses_of

_FREE: dict[str, Any] = {"owner": None, "lease_until": None}
_EXPIRED = Problem(
    "segment.expired",
    "whoever worked on it fell silent, again and again",
    "look at the machines' memory and logs, then `moodreel retry`",
)


class SegmentStore:
    """Work to be done and its outcomes."""

    def __init__(self, engine: Engine, patience_s: float) -> None:
        self._engine = engine
        self._patience_s = patience_s

    def claim(
        self,
        owner: str,
        lease_s: float,
        limit: int,
        *,
        job_id: str | None = None,
        ids: Sequence[int] | None = None,
        kind: MediaKind | None = None,
    ) -> list[ClaimedSegment]:
        """Take up to `limit` runnable segments: of one job, or of these ids; photos or videos only, if asked."""
        runnable = (
            sa.select(segment.c.id)
            .where(
                segment.c.state == sa.literal_column("'queued'"),  # spelled out, so that the partial index serves
                segment.c.wanted,
                segment.c.not_before.is_(None) | (segment.c.not_before <= now()),
            )
            .order_by(segment.c.priority.desc(), segment.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True, of=segment)
        )
        if job_id is not None:
            runnable = runnable.where(segment.c.media_analysis_id.in_(analyses_of(job_id)))
        if ids is not None:
            runnable = runnable.where(segment.c.id.in_(ids))
        if kind is not None:
            runnable = runnable.where(segment.c.kind == kind)

        def work(connection: Connection) -> list[ClaimedSegment]:
            chosen = connection.execute(runnable).scalars().all()
            taken = (
                sa.update(segment)
                .where(segment.c.id.in_(chosen), segment.c.state == SegmentState.QUEUED)
                .values(
                    state=SegmentState.RUNNING,
                    attempt=segment.c.attempt + 1,
                    owner=owner,
                    lease_until=now(lease_s),
                    not_before=None,
                    updated_at=now(),
                )
                .returning(segment.c.id)
            )
            return _claimed(connection, connection.execute(taken).scalars().all()) if chosen else []

        return self._write(work)

    def commit(self, commits: Sequence[SegmentCommit]) -> list[SegmentOutcome]:
        """Write finished segments with their frames and faces, in one transaction, each under its own fence."""

        def work(connection: Connection) -> list[SegmentOutcome]:
            held = {
                commit.fence: self._settle(connection, commit.fence, state=SegmentState.DONE, **_NO_PROBLEM)
                for commit in _in_order(commits)
            }
            accepted = [commit for commit in commits if held[commit.fence] is not None]
            write_frames(connection, [(_known(held[c.fence]), c.fence.segment_id, c.frames) for c in accepted])
            for commit in accepted:
                counts = count_frames(commit.frames) | {"fallbacks": commit.fallbacks, "cpu_s": commit.cpu_s}
                _advance(connection, _known(held[commit.fence]), segments_done=1, **counts)
            return [_outcome(commit.fence, held[commit.fence], SegmentState.DONE) for commit in commits]

        return self._write(work)

    def fail(self, failures: Sequence[SegmentFailure]) -> list[SegmentOutcome]:
        """Charge a failure to each segment: queued again at once, or `failed` at its cap or for a permanent reason."""

        def work(connection: Connection) -> list[SegmentOutcome]:
            return [self._fail(connection, failure) for failure in failures]

        return self._write(work)

    def give_back(self, fences: Sequence[Fence], delay_s: float = 0.0) -> int:
        """Return segments untried (a rate wait, a shutdown): nothing is counted against them."""

        def work(connection: Connection) -> int:
            later = now(delay_s) if delay_s else None
            return sum(
                self._settle(connection, fence, state=SegmentState.QUEUED, not_before=later, dispatched_at=None)
                is not None
                for fence in _in_order_fences(fences)
            )

        return self._write(work)

    def extend(self, fences: Sequence[Fence], lease_s: float) -> list[Fence]:
        """Hold on to segments for longer; returns those that are no longer ours."""

        def work(connection: Connection) -> list[Fence]:
            lost = []
            for fence in _in_order_fences(fences):
                statement = sa.update(segment).where(*_ours(fence)).values(lease_until=now(lease_s))
                if connection.execute(statement).rowcount != 1:
                    lost.append(fence)
            return lost

        return self._write(work)

    def expire(self) -> int:
        """Queue segments again whose lease ran out; fail those that expired too often. Returns how many there were."""
        return self._release(segment.c.lease_until < now())

    def release_all(self) -> int:
        """Queue every running segment again: for a process that knows it is the only one. Counts as an expiry."""
        return self._release(sa.true())

    def queued(self, job_id: str) -> int:
        """How many segments of a job wait to be run."""
        waiting = sa.select(sa.func.count()).where(
            segment.c.state == SegmentState.QUEUED,
            segment.c.wanted,
            segment.c.media_analysis_id.in_(analyses_of(job_id)),
        )
        with self._engine.connect() as connection:
            return int(connection.execute(waiting).scalar_one())

    def _fail(self, connection: Connection, failure: SegmentFailure) -> SegmentOutcome:
        fence, problem = failure.fence, failure.problem
        row = connection.execute(
            sa.select(segment.c.failures, segment.c.max_failures).where(*_ours(fence)).with_for_update()
        ).one_or_none()
        if row is None:
            return SegmentOutcome(fence, False, None)
        over = problem.permanent or row.failures + 1 >= row.max_failures
        state = SegmentState.FAILED if over else SegmentState.QUEUED
        media_analysis_id = self._settle(
            connection, fence, state=state, failures=row.failures + 1, dispatched_at=None, **problem_columns(problem)
        )
        if over:
            _advance(connection, _known(media_analysis_id), segments_failed=1)
        return _outcome(fence, media_analysis_id, state)

    def _settle(self, connection: Connection, fence: Fence, **values: Any) -> int | None:
        """Let go of a segment under its fence; its media analysis, or None where the fence is void."""
        statement = (
            sa.update(segment)
            .where(*_ours(fence))
            .values(updated_at=now(), **_FREE, **values)
            .returning(segment.c.media_analysis_id)
        )
        return connection.execute(statement).scalar_one_or_none()

    def _release(self, which: sa.ColumnElement[bool]) -> int:
        running = segment.c.state == sa.literal_column("'running'")
        over = segment.c.expiries + 1 >= segment.c.max_expiries

        def work(connection: Connection) -> int:
            failed = connection.execute(
                sa.update(segment)
                .where(running, which, over)
                .values(
                    state=SegmentState.FAILED,
                    expiries=segment.c.expiries + 1,
                    updated_at=now(),
                    **_FREE,
                    **problem_columns(_EXPIRED),
                )
                .returning(segment.c.media_analysis_id)
            ).scalars()
            ended = list(failed)
            for media_analysis_id in ended:
                _advance(connection, media_analysis_id, segments_failed=1)
            again = connection.execute(
                sa.update(segment)
                .where(running, which)
                .values(
                    state=SegmentState.QUEUED,
                    expiries=segment.c.expiries + 1,
                    dispatched_at=None,
                    updated_at=now(),
                    **_FREE,
                )
            )
            return again.rowcount + len(ended)

        return int(self._write(work))

    def _write(self, work: Any) -> Any:
        return writing(self._engine, work, self._patience_s)


_NO_PROBLEM = problem_columns(None)


def _ours(fence: Fence) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        segment.c.id == fence.segment_id,
        segment.c.attempt == fence.attempt,
        segment.c.state == SegmentState.RUNNING,
    )


def _in_order(commits: Sequence[SegmentCommit]) -> list[SegmentCommit]:
    """By segment, so that two writers lock rows in the same order."""
    return sorted(commits, key=lambda commit: commit.fence.segment_id)


def _in_order_fences(fences: Sequence[Fence]) -> list[Fence]:
    return sorted(fences, key=lambda fence: fence.segment_id)


def _known(media_analysis_id: int | None) -> int:
    assert media_analysis_id is not None  # noqa: S101  narrows the type: only accepted rows come here
    return media_analysis_id


def _outcome(fence: Fence, media_analysis_id: int | None, state: SegmentState) -> SegmentOutcome:
    accepted = media_analysis_id is not None
    return SegmentOutcome(fence, accepted, state if accepted else None)


def _advance(connection: Connection, media_analysis_id: int, **more: float) -> None:
    """Add to the counts of a media analysis, and complete it with its last segment."""
    columns = media_analysis.c
    done = columns.segments_done + more.get("segments_done", 0)
    failed = columns.segments_failed + more.get("segments_failed", 0)
    complete = done + failed >= columns.segments
    connection.execute(
        sa.update(media_analysis)
        .where(columns.id == media_analysis_id)
        .values(
            state=sa.case((complete, MediaAnalysisState.COMPLETE.value), else_=MediaAnalysisState.OPEN.value),
            completed_at=sa.case((complete, now()), else_=None),
            **{name: columns[name] + value for name, value in more.items()},
        )
    )


def _claimed(connection: Connection, ids: Sequence[int]) -> list[ClaimedSegment]:
    """All that is needed to work on these segments. The file is that of the newest live job that asks for the media."""
    files = (
        sa.select(
            job_file.c.media_analysis_id,
            job_file.c.root,
            job_file.c.relative,
            job_file.c.path,
            job_file.c.mtime_ns,
            sa.func.row_number()
            .over(
                partition_by=job_file.c.media_analysis_id,
                order_by=((job.c.state == JobState.CANCELLED), job.c.id.desc(), job_file.c.id),
            )
            .label("place"),
        )
        .join(job, job.c.id == job_file.c.job_id)
        .where(job_file.c.media_analysis_id.in_(sa.select(segment.c.media_analysis_id).where(segment.c.id.in_(ids))))
        .subquery()
    )
    rows = connection.execute(
        sa.select(
            segment,
            *(media.c[name].label(f"media_{name}") for name in (*FACTS, "sha256", "size_bytes", "id")),
            media.c.error_code.label("partial_code"),
            media.c.error_reason.label("partial_reason"),
            media.c.error_hint.label("partial_hint"),
            analysis.c.id.label("analysis_id"),
            analysis.c.spec_json,
            files.c.root,
            files.c.relative,
            files.c.path,
            files.c.mtime_ns,
        )
        .join(media_analysis, media_analysis.c.id == segment.c.media_analysis_id)
        .join(media, media.c.id == media_analysis.c.media_id)
        .join(analysis, analysis.c.id == media_analysis.c.analysis_id)
        .join(files, (files.c.media_analysis_id == media_analysis.c.id) & (files.c.place == 1))
        .where(segment.c.id.in_(ids))
        .order_by(segment.c.priority.desc(), segment.c.id)
    )
    return [_claimed_segment(row) for row in rows]


def _claimed_segment(row: Any) -> ClaimedSegment:
    partial = Problem(row.partial_code, row.partial_reason, row.partial_hint) if row.partial_code else None
    values = row._mapping
    return ClaimedSegment(
        fence=Fence(row.id, row.attempt),
        media_analysis_id=row.media_analysis_id,
        spec=SegmentSpec(
            row.ordinal,
            row.start_pts,
            row.end_pts,
            row.entry_pts,
            row.packets,
            row.start_s,
            row.end_s,
            row.targets,
            row.weight,
        ),
        failures=row.failures,
        media_id=row.media_id,
        sha256=row.media_sha256,
        size_bytes=row.media_size_bytes,
        facts=MediaFacts(**{name: values[f"media_{name}"] for name in FACTS}, partial=partial),
        root=bytes(row.root),
        relative=bytes(row.relative),
        path=row.path,
        mtime_ns=row.mtime_ns,
        analysis_id=row.analysis_id,
        spec_json=row.spec_json,
    )
