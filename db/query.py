"""`query`: one statement that reads, run by means of the database that let it do nothing else.

The SQL is never parsed to judge it. SQLite opens the file read-only under an authorizer (db.query_sqlite); PostgreSQL
declares a cursor in a READ ONLY transaction as a login that is no superuser (db.query_postgres).
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from db.describe import described
from db.engine import dispose, open_engine, parse_url
from db.errors import QueryRefused
from db.migrate import prepare
from db.query_params import read_params

TIMEOUT_S = 60.0
BATCH_ROWS = 1000
Batch = list[tuple[Any, ...]]

_UNKNOWN_NAME = re.compile(
    r"no such (?:column|table|function): (?:\w+\.)?\"?(\w+)"
    r"|(?:column|relation) \"?(?:\w+\.)?(\w+)\"? does not exist"
    r"|missing FROM-clause entry for table \"(\w+)\""
)


@dataclass(frozen=True, slots=True)
class QueryResult:
    """What a query gives: the names of its columns, and its rows in batches, which can be read once."""

    columns: tuple[str, ...]
    batches: Iterator[Batch]

    def __iter__(self) -> Iterator[Batch]:
        return self.batches


@contextmanager
def open_query(
    url: str, sql: str, params: Mapping[str, str] | None = None, timeout_s: float = TIMEOUT_S
) -> Iterator[QueryResult]:
    """Run one reading statement; `:name` in it stands for `params[name]`, a number where it is written like one
    (see db.query_params). Rows are fetched as they are read.

    `timeout_s` bounds the time the database works, not the time the caller takes. Raises QueryRefused, with a hint,
    for anything but a statement that reads, and the errors of opening a database.
    """
    given = read_params(sql, params or {})
    engine = open_engine(url)
    try:
        prepare(engine, create=False)  # also rolls back what a killed writer left half-written
    finally:
        dispose(engine)
    with _reader(url)(url, sql, given, timeout_s) as answer:
        yield answer


def _reader(url: str) -> Any:
    if parse_url(url).get_backend_name() == "sqlite":
        from db.query_sqlite import read_sqlite

        return read_sqlite
    from db.query_postgres import read_postgres

    return read_postgres


def refused(message: str, hint: str = "") -> QueryRefused:
    """Why a statement is refused; where it names something that is not there, the hint names what is near."""
    unknown = _UNKNOWN_NAME.search(message)
    name = next((part for part in unknown.groups() if part), None) if unknown else None
    return QueryRefused(message, hint or (_near(name) if name else "`moodreel schema` shows tables and columns"))


def _near(name: str) -> str:
    names = {relation.name for relation in described().values()}
    names |= {column.name for relation in described().values() for column in relation.columns}
    near = difflib.get_close_matches(name.lower(), sorted(names), n=3, cutoff=0.5)
    meant = f"did you mean {' or '.join(near)}? " if near else ""
    return f"{meant}`moodreel schema` shows tables and columns"
