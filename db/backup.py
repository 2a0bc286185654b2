"""A whole copy of an SQLite database, made while others read and write it."""

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

from sqlalchemy.engine import Engine

from db.engine import BUSY_TIMEOUT_MS, sqlite_file, translated
from db.errors import DatabaseFull, DatabaseUnusable
from db.files import trouble_with, whole_file


def backup(engine: Engine, target: Path) -> None:
    """Copy the database to `target`, which appears whole or not at all and never replaces a file.

    Raises DatabaseUnusable for PostgreSQL, a missing source or an existing target, DatabaseFull, DatabaseLocked.
    """
    source = sqlite_file(engine)
    if source is None:
        raise DatabaseUnusable("a PostgreSQL database is backed up by its own tools", "run pg_dump -Fc on it")
    if not source.exists():
        raise DatabaseUnusable(f"there is no database at {source}", "name one with --database")
    try:
        # Whom the database is closed to, its copy is closed to.
        mode = stat.S_IMODE(source.stat().st_mode) & 0o666 | stat.S_IWUSR
        with whole_file(target, replace=False, mode=mode) as partial:
            _copy(source, partial)
    except OSError as error:
        trouble = trouble_with(target, error)
        raise (DatabaseFull if trouble.passing else DatabaseUnusable)(trouble.message, trouble.hint) from error


def _copy(source: Path, empty: Path) -> None:
    with translated(), closing(sqlite3.connect(source, timeout=BUSY_TIMEOUT_MS / 1000)) as connection:
        connection.execute("VACUUM INTO ?", (os.fspath(empty),))
