"""All that is needed to work on segments that were claimed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from db.records import ClaimedSegment, Fence, Location, MediaFacts, Problem, SegmentSpec
from db.rows import FACTS
from db.schema import analysis, job, job_file, media, media_analysis, segment
from db.states import JobState

MAX_LOCATIONS = 4
_PATHS_LOOKED_AT = 32
"""The same folder submitted again and again gives the same few paths."""


@dataclass(slots=True)
class _Asked:
    """Who asks for a media analysis, and where they say that its media lies."""

    job_id: str
    """The newest live job that does."""
    places: dict[tuple[bytes, bytes], Location] = field(default_factory=dict)


def describe(connection: Connection, ids: Sequence[int], job_id: str | None = None) -> list[ClaimedSegment]:
    """All that is needed to work on these segments, for that job if one is named, in the order of the queue."""
    rows = connection.execute(_described, {"ids": ids}).all()
    asked = _asked(connection, {row.media_analysis_id for row in rows})
    return [_claimed_segment(row, asked[row.media_analysis_id], job_id) for row in rows]


_described = (
    sa.select(
        segment,
        *(media.c[name].label(f"media_{name}") for name in (*FACTS, "sha256", "size_bytes", "id")),
        media.c.error_code.label("partial_code"),
        media.c.error_reason.label("partial_reason"),
        media.c.error_hint.label("partial_hint"),
        analysis.c.id.label("analysis_id"),
        analysis.c.spec_json,
    )
    .join(media_analysis, media_analysis.c.id == segment.c.media_analysis_id)
    .join(media, media.c.id == media_analysis.c.media_id)
    .join(analysis, analysis.c.id == media_analysis.c.analysis_id)
    .where(segment.c.id.in_(sa.bindparam("ids", expanding=True)))
    .order_by(segment.c.priority.desc(), segment.c.id)
)


def _asked(connection: Connection, media_analysis_ids: set[int]) -> dict[int, _Asked]:
    """Where each media lies: in the newest live job that asks for it first; each place once."""
    found: dict[int, _Asked] = {}
    for row in connection.execute(_places(), {"ids": list(media_analysis_ids)}):
        location = Location(bytes(row.root), bytes(row.relative), row.path, row.size, row.mtime_ns)
        asked = found.setdefault(row.media_analysis_id, _Asked(row.job_id))
        asked.places.setdefault((location.root, location.relative), location)
    return found


@cache
def _places() -> sa.Select[Any]:
    preferred = sa.func.row_number().over(
        partition_by=job_file.c.media_analysis_id,
        order_by=((job.c.state == JobState.CANCELLED), job.c.id.desc(), job_file.c.id),
    )
    ranked = (
        sa.select(
            *(job_file.c[name] for name in ("media_analysis_id", "job_id")),
            *(job_file.c[name] for name in ("root", "relative", "path", "size", "mtime_ns")),
            preferred.label("place"),
        )
        .join(job, job.c.id == job_file.c.job_id)
        .where(job_file.c.media_analysis_id.in_(sa.bindparam("ids", expanding=True)))
        .subquery()
    )
    near = ranked.c.place <= _PATHS_LOOKED_AT
    return sa.select(ranked).where(near).order_by(ranked.c.media_analysis_id, ranked.c.place)


def _claimed_segment(row: Any, asked: _Asked, job_id: str | None) -> ClaimedSegment:
    values = row._mapping
    partial = Problem(row.partial_code, row.partial_reason, row.partial_hint) if row.partial_code else None
    locations = tuple(asked.places.values())[:MAX_LOCATIONS]
    first = locations[0]
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
        root=first.root,
        relative=first.relative,
        path=first.path,
        mtime_ns=first.mtime_ns,
        analysis_id=row.analysis_id,
        spec_json=row.spec_json,
        job_id=asked.job_id if job_id is None else job_id,
        locations=locations,
    )
