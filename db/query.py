"""`query`: one statement that reads, run by means of the database that let it do nothing else.

The SQL is never parsed to judge it. SQLite opens the file read-only under an authorizer (db.query_sqlite); PostgreSQL
declares a cursor in a READ ONLY transaction as a login that is no superuser (db.query_postgres).
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

from db.engine import dispose, open_engine, parse_url
from db.errors import QueryRefused
from db.migrate import prepare
from db.query_answer import QueryResult, Run
from db.query_names import hint_for
from db.query_params import read_params

TIMEOUT_S = 60.0


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
    try:
        with open_reader(url, timeout_s) as run:
            yield run(sql, given)
    except QueryRefused as error:
        error.hint = hint_for(str(error), sql) or error.hint
        raise


@contextmanager
def open_reader(url: str, timeout_s: float = TIMEOUT_S) -> Iterator[Run]:
    """Runs statements that read, all of one moment of the database and within one `timeout_s`: one after the other, an
    answer can be read until the next statement is run.
    """
    engine = open_engine(url)
    try:
        prepare(engine, create=False)  # also rolls back what a killed writer left half-written
    finally:
        dispose(engine)
    with _reader(url)(url, timeout_s) as run:
        yield run


def _reader(url: str) -> Callable[[str, float], AbstractContextManager[Run]]:
    if parse_url(url).get_backend_name() == "sqlite":
        from db.query_sqlite import sqlite_reader

        return sqlite_reader
    from db.query_postgres import postgres_reader

    return postgres_reader
