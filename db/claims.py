"""Which segments may be claimed, and in which order."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, NamedTuple, Self

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from db.clock import now
from db.records import MediaKind
from db.schema import job_file, media_analysis, runnable, segment


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


class Chosen(NamedTuple):
    """A segment that may be claimed."""

    priority: int
    id: int
    kind: MediaKind
    failures: int

    @property
    def place(self) -> Place:
        """Where it is in the queue."""
        return self.priority, self.id


def choose(connection: Connection, wish: Wish, after: Place | None, beside: Sequence[Chosen] = ()) -> Sequence[Chosen]:
    """The first runnable segments that fit, locked; those behind `after`, if given, before those it has passed by.

    Those of `beside` are none of them: they were chosen before.
    """
    chosen: list[Chosen] = []
    shape = _Shape.of(wish)
    values = shape.values(wish)
    if after is not None:
        there = {"after_priority": after[0], "after_id": after[1]}
        for part in (_Part.MORE_URGENT, _Part.BEHIND):  # what is more urgent may have come since, and is found at once
            if len(chosen) < wish.limit:
                chosen += _fetch(connection, shape, part, wish.limit - len(chosen), [*beside, *chosen], values | there)
    if len(chosen) < wish.limit:
        chosen += _fetch(connection, shape, _Part.ALL, wish.limit - len(chosen), [*beside, *chosen], values)
    return chosen


class _Part(Enum):
    """A part of the queue."""

    ALL = "all"
    MORE_URGENT = "more urgent"
    BEHIND = "behind"


@dataclass(frozen=True, slots=True)
class _Shape:
    """What decides the text of a claim's statements: building them takes longer than running them."""

    of_job: bool
    of_ids: bool
    kind: MediaKind | None
    within_reach: bool
    some_refused: bool

    @classmethod
    def of(cls, wish: Wish) -> Self:
        """That of a wish."""
        reach = wish.reach
        refused = reach is not None and bool(reach.refused)
        return cls(wish.job_id is not None, wish.ids is not None, wish.kind, reach is not None, refused)

    def values(self, wish: Wish) -> dict[str, Any]:
        """What a wish puts in the places of its statements."""
        values: dict[str, Any] = {}
        if wish.job_id is not None:
            values["job_id"] = wish.job_id
        if wish.ids is not None:
            values["ids"] = wish.ids
        if wish.reach is not None:
            values["roots"] = wish.reach.roots
            if wish.reach.refused:
                values["refused"] = wish.reach.refused
        return values


def _fetch(
    connection: Connection,
    shape: _Shape,
    part: _Part,
    limit: int,
    taken: Sequence[Chosen],
    values: Mapping[str, Any],
) -> list[Chosen]:
    asked = {**values, "most": limit} | ({"taken": [one.id for one in taken]} if taken else {})
    return [Chosen(*row) for row in connection.execute(_fitting(shape, part, bool(taken)), asked)]


@lru_cache(maxsize=64)
def _fitting(shape: _Shape, part: _Part, some_taken: bool) -> sa.Select[Any]:
    fitting = (
        sa.select(segment.c.priority, segment.c.id, segment.c.kind, segment.c.failures)
        .where(runnable, segment.c.not_before.is_(None) | (segment.c.not_before <= now()))
        .order_by(segment.c.priority.desc(), segment.c.id)
        .limit(sa.bindparam("most", type_=sa.Integer))
        .with_for_update(skip_locked=True, of=segment)
    )
    if some_taken:
        fitting = fitting.where(segment.c.id.not_in(sa.bindparam("taken", expanding=True)))
    if part is _Part.MORE_URGENT:
        fitting = fitting.where(segment.c.priority > sa.bindparam("after_priority"))
    if part is _Part.BEHIND:
        same = segment.c.priority == sa.bindparam("after_priority")
        fitting = fitting.where(same & (segment.c.id > sa.bindparam("after_id")))
    if shape.of_job:
        # One row of a sub-select rather than IN or EXISTS: those let the planner collect all the job's files first,
        # and a claim would cost as much as the job is big.
        asks = (
            sa.select(sa.literal(1))
            .where(
                job_file.c.media_analysis_id == segment.c.media_analysis_id,
                job_file.c.job_id == sa.bindparam("job_id"),
            )
            .limit(1)
            .scalar_subquery()
        )
        fitting = fitting.where(asks == 1)
    if shape.of_ids:
        fitting = fitting.where(segment.c.id.in_(sa.bindparam("ids", expanding=True)))
    if shape.kind is not None:
        fitting = fitting.where(segment.c.kind == shape.kind)
    if not shape.within_reach:
        return fitting
    refused: Any = sa.bindparam("refused", expanding=True) if shape.some_refused else None
    return fitting.where(*_among(sa.bindparam("roots", expanding=True), refused))


def within(reach: Reach) -> Iterable[sa.ColumnElement[bool]]:
    """That a segment's file lies below one of the roots and its analysis is none of those refused."""
    return _among(reach.roots, reach.refused or None)


def _among(roots: Any, refused: Any) -> Iterable[sa.ColumnElement[bool]]:
    held = (
        sa.select(sa.literal(1))
        .where(job_file.c.media_analysis_id == segment.c.media_analysis_id, job_file.c.root.in_(roots))
        .limit(1)
        .scalar_subquery()
    )
    yield held == 1
    if refused is not None:
        yield analysis_of_segment.not_in(refused)


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
