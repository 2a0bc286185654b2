"""What exports read of a job: rows in a stable order, streamed in constant memory from one moment of the database.

Files come in the order of their paths, then times, then faces from left to right. A few files are read at a time, so
that neither database ever sorts or holds more than a few thousand rows; what is added up is that of one file or group.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

from sqlalchemy.engine import Connection, Engine

from db.engine import reading, translated, translated_driver
from db.errors import StoreError
from db.export_sql import Source, Statement
from db.export_tables import MEDIA, TABLES, source_of
from db.export_where import Condition, filtered
from db.query_answer import meant

__all__ = ["MEDIA", "TABLES", "Choice", "Condition", "Export", "ExportColumn", "open_export"]

BATCH_ROWS = 5_000
Batch = list[tuple[Any, ...]]
Read = Callable[[str], Generator[Batch]]
_cursors = count()


@dataclass(frozen=True, slots=True)
class ExportColumn:
    """One column; `kind` is integer, real, text or json (text that is a JSON document). Any value may be None."""

    name: str
    kind: str
    sentence: str
    """What it holds, and in which unit."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What of a table is wanted."""

    columns: tuple[str, ...] = ()
    """These, in this order; empty: all."""
    where: Condition | None = None
    by_media: bool = False
    """Rows of one recording follow each other, and `media` is the first column, even where `columns` lacks it."""


EVERYTHING = Choice()


@dataclass(frozen=True, slots=True)
class Export:
    """Columns, and rows in batches, which can be read once; `sentence` says what a row is."""

    sentence: str
    columns: tuple[ExportColumn, ...]
    batches: Iterator[Batch]

    def __iter__(self) -> Iterator[Batch]:
        return self.batches


@contextmanager
def open_export(engine: Engine, job_id: str, table: str, choice: Choice = EVERYTHING) -> Iterator[Export]:
    """Read one of TABLES for one job. Raises StoreError for another table or column, QueryRefused for a condition that
    is none, and what a database raises.
    """
    if table not in TABLES:
        hint = f"{meant(table, TABLES)}choose one of: {', '.join(TABLES)}"
        raise StoreError(f"there is no table {table!r} to export", hint)
    source = source_of(table, job_id, by_media=choice.by_media)
    columns = _chosen(source, table, choice)
    with reading(engine) as connection, ExitStack() as opened:
        if connection.dialect.name == "postgresql":  # whoever writes the file may be slow
            connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = '1h'")
        read: Read = partial(_stream, connection)
        if choice.where is not None:
            read = opened.enter_context(filtered(choice.where, table, source))
        names = ", ".join(f"{table}.{column.name}" for column in columns)
        batches = _rows(source.statements(connection), read, partial(_sql, names, table, choice.where))
        # Closed before its connection goes back, also where the caller breaks off.
        yield Export(source.sentence, columns, opened.enter_context(closing(batches)))


def _chosen(source: Source, table: str, choice: Choice) -> tuple[ExportColumn, ...]:
    known = {one.name: ExportColumn(one.name, one.type, one.sentence) for one in source.columns}
    names = choice.columns or tuple(known)
    for at, name in enumerate(names):
        if name not in known:
            hint = f"{meant(name, known)}{table} has: {', '.join(known)}"
            raise StoreError(f"{table} has no column {name!r}", hint)
        if name in names[:at]:
            raise StoreError(f"the column {name!r} is asked for twice", "name each column once")
    if choice.by_media:
        if not source.of_files:
            raise StoreError(f"{table} cannot be parted by recording", "leave out --partition-by")
        names = (MEDIA, *(name for name in names if name != MEDIA))
    return tuple(known[name] for name in names)


def _rows(statements: Iterator[Statement], read: Read, sql: Callable[[Statement], str]) -> Generator[Batch]:
    for statement in statements:
        yield from read(sql(statement))


def _sql(names: str, table: str, where: Condition | None, statement: Statement) -> str:
    condition = "" if where is None else f" WHERE ({where.sql}\n)"
    return f"SELECT {names} FROM ({statement.rows}) AS {table}{condition} ORDER BY {statement.order}"  # noqa: S608


def _stream(connection: Connection, sql: str) -> Generator[Batch]:
    """Rows straight from the driver: a record of SQLAlchemy's for each would cost as much as reading it."""
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        with translated(), closing(driver.execute(sql)) as cursor:
            yield from iter(lambda: cursor.fetchmany(BATCH_ROWS), [])
        return
    with translated_driver(Exception), driver.cursor(name=f"export_{next(_cursors)}", binary=True) as cursor:
        cursor.execute(sql)
        yield from iter(lambda: cursor.fetchmany(BATCH_ROWS), [])
