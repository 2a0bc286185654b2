"""Reading PostgreSQL and nothing else: a cursor in a READ ONLY transaction, as a login that is no superuser."""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from decimal import Decimal
from typing import Any

import psycopg
from psycopg import errors
from psycopg.types.datetime import TimestamptzLoader
from psycopg.types.numeric import Int4, Int8, NumericLoader

from db.engine import first_line, parse_url, translated_driver
from db.errors import QueryRefused
from db.query_answer import BATCH_ROWS, Batch, QueryResult, Run, refused
from db.query_params import Value, spelled

_READ_ONLY = "query only reads: one SELECT, from tables and views of this database"
_LONGEST_MS = 2**31 - 1
"""What statement_timeout takes, 24 days; `_Budget` bounds what is longer."""
_OTHER_TYPE = "CAST makes one type of both sides; --param \"name='3'\" gives text, --param name=3 a number"
# A superuser, or a login that may read the server's files, leaves a READ ONLY transaction by other doors.
_POWERFUL = """
SELECT rolsuper OR rolreplication OR EXISTS (
    SELECT FROM pg_roles AS other
    WHERE other.rolname IN ('pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program')
      AND pg_has_role(session_user, other.oid, 'MEMBER'))
FROM pg_roles WHERE rolname = session_user
"""
READER_ROLE_SQL = """\
CREATE ROLE moodreel_reader LOGIN PASSWORD 'choose one';
GRANT USAGE ON SCHEMA public TO moodreel_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO moodreel_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO moodreel_reader;
"""
"""Makes the login that `query` wants; the last line is for the views that an upgrade makes again."""


@contextmanager
def postgres_reader(url: str, timeout_s: float) -> Iterator[Run]:
    """See `db.query.open_reader`."""
    with _meanings(timeout_s), closing(_connect(url, timeout_s)) as connection, ExitStack() as answer:
        _refuse_powerful(connection)
        budget = _Budget(timeout_s)

        def run(sql: str, params: Mapping[str, Value]) -> QueryResult:
            answer.close()
            cursor = answer.enter_context(connection.cursor(name="answer"))
            with _meanings(timeout_s), budget.running():
                _declare(cursor, _query(sql), params)
            columns = tuple(column.name for column in cursor.description or ())
            return QueryResult(columns, _batches(cursor, budget, timeout_s))

        yield run


def _connect(url: str, timeout_s: float) -> "psycopg.Connection[tuple[Any, ...]]":
    timeout_ms = min(max(1, round(timeout_s * 1000)), _LONGEST_MS)
    options = f"-c statement_timeout={timeout_ms} -c default_transaction_read_only=on -c timezone=UTC"
    address = parse_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = psycopg.connect(address, options=options, connect_timeout=10)
    connection.read_only = True
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ  # several statements see one moment
    # The values that SQLite gives: whole numbers and fractions as such, times as readable text.
    connection.adapters.register_loader("numeric", _NumberLoader)
    connection.adapters.register_loader("timestamptz", _TimeLoader)
    return connection


def _refuse_powerful(connection: "psycopg.Connection[tuple[Any, ...]]") -> None:
    row = connection.execute(_POWERFUL).fetchone()
    if row is None or row[0]:
        raise QueryRefused(
            "query does not run as a superuser of the database: that login may read files and write",
            "make a login that may only read, and name it in MOODREEL_QUERY_DATABASE_URL:\n" + READER_ROLE_SQL,
        )


def _query(sql: str) -> Any:
    doubled = sql.replace("%", "%%")
    return spelled(doubled, lambda name: f"%({name})s").rstrip().removesuffix(";").encode("utf-8")


def _declare(cursor: "psycopg.ServerCursor[tuple[Any, ...]]", query: Any, params: Mapping[str, Value]) -> None:
    """A cursor can be declared for a SELECT alone, and the extended protocol takes one statement alone."""
    typed = {name: _typed(value) for name, value in params.items()}
    texts = {name: value.text for name, value in params.items()}
    try:
        cursor.execute(query, typed)
    except (errors.UndefinedFunction, errors.DatatypeMismatch):
        if typed == texts:
            raise
        cursor.connection.rollback()
        cursor.execute(query, texts)


def _typed(value: Value) -> Any:
    """The value with the type that the same number has where it stands in a statement."""
    match value.number:
        case int(number):
            return Int4(number) if -(2**31) <= number < 2**31 else Int8(number)
        case float(number):
            return Decimal(repr(number))
    return value.text


class _Budget:
    """Time that the server may work in all; the server itself bounds each fetch."""

    def __init__(self, seconds: float) -> None:
        self._left_s = seconds
        self._seconds = seconds

    @contextmanager
    def running(self) -> Iterator[None]:
        started = time.monotonic()
        yield
        self._left_s -= time.monotonic() - started
        if self._left_s < 0:
            raise _too_slow(self._seconds)


def _batches(cursor: "psycopg.ServerCursor[tuple[Any, ...]]", budget: _Budget, timeout_s: float) -> Iterator[Batch]:
    while True:
        with _meanings(timeout_s), budget.running():
            batch = cursor.fetchmany(BATCH_ROWS)
        if not batch:
            return
        yield batch


@contextmanager
def _meanings(timeout_s: float) -> Iterator[None]:
    """PostgreSQL's exceptions as ours: what is wrong with the statement, or with the database."""
    try:
        with translated_driver(psycopg.OperationalError, psycopg.InterfaceError):
            yield
    except errors.QueryCanceled as error:
        raise _too_slow(timeout_s) from error
    except errors.SyntaxError as error:
        several = "multiple commands" in str(error)
        raise refused(
            "the query holds more than one statement" if several else first_line(error), _READ_ONLY
        ) from error
    except (errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction) as error:
        raise refused(first_line(error), _READ_ONLY) from error
    except psycopg.Error as error:
        mixed = isinstance(error, errors.InvalidTextRepresentation) or "operator does not exist" in str(error)
        raise refused(first_line(error), _OTHER_TYPE if mixed else "") from error


def _too_slow(timeout_s: float) -> QueryRefused:
    return QueryRefused(
        f"the query took longer than {timeout_s:g} s", "narrow it with WHERE or LIMIT, or give --timeout"
    )


class _NumberLoader(NumericLoader):
    def load(self, data: Any) -> Any:
        value: Decimal = super().load(data)
        whole = value.is_finite() and value == value.to_integral_value() and b"." not in bytes(data)
        return int(value) if whole else float(value)


class _TimeLoader(TimestamptzLoader):
    def load(self, data: Any) -> Any:
        return super().load(data).strftime("%Y-%m-%d %H:%M:%S.%f")
