"""The counts that a media analysis carries, so that nobody need count its segments, frames and faces to show a status.

They equal the counted truth at the end of every transaction.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from db.clock import now
from db.schema import face, frame, media_analysis
from db.states import FrameStatus, MediaAnalysisState, TrackState

REOPENED: dict[str, Any] = {
    "state": MediaAnalysisState.OPEN,
    "completed_at": None,
    "track_state": TrackState.NONE,
    "tracks_revision": None,
    "tracks_attempt": media_analysis.c.tracks_attempt + 1,
    "tracks_owner": None,
    "tracks_lease_until": None,
}
"""What a media analysis is once segments of it are to run again: tracks over half of it are void, and so is the claim
of whoever is assigning some.
"""


@dataclass(frozen=True, slots=True)
class Gain:
    """What one settled segment adds to its media analysis."""

    media_analysis_id: int
    segments_done: int = 0
    segments_failed: int = 0
    length_done_s: float = 0.0
    frames: int = 0
    frames_with_face: int = 0
    faces: int = 0
    faces_dropped: int = 0
    frames_damaged: int = 0
    frames_missing: int = 0
    fallbacks: int = 0
    cpu_s: float = 0.0


_SUMS = tuple(name for name in Gain.__slots__ if name != "media_analysis_id")


def advance(connection: Connection, gains: Iterable[Gain]) -> None:
    """Add gains to their media analyses, and complete each with its last segment."""
    totals: dict[int, dict[str, float]] = {}
    for gain in gains:
        total = totals.setdefault(gain.media_analysis_id, dict.fromkeys(_SUMS, 0))
        for name in _SUMS:
            total[name] += getattr(gain, name)
    # In the order of ids, so that two writers never wait for each other.
    rows = [
        {"which": number} | {f"add_{name}": value for name, value in totals[number].items()}
        for number in sorted(totals)
    ]
    if rows:
        connection.execute(_advance, rows)


def _plus(name: str) -> sa.ColumnElement[float]:
    column = media_analysis.c[name]
    return column + sa.bindparam(f"add_{name}", type_=column.type)


_complete = _plus("segments_done") + _plus("segments_failed") >= media_analysis.c.segments
_advance = (
    sa.update(media_analysis)
    .where(media_analysis.c.id == sa.bindparam("which"))
    .values(
        state=sa.case((_complete, MediaAnalysisState.COMPLETE.value), else_=MediaAnalysisState.OPEN.value),
        completed_at=sa.case((_complete, now()), else_=None),
        **{name: _plus(name) for name in _SUMS},
    )
)


def recount(connection: Connection, media_analysis_ids: Collection[int]) -> None:
    """Count the frames and faces of media analyses anew."""
    columns = media_analysis.c
    of_frames = frame.c.media_analysis_id == columns.id
    counted = {
        "frames": sa.select(sa.func.count()).where(of_frames),
        "frames_with_face": sa.select(sa.func.count()).where(of_frames, frame.c.faces > 0),
        "faces": sa.select(sa.func.count()).select_from(face).where(face.c.media_analysis_id == columns.id),
        "faces_dropped": sa.select(sa.func.coalesce(sa.func.sum(frame.c.faces_dropped), 0)).where(of_frames),
        "frames_damaged": sa.select(sa.func.count()).where(of_frames, frame.c.status == FrameStatus.DAMAGED),
        "frames_missing": sa.select(sa.func.count()).where(of_frames, frame.c.status == FrameStatus.MISSING),
    }
    connection.execute(
        sa.update(media_analysis)
        .where(columns.id.in_(media_analysis_ids))
        .values({name: query.scalar_subquery() for name, query in counted.items()})
    )
