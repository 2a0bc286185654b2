"""What was seen in one recording, row by row: for drawing it upon the pictures."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from db.emotions import EMOTIONS
from db.schema import face, frame, job_file, media, segment

ROWS_AT_ONCE = 10_000
FACE_COLUMNS = ("pts", "track", "dominant", *EMOTIONS, "box_x", "box_y", "box_width", "box_height")


def looked_at(connection: Connection, media_analysis_id: int) -> Iterator[tuple[int, str, int]]:
    """(PTS, status, ordinal of its segment) of every frame that was to be looked at, by time."""
    wanted = (
        sa.select(frame.c.pts, frame.c.status, segment.c.ordinal)
        .join(segment, segment.c.id == frame.c.segment_id)
        .where(frame.c.media_analysis_id == media_analysis_id)
        .order_by(frame.c.pts)
    )
    yield from ((int(row[0]), str(row[1]), int(row[2])) for row in _stream(connection, wanted))


def faces_seen(connection: Connection, media_analysis_id: int) -> Iterator[tuple[Any, ...]]:
    """FACE_COLUMNS of every face, by time."""
    wanted = (
        sa.select(*(face.c[name] for name in FACE_COLUMNS))
        .where(face.c.media_analysis_id == media_analysis_id)
        .order_by(face.c.pts, face.c.face)
    )
    yield from map(tuple, _stream(connection, wanted))


def _stream(connection: Connection, wanted: "sa.Select[Any]") -> Iterator[Any]:
    """Rows without holding them all."""
    return iter(connection.execution_options(yield_per=ROWS_AT_ONCE).execute(wanted))


def pictures_of(connection: Connection, job_id: str) -> dict[int, int]:
    """How many frames each recording of a job presents, by its media analysis."""
    wanted = (
        sa.select(job_file.c.media_analysis_id, media.c.frame_count)
        .join(media, media.c.id == job_file.c.media_id)
        .where(job_file.c.job_id == job_id)
    )
    return {int(row[0]): int(row[1]) for row in _stream(connection, wanted)}
