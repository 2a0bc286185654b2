"""The state machine of a segment: claimed, committed, failed, given back, expired. Each transition is one method.

`attempt` is the fencing token: it rises at each claim and never resets, and every outcome is written under the very
attempt that was claimed. A refused row never sinks the others of its batch.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from db.claims import Place, Wish, choose, describe
from db.clock import now
from db.engine import reading, writing
from db.progress import Gain, advance, recount
from db.records import (
    ClaimedSegment,
    Fence,
    MediaKind,
    Problem,
    SegmentCommit,
    SegmentFailure,
    SegmentOutcome,
)
from db.results import count_frames, unsound, write_frames
from db.rows import problem_columns
from db.schema import segment
from db.states import SegmentState
from db.wanted import analyses_of

Result = TypeVar("Result")

_FREE: dict[str, Any] = {"owner": None, "lease_until": None}
_NO_PROBLEM = problem_columns(None)
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
        # How far this process has come in each queue it claims from, so that it need not pass by the segments of
        # other jobs at every claim. Forgotten whenever something is queued again.
        self._hands: dict[tuple[str | None, MediaKind | None], Place] = {}

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
        wish = Wish(limit, job_id, None if ids is None else tuple(ids), kind)
        hand = None if job_id is None else self._hands.get((job_id, kind))

        def work(connection: Connection) -> tuple[Sequence[Place], list[ClaimedSegment]]:
            chosen = choose(connection, wish, hand)
            if not chosen:
                return chosen, []
            taken = (
                sa.update(segment)
                .where(segment.c.id.in_([number for _, number in chosen]), segment.c.state == SegmentState.QUEUED)
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
            return chosen, describe(connection, connection.execute(taken).scalars().all())

        chosen, claimed = self._write(work)
        if chosen:
            self._hands[job_id, kind] = chosen[-1]
        return claimed

    def commit(self, commits: Sequence[SegmentCommit]) -> list[SegmentOutcome]:
        """Write finished segments with their frames and faces, in one transaction, each under its own fence.

        A result that no database could hold (a score that is not a number) fails its segment for good, and only it.
        """
        flaws = {commit.fence: unsound(commit.frames) for commit in commits}
        sound = {commit.fence: commit for commit in commits if flaws[commit.fence] is None}

        def work(connection: Connection) -> list[SegmentOutcome]:
            held = self._settle(connection, list(sound), state=SegmentState.DONE, **_NO_PROBLEM)
            _write_results(connection, {fence: sound[fence] for fence in held}, held)
            outcomes = {fence: SegmentOutcome(fence, fence in held, _state(fence in held)) for fence in sound}
            for fence, flaw in flaws.items():
                if flaw is not None:
                    outcomes[fence] = self._fail(connection, SegmentFailure(fence, flaw))
            return [outcomes[commit.fence] for commit in commits]

        return self._write(work)

    def fail(self, failures: Sequence[SegmentFailure]) -> list[SegmentOutcome]:
        """Charge a failure to each segment: queued again at once, or `failed` at its cap or for a permanent reason."""
        self._hands.clear()

        def work(connection: Connection) -> list[SegmentOutcome]:
            return [self._fail(connection, failure) for failure in failures]

        return self._write(work)

    def give_back(self, fences: Sequence[Fence], delay_s: float = 0.0) -> int:
        """Return segments untried (a rate wait, a shutdown): nothing is counted against them."""
        self._hands.clear()
        later = now(delay_s) if delay_s else None

        def work(connection: Connection) -> int:
            return len(
                self._settle(connection, fences, state=SegmentState.QUEUED, not_before=later, dispatched_at=None)
            )

        return self._write(work)

    def extend(self, fences: Sequence[Fence], lease_s: float) -> list[Fence]:
        """Hold on to segments for longer; returns those that are no longer ours."""
        longer = (
            sa.update(segment)
            .where(*_ours(fences))
            .values(lease_until=now(lease_s))
            .returning(segment.c.id, segment.c.attempt)
        )

        def work(connection: Connection) -> list[Fence]:
            kept = {Fence(*row) for row in connection.execute(longer)}
            return [fence for fence in fences if fence not in kept]

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
        with reading(self._engine) as connection:
            return int(connection.execute(waiting).scalar_one())

    def _fail(self, connection: Connection, failure: SegmentFailure) -> SegmentOutcome:
        fence, problem = failure.fence, failure.problem
        row = connection.execute(
            sa.select(segment.c.failures, segment.c.max_failures).where(*_ours([fence])).with_for_update()
        ).one_or_none()
        if row is None:
            return SegmentOutcome(fence, False, None)
        over = problem.permanent or row.failures + 1 >= row.max_failures
        state = SegmentState.FAILED if over else SegmentState.QUEUED
        held = self._settle(
            connection, [fence], state=state, failures=row.failures + 1, dispatched_at=None, **problem_columns(problem)
        )
        if over:
            advance(connection, [Gain(held[fence].media_analysis_id, segments_failed=1)])
        return SegmentOutcome(fence, True, state)

    def _settle(self, connection: Connection, fences: Sequence[Fence], **values: Any) -> dict[Fence, Any]:
        """Let go of segments, each under its own fence; a row for each that was still ours."""
        if not fences:
            return {}
        settled = (
            sa.update(segment)
            .where(*_ours(fences))
            .values(updated_at=now(), **_FREE, **values)
            .returning(
                segment.c.id,
                segment.c.attempt,
                segment.c.media_analysis_id,
                (segment.c.end_s - segment.c.start_s).label("length_s"),
            )
        )
        return {Fence(row.id, row.attempt): row for row in connection.execute(settled)}

    def _release(self, which: sa.ColumnElement[bool]) -> int:
        running = segment.c.state == sa.literal_column("'running'")
        over = segment.c.expiries + 1 >= segment.c.max_expiries
        released = {"expiries": segment.c.expiries + 1, "updated_at": now(), **_FREE}
        fail = (
            sa.update(segment)
            .where(running, which, over)
            .values(state=SegmentState.FAILED, **released, **problem_columns(_EXPIRED))
            .returning(segment.c.media_analysis_id)
        )
        requeue = (
            sa.update(segment)
            .where(running, which, ~over)
            .values(state=SegmentState.QUEUED, dispatched_at=None, **released)
        )

        def work(connection: Connection) -> int:
            ended = connection.execute(fail).scalars().all()
            advance(connection, [Gain(number, segments_failed=1) for number in ended])
            return len(ended) + connection.execute(requeue).rowcount

        self._hands.clear()
        return self._write(work)

    def _write(self, work: Callable[[Connection], Result]) -> Result:
        return writing(self._engine, work, self._patience_s)


def _write_results(connection: Connection, commits: dict[Fence, SegmentCommit], held: dict[Fence, Any]) -> None:
    results = [(held[fence].media_analysis_id, fence.segment_id, commit.frames) for fence, commit in commits.items()]
    all_new = write_frames(connection, results)
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
    advance(connection, gains)
    if not all_new:  # a frame that another segment had written already is not to be counted twice
        recount(connection, {number for number, _, _ in results})


def _ours(fences: Sequence[Fence]) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        segment.c.id.in_([fence.segment_id for fence in fences]),
        sa.tuple_(segment.c.id, segment.c.attempt).in_([(fence.segment_id, fence.attempt) for fence in fences]),
        segment.c.state == SegmentState.RUNNING,
    )


def _state(accepted: bool) -> SegmentState | None:
    return SegmentState.DONE if accepted else None
