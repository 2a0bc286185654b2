"""What a person sees first of a job: a line a file, and what went wrong. Small reads, bounded by `limit`."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from db.engine import reading
from db.records import Problem
from db.schema import face, job_file, media, media_analysis, segment
from db.states import MediaAnalysisState

_problems = sa.table(
    "problems", *(sa.column(name) for name in ("path", "code", "reason", "hint", "scope", "start_s", "end_s", "job"))
)


@dataclass(frozen=True, slots=True)
class FileLine:
    """One file of a job and what was seen in it. Unknown where it could not be read."""

    path: str
    kind: str
    duration_s: float
    targets: int
    frames: int
    faces: int
    shares: tuple[tuple[str, float], ...]
    """Share of the faces that each emotion dominates, largest first."""
    valence: float | None
    """Mean over the faces; None without scores."""
    complete: bool


@dataclass(frozen=True, slots=True)
class ProblemLine:
    """One problem of a job. `scope` is file, segment, partial or frames."""

    path: str
    scope: str
    problem: Problem
    start_s: float | None
    end_s: float | None


class Overview:
    """Reads for summaries."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def files(self, job_id: str, limit: int) -> list[FileLine]:
        """The first `limit` readable files of a job, by root and path."""
        with reading(self._engine) as connection:
            rows = connection.execute(_file_rows(job_id).limit(limit)).all()
            seen = _seen(connection, {row.media_analysis_id for row in rows})
        return [_line(row, seen.get(row.media_analysis_id, [])) for row in rows]

    def problems(self, job_id: str, limit: int) -> list[ProblemLine]:
        """The first `limit` problems of a job."""
        wanted = sa.select(_problems).where(_problems.c.job == job_id).order_by(_problems.c.path, _problems.c.scope)
        with reading(self._engine) as connection:
            rows = connection.execute(wanted.limit(limit)).all()
        return [
            ProblemLine(row.path, row.scope, Problem(row.code, row.reason, row.hint), row.start_s, row.end_s)
            for row in rows
        ]

    def problem_count(self, job_id: str) -> int:
        """How many problems a job has."""
        wanted = sa.select(sa.func.count()).select_from(_problems).where(_problems.c.job == job_id)
        with reading(self._engine) as connection:
            return int(connection.execute(wanted).scalar_one())


def _file_rows(job_id: str) -> sa.Select[tuple[object, ...]]:
    return (
        sa.select(
            job_file.c.path,
            job_file.c.media_analysis_id,
            media.c.kind,
            media.c.duration_s,
            media_analysis.c.frames,
            media_analysis.c.faces,
            media_analysis.c.state,
            _targets().label("targets"),
        )
        .join(media, media.c.id == job_file.c.media_id)
        .join(media_analysis, media_analysis.c.id == job_file.c.media_analysis_id)
        .where(job_file.c.job_id == job_id)
        .order_by(job_file.c.root, job_file.c.relative)
    )


def _targets() -> "sa.ScalarSelect[int]":
    return (
        sa.select(sa.func.coalesce(sa.func.sum(segment.c.targets), 0))
        .where(segment.c.media_analysis_id == media_analysis.c.id)
        .scalar_subquery()
    )


def _seen(connection: Connection, ids: set[int]) -> dict[int, list[Any]]:
    counted = (
        sa.select(
            face.c.media_analysis_id, face.c.dominant, sa.func.count().label("faces"), sa.func.sum(face.c.valence)
        )
        .where(face.c.media_analysis_id.in_(sorted(ids)))
        .group_by(face.c.media_analysis_id, face.c.dominant)
    )
    found: dict[int, list[Any]] = {}
    for row in connection.execute(counted):
        found.setdefault(row[0], []).append(row)
    return found


def _line(row: Any, seen: list[Any]) -> FileLine:
    scored = [one for one in seen if one[1] is not None]
    faces = sum(one[2] for one in scored)
    shares = Counter({str(one[1]): one[2] / faces for one in scored})
    valence = sum(one[3] or 0.0 for one in scored) / faces if faces else None
    return FileLine(
        path=row.path,
        kind=row.kind,
        duration_s=row.duration_s,
        targets=int(row.targets),
        frames=row.frames,
        faces=row.faces,
        shares=tuple(shares.most_common()),
        valence=valence,
        complete=row.state == MediaAnalysisState.COMPLETE,
    )
