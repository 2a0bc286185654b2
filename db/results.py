"""Frames and faces as rows, written in bulk at a commit."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from db.derive import dominant, valence
from db.emotions import EMOTIONS
from db.engine import meaning_of
from db.records import Face, Frame, Problem
from db.schema import LANDMARKS, face, frame
from db.states import FrameStatus

COPY_ROWS = 200
"""From so many rows on PostgreSQL's COPY beats inserts."""
FRAME_COLUMNS = ("media_analysis_id", "pts", "time_s", "status", "faces", "faces_dropped", "segment_id")
FACE_COLUMNS = (
    *(
        "media_analysis_id",
        "pts",
        "face",
        "time_s",
        "box_x",
        "box_y",
        "box_width",
        "box_height",
        "confidence",
        "dominant",
    ),
    *EMOTIONS,
    "valence",
    *LANDMARKS,
    *("attributes", "appearance"),
)
_NO_SCORES = (None,) * len(EMOTIONS)
_NO_LANDMARKS = (None,) * len(LANDMARKS)
Written = tuple[int, int, Sequence[Frame]]
"""A media analysis, a segment of it, and that segment's frames."""


def write_frames(connection: Connection, segments: Sequence[Written]) -> bool:
    """Insert the frames and faces of finished segments. Rows already there are left alone: False if any was."""
    frames = [frame_row(analysis, segment, one) for analysis, segment, many in segments for one in many]
    faces = [row for analysis, _, many in segments for one in many for row in face_rows(analysis, one)]
    written = _insert(connection, frame, FRAME_COLUMNS, frames) + _insert(connection, face, FACE_COLUMNS, faces)
    return written == len(frames) + len(faces)


def unsound(frames: Sequence[Frame]) -> Problem | None:
    """Why no database could hold these results, if so: SQLite takes NaN for NULL, and an order by it means nothing."""
    for one in frames:
        if not storable_pts(one.pts):
            return _unsound(one)
        for found in one.faces:
            if not math.isfinite(_sum(found) + one.time_s) or len(found.scores or EMOTIONS) != len(EMOTIONS):
                return _unsound(one)
    return None


def storable_pts(pts: int) -> bool:
    """Whether a database can hold this timestamp."""
    return -(2**63) <= pts < 2**63


def _unsound(one: Frame) -> Problem:
    return Problem(
        "segment.unsound",
        f"its analysis gave numbers that are none, at {one.time_s} s",
        "please report this with the file, if you may share it",
    )


def count_frames(frames: Sequence[Frame]) -> dict[str, int]:
    """What a segment adds to the counts of its media analysis."""
    return {
        "frames": len(frames),
        "frames_with_face": sum(bool(one.faces) for one in frames),
        "faces": sum(len(one.faces) for one in frames),
        "faces_dropped": sum(one.faces_dropped for one in frames),
        "frames_damaged": sum(one.status is FrameStatus.DAMAGED for one in frames),
        "frames_missing": sum(one.status is FrameStatus.MISSING for one in frames),
    }


def frame_row(media_analysis_id: int, segment_id: int, one: Frame) -> tuple[Any, ...]:
    """A frame by FRAME_COLUMNS."""
    faces = len(one.faces)
    return (media_analysis_id, one.pts, one.time_s, one.status.value, faces, one.faces_dropped, segment_id)


def face_rows(media_analysis_id: int, one: Frame) -> Iterator[tuple[Any, ...]]:
    """A frame's faces by FACE_COLUMNS."""
    for number, found in enumerate(one.faces):
        yield (media_analysis_id, one.pts, number, one.time_s, *_face_values(found))


def _face_values(found: Face) -> tuple[Any, ...]:
    scores = found.scores
    return (
        found.box_x,
        found.box_y,
        found.box_width,
        found.box_height,
        found.confidence,
        dominant(scores),
        *(_NO_SCORES if scores is None else scores),
        valence(scores),
        *(_NO_LANDMARKS if found.landmarks is None else found.landmarks),
        found.attributes,
        found.appearance,
    )


def _sum(found: Face) -> float:
    """Of all numbers of a face that are known: finite where each is."""
    box = found.box_x + found.box_y + found.box_width + found.box_height
    return box + (found.confidence or 0.0) + sum(found.landmarks or ()) + sum(found.scores or ())


def _insert(connection: Connection, table: sa.Table, columns: Sequence[str], rows: list[tuple[Any, ...]]) -> int:
    """Returns how many rows were new."""
    if not rows:
        return 0
    if connection.dialect.name == "postgresql" and len(rows) >= COPY_ROWS:
        return _copy(connection, table, columns, rows)
    place = "%s" if connection.dialect.name == "postgresql" else "?"
    # Plain SQL with tuples: this is the one hot insert, and building a dict a row doubles its cost.
    inserted = connection.exec_driver_sql(
        f'INSERT INTO "{table.name}" ({_names(columns)}) VALUES ({", ".join([place] * len(columns))}) '  # noqa: S608
        "ON CONFLICT DO NOTHING",
        rows,
    )
    return inserted.rowcount


def _names(columns: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


def _copy(connection: Connection, table: sa.Table, columns: Sequence[str], rows: list[tuple[Any, ...]]) -> int:
    """COPY straight into the table. It knows no ON CONFLICT: where a row is there already, by a table of its own."""
    import psycopg

    driver: Any = connection.connection.driver_connection
    try:
        try:
            with driver.transaction():  # a savepoint: ours is open
                _stream(driver, table.name, columns, rows)
        except psycopg.errors.UniqueViolation:
            return _copy_over(connection, table, columns, rows)
    except psycopg.Error as error:  # which SQLAlchemy did not see
        raise meaning_of(error) from error
    return len(rows)


def _copy_over(connection: Connection, table: sa.Table, columns: Sequence[str], rows: list[tuple[Any, ...]]) -> int:
    """Into a temporary table first, then over in the same transaction, but for what is there."""
    names = _names(columns)
    temporary = f"incoming_{table.name}"
    connection.exec_driver_sql(
        f'CREATE TEMP TABLE "{temporary}" ON COMMIT DROP AS SELECT {names} FROM "{table.name}" WITH NO DATA'  # noqa: S608
    )
    _stream(connection.connection.driver_connection, temporary, columns, rows)
    inserted = connection.exec_driver_sql(
        f'INSERT INTO "{table.name}" ({names}) SELECT {names} FROM "{temporary}" ON CONFLICT DO NOTHING'  # noqa: S608
    )
    return inserted.rowcount


def _stream(driver: Any, table: str, columns: Sequence[str], rows: list[tuple[Any, ...]]) -> None:
    """COPY in its binary form, for which numbers are not written out as text."""
    with (
        driver.cursor() as cursor,
        cursor.copy(f'COPY "{table}" ({_names(columns)}) FROM STDIN (FORMAT BINARY)') as copy,
    ):
        copy.set_types([_WIRE.get(column, "float8") for column in columns])
        for row in rows:
            copy.write_row(row)


_WIRE = (
    dict.fromkeys(("media_analysis_id", "pts", "segment_id"), "int8")
    | dict.fromkeys(("face", "faces", "faces_dropped"), "int4")
    | dict.fromkeys(("status", "dominant", "attributes"), "text")
    | {"appearance": "bytea"}
)
"""PostgreSQL's types of our columns, where they are no double precision."""
