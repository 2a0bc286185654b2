"""Connections: SQLite and PostgreSQL made to behave alike, drivers' exceptions translated, transactions retried."""

import random
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from db.errors import DatabaseFull, DatabaseLocked, DatabaseUnavailable, DatabaseUnusable, NotADatabase, StoreError

Result = TypeVar("Result")
Part = TypeVar("Part", bound="_Patient")
Params = ParamSpec("Params")

APPLICATION_ID = 0x4D4F4F44
"""`MOOD`, in the header of every SQLite file of ours: another program's file is never taken for one."""
PATIENCE_S = 600.0
"""How long a write waits for readers of a rollback-journal database, or for a PostgreSQL that restarts."""
BUSY_TIMEOUT_MS = 5_000
_RETRYABLE_SQLSTATES = ("40001", "40P01", "57P", "25P03", "08", "55P03", "53200", "53300")
"""Serialisation, deadlock, a server that stops or starts, a cut connection, a lock, memory, connections."""

_ONE_MOMENT: dict[str, Any] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}


def open_engine(url: str) -> Engine:
    """An engine for `sqlite:///FILE` or `postgresql://...`. Raises DatabaseUnusable for anything else."""
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        engine = sa.create_engine(parsed, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})
        sa.event.listen(engine, "connect", _prepare_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
        return engine
    options = "-c lock_timeout=5s -c idle_in_transaction_session_timeout=60s -c timezone=UTC"
    # Of a client that lost its power, the server hears nothing: it must ask, or a reaper's seat stays taken for hours.
    options += " -c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"
    return sa.create_engine(
        parsed.set(drivername="postgresql+psycopg"),
        pool_pre_ping=True,
        pool_size=20,
        max_overflow=-1,  # a worker has a thread for each child: none waits for another's connection
        connect_args={"connect_timeout": 10, "options": options, "keepalives": 1, "keepalives_idle": 30},
    )


def parse_url(url: str) -> URL:
    """A database URL of a kind we serve. Raises DatabaseUnusable; the message holds no password."""
    hint = "use sqlite:///FILE or postgresql://USER@HOST/DATABASE (MOODREEL_DATABASE_URL or --database)"
    try:
        parsed = make_url(re.sub(r"^postgres(?=://)", "postgresql", url))  # as many hosters spell it
        backend = parsed.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise DatabaseUnusable("the database URL cannot be understood", hint) from None
    if backend not in ("sqlite", "postgresql"):
        raise DatabaseUnusable(f"{backend} databases are not supported", hint)
    if backend == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise DatabaseUnusable("the database must be a file: results in memory would be lost", hint)
    if backend == "sqlite" and (parsed.query or str(parsed.database).startswith("file:")):
        raise DatabaseUnusable("a database file is named by its path alone, without options", hint)
    return parsed


def file_of(url: str) -> Path | None:
    """The file of an SQLite URL; None for PostgreSQL. Raises DatabaseUnusable for a URL that is neither."""
    parsed = parse_url(url)
    return Path(str(parsed.database)) if parsed.get_backend_name() == "sqlite" else None


def sqlite_file(engine: Engine) -> Path | None:
    """The file of an SQLite engine; None for PostgreSQL."""
    return Path(str(engine.url.database)) if engine.dialect.name == "sqlite" else None


def has_wal_reset_fix(version: tuple[int, int, int]) -> bool:
    """Whether this SQLite is free of the WAL-reset bug (https://sqlite.org/wal.html#walresetbug)."""
    return version >= (3, 51, 3) or any(version[:2] == line and version[2] >= fix for line, fix in _BACKPORTS)


_BACKPORTS = (((3, 50), 7), ((3, 44), 6))


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, as the kind of transaction demands
    run = connection.execute
    with translated():
        run("PRAGMA foreign_keys = ON")
        run("PRAGMA secure_delete = ON")
        wal = has_wal_reset_fix(sqlite3.sqlite_version_info)
        run(f"PRAGMA synchronous = {'NORMAL' if wal else 'FULL'}")
        # The journal mode is kept in the file: another program's file is left as it is, to be refused later.
        marked = run("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
        if marked or run("PRAGMA page_count").fetchone()[0] == 0:
            run(f"PRAGMA journal_mode = {'WAL' if wal else 'DELETE'}")


def _begin_sqlite(connection: Connection) -> None:
    # A write that begins as a read gets "database is locked" at once when it is upgraded: take the lock first.
    writes = connection.get_execution_options().get("write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A short read transaction, in which every statement sees the same moment."""
    options = _ONE_MOMENT if engine.dialect.name == "postgresql" else {}
    with translated(), engine.connect().execution_options(**options) as connection, connection.begin():
        yield connection


def writing(
    engine: Engine,
    work: Callable[[Connection], Result],
    patience_s: float = PATIENCE_S,
    reread: Callable[[Connection, Result], Result | None] | None = None,
) -> Result:
    """Run `work` in one write transaction, again and again while the database is merely busy.

    `work` may run several times and must not act outside the database. Raises a StoreError once patience is over.

    A connection that is lost in the middle of a commit leaves open whether it took effect. Then `reread` is given what
    that try gave and returns it if it did, or None, and `work` runs anew. Without it, `work` must be harmless twice.
    """
    in_doubt: list[Result] = []

    def once(connection: Connection) -> Result:
        if in_doubt and reread is not None and (before := reread(connection, in_doubt[0])) is not None:
            return before
        result = work(connection)
        in_doubt[:] = [result]  # until we hear that it was committed
        return result

    def transaction() -> Result:
        with translated(), engine.connect().execution_options(write=True) as connection, connection.begin():
            return once(connection)

    return _again_and_again(transaction, patience_s)


class _Patient(Protocol):
    """A part of the store that knows how long to wait."""

    _patience_s: float


def patient(read: Callable[Concatenate[Part, Params], Result]) -> Callable[Concatenate[Part, Params], Result]:
    """A method that only reads, called again and again while the database cannot be reached: long work that asks
    something now and then outlives a server that restarts.
    """

    @wraps(read)
    def patiently(part: Part, /, *args: Params.args, **kwargs: Params.kwargs) -> Result:
        return _again_and_again(lambda: read(part, *args, **kwargs), part._patience_s)

    return patiently


def _again_and_again(work: Callable[[], Result], patience_s: float) -> Result:
    until = time.monotonic() + patience_s
    pause_s = 0.05
    while True:
        try:
            return work()
        except DatabaseUnavailable as error:
            if isinstance(error, DatabaseFull) or time.monotonic() + pause_s > until:
                raise
        time.sleep(pause_s * random.uniform(0.5, 1.5))  # noqa: S311  spreads retries, guards nothing
        pause_s = min(2.0, pause_s * 2)


@contextmanager
def translated() -> Iterator[None]:
    """Turn the drivers' exceptions into ours."""
    try:
        yield
    except StoreError:
        raise
    except DBAPIError as error:
        raise meaning_of(error.orig or error) from error
    except sqlite3.Error as error:
        raise meaning_of(error) from error


@contextmanager
def translated_driver(*kinds: type[Exception]) -> Iterator[None]:
    """Turn exceptions of these kinds, raised by a driver that SQLAlchemy does not wrap, into ours; lost connections."""
    try:
        yield
    except kinds as error:
        meaning = meaning_of(error)
        if not isinstance(meaning, DatabaseUnavailable):
            raise
        raise meaning from error


def meaning_of(error: BaseException) -> StoreError:
    """A driver's exception as ours."""
    if isinstance(error, sqlite3.Error):
        return _sqlite_meaning(error)
    sqlstate = getattr(error, "sqlstate", None)
    # Without a code, a lost connection is an OperationalError; anything else is a mistake no waiting mends.
    lost = sqlstate is None and type(error).__name__ in ("OperationalError", "InterfaceError")
    if lost or (sqlstate or "").startswith(_RETRYABLE_SQLSTATES):
        return DatabaseUnavailable(
            f"the database server cannot be reached: {first_line(error)}",
            "check that it runs and that its URL is right",
        )
    if sqlstate == "53100":
        return DatabaseFull("the disk under the database server is full", "free some space, then `moodreel resume`")
    return StoreError(f"the database refused: {first_line(error)}", "run `moodreel doctor`")


def _sqlite_meaning(error: sqlite3.Error) -> StoreError:
    code = getattr(error, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    match primary:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return DatabaseLocked(
                "another program holds the database", "close it (a database browser, perhaps), then try again"
            )
        case sqlite3.SQLITE_FULL:
            return DatabaseFull("the disk under the database is full", "free some space, then `moodreel resume`")
        case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT:
            return NotADatabase(
                "the file is not an SQLite database, or is damaged",
                "name another file (--database sqlite:///FILE), or restore a backup",
            )
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return DatabaseUnusable(
                f"the database file cannot be opened or written: {error}", "check the folder and its permissions"
            )
        case sqlite3.SQLITE_IOERR:
            return DatabaseFull(
                f"the disk under the database fails: {error}", "check its space and health, then `moodreel resume`"
            )
    return StoreError(f"the database refused: {error}", "run `moodreel doctor`")


def first_line(error: BaseException) -> str:
    """An error in one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def dispose(engine: Engine) -> None:
    """Close every connection."""
    engine.dispose()


def dialect_insert(connection: Connection) -> Any:
    """The INSERT of the connection's dialect: the one with ON CONFLICT."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as postgresql_insert

        return postgresql_insert
    from sqlalchemy.dialects.sqlite import insert as sqlite_insert

    return sqlite_insert
