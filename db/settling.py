"""One transaction in which segments are let go of: done, failed or given back, each under its own fence.

Also how to tell, where nobody heard whether it was committed, that it was: a segment leaves its attempt by an outcome
of ours, or because its lease ran out, and the latter is counted.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from db.clock import now
from db.progress import Gain, advance, recount
from db.records import Fence, SegmentCommit, SegmentFailure, SegmentOutcome
from db.results import count_frames, unsound, write_frames
from db.rows import problem_columns
from db.schema import segment
from db.states import SegmentState

FREE: dict[str, Any] = {"owner": None, "lease_until": None}
_NO_PROBLEM = problem_columns(None)

Expiries = Mapping[Fence, int]
"""How often each segment's lease had run out before we let go of it."""


class Settling:
    """One such transaction. A refused segment does not sink the others."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.expiries: dict[Fence, int] = {}
        """Of every segment that was let go of so far."""

    def commit(self, commits: Sequence[SegmentCommit]) -> list[SegmentOutcome]:
        """Write results; those that no database could hold fail their segments for good."""
        flaws = {commit.fence: unsound(commit.frames) for commit in commits}
        sound = {commit.fence: commit for commit in commits if flaws[commit.fence] is None}
        held = self.let_go(list(sound), state=SegmentState.DONE, **_NO_PROBLEM)
        self._write({fence: sound[fence] for fence in held}, held)
        outcomes = {fence: SegmentOutcome(fence, fence in held, _done(fence in held)) for fence in sound}
        for fence, flaw in flaws.items():
            if flaw is not None:
                outcomes[fence] = self.fail(SegmentFailure(fence, flaw))
        return [outcomes[commit.fence] for commit in commits]

    def fail(self, failure: SegmentFailure) -> SegmentOutcome:
        """Charge a failure: queued again, or `failed` at its cap or for a permanent reason."""
        fence, problem = failure.fence, failure.problem
        row = self._connection.execute(
            sa.select(segment.c.failures, segment.c.max_failures).where(*ours([fence])).with_for_update()
        ).one_or_none()
        if row is None:
            return SegmentOutcome(fence, False, None)
        over = problem.permanent or row.failures + 1 >= row.max_failures
        state = SegmentState.FAILED if over else SegmentState.QUEUED
        later = now(failure.delay_s) if failure.delay_s and not over else None
        charged = {"failures": row.failures + 1, "not_before": later, "dispatched_at": None}
        held = self.let_go([fence], state=state, **charged, **problem_columns(problem))
        if over:
            advance(self._connection, [Gain(held[fence].media_analysis_id, segments_failed=1)])
        return SegmentOutcome(fence, True, state)

    def let_go(self, fences: Sequence[Fence], **values: Any) -> dict[Fence, Any]:
        """Let go of segments; a row for each that was still ours."""
        if not fences:
            return {}
        settled = (
            sa.update(segment)
            .where(*ours(fences))
            .values(updated_at=now(), **FREE, **values)
            .returning(
                segment.c.id,
                segment.c.attempt,
                segment.c.expiries,
                segment.c.media_analysis_id,
                (segment.c.end_s - segment.c.start_s).label("length_s"),
            )
        )
        held = {Fence(row.id, row.attempt): row for row in self._connection.execute(settled)}
        self.expiries |= {fence: row.expiries for fence, row in held.items()}
        return held

    def _write(self, commits: dict[Fence, SegmentCommit], held: dict[Fence, Any]) -> None:
        results = [
            (held[fence].media_analysis_id, fence.segment_id, commit.frames) for fence, commit in commits.items()
        ]
        all_new = write_frames(self._connection, results)
        gains = [
            Gain(
                held[fence].media_analysis_id,
                segments_done=1,
                length_done_s=held[fence].length_s,
                fallbacks=commit.fallbacks,
                cpu_s=commit.cpu_s,
                **count_frames(commit.frames),
            )
            for fence, commit in commits.items()
        ]
        advance(self._connection, gains)
        if not all_new:  # a frame that another segment had written already is not to be counted twice
            recount(self._connection, {number for number, _, _ in results})


def took_effect(connection: Connection, expiries: Expiries) -> bool:
    """Whether the transaction that let go of these segments was committed: all of it was, or nothing.

    A segment whose lease has run out since tells nothing; where none tells, the fence refuses a second try.
    """
    return any(
        row.expiries == expiries[fence] and (row.attempt, row.state) != (fence.attempt, SegmentState.RUNNING)
        for fence, row in waited_for(connection, list(expiries)).items()
    )


def waited_for(connection: Connection, fences: Sequence[Fence]) -> dict[Fence, Any]:
    """What has become of segments: read under a lock, once whoever still writes to them is done."""
    numbers = {fence.segment_id: fence for fence in fences}
    columns = (segment.c.id, segment.c.attempt, segment.c.state, segment.c.expiries, segment.c.lease_until)
    statement = sa.select(*columns).where(segment.c.id.in_(numbers)).order_by(segment.c.id).with_for_update()
    return {numbers[row.id]: row for row in connection.execute(statement)}


def ours(fences: Sequence[Fence]) -> tuple[sa.ColumnElement[bool], ...]:
    """That a segment runs under one of these fences."""
    return (
        segment.c.id.in_([fence.segment_id for fence in fences]),
        sa.tuple_(segment.c.id, segment.c.attempt).in_([(fence.segment_id, fence.attempt) for fence in fences]),
        segment.c.state == SegmentState.RUNNING,
    )


def _done(accepted: bool) -> SegmentState | None:
    return SegmentState.DONE if accepted else None
