"""A whole copy of an SQLite database, made while others read and write it."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy.engine import Engine

from db.engine import BUSY_TIMEOUT_MS, sqlite_file, translated
from db.errors import DatabaseUnusable


def backup(engine: Engine, target: Path) -> None:
    """Copy the database to `target`, which appears whole or not at all and never replaces a file.

    Raises DatabaseUnusable for PostgreSQL, a missing source or an existing target, DatabaseFull, DatabaseLocked.
    """
    source = sqlite_file(engine)
    if source is None:
        raise DatabaseUnusable("a PostgreSQL database is backed up by its own tools", "run pg_dump -Fc on it")
    if not source.exists():
        raise DatabaseUnusable(f"there is no database at {source}", "name one with --database")
    if target.exists():
        raise DatabaseUnusable(f"{target} exists already", "name another file, or remove it first")
    if not target.absolute().parent.is_dir():
        raise DatabaseUnusable(f"there is no folder {target.parent}", "make it, or name another")
    partial = target.with_name(target.name + ".part")
    partial.unlink(missing_ok=True)
    try:
        with translated(), closing(sqlite3.connect(source, timeout=BUSY_TIMEOUT_MS / 1000)) as connection:
            connection.execute("VACUUM INTO ?", (os.fspath(partial),))
        _to_disk(partial)
        partial.rename(target)
    finally:
        partial.unlink(missing_ok=True)


def _to_disk(file: Path) -> None:
    """VACUUM INTO leaves its output to the operating system; a backup should outlive a power cut."""
    with file.open("rb+") as stream:
        os.fsync(stream.fileno())
