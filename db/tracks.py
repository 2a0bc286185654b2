"""Tracks are claimed work on whole media analyses: once every segment is done or failed, somebody assigns them.

As with segments, `tracks_attempt` fences: it rises at each claim, and tracks are written under the very attempt that
was claimed, in one transaction, or not at all. Whoever dies leaves a lease that runs out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from db.clock import now
from db.engine import patient, reading, writing
from db.schema import analysis, face, job_file, media_analysis, untracked
from db.states import MediaAnalysisState, TrackState
from db.tracks_write import Tracked, write_tracks
from db.wanted import analyses_of

Result = TypeVar("Result")
_FREE: dict[str, Any] = {"tracks_owner": None, "tracks_lease_until": None}
_VOID: dict[str, Any] = {"tracks_attempt": media_analysis.c.tracks_attempt + 1, **_FREE}


@dataclass(frozen=True, slots=True)
class TrackClaim:
    """A media analysis in our hands, for its tracks to be assigned."""

    media_analysis_id: int
    attempt: int
    interval_s: float
    """Mean time between its sampled frames."""
    asked_gap_s: float | None
    """The gap that somebody asked for, if so."""
    known_gap_s: float | None
    """The gap of the tracks that are there, if there are any."""
    faces: int


@dataclass(frozen=True, slots=True)
class StoredFace:
    """What tracks are assigned by."""

    pts: int
    face: int
    time_s: float
    box: tuple[float, float, float, float]
    appearance: bytes | None
    track: int | None


class TrackStore:
    """Media analyses whose tracks are to be assigned, and what came of it."""

    def __init__(self, engine: Engine, patience_s: float) -> None:
        self._engine = engine
        self._patience_s = patience_s

    def claim(self, owner: str, lease_s: float, revision: int, job_id: str | None = None) -> TrackClaim | None:
        """Take a complete media analysis of a video without tracks (one that the job asks for, if given); None where
        none waits. One that this revision of the tracker has failed at is left alone.
        """

        def work(connection: Connection) -> TrackClaim | None:
            chosen = connection.execute(_waiting(revision, job_id)).scalar_one_or_none()
            if chosen is None:
                return None
            running = {"track_state": TrackState.RUNNING, "tracks_owner": owner, "tracks_lease_until": now(lease_s)}
            taken = (
                sa.update(media_analysis)
                .where(media_analysis.c.id == chosen)
                .values(tracks_attempt=media_analysis.c.tracks_attempt + 1, **running)
                .returning(media_analysis)
            )
            return _claim(connection.execute(taken).one())

        return self._write(work)  # one of which nobody hears runs out of its lease

    def extend(self, claim: TrackClaim, lease_s: float) -> bool:
        """Hold on to a claim for longer; False where it is no longer ours."""
        longer = sa.update(media_analysis).where(*_ours(claim)).values(tracks_lease_until=now(lease_s))
        return self._write(lambda connection: bool(connection.execute(longer).rowcount))

    @patient
    def faces(self, claim: TrackClaim, after: tuple[int, int] | None, limit: int) -> list[StoredFace]:
        """Up to `limit` faces in the order of time, those behind (pts, face) if given."""
        columns = ("pts", "face", "time_s", "box_x", "box_y", "box_width", "box_height", "appearance", "track")
        some = sa.select(*(face.c[name] for name in columns)).where(face.c.media_analysis_id == claim.media_analysis_id)
        if after is not None:
            some = some.where(sa.tuple_(face.c.pts, face.c.face) > after)
        with reading(self._engine) as connection:
            rows = connection.execute(some.order_by(face.c.pts, face.c.face).limit(limit))
            return [
                StoredFace(pts, number, time_s, (x, y, width, height), look, track)
                for pts, number, time_s, x, y, width, height, look, track in rows
            ]

    def assign(self, claim: TrackClaim, tracked: Tracked, revision: int, gap_s: float) -> bool:
        """Write every face's track, and remove what they were assigned by. False: the claim was void, nothing was
        written.
        """
        assigned = {"track_state": TrackState.ASSIGNED, "tracks_revision": revision, "tracks_gap_s": gap_s}
        settle = sa.update(media_analysis).where(*_ours(claim)).values(**assigned, **_FREE)
        settled = sa.select(media_analysis.c.id).where(
            media_analysis.c.id == claim.media_analysis_id,
            media_analysis.c.tracks_attempt == claim.attempt,
            media_analysis.c.track_state == TrackState.ASSIGNED,
        )

        def work(connection: Connection) -> bool:
            if not connection.execute(settle).rowcount:
                return False
            write_tracks(connection, claim.media_analysis_id, tracked)
            return True

        def reread(connection: Connection, before: bool) -> bool | None:
            return True if before and connection.execute(settled.with_for_update()).first() else None

        return writing(self._engine, work, self._patience_s, reread)

    def give_back(self, claim: TrackClaim) -> None:
        """Return a claim untried."""
        self._let_go(claim, {})

    def give_up(self, claim: TrackClaim, revision: int) -> None:
        """This revision of the tracker cannot do it: it is not to try again."""
        self._let_go(claim, {"tracks_revision": revision})

    def release_all(self) -> None:
        """Void every claim: for a process that knows it is the only one."""
        held = media_analysis.c.track_state == TrackState.RUNNING
        statement = sa.update(media_analysis).where(untracked, held).values(track_state=TrackState.NONE, **_VOID)
        self._write(lambda connection: connection.execute(statement))

    def renew(self, revision: int, job_id: str | None = None, gap_s: float | None = None) -> int:
        """Have assigned anew what an older revision assigned (for the job, if given), or with another gap than
        `gap_s`, if given. Returns how many there are.
        """
        stale = media_analysis.c.tracks_revision < revision
        if gap_s is not None:
            stale |= media_analysis.c.tracks_asked_gap_s.is_distinct_from(gap_s)
        return self._reset(job_id, (media_analysis.c.track_state == TrackState.ASSIGNED) & stale, gap_s)

    def renew_all(self, job_id: str, gap_s: float | None) -> int:
        """Have all that the job asks for and that is complete assigned anew; None: with the default gap."""
        return self._reset(job_id, sa.true(), gap_s, forget_gap=True)

    def waiting(self, job_id: str, revision: int) -> int:
        """How many media analyses that the job asks for still wait for tracks, or for somebody who assigns them."""
        waits = (
            sa.select(sa.func.count())
            .select_from(media_analysis)
            .where(untracked, _of_videos, ~_failed_at(revision), media_analysis.c.id.in_(analyses_of(job_id)))
        )
        with reading(self._engine) as connection:
            return int(connection.execute(waits).scalar_one())

    def _let_go(self, claim: TrackClaim, more: dict[str, Any]) -> None:
        statement = sa.update(media_analysis).where(*_ours(claim)).values(track_state=TrackState.NONE, **_FREE, **more)
        self._write(lambda connection: connection.execute(statement))

    def _reset(
        self, job_id: str | None, which: sa.ColumnElement[bool], gap_s: float | None, *, forget_gap: bool = False
    ) -> int:
        asked = {"tracks_asked_gap_s": gap_s} if forget_gap or gap_s is not None else {}
        statement = (
            sa.update(media_analysis)
            .where(media_analysis.c.state == MediaAnalysisState.COMPLETE, _of_videos, which)
            .values(track_state=TrackState.NONE, tracks_revision=None, **_VOID, **asked)
        )
        if job_id is not None:
            statement = statement.where(media_analysis.c.id.in_(analyses_of(job_id)))
        return self._write(lambda connection: connection.execute(statement).rowcount)

    def _write(self, work: Callable[[Connection], Result]) -> Result:
        return writing(self._engine, work, self._patience_s)


_of_videos = media_analysis.c.analysis_id.in_(sa.select(analysis.c.id).where(analysis.c.kind == "video"))


def _failed_at(revision: int) -> sa.ColumnElement[bool]:
    """That this revision of the tracker, or a later one, was given up on."""
    given_up = sa.func.coalesce(media_analysis.c.tracks_revision, -1) >= revision
    return (media_analysis.c.track_state == TrackState.NONE) & given_up


def _waiting(revision: int, job_id: str | None) -> sa.Select[tuple[int]]:
    free = (media_analysis.c.track_state == TrackState.NONE) | (media_analysis.c.tracks_lease_until < now())
    waiting = sa.select(media_analysis.c.id).where(untracked, _of_videos, free, ~_failed_at(revision))
    if job_id is not None:
        asks = sa.select(sa.literal(1)).where(
            job_file.c.media_analysis_id == media_analysis.c.id, job_file.c.job_id == job_id
        )
        waiting = waiting.where(asks.limit(1).scalar_subquery() == 1)
    return waiting.order_by(media_analysis.c.id).limit(1).with_for_update(skip_locked=True, of=media_analysis)


def _ours(claim: TrackClaim) -> Sequence[sa.ColumnElement[bool]]:
    return (
        media_analysis.c.id == claim.media_analysis_id,
        media_analysis.c.tracks_attempt == claim.attempt,
        media_analysis.c.track_state == TrackState.RUNNING,
    )


def _claim(row: Any) -> TrackClaim:
    interval_s = row.length_s / max(1, row.targets)
    return TrackClaim(row.id, row.tracks_attempt, interval_s, row.tracks_asked_gap_s, row.tracks_gap_s, row.faces)
