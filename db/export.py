"""What exports read of a job: rows in a stable order, streamed in constant memory from one moment of the database.

Files come in the order of their paths, then times, then faces from left to right. A few files are read at a time, so
that neither database ever sorts or holds more than a few thousand rows.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from db.describe import Described, described
from db.engine import reading, translated, translated_driver
from db.errors import StoreError
from db.schema import LANDMARKS, job_file, media_analysis

BATCH_ROWS = 5_000
CHUNK_ROWS = 20_000
"""Rows of several files to read at once: they have to be sorted."""
ALONE_ROWS = 500
"""A file with so many rows is read alone, in the order of its primary key: nothing is sorted."""
PAGE_FILES = 500
Batch = list[tuple[Any, ...]]
TABLES = ("emotions", "faces", "frames", "media_summary", "problems")
"""What can be exported: emotions is what people want, faces adds landmarks, frames has those without a face too."""
Read = Callable[[Connection, str], Generator[Batch]]
_MORE_OF_FACES = (*LANDMARKS, "attributes")
_cursors = count()

_JOB_COLUMNS = {"tags": "jf.tags_json", "job_name": "j.name", "media": "jf.media_id", "analysis": "ma.analysis_id"}
_FACES = "face AS x ON x.media_analysis_id = jf.media_analysis_id"
_FRAMES = "frame AS x ON x.media_analysis_id = jf.media_analysis_id"


@dataclass(frozen=True, slots=True)
class ExportColumn:
    """One column; `kind` is integer, real, text or json (text that is a JSON document). Any value may be None."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Export:
    """Columns, and rows in batches, which can be read once."""

    columns: tuple[ExportColumn, ...]
    batches: Iterator[Batch]

    def __iter__(self) -> Iterator[Batch]:
        return self.batches


@dataclass(frozen=True, slots=True)
class _File:
    id: int
    media_analysis_id: int
    media_id: int
    analysis_id: int
    path: str
    tags: str
    rows: int


@contextmanager
def open_export(engine: Engine, job_id: str, table: str) -> Iterator[Export]:
    """Read one of TABLES for one job. Raises StoreError for any other table, and what a database raises."""
    if table not in TABLES:
        raise StoreError(f"there is no table {table!r} to export", f"choose one of: {', '.join(TABLES)}")
    columns, read = _plan(table)
    with reading(engine) as connection:
        if connection.dialect.name == "postgresql":  # whoever writes the file may be slow
            connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = '1h'")
        # Closed before its connection goes back, also where the caller breaks off.
        with closing(read(connection, job_id)) as batches:
            yield Export(tuple(ExportColumn(one.name, one.type) for one in columns), batches)


def _by_file(columns: dict[str, str], joined: str, counter: str) -> Read:
    names = ", ".join(f"{source} AS {name}" for name, source in columns.items())
    key = "x.pts, x.face" if joined == _FACES else "x.pts"
    select = (
        f"SELECT {names} FROM job_file AS jf JOIN {joined} "  # noqa: S608  no value in it is anybody's input
        "JOIN media_analysis AS ma ON ma.id = jf.media_analysis_id JOIN job AS j ON j.id = jf.job_id WHERE "
    )
    rows = media_analysis.c[counter]

    def read(connection: Connection, job_id: str) -> Generator[Batch]:
        for chunk in _chunks(_files(connection, job_id, rows)):
            ids = [file.id for file in chunk]
            if len(ids) == 1:
                yield from _stream(connection, f"{select} jf.id = ? ORDER BY {key}", ids)
            else:
                places = ", ".join("?" * len(ids))
                order = f"jf.id IN ({places}) ORDER BY jf.root, jf.relative, {key}"
                yield from _stream(connection, f"{select} {order}", ids)

    return read


def _files(connection: Connection, job_id: str, rows: sa.ColumnElement[int]) -> Iterator[_File]:
    """The readable files of a job in the order of their paths, a page at a time."""
    select = (
        sa.select(
            job_file.c.id,
            job_file.c.media_analysis_id,
            job_file.c.media_id,
            media_analysis.c.analysis_id,
            job_file.c.path,
            job_file.c.tags_json,
            rows.label("rows"),
            job_file.c.root,
            job_file.c.relative,
        )
        .join(media_analysis, media_analysis.c.id == job_file.c.media_analysis_id)
        .where(job_file.c.job_id == job_id)
        .order_by(job_file.c.root, job_file.c.relative)
        .limit(PAGE_FILES)
    )
    last: tuple[bytes, bytes] | None = None
    while True:
        after = sa.tuple_(job_file.c.root, job_file.c.relative) > last if last is not None else sa.true()
        page = connection.execute(select.where(after)).all()
        for row in page:
            yield _File(*row[:7])
        if len(page) < PAGE_FILES:
            return
        last = (page[-1].root, page[-1].relative)


def _chunks(files: Iterable[_File]) -> Iterator[list[_File]]:
    chunk: list[_File] = []
    rows = 0
    for file in files:
        alone = file.rows >= ALONE_ROWS
        if chunk and (alone or rows + file.rows > CHUNK_ROWS or len(chunk) == PAGE_FILES):
            yield chunk
            chunk, rows = [], 0
        if alone:
            yield [file]
        else:
            chunk.append(file)
            rows += file.rows
    if chunk:
        yield chunk


def _stream(connection: Connection, sql: str, values: Sequence[Any]) -> Generator[Batch]:
    """Rows straight from the driver: a record of SQLAlchemy's for each would cost as much as reading it."""
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        with translated(), closing(driver.execute(sql, values)) as cursor:
            yield from iter(lambda: cursor.fetchmany(BATCH_ROWS), [])
        return
    with translated_driver(Exception), driver.cursor(name=f"export_{next(_cursors)}", binary=True) as cursor:
        cursor.execute(sql.replace("?", "%s"), values)
        yield from iter(lambda: cursor.fetchmany(BATCH_ROWS), [])


def _summaries(connection: Connection, job_id: str) -> Generator[Batch]:
    """One row a readable file: its media's summary under the path and tags of the job."""
    names = [column.name for column in described()["media_summary"].columns if column.name != "path"]
    key = names.index("media"), names.index("analysis")
    for chunk in _chunks(_files(connection, job_id, sa.literal(1))):
        media = sorted({file.media_id for file in chunk})
        select = f"SELECT {', '.join(names)} FROM media_summary WHERE media IN ({', '.join('?' * len(media))})"  # noqa: S608
        found = {(row[key[0]], row[key[1]]): row for batch in _stream(connection, select, media) for row in batch}
        yield [(file.path, *found[file.media_id, file.analysis_id], file.tags) for file in chunk]


def _problems(connection: Connection, job_id: str) -> Generator[Batch]:
    names = ", ".join(column.name for column in described()["problems"].columns)
    return _stream(connection, f"SELECT {names} FROM problems WHERE job = ? ORDER BY path, scope, start_s", [job_id])  # noqa: S608


def _view_sources(view: str) -> dict[str, str]:
    """Where the columns of a view of jobs come from: `x` is the frame or the face."""
    own = {"path": "jf.path", "job_file": "jf.id", "job": "jf.job_id", **_JOB_COLUMNS}
    return {column.name: own.get(column.name, f"x.{column.name}") for column in described()[view].columns}


def _plan(table: str) -> tuple[Sequence[Described], Read]:
    emotions, summary = described()["job_emotions"].columns, described()["media_summary"].columns
    match table:
        case "emotions":
            return emotions, _by_file(_view_sources("job_emotions"), _FACES, "faces")
        case "faces":
            more = [column for column in described()["face"].columns if column.name in _MORE_OF_FACES]
            sources = _view_sources("job_emotions") | {column.name: f"x.{column.name}" for column in more}
            return (*emotions, *more), _by_file(sources, _FACES, "faces")
        case "frames":
            return described()["job_frames"].columns, _by_file(_view_sources("job_frames"), _FRAMES, "frames")
        case "media_summary":
            return (*summary, *(column for column in emotions if column.name == "tags")), _summaries
        case _:
            return described()["problems"].columns, _problems
