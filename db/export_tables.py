"""The tables that can be exported, as SQL: their columns, and statements that give their rows a few files at a time.

A statement holds no value that is anybody's input, only numbers of rows and quoted ids; columns that begin with an
underscore are there to order by and are not given out.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from db.describe import Described, described
from db.export_groups import groups_of
from db.export_sql import Source, Statement, listed, quoted
from db.schema import LANDMARKS, job_file, media_analysis

CHUNK_ROWS = 20_000
"""Rows of several files to read at once: they have to be sorted."""
ALONE_ROWS = 500
"""A file with so many rows is read alone, in the order of its primary key: nothing is sorted but what is added up."""
PAGE_FILES = 500
TABLES = (
    *("emotions", "faces", "frames"),
    *("media_summary", "track_summary", "timeline", "group_timeline"),
    "problems",
)
"""What can be exported: emotions is what people want, faces adds landmarks, frames has those without a face too; then
what is added up of them.
"""
MEDIA = "media"
"""The column that tells recordings apart."""

_MORE_OF_FACES = (*LANDMARKS, "attributes")
_OF_JOB = {"path": "jf.path", "job_file": "jf.id", "job": "jf.job_id", "tags": "jf.tags_json", "job_name": "j.name"}
_OF_JOB |= {"media": "jf.media_id", "analysis": "ma.analysis_id"}
_JOINED = "JOIN media_analysis AS ma ON ma.id = jf.media_analysis_id JOIN job AS j ON j.id = jf.job_id"
_BY_PATH = ("_root", "_relative")
_ORDER = ", jf.root AS _root, jf.relative AS _relative"


def source_of(table: str, job_id: str, *, by_media: bool) -> Source:
    """Where the rows of one of TABLES come from: ordered by path, time and face, or by recording first."""
    views = described()
    emotions, frames, seconds = views["job_emotions"], views["job_frames"], views["job_timeline"]
    match table:
        case "emotions":
            found = _OfFiles(emotions.sentence, emotions.columns, _rows_of("face"), "faces", ("pts", "face"))
        case "faces":
            columns = (*emotions.columns, *(one for one in views["face"].columns if one.name in _MORE_OF_FACES))
            found = _OfFiles(_FACES, columns, _rows_of("face"), "faces", ("pts", "face"))
        case "frames":
            found = _OfFiles(frames.sentence, frames.columns, _rows_of("frame"), "frames", ("pts",))
        case "media_summary":
            found = _OfFiles(views[table].sentence, _tagged(table), _summaries_of(table), None, ())
        case "track_summary":
            found = _OfFiles(views[table].sentence, _tagged(table), _summaries_of(table), "faces", ("track",))
        case "timeline":
            found = _OfFiles(views[table].sentence, seconds.columns, _seconds, "frames", ("second",))
        case "group_timeline":
            return groups_of(job_id)
        case _:
            return _problems(job_id)
    return _by_file(found, job_id, by_media)


_FACES = "The rows of emotions, with landmarks and what else a service said of each face."


@dataclass(frozen=True, slots=True)
class _OfFiles:
    """A table whose rows belong to files: how to select those of some, who counts them, and how each file's go."""

    sentence: str
    columns: tuple[Described, ...]
    select: Callable[[Sequence[Described], Sequence["_File"]], str]
    counter: str | None
    """The column of media_analysis that holds how many there are; None: one a file."""
    key: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _File:
    id: int
    media_id: int
    rows: int


_NO_FILE = _File(-1, -1, 0)


def _by_file(table: _OfFiles, job_id: str, by_media: bool) -> Source:
    counted = sa.literal(1) if table.counter is None else media_analysis.c[table.counter]

    def statements(connection: Connection) -> Iterator[Statement]:
        for files in _chunks(_files(connection, job_id, counted, by_media)):
            alone = table.key if len(files) == 1 else ()
            order = alone or ((MEDIA,) if by_media else ()) + _BY_PATH + table.key
            yield Statement(table.select(table.columns, files), ", ".join(order))

    return Source(table.sentence, table.columns, table.select(table.columns, [_NO_FILE]), statements)


def _rows_of(kind: str) -> Callable[[Sequence[Described], Sequence[_File]], str]:
    """Selects the rows of `face` or `frame`, with what the job says of their file."""

    def select(columns: Sequence[Described], files: Sequence[_File]) -> str:
        names = ", ".join(f"{_OF_JOB.get(one.name, f'x.{one.name}')} AS {one.name}" for one in columns)
        ids = listed(file.id for file in files)
        joined = f"JOIN {kind} AS x ON x.media_analysis_id = jf.media_analysis_id {_JOINED}"
        return f"SELECT {names}{_ORDER} FROM job_file AS jf {joined} WHERE jf.id {ids}"  # noqa: S608

    return select


def _tagged(view: str) -> tuple[Described, ...]:
    return (*described()[view].columns, *(one for one in described()["job_emotions"].columns if one.name == "tags"))


def _summaries_of(view: str) -> Callable[[Sequence[Described], Sequence[_File]], str]:
    """Selects what a view says of the media of each file, under the path and tags of the job."""

    def select(columns: Sequence[Described], files: Sequence[_File]) -> str:
        own = {"path": _OF_JOB["path"], "tags": _OF_JOB["tags"]}
        names = ", ".join(f"{own.get(one.name, f's.{one.name}')} AS {one.name}" for one in columns)
        # The view is narrowed down by itself: else a database may add up every face there is before it joins.
        media = listed(sorted({file.media_id for file in files}))
        joined = f"JOIN (SELECT * FROM {view} WHERE media {media}) AS s"  # noqa: S608
        on = f"ON s.media = jf.media_id AND s.analysis = ma.analysis_id WHERE jf.id {listed(file.id for file in files)}"
        return f"SELECT {names}{_ORDER} FROM job_file AS jf {_JOINED} {joined} {on}"  # noqa: S608

    return select


def _seconds(columns: Sequence[Described], files: Sequence[_File]) -> str:
    """Selects what was seen in each second of each file."""
    names = ", ".join(f"x.{one.name}" for one in columns)
    narrowed = f"(SELECT * FROM job_timeline WHERE job_file {listed(file.id for file in files)}) AS x"  # noqa: S608
    return f"SELECT {names}{_ORDER} FROM {narrowed} JOIN job_file AS jf ON jf.id = x.job_file"  # noqa: S608


def _problems(job_id: str) -> Source:
    view = described()["problems"]
    names = ", ".join(column.name for column in view.columns)
    select = f"SELECT {names} FROM problems WHERE job = {quoted(job_id)}"  # noqa: S608
    statement = Statement(select, "path, scope, start_s")
    return Source(view.sentence, view.columns, f"{select} AND 1 = 0", lambda _: iter((statement,)), of_files=False)


def _files(connection: Connection, job_id: str, rows: sa.ColumnElement[int], by_media: bool) -> Iterator[_File]:
    """The readable files of a job in the order of their paths, or of their recordings first, a page at a time."""
    key: list[sa.ColumnElement[object]] = [job_file.c.root, job_file.c.relative]
    key = [job_file.c.media_id, *key] if by_media else key
    select = (
        sa.select(job_file.c.id, job_file.c.media_id, rows.label("rows"), *key)
        .join(media_analysis, media_analysis.c.id == job_file.c.media_analysis_id)
        .where(job_file.c.job_id == job_id)
        .order_by(*key)
        .limit(PAGE_FILES)
    )
    last: Sequence[object] | None = None
    while True:
        after = sa.true() if last is None else sa.tuple_(*key) > tuple(last)
        page = connection.execute(select.where(after)).all()
        yield from (_File(*row[:3]) for row in page)
        if len(page) < PAGE_FILES:
            return
        last = page[-1][3:]


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
