"""A person's condition on an export: run as read-only as a query is, and proved to be a condition and nothing else.

It is never parsed. It has to stand in two places that no other text closes both of: between brackets, and between WHEN
and THEN. So what would leave the brackets (`1) UNION SELECT ...`) is refused by the database itself.
"""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from db.errors import QueryRefused
from db.export_sql import Source
from db.query import open_reader
from db.query_answer import Batch, Run, meant, unknown_name
from db.query_params import named
from db.text import storable

TIMEOUT_S = 3600.0


@dataclass(frozen=True, slots=True)
class Condition:
    """What must hold for a row, in SQL, and the login that may only read."""

    sql: str
    url: str
    timeout_s: float = TIMEOUT_S
    """How long the database may work, in all."""


class Filtered:
    """Runs statements that hold the condition, all of one moment."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def __call__(self, sql: str) -> Generator[Batch]:
        yield from self._run(sql, {})


@contextmanager
def filtered(condition: Condition, table: str, source: Source) -> Iterator[Filtered]:
    """A reader for rows of `table` under the condition. Raises QueryRefused where it is none."""
    with open_reader(condition.url, condition.timeout_s) as run:
        try:
            _prove(Filtered(run), condition.sql, table, source)
        except QueryRefused as error:
            raise QueryRefused(f"--where: {error}", _hint(error, table, source)) from error
        yield Filtered(run)


def _prove(run: Filtered, sql: str, table: str, source: Source) -> None:
    if storable(sql) != sql:
        raise QueryRefused("it is no text: it holds bytes that are not UTF-8")
    places = sorted(named(sql))
    if places:
        raise QueryRefused(f"it has a place for a value, :{places[0]}", _NO_PLACES)
    rows = f"({source.no_rows}) AS {table}"
    for proof in (f"SELECT 1 FROM {rows} WHERE ({sql}\n)", f"SELECT CASE WHEN {sql}\n THEN 1 END FROM {rows}"):  # noqa: S608
        list(run(proof))


_NO_PLACES = "write the value itself: dominant = 'anger'"


def _hint(error: QueryRefused, table: str, source: Source) -> str:
    """What of this table could be meant; what is written on a query's command line is of no use here."""
    columns = [column.name for column in source.columns]
    unknown = unknown_name(str(error))
    if unknown is not None:
        return f"{meant(unknown, columns)}{table} has: {', '.join(columns)}"
    return _NO_PLACES if "--param" in error.hint else error.hint or "write it in UTF-8"
