"""The tracks of many faces, written in bulk."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Connection

BATCH_ROWS = 10_000
_UPDATE = "UPDATE face SET track = {0}, appearance = NULL WHERE media_analysis_id = {0} AND pts = {0} AND face = {0}"
_FROM_COPY = (
    "UPDATE face SET track = incoming.track, appearance = NULL FROM incoming_track AS incoming "
    "WHERE face.media_analysis_id = %s AND face.pts = incoming.pts AND face.face = incoming.face"
)


@dataclass(frozen=True, slots=True)
class Tracked:
    """The track of each face, by its timestamp and its number in its frame: three sequences of one length."""

    pts: Sequence[int]
    face: Sequence[int]
    track: Sequence[int]

    def rows(self) -> Iterator[tuple[int, int, int]]:
        """Timestamp, number, track."""
        return zip(self.pts, self.face, self.track, strict=True)


def write_tracks(connection: Connection, media_analysis_id: int, tracked: Tracked) -> None:
    """Write the tracks of a media analysis, and remove the descriptors of its faces."""
    if connection.dialect.name == "postgresql":
        _copy(connection, media_analysis_id, tracked)
        return
    batch: list[tuple[int, int, int, int]] = []
    for pts, face, track in tracked.rows():
        batch.append((track, media_analysis_id, pts, face))
        if len(batch) == BATCH_ROWS:
            connection.exec_driver_sql(_UPDATE.format("?"), batch)
            batch.clear()
    if batch:
        connection.exec_driver_sql(_UPDATE.format("?"), batch)


def _copy(connection: Connection, media_analysis_id: int, tracked: Tracked) -> None:
    """A server is told in one go: a statement a face would take it minutes."""
    connection.exec_driver_sql(
        "CREATE TEMP TABLE incoming_track (pts bigint, face integer, track integer) ON COMMIT DROP"
    )
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy("COPY incoming_track FROM STDIN") as copy:
        for row in tracked.rows():
            copy.write_row(row)
    connection.exec_driver_sql("ANALYZE incoming_track")
    connection.exec_driver_sql(_FROM_COPY, (media_analysis_id,))
