"""The life of a database: made, checked, upgraded, backed up. Migrations are Alembic's and travel in the package."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from db.engine import APPLICATION_ID, reading, sqlite_file, translated, writing
from db.errors import DatabaseTooNew, DatabaseTooOld, DatabaseUnusable, NotADatabase
from db.views import create_views, drop_views

_VERSIONS = "alembic_version"


def prepare(engine: Engine, create: bool) -> None:
    """Make sure that `engine` leads to a database of this very version; an empty one is filled if `create`.

    Raises NotADatabase, DatabaseTooNew, DatabaseTooOld, DatabaseUnusable.
    """
    path = sqlite_file(engine)
    if path is not None and not path.exists() and not create:
        raise DatabaseUnusable(
            f"there is no database at {path}", "run `moodreel run PATH` first, or name one with --database"
        )
    revision = current_revision(engine)
    if revision is None:
        if not _is_empty(engine):
            raise NotADatabase(
                "the database belongs to another program", "name another one (--database sqlite:///FILE)"
            )
        if create:
            writing(engine, _fill)
        return
    if revision == head():
        return
    if revision not in _known_revisions():
        raise DatabaseTooNew(
            f"the database was written by a newer Moodreel (schema {revision})",
            "upgrade this one: pip install -U moodreel",
        )
    raise DatabaseTooOld(
        f"the database was written by an older Moodreel (schema {revision})",
        "run `moodreel db upgrade`; it makes a backup first",
    )


def upgrade(engine: Engine) -> Path | None:
    """Bring an older database to this version; returns the backup made beside an SQLite file, None if none was."""
    if current_revision(engine) == head():
        return None
    path = sqlite_file(engine)
    kept = None
    if path is not None and path.exists() and not _is_empty(engine):
        kept = path.with_name(f"{path.name}.before-{head()}")
        backup(engine, kept)
    # SQLite rebuilds tables to change them; with foreign keys on, dropping the old one would delete its children.
    with _foreign_keys_off(engine):
        writing(engine, _fill)
    return kept


def backup(engine: Engine, target: Path) -> None:
    """Write a whole copy of an SQLite database, while others read and write it. Never replaces a file."""
    source = sqlite_file(engine)
    if source is None:
        raise DatabaseUnusable("a PostgreSQL database is backed up by its own tools", "run pg_dump -Fc on it")
    if target.exists():
        raise DatabaseUnusable(f"{target} exists already", "name another file, or remove it first")
    partial = target.with_name(target.name + ".part")
    partial.unlink(missing_ok=True)
    try:
        with translated(), closing(sqlite3.connect(source)) as connection:
            connection.execute("VACUUM INTO ?", (os.fspath(partial),))
        partial.rename(target)
    finally:
        partial.unlink(missing_ok=True)


def current_revision(engine: Engine) -> str | None:
    """The schema revision of a database; None where there is none yet."""
    with reading(engine) as connection:
        if not sa.inspect(connection).has_table(_VERSIONS):
            return None
        return connection.exec_driver_sql(f"SELECT version_num FROM {_VERSIONS}").scalar_one_or_none()  # noqa: S608


def head() -> str:
    """The schema revision of this program."""
    from alembic.script import ScriptDirectory

    with _config(None) as config:
        revision = ScriptDirectory.from_config(config).get_current_head()
    if revision is None:
        raise DatabaseUnusable("this installation has no migrations", "reinstall moodreel")
    return revision


def _known_revisions() -> set[str]:
    from alembic.script import ScriptDirectory

    with _config(None) as config:
        return {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}


def _fill(connection: Connection) -> None:
    from alembic import command

    drop_views(connection)
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


def _is_empty(engine: Engine) -> bool:
    with reading(engine) as connection:
        return not sa.inspect(connection).get_table_names()


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
def _foreign_keys_off(engine: Engine) -> Iterator[None]:
    if engine.dialect.name != "sqlite":
        yield
        return

    def turn_off(connection: sqlite3.Connection, _record: object, _proxy: object) -> None:
        connection.execute("PRAGMA foreign_keys = OFF")

    sa.event.listen(engine, "checkout", turn_off)
    try:
        yield
    finally:
        sa.event.remove(engine, "checkout", turn_off)
        engine.dispose()
