"""What an estimate asks of a database: which media a job wants, and what came of them before."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from db.engine import reading
from db.schema import analysis, media, media_analysis
from db.states import MediaAnalysisState
from db.wanted import analyses_of


@dataclass(frozen=True, slots=True)
class Wanted:
    """A media that a job asks for, once, however many of its files hold it."""

    sha256: str
    is_photo: bool
    targets: int
    """Sampled frames that are to be looked at."""


@dataclass(frozen=True, slots=True)
class Found:
    """What one media came to under one analysis, so far."""

    frames: int
    faces: int
    complete: bool
    """Nothing of it is left to be done, though segments may have failed."""
    whole: bool
    """Complete, and no segment failed: every face that there is was counted."""


@dataclass(frozen=True, slots=True)
class KnownAnalysis:
    """An analysis that somebody once asked for."""

    id: int
    fingerprint: str
    spec_json: str


class Precedents:
    """Reads for estimates."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def wanted(self, job_id: str) -> list[Wanted]:
        """Every readable media of a job."""
        rows = (
            sa.select(media.c.sha256, media.c.kind, media_analysis.c.targets)
            .join(media_analysis, media_analysis.c.media_id == media.c.id)
            .where(media_analysis.c.id.in_(analyses_of(job_id)))
            .order_by(media.c.id)
        )
        with reading(self._engine) as connection:
            return [Wanted(row.sha256, row.kind == "photo", row.targets) for row in connection.execute(rows)]

    def analyses(self) -> list[KnownAnalysis]:
        """Every analysis, the newest first."""
        rows = sa.select(analysis.c.id, analysis.c.fingerprint, analysis.c.spec_json).order_by(analysis.c.id.desc())
        with reading(self._engine) as connection:
            return [KnownAnalysis(row.id, row.fingerprint, row.spec_json) for row in connection.execute(rows)]

    def found(self, analysis_id: int, digests: Collection[str]) -> dict[str, Found]:
        """What the media of these digests came to under an analysis, by digest; those unknown to it are left out."""
        columns = media_analysis.c
        rows = (
            sa.select(media.c.sha256, columns.frames, columns.faces, columns.state, columns.segments_failed)
            .join(media_analysis, columns.media_id == media.c.id)
            .where(columns.analysis_id == analysis_id)
        )
        with reading(self._engine) as connection:
            return {row.sha256: _found(row) for row in connection.execute(rows) if row.sha256 in digests}


def _found(row: Any) -> Found:
    complete = row.state == MediaAnalysisState.COMPLETE
    return Found(row.frames, row.faces, complete, complete and not row.segments_failed)
