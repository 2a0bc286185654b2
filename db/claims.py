"""Which segments may be claimed, in which order, and all that is needed to work on one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from db.clock import now
from db.records import ClaimedSegment, Fence, Location, MediaFacts, MediaKind, Problem, SegmentSpec
from db.rows import FACTS
from db.schema import analysis, job, job_file, media, media_analysis, runnable, segment
from db.states import JobState

MAX_LOCATIONS = 4
_PATHS_LOOKED_AT = 32
"""The same folder submitted again and again gives the same few paths."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What one worker of a fleet can work on: files below roots that it has, analyses that it can do."""

    roots: tuple[bytes, ...]
    refused: tuple[int, ...] = ()
    """Ids of the analyses that it cannot do."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Which segments a claim asks for; each part that is set narrows it."""

    limit: int
    job_id: str | None = None
    ids: tuple[int, ...] | None = None
    kind: MediaKind | None = None
    reach: Reach | None = None
    """None: everything is within reach."""


Place = tuple[int, int]
"""A segment's place in the queue: its priority and id."""


def choose(connection: Connection, wish: Wish, after: Place | None) -> Sequence[Place]:
    """The first runnable segments that fit, locked; those behind `after`, if given, before those it has passed by."""
    chosen: list[Place] = []
    if after is not None:
        priority, last = after
        more_urgent = segment.c.priority > priority  # it may have come since, and is found at once
        behind = (segment.c.priority == priority) & (segment.c.id > last)
        for where in (more_urgent, behind):
            if len(chosen) < wish.limit:
                chosen += _fetch(connection, _fitting(wish).where(where).limit(wish.limit - len(chosen)))
    if len(chosen) < wish.limit:
        rest = _fitting(wish).limit(wish.limit - len(chosen))
        if chosen:
            rest = rest.where(segment.c.id.not_in([number for _, number in chosen]))
        chosen += _fetch(connection, rest)
    return chosen


def _fetch(connection: Connection, statement: sa.Select[Any]) -> Iterable[Place]:
    return [(row.priority, row.id) for row in connection.execute(statement)]


def _fitting(wish: Wish) -> sa.Select[Any]:
    fitting = (
        sa.select(segment.c.priority, segment.c.id)
        .where(runnable, segment.c.not_before.is_(None) | (segment.c.not_before <= now()))
        .order_by(segment.c.priority.desc(), segment.c.id)
        .with_for_update(skip_locked=True, of=segment)
    )
    if wish.job_id is not None:
        # One row of a sub-select rather than IN or EXISTS: those let the planner collect all the job's files first,
        # and a claim would cost as much as the job is big.
        asks = (
            sa.select(sa.literal(1))
            .where(job_file.c.media_analysis_id == segment.c.media_analysis_id, job_file.c.job_id == wish.job_id)
            .limit(1)
            .scalar_subquery()
        )
        fitting = fitting.where(asks == 1)
    if wish.ids is not None:
        fitting = fitting.where(segment.c.id.in_(wish.ids))
    if wish.kind is not None:
        fitting = fitting.where(segment.c.kind == wish.kind)
    return fitting if wish.reach is None else fitting.where(*within(wish.reach))


def within(reach: Reach) -> Iterable[sa.ColumnElement[bool]]:
    """That a segment's file lies below one of the roots and its analysis is none of those refused."""
    held = (
        sa.select(sa.literal(1))
        .where(job_file.c.media_analysis_id == segment.c.media_analysis_id, job_file.c.root.in_(reach.roots))
        .limit(1)
        .scalar_subquery()
    )
    yield held == 1
    if reach.refused:
        yield analysis_of_segment.not_in(reach.refused)


URL_STARTS = (b"s3://", b"gs://", b"gcs://", b"az://", b"abfs://")
"""How the roots of embedded runs begin that lie in object stores."""


def _begins(start: bytes) -> sa.ColumnElement[bool]:
    """That a root begins so; by a range, for bytes need not be text."""
    return (job_file.c.root >= start) & (job_file.c.root < start[:-1] + bytes((start[-1] + 1,)))


analysis_of_segment = (
    sa.select(media_analysis.c.analysis_id)
    .where(media_analysis.c.id == segment.c.media_analysis_id)
    .correlate(segment)
    .scalar_subquery()
)
named_root = (
    sa.select(sa.literal(1))
    .where(
        job_file.c.media_analysis_id == segment.c.media_analysis_id,
        *(~_begins(start) for start in (b"/", *URL_STARTS)),
    )
    .correlate(segment)
    .limit(1)
    .scalar_subquery()
) == 1
"""That a segment's file lies below a named root: an absolute folder or a URL is an embedded run's, and no worker's
business.
"""


@dataclass(slots=True)
class _Asked:
    """Who asks for a media analysis, and where they say that its media lies."""

    job_id: str
    """The newest live job that does."""
    places: dict[tuple[bytes, bytes], Location] = field(default_factory=dict)


def describe(connection: Connection, ids: Sequence[int], job_id: str | None = None) -> list[ClaimedSegment]:
    """All that is needed to work on these segments, for that job if one is named, in the order of the queue."""
    rows = connection.execute(_described.where(segment.c.id.in_(ids))).all()
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
    .order_by(segment.c.priority.desc(), segment.c.id)
)


def _asked(connection: Connection, media_analysis_ids: set[int]) -> dict[int, _Asked]:
    """Where each media lies: in the newest live job that asks for it first; each place once."""
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
        .where(job_file.c.media_analysis_id.in_(media_analysis_ids))
        .subquery()
    )
    found: dict[int, _Asked] = {}
    for row in connection.execute(
        sa.select(ranked).where(ranked.c.place <= _PATHS_LOOKED_AT).order_by(ranked.c.media_analysis_id, ranked.c.place)
    ):
        location = Location(bytes(row.root), bytes(row.relative), row.path, row.size, row.mtime_ns)
        asked = found.setdefault(row.media_analysis_id, _Asked(row.job_id))
        asked.places.setdefault((location.root, location.relative), location)
    return found


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
