"""What a report reads of a job, added up by the database: files, problems, curves. Never more faces than are drawn.

Time is cut into steps around the moments that were looked at: step k reaches from half a step before the first frame
plus k steps to half a step behind it. So frames that come a little early or late (29.97 a second, a variable rate)
fall into the step of the moment they were chosen for.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from db.emotions import EMOTIONS
from db.records import AnalysisRecord, Problem
from db.schema import analysis, face, frame, job_file, media, media_analysis, segment

FACES_AT_ONCE = 100_000
"""Media analyses are added up together while they hold no more: neither database sorts more rows than that."""
MEDIA_AT_ONCE = 400
BOX_COLUMNS = (
    *("step", "pts", "face", "time_s", "track", "confidence", "dominant", "probability"),
    *("box_x", "box_y", "box_width", "box_height"),
)


@dataclass(frozen=True, slots=True)
class ReportMedia:
    """What a readable file holds, and what was seen in it."""

    media_analysis_id: int
    sha256: str
    kind: str
    codec: str
    width: int
    height: int
    duration_s: float
    first_s: float
    """Time of its first frame."""
    complete: bool
    segments_failed: int
    frames: int
    frames_with_face: int
    faces: int
    faces_dropped: int
    frames_damaged: int
    frames_missing: int
    is_cut_short: bool


@dataclass(frozen=True, slots=True)
class ReportFile:
    """One path of a job: its media, or the problem that it could not be read for."""

    path: str
    root: bytes
    relative: bytes
    size: int
    mtime_ns: int
    tags: Mapping[str, str]
    media: ReportMedia | None
    problem: Problem | None


@dataclass(frozen=True, slots=True)
class Share:
    """Faces of one media analysis that one emotion dominates, and the sum of their valence."""

    media_analysis_id: int
    dominant: str
    faces: int
    valence: float


class ReportReader:
    """Reads within one transaction of the caller's: everything is of one moment."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def asked(self, analysis_id: int) -> AnalysisRecord:
        """What was asked of the pixels."""
        names = AnalysisRecord.__slots__
        wanted = sa.select(*(analysis.c[name] for name in names)).where(analysis.c.id == analysis_id)
        return AnalysisRecord(**self._connection.execute(wanted).one()._mapping)

    def files(self, job_id: str, limit: int) -> list[ReportFile]:
        """The first `limit` files of a job, readable or not, by root and path."""
        rows = self._connection.execute(_file_rows().where(job_file.c.job_id == job_id).limit(limit))
        return [_file(row) for row in rows]

    def dominants(self, job_id: str) -> dict[str, int]:
        """Faces of a job by the emotion that dominates them, each distinct recording once."""
        asked = sa.select(job_file.c.media_analysis_id).where(job_file.c.job_id == job_id)
        counted = (
            sa.select(face.c.dominant, sa.func.count())
            .where(face.c.media_analysis_id.in_(asked), face.c.dominant.is_not(None))
            .group_by(face.c.dominant)
        )
        return {str(row[0]): int(row[1]) for row in self._connection.execute(counted)}

    def shares(self, ids: Collection[int]) -> Iterator[Share]:
        """What dominates the scored faces of some media analyses."""
        counted = sa.select(
            face.c.media_analysis_id, face.c.dominant, sa.func.count(), sa.func.coalesce(sa.func.sum(face.c.valence), 0)
        ).where(face.c.media_analysis_id.in_(sorted(ids)), face.c.dominant.is_not(None))
        for row in self._connection.execute(counted.group_by(face.c.media_analysis_id, face.c.dominant)):
            yield Share(int(row[0]), str(row[1]), int(row[2]), float(row[3]))

    def seen(self, ids: Collection[int], step_s: float) -> Iterator[tuple[int, int, int, int]]:
        """(media analysis, step, frames looked at, frames with a face), by both."""
        step = self._step(frame, step_s)
        counted = (
            sa.select(
                frame.c.media_analysis_id,
                step,
                # A frame that could not be decoded was not looked at.
                sa.func.sum(sa.case((frame.c.status == sa.literal_column("'missing'"), 0), else_=1)),
                sa.func.sum(sa.case((frame.c.faces > 0, 1), else_=0)),
            )
            .select_from(_beside_media(frame))
            .where(frame.c.media_analysis_id.in_(sorted(ids)))
            .group_by(frame.c.media_analysis_id, step)
            .order_by(frame.c.media_analysis_id, step)
        )
        yield from (tuple(map(int, row)) for row in self._connection.execute(counted))  # type: ignore[misc]

    def stretches(self, ids: Collection[int]) -> Iterator[tuple[int, float, float]]:
        """(media analysis, from, to) of all that was looked through, in seconds."""
        done = sa.select(segment.c.media_analysis_id, segment.c.start_s, segment.c.end_s).where(
            segment.c.media_analysis_id.in_(sorted(ids)), segment.c.state == sa.literal_column("'done'")
        )
        for row in self._connection.execute(done.order_by(segment.c.media_analysis_id, segment.c.ordinal)):
            yield int(row[0]), float(row[1]), float(row[2])

    def means(self, ids: Collection[int], step_s: float) -> Iterator[tuple[Any, ...]]:
        """(media analysis, step, track, faces, mean of each emotion, mean valence), by the first three."""
        step = self._step(face, step_s)
        keys = (face.c.media_analysis_id, step, face.c.track)
        means = [sa.func.avg(face.c[name]) for name in (*EMOTIONS, "valence")]
        counted = (
            sa.select(*keys, sa.func.count(), *means)
            .select_from(_beside_media(face))
            .where(face.c.media_analysis_id.in_(sorted(ids)))
            .group_by(*keys)
            .order_by(*keys)
        )
        yield from map(tuple, self._connection.execute(counted))

    def boxes(self, ids: Collection[int], step_s: float) -> Iterator[tuple[Any, ...]]:
        """The faces of the first frame with any in each step: (media analysis, *BOX_COLUMNS), by moment and face."""
        step = self._step(frame, step_s)
        firsts = (
            sa.select(frame.c.media_analysis_id, sa.func.min(frame.c.pts).label("pts"), step.label("step"))
            .select_from(_beside_media(frame))
            .where(frame.c.media_analysis_id.in_(sorted(ids)), frame.c.faces > 0)
            .group_by(frame.c.media_analysis_id, step)
            .subquery()
        )
        of_dominant = sa.case(*((face.c.dominant == name, face.c[name]) for name in EMOTIONS), else_=None)
        columns = {"step": firsts.c.step, "probability": of_dominant.label("probability")}
        wanted = (
            sa.select(face.c.media_analysis_id, *(columns.get(name, face.c.get(name)) for name in BOX_COLUMNS))
            .join(firsts, (face.c.media_analysis_id == firsts.c.media_analysis_id) & (face.c.pts == firsts.c.pts))
            .order_by(face.c.media_analysis_id, face.c.pts, face.c.face)
        )
        yield from map(tuple, self._connection.execute(wanted))

    def _step(self, table: sa.Table, step_s: float) -> "sa.ColumnElement[int]":
        """The number of the step in which a row lies."""
        steps = (table.c.time_s - _FIRST_S) / sa.literal_column(repr(float(step_s))) + sa.literal_column("0.500001")
        if self._connection.dialect.name == "postgresql":
            steps = sa.func.floor(steps)  # its CAST rounds; that of SQLite cuts off
        return sa.cast(steps, sa.Integer)


def together(sized: Sequence[tuple[int, int]]) -> Iterator[list[int]]:
    """Media analyses, each with its number of faces, in groups to be added up at once."""
    group: list[int] = []
    faces = 0
    for number, of_it in sized:
        if group and (faces + of_it > FACES_AT_ONCE or len(group) == MEDIA_AT_ONCE):
            yield group
            group, faces = [], 0
        group.append(number)
        faces += of_it
    if group:
        yield group


# Without the CAST either database would divide whole numbers.
_FIRST_S = sa.cast(
    media.c.first_pts * media.c.time_base_num, sa.Double
) / media.c.time_base_den - media.c.start_us / sa.literal_column("1000000.0")


def _beside_media(table: sa.Table) -> sa.FromClause:
    return table.join(media_analysis, media_analysis.c.id == table.c.media_analysis_id).join(
        media, media.c.id == media_analysis.c.media_id
    )


_OF_MEDIA = ("sha256", "kind", "codec", "width", "height", "duration_s")
_OF_ANALYSIS = (
    *("segments_failed", "frames", "frames_with_face", "faces"),
    *("faces_dropped", "frames_damaged", "frames_missing"),
)
_TOLD = ("first_s", "complete", "is_cut_short")


def _file_rows() -> sa.Select[Any]:
    return (
        sa.select(
            *(job_file.c[name] for name in ("path", "root", "relative", "size", "mtime_ns", "tags_json")),
            *(job_file.c[name] for name in ("media_analysis_id", "error_code", "error_reason", "error_hint")),
            *(media.c[name] for name in _OF_MEDIA),
            *(media_analysis.c[name] for name in _OF_ANALYSIS),
            _FIRST_S.label("first_s"),
            (media_analysis.c.state == sa.literal_column("'complete'")).label("complete"),
            media.c.error_code.is_not(None).label("is_cut_short"),
        )
        .outerjoin(media_analysis, media_analysis.c.id == job_file.c.media_analysis_id)
        .outerjoin(media, media.c.id == job_file.c.media_id)
        .order_by(job_file.c.root, job_file.c.relative)
    )


def _file(row: Any) -> ReportFile:
    of_media = None
    if row.media_analysis_id is not None:
        facts = {name: getattr(row, name) for name in (*_OF_MEDIA, *_OF_ANALYSIS, *_TOLD)}
        of_media = ReportMedia(row.media_analysis_id, **facts)
    return ReportFile(
        path=row.path,
        root=bytes(row.root),
        relative=bytes(row.relative),
        size=row.size,
        mtime_ns=row.mtime_ns,
        tags=json.loads(row.tags_json),
        media=of_media,
        problem=None
        if row.error_code is None
        else Problem(row.error_code, row.error_reason or "", row.error_hint or ""),
    )
