"""The life of a database: made, checked, upgraded. Migrations are Alembic's and travel in the package."""

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from db.backup import backup
from db.engine import APPLICATION_ID, reading, sqlite_file, writing
from db.errors import DatabaseMissing, DatabaseTooNew, DatabaseTooOld, DatabaseUnusable, NotADatabase
from db.files import trouble_with
from db.views import create_views, drop_views

__all__ = ["HEAD", "backup", "check_file", "prepare", "revision_of", "upgrade"]

HEAD = "0004"
"""The schema revision of this program: the newest migration. Written down, since asking Alembic takes 0.2 s."""
_VERSIONS = "alembic_version"
_OURS = "media_analysis"
"""A table that has been there from the first revision: another program may use Alembic too."""
_SMALLEST_SQLITE = 512
"""SQLite takes any shorter file for an empty database, and would write over it."""
_LOCK = 0x4D4F4F44
_DEPENDENT_OBJECTS = "2BP01"


def prepare(engine: Engine, create: bool) -> None:
    """Make sure that `engine` leads to a database of this very version; an empty one is filled if `create`.

    Raises NotADatabase, DatabaseTooNew, DatabaseTooOld, DatabaseUnusable.
    """
    check_file(engine, create)
    revision = revision_of(engine)
    if revision is None and create:
        writing(engine, _make if engine.dialect.name == "sqlite" else _fill)
    elif revision is None:
        raise DatabaseUnusable("the database is empty", "run `moodreel run PATH` or `moodreel db upgrade` first")
    elif revision != HEAD:
        raise DatabaseTooOld(
            f"the database was written by an older Moodreel (schema {revision})",
            "run `moodreel db upgrade`; it makes a backup of an SQLite file first",
        )


def upgrade(engine: Engine) -> Path | None:
    """Bring an older or empty database to this version; returns the backup made beside an SQLite file, if one was."""
    revision = revision_of(engine)
    if revision == HEAD:
        return None
    path = sqlite_file(engine)
    kept = None if path is None or revision is None else _free_name(path)
    if kept is not None:
        backup(engine, kept)
    # SQLite rebuilds tables to change them; with foreign keys on, dropping the old one would delete its children.
    with _sqlite_ready_for_rebuilds(engine):
        writing(engine, _fill)
    return kept


def revision_of(engine: Engine) -> str | None:
    """The schema revision of a database; None where it is empty. Raises NotADatabase and DatabaseTooNew."""
    with reading(engine) as connection:
        tables = sa.inspect(connection).get_table_names()
        if not tables:
            return None
        if _OURS not in tables or _VERSIONS not in tables or not _is_marked(connection):
            raise NotADatabase("the database belongs to another program", "name another one with --database")
        revision = connection.exec_driver_sql(f"SELECT version_num FROM {_VERSIONS}").scalar_one()  # noqa: S608
    if revision != HEAD and revision not in _known_revisions():
        raise DatabaseTooNew(
            f"the database was written by a newer Moodreel (schema {revision})",
            "upgrade this one: pip install -U moodreel",
        )
    return str(revision)


def check_file(engine: Engine, create: bool) -> None:
    """Make sure, before anything opens it, that an SQLite file is there, or may be made if `create`, and is one.

    Raises DatabaseUnusable, NotADatabase.
    """
    path = sqlite_file(engine)
    if path is None:
        return
    try:
        Path(f"{path}-journal").exists()  # raises where SQLite could not give its journal that name
        found = path.stat()
    except FileNotFoundError:
        _refuse_missing(path, create)
        return
    except OSError as error:
        trouble = trouble_with(path, error)
        raise DatabaseUnusable(trouble.message, trouble.hint + "; --database names another") from error
    if not stat.S_ISREG(found.st_mode):
        raise NotADatabase(f"{path} is no plain file", "name another one with --database")
    if 0 < found.st_size < _SMALLEST_SQLITE:
        raise NotADatabase(f"{path} is not an SQLite database", "name another file (--database sqlite:///FILE)")


def _refuse_missing(path: Path, create: bool) -> None:
    if not create:
        raise DatabaseMissing(
            f"there is no database at {path}", "run `moodreel run PATH` first, or name one with --database"
        )
    if not path.parent.is_dir():
        raise DatabaseUnusable(
            f"there is no folder {path.parent} to make the database in", "make it, or name another with --database"
        )


def _is_marked(connection: Connection) -> bool:
    if connection.dialect.name != "sqlite":
        return True
    return bool(connection.exec_driver_sql("PRAGMA application_id").scalar_one() == APPLICATION_ID)


def _free_name(path: Path) -> Path:
    """Where to keep the database as it was: an earlier attempt may have left its backup."""
    first = path.with_name(f"{path.name}.before-{HEAD}")
    number = 1
    free = first
    while free.exists():
        number += 1
        free = first.with_name(f"{first.name}-{number}")
    return free


def _known_revisions() -> set[str]:
    from alembic.script import ScriptDirectory

    with _config(None) as config:
        return {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}


def _make(connection: Connection) -> None:
    """Fill an empty SQLite file with what all migrations come to, which tests hold against them: to load Alembic and go
    through them takes a tenth of a short run.
    """
    from db.schema import metadata

    if sa.inspect(connection).get_table_names():
        return  # somebody else found it empty, too, and was first
    metadata.create_all(connection, checkfirst=False)
    connection.exec_driver_sql(
        f"CREATE TABLE {_VERSIONS} (version_num VARCHAR(32) NOT NULL, "
        f"CONSTRAINT {_VERSIONS}_pkc PRIMARY KEY (version_num))"
    )
    connection.exec_driver_sql(f"INSERT INTO {_VERSIONS} VALUES ('{HEAD}')")  # noqa: S608
    create_views(connection)
    connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")


def _fill(connection: Connection) -> None:
    from alembic import command

    if connection.dialect.name == "postgresql":
        # Two who find it empty at once: the second waits, then finds it filled.
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
    _drop_views(connection)
    with _config(connection) as config:
        command.upgrade(config, "head")
    create_views(connection)
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
        if broken:
            raise DatabaseUnusable(
                f"the migration would leave {len(broken)} rows without their parents", "please report this"
            )


def _drop_views(connection: Connection) -> None:
    try:
        drop_views(connection)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _DEPENDENT_OBJECTS:
            raise
        raise DatabaseUnusable(
            f"something of yours is built on our views: {str(error.orig).splitlines()[0]}",
            "save the definitions of your own views, drop them, upgrade, then make them again",
        ) from error


@contextmanager
def _config(connection: Connection | None) -> Iterator[Any]:
    from alembic.config import Config

    with as_file(files("db") / "migrations") as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        yield config


@contextmanager
def _sqlite_ready_for_rebuilds(engine: Engine) -> Iterator[None]:
    if engine.dialect.name != "sqlite":
        yield
        return

    def make_ready(connection: sqlite3.Connection, _record: object, _proxy: object) -> None:
        connection.execute("PRAGMA foreign_keys = OFF")
        # Views that people made on ours must not stop a table from being renamed while ours are away.
        connection.execute("PRAGMA legacy_alter_table = ON")

    sa.event.listen(engine, "checkout", make_ready)
    try:
        yield
    finally:
        sa.event.remove(engine, "checkout", make_ready)
        engine.dispose()
