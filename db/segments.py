"""The state machine of a segment: claimed, committed, failed, given back, expired. Each transition is one method.

`attempt` is the fencing token: it rises at each claim and never resets, and every outcome is written under the very
attempt that was claimed. A refused row never sinks the others of its batch.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from db.claimed import describe
from db.claims import Chosen, Place, Reach, Wish, choose
from db.clock import now
from db.engine import reading, writing
from db.progress import Gain, advance
from db.records import (
    ClaimedSegment,
    Fence,
    MediaKind,
    Problem,
    SegmentCommit,
    SegmentFailure,
    SegmentOutcome,
)
from db.rows import problem_columns
from db.schema import segment
from db.settling import FREE, Expiries, Settling, ours, took_effect, waited_for
from db.states import SegmentState
from db.wanted import analyses_of

Result = TypeVar("Result")

HAND_S = 10.0
"""How often a claim begins at the front of the queue again: another process may have queued something there."""
_EXPIRED = Problem(
    "segment.expired",
    "whoever worked on it fell silent, again and again",
    "look at the machines' memory and logs, then `moodreel retry`",
)


@dataclass(frozen=True, slots=True)
class _Claim:
    """What one claim chose from each queue, and took."""

    queues: Mapping[MediaKind | None, Sequence[Chosen]]
    leases: Mapping[int, datetime] = field(default_factory=dict)
    segments: Sequence[ClaimedSegment] = ()


@dataclass(frozen=True, slots=True)
class _Hand:
    """How far this process has come in a queue, and until when that holds."""

    place: Place
    until: float
    """By the monotonic clock."""


def _place(hand: _Hand | None) -> Place | None:
    return None if hand is None else hand.place


@cache
def _taken() -> sa.Update:
    """Takes segments that are still to be had."""
    return (
        sa.update(segment)
        .where(segment.c.id.in_(sa.bindparam("ids", expanding=True)), segment.c.state == SegmentState.QUEUED)
        .values(
            state=SegmentState.RUNNING,
            attempt=segment.c.attempt + 1,
            owner=sa.bindparam("new_owner"),
            lease_until=now(sa.bindparam("lease_s", type_=sa.Double())),
            not_before=None,
            updated_at=now(),
        )
        .returning(segment.c.id, segment.c.lease_until)
    )


def _moved(hand: _Hand | None, place: Place) -> _Hand:
    if hand is None:
        return _Hand(place, time.monotonic() + HAND_S)
    more_urgent = place[0] > hand.place[0]  # it came since: what lies before it was passed by long ago
    return hand if more_urgent else _Hand(place, hand.until)


class SegmentStore:
    """Work to be done and its outcomes."""

    def __init__(self, engine: Engine, patience_s: float) -> None:
        self._engine = engine
        self._patience_s = patience_s
        # In each queue it claims from, so that it need not pass by the segments that are not for it at every claim.
        # Forgotten whenever something is queued again here; threads share it.
        self._hands: dict[tuple[str | None, MediaKind | None], _Hand] = {}

    def claim(  # noqa: PLR0913  each narrows what is wanted
        self,
        owner: str,
        lease_s: float,
        limit: int,
        *,
        job_id: str | None = None,
        ids: Sequence[int] | None = None,
        kind: MediaKind | None = None,
        reach: Reach | None = None,
        photos: int = 0,
    ) -> list[ClaimedSegment]:
        """Take up to `limit` runnable segments: of one job, of these ids, of one kind, within reach, as asked.

        Where the first is a photo that never failed, up to `photos` photos more: they travel together.
        """
        wish = Wish(limit, job_id, None if ids is None else tuple(ids), kind, reach)
        beside = replace(wish, limit=photos, kind="photo")
        keeps_hands = ids is None and bool(job_id or reach)
        hands = {kind: self._hand((job_id, kind)) if keeps_hands else None for kind in (kind, "photo")}

        def work(connection: Connection) -> _Claim:
            queues = {wish.kind: choose(connection, wish, _place(hands[wish.kind]))}
            chosen = list(queues[wish.kind])
            if photos and chosen and chosen[0].kind == "photo" and not chosen[0].failures:
                queues["photo"] = choose(connection, beside, _place(hands["photo"]), chosen)
                chosen += queues["photo"]
            if not chosen:
                return _Claim(queues)
            leases = self._lease(connection, chosen, owner, lease_s)
            return _Claim(queues, leases, describe(connection, list(leases), job_id))

        claim = writing(self._engine, work, self._patience_s, _still_held)
        if ids is None:
            for queue, chosen in claim.queues.items():
                if chosen:
                    self._hands[job_id, queue] = _moved(hands[queue], chosen[-1].place)
        return list(claim.segments)

    def _lease(
        self, connection: Connection, chosen: Sequence[Chosen], owner: str, lease_s: float
    ) -> Mapping[int, datetime]:
        """Take them; until when, by id."""
        taken = connection.execute(
            _taken(), {"ids": [one.id for one in chosen], "new_owner": owner, "lease_s": float(lease_s)}
        )
        return {row.id: row.lease_until for row in taken}

    def _hand(self, queue: tuple[str | None, MediaKind | None]) -> _Hand | None:
        hand = self._hands.get(queue)
        return hand if hand is not None and time.monotonic() < hand.until else None

    def commit(self, commits: Sequence[SegmentCommit]) -> list[SegmentOutcome]:
        """Write finished segments with their frames and faces, in one transaction, each under its own fence.

        A result that no database could hold (a score that is not a number) fails its segment for good, and only it.
        """
        return self._settle(lambda settling: settling.commit(commits))

    def fail(self, failures: Sequence[SegmentFailure]) -> list[SegmentOutcome]:
        """Charge a failure to each segment: queued again at once, or `failed` at its cap or for a permanent reason."""
        self._hands.clear()
        return self._settle(lambda settling: [settling.fail(failure) for failure in failures])

    def give_back(self, fences: Sequence[Fence], delay_s: float = 0.0) -> int:
        """Return segments untried (a rate wait, a shutdown): nothing is counted against them."""
        self._hands.clear()
        later = now(delay_s) if delay_s else None
        queued = {"state": SegmentState.QUEUED, "not_before": later, "dispatched_at": None}
        return self._settle(lambda settling: len(settling.let_go(fences, **queued)))

    def extend(self, fences: Sequence[Fence], lease_s: float) -> list[Fence]:
        """Hold on to segments for longer; returns those that are no longer ours."""
        longer = (
            sa.update(segment)
            .where(*ours(fences))
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

    def _settle(self, work: Callable[[Settling], Result]) -> Result:
        """Let go of segments; where the answer to a commit was lost, look whether it was one."""

        def settle(connection: Connection) -> tuple[Result, Expiries]:
            settling = Settling(connection)
            return work(settling), settling.expiries

        def reread(connection: Connection, before: tuple[Result, Expiries]) -> tuple[Result, Expiries] | None:
            return before if took_effect(connection, before[1]) else None

        return writing(self._engine, settle, self._patience_s, reread)[0]

    def _release(self, which: sa.ColumnElement[bool]) -> int:
        running = segment.c.state == sa.literal_column("'running'")
        # A machine that is frozen in the middle of a commit locks its rows for a minute: it holds up no others.
        free = sa.select(segment.c.id).where(running, which).with_for_update(skip_locked=True)
        lapsed = segment.c.id.in_(free)
        over = segment.c.expiries + 1 >= segment.c.max_expiries
        released = {"expiries": segment.c.expiries + 1, "updated_at": now(), **FREE}
        fail = (
            sa.update(segment)
            .where(lapsed, over)
            .values(state=SegmentState.FAILED, **released, **problem_columns(_EXPIRED))
            .returning(segment.c.media_analysis_id)
        )
        requeue = (
            sa.update(segment).where(lapsed, ~over).values(state=SegmentState.QUEUED, dispatched_at=None, **released)
        )

        def work(connection: Connection) -> int:
            ended = connection.execute(fail).scalars().all()
            advance(connection, [Gain(number, segments_failed=1) for number in ended])
            return len(ended) + connection.execute(requeue).rowcount

        self._hands.clear()
        return self._write(work)

    def _write(self, work: Callable[[Connection], Result]) -> Result:
        return writing(self._engine, work, self._patience_s)


def _still_held(connection: Connection, claim: _Claim) -> _Claim | None:
    """A claim of which nobody heard whether it was committed, as far as it stands. Its leases, ending at that very
    moment, tell it from one that somebody else made of the same segments.
    """
    rows = waited_for(connection, [one.fence for one in claim.segments])
    held = [one for one in claim.segments if one.fence in rows and _is(rows[one.fence], one.fence, claim.leases)]
    return _Claim(claim.queues, claim.leases, held) if held else None


def _is(row: Any, fence: Fence, leases: Mapping[int, datetime]) -> bool:
    return bool(
        (row.attempt, row.state) == (fence.attempt, SegmentState.RUNNING)
        and row.lease_until == leases[fence.segment_id]
    )
