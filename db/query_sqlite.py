"""Reading an SQLite file and nothing else: a read-only connection, an authorizer, limits and a time budget."""

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from db.engine import BUSY_TIMEOUT_MS, parse_url, translated
from db.query_answer import BATCH_ROWS, Batch, QueryResult, Run, refused
from db.query_guard import PRAGMAS, READ_ONLY, Guard
from db.query_params import Value, spelled

MAX_VALUE_BYTES = 64 * 1024 * 1024
MAX_SQL_BYTES = 1024 * 1024
_STEPS_BETWEEN_LOOKS = 10_000


@contextmanager
def sqlite_reader(url: str, timeout_s: float) -> Iterator[Run]:
    """See `db.query.open_reader`."""
    file = Path(str(parse_url(url).database)).absolute()
    with _meanings(timeout_s):
        connection = sqlite3.connect(
            file.as_uri() + "?mode=ro", uri=True, isolation_level=None, timeout=BUSY_TIMEOUT_MS / 1000
        )
    with closing(connection):
        budget = _Budget(connection, timeout_s)
        guard = Guard()
        _restrict(connection, guard)

        def run(sql: str, params: Mapping[str, Value]) -> QueryResult:
            values = {name: value.text if value.number is None else value.number for name, value in params.items()}
            with _meanings(timeout_s, guard), budget.running():
                cursor = connection.execute(_query(sql, params), values)
            if cursor.description is None:
                raise refused("the query gives no rows", READ_ONLY)
            return QueryResult(tuple(column[0] for column in cursor.description), _batches(cursor, budget, timeout_s))

        yield run


def _query(sql: str, params: Mapping[str, Value]) -> str:
    """Numbers in a cast: a bare value has no affinity, and 3 = '3' would be false (see db.query_params)."""

    def spell(name: str) -> str:
        return f":{name}" if params[name].number is None else f"CAST(:{name} AS NUMERIC)"

    return spelled(sql, spell)


class _Budget:
    """Time that SQLite may work; while the caller is busy with a batch, the clock stands."""

    def __init__(self, connection: sqlite3.Connection, seconds: float) -> None:
        self._left_s = seconds
        self._until = 0.0
        connection.set_progress_handler(lambda: time.monotonic() > self._until, _STEPS_BETWEEN_LOOKS)

    @contextmanager
    def running(self) -> Iterator[None]:
        self._until = time.monotonic() + self._left_s
        yield
        self._left_s = self._until - time.monotonic()


def _restrict(connection: sqlite3.Connection, guard: Guard) -> None:
    # Tables that are functions come into being at their first use, which the authorizer would take for a CREATE TABLE.
    for table in ("json_each('[]')", "json_tree('[]')", *(f"pragma_{name}('face')" for name in sorted(PRAGMAS))):
        connection.execute(f"SELECT count(*) FROM {table}")  # noqa: S608
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
    connection.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, MAX_SQL_BYTES)
    connection.execute("BEGIN")  # what follows is of one moment, and no statement may end it
    connection.set_authorizer(guard)


def _batches(cursor: sqlite3.Cursor, budget: _Budget, timeout_s: float) -> Iterator[Batch]:
    while True:
        with _meanings(timeout_s), budget.running():
            batch = cursor.fetchmany(BATCH_ROWS)
        if not batch:
            return
        yield batch


@contextmanager
def _meanings(timeout_s: float, guard: Guard | None = None) -> Iterator[None]:
    """SQLite's exceptions as ours: what is wrong with the statement, or with the database."""
    try:
        yield
    except (sqlite3.Warning, sqlite3.ProgrammingError) as error:  # the first is Python 3.11's kind for several
        raise refused(*(_SEVERAL if "one statement" in str(error) else _UNNAMED)) from error
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        primary = sqlite3.SQLITE_ERROR if code is None else code & 0xFF
        if guard is not None and guard.denied and primary in _DENIALS:
            raise refused(f"query refuses {guard.denied}", READ_ONLY) from error
        meaning = _MEANINGS.get(primary)
        if meaning is not None:
            raise refused(*meaning(str(error), timeout_s)) from error
        with translated():
            raise


_SEVERAL = ("the query holds more than one statement", "give one statement at a time")
_UNNAMED = ("the query has a place for a value that is not written :name", "write :name, and give --param name=VALUE")
_DENIALS = (sqlite3.SQLITE_AUTH, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_SCHEMA)
Meaning = Callable[[str, float], tuple[str, str]]
_MEANINGS: dict[int, Meaning] = {
    sqlite3.SQLITE_ERROR: lambda message, _: (message, ""),
    sqlite3.SQLITE_MISMATCH: lambda _message, _: ("a number that must be whole is not", "LIMIT takes a whole number"),
    sqlite3.SQLITE_TOOBIG: lambda message, _: (message, "ask for less in one value"),
    sqlite3.SQLITE_READONLY: lambda message, _: (message, READ_ONLY),
    sqlite3.SQLITE_INTERRUPT: lambda _, timeout_s: _too_slow(timeout_s),
}


def _too_slow(timeout_s: float) -> tuple[str, str]:
    return f"the query took longer than {timeout_s:g} s", "narrow it with WHERE or LIMIT, or give --timeout"
