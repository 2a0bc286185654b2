"""Reading an SQLite file and nothing else: a read-only connection, an authorizer, limits and a time budget."""

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from db.engine import BUSY_TIMEOUT_MS, parse_url, translated
from db.query import BATCH_ROWS, Batch, QueryResult, refused

MAX_VALUE_BYTES = 64 * 1024 * 1024
MAX_SQL_BYTES = 1024 * 1024
_STEPS_BETWEEN_LOOKS = 10_000
_READ_ONLY = "query only reads: SELECT, from tables and views of this database"
_PRAGMAS = frozenset({"table_info", "table_xinfo", "table_list", "index_list", "foreign_key_list"})
# Text and numbers; mathematics; time; aggregates and windows; JSON (tags and attributes). What newer SQLites add is
# listed too. Left out on purpose: whatever loads code, writes logs or tells of the connection's own doings.
_HARMLESS = """
-> ->> abs char coalesce concat concat_ws format glob hex ifnull iif instr length like likelihood likely lower ltrim max
min nullif octet_length printf quote random replace round rtrim sign soundex substr substring trim typeof unicode
unlikely upper sqlite_version
acos acosh asin asinh atan atan2 atanh ceil ceiling cos cosh degrees exp floor ln log log10 log2 mod pi pow power
radians sin sinh sqrt tan tanh trunc
current_date current_time current_timestamp date datetime julianday strftime time timediff unixepoch
avg count cume_dist dense_rank first_value group_concat lag last_value lead median nth_value ntile percent_rank
percentile percentile_cont percentile_disc rank row_number string_agg sum total
json json_array json_array_length json_each json_error_position json_extract json_group_array json_group_object
json_insert json_object json_patch json_pretty json_quote json_remove json_replace json_set json_tree json_type
json_valid
"""
_FUNCTIONS = frozenset(_HARMLESS.split())


@contextmanager
def read_sqlite(url: str, sql: str, params: Mapping[str, str], timeout_s: float) -> Iterator[QueryResult]:
    """See `db.query.open_query`."""
    file = Path(str(parse_url(url).database)).absolute()
    with _meanings(timeout_s):
        connection = sqlite3.connect(
            file.as_uri() + "?mode=ro", uri=True, isolation_level=None, timeout=BUSY_TIMEOUT_MS / 1000
        )
    with closing(connection):
        budget = _Budget(connection, timeout_s)
        _restrict(connection)
        with _meanings(timeout_s), budget.running():
            cursor = connection.execute(sql, dict(params))
        if cursor.description is None:
            raise refused("the query gives no rows", _READ_ONLY)
        yield QueryResult(tuple(column[0] for column in cursor.description), _batches(cursor, budget, timeout_s))


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


def _restrict(connection: sqlite3.Connection) -> None:
    # Tables that are functions come into being at their first use, which the authorizer would take for a CREATE TABLE.
    for table in ("json_each('[]')", "json_tree('[]')", *(f"pragma_{name}('face')" for name in sorted(_PRAGMAS))):
        connection.execute(f"SELECT count(*) FROM {table}")  # noqa: S608
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
    connection.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, MAX_SQL_BYTES)
    connection.set_authorizer(_authorize)


def _authorize(action: int, first: str | None, second: str | None, _database: str | None, _by: str | None) -> int:
    if action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE):
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() in _FUNCTIONS:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_PRAGMA and (first or "").lower() in _PRAGMAS:
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


def _batches(cursor: sqlite3.Cursor, budget: _Budget, timeout_s: float) -> Iterator[Batch]:
    while True:
        with _meanings(timeout_s), budget.running():
            batch = cursor.fetchmany(BATCH_ROWS)
        if not batch:
            return
        yield batch


@contextmanager
def _meanings(timeout_s: float) -> Iterator[None]:
    """SQLite's exceptions as ours: what is wrong with the statement, or with the database."""
    try:
        yield
    except sqlite3.Warning as error:  # Python 3.11's way to say: more than one statement
        raise refused(str(error), "give one statement at a time") from error
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        meaning = _MEANINGS.get(sqlite3.SQLITE_ERROR if code is None else code & 0xFF)
        if meaning is not None:
            raise refused(*meaning(str(error), timeout_s)) from error
        with translated():
            raise


Meaning = Callable[[str, float], tuple[str, str]]
_MEANINGS: dict[int, Meaning] = {
    sqlite3.SQLITE_ERROR: lambda message, _: (message, ""),
    sqlite3.SQLITE_MISMATCH: lambda message, _: (message, ""),
    sqlite3.SQLITE_TOOBIG: lambda message, _: (message, "ask for less in one value"),
    sqlite3.SQLITE_AUTH: lambda message, _: (message, _READ_ONLY),
    sqlite3.SQLITE_SCHEMA: lambda message, _: (message, _READ_ONLY),  # so a refused CREATE TABLE reports
    sqlite3.SQLITE_READONLY: lambda message, _: (message, _READ_ONLY),
    sqlite3.SQLITE_INTERRUPT: lambda _, timeout_s: _too_slow(timeout_s),
}


def _too_slow(timeout_s: float) -> tuple[str, str]:
    return f"the query took longer than {timeout_s:g} s", "narrow it with WHERE or LIMIT, or give --timeout"
