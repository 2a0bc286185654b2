"""Migrations, applied in order, make the schema that the code declares; nothing a person stored is lost."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection, Engine

from db import migrate
from db.describe import described
from db.engine import APPLICATION_ID, dispose, open_engine, reading, writing
from db.errors import DatabaseTooNew, DatabaseTooOld, DatabaseUnusable, NotADatabase
from db.schema import metadata
from db.store import Store
from db.views import create_views, definitions
from tests.support.calls import opened, receipt
from tests.support.dbmaking import admit, photo, rows, run_all, start

RELEASED = ("0001",)
"""Every schema revision that a release has shipped: a database of each must be upgradable."""


@contextmanager
def engine_of(url: str) -> Iterator[Engine]:
    engine = open_engine(url)
    try:
        yield engine
    finally:
        dispose(engine)


def differences(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return list(compare_metadata(context, metadata))


def constraints(engine: Engine) -> dict[str, Any]:
    """What Alembic does not compare: checks, primary keys, and what foreign keys do on deletion."""
    inspector = sa.inspect(engine)
    return {
        name: (
            sorted(str(one["name"]) for one in inspector.get_check_constraints(name)),
            inspector.get_pk_constraint(name)["constrained_columns"],
            sorted(
                (one["constrained_columns"], one["referred_table"], one["options"].get("ondelete"))
                for one in inspector.get_foreign_keys(name)
            ),
            sorted((str(one["name"]), one["column_names"], one["unique"]) for one in inspector.get_indexes(name)),
        )
        for name in metadata.tables
    }


def test_migrations_in_order_make_the_declared_schema(database_url: str) -> None:
    with engine_of(database_url) as engine, reading(engine) as connection:
        assert differences(connection) == []


def test_constraints_and_indexes_are_the_declared_ones(database_url: str, empty_database_url: str) -> None:
    with engine_of(database_url) as migrated, engine_of(empty_database_url) as declared:
        writing(declared, metadata.create_all)
        assert constraints(migrated) == constraints(declared)


@pytest.mark.parametrize("backend", ["sqlite"])
def test_sqlite_tables_are_made_by_the_declared_statements(database_url: str, empty_database_url: str) -> None:
    """Word for word, so that WITHOUT ROWID, AUTOINCREMENT and partial indexes are the same too."""
    select = sa.text("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND type <> 'view' ORDER BY name")
    with engine_of(database_url) as migrated, engine_of(empty_database_url) as declared:
        writing(declared, metadata.create_all)
        found = []
        for engine in (migrated, declared):
            with reading(engine) as connection:
                found.append({name: _words(sql) for name, sql in connection.execute(select)})
    found[0].pop("alembic_version")
    assert found[0] == found[1]


@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_new_sqlite_file_is_what_all_migrations_come_to(database_url: str, empty_database_url: str) -> None:
    Store.open(empty_database_url, create=True).close()
    select = sa.text("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name")
    found = []
    for url in (database_url, empty_database_url):
        with engine_of(url) as engine, reading(engine) as connection:
            made = {row[:3]: _words(row.sql or "") for row in connection.execute(select)}
            marks = [connection.exec_driver_sql(f"PRAGMA {one}").scalar() for one in ("application_id", "user_version")]
            rows_of = connection.exec_driver_sql("SELECT version_num FROM alembic_version").all()
            found.append((made, marks, [tuple(row) for row in rows_of]))
    assert found[0] == found[1]
    assert len(found[0][0]) > 30


def _words(sql: str) -> list[str]:
    """The parts of a CREATE statement whatever their order: constraints may be declared in any."""
    plain = " ".join(sql.split()).replace("( ", "(").replace(" )", ")")
    return sorted(part.strip(" ()") for part in plain.split(", "))


def test_the_newest_migration_is_the_one_the_code_expects() -> None:
    with migrate._config(None) as config:
        assert ScriptDirectory.from_config(config).get_heads() == [migrate.HEAD]


def test_every_view_is_made_and_answers(store: Store) -> None:
    with reading(store.engine) as connection:
        assert sorted(sa.inspect(connection).get_view_names()) == sorted(definitions())
        for name in definitions():
            assert connection.exec_driver_sql(f"SELECT * FROM {name}").all() == []


def test_tables_and_views_have_the_documented_columns_in_their_order(store: Store) -> None:
    inspector = sa.inspect(store.engine)
    actual = {
        name: [column["name"] for column in inspector.get_columns(name)]
        for name in (*inspector.get_table_names(), *inspector.get_view_names())
    }
    assert actual == {name: [one.name for one in relation.columns] for name, relation in described().items()}


@pytest.mark.parametrize("backend", ["postgresql"])
def test_columns_have_the_documented_types(store: Store) -> None:
    words = {"bigint": "integer", "double precision": "real", "bytea": "bytes", "timestamp with time zone": "time"}
    select = "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public'"
    actual = {(table, column): words.get(kind, kind) for table, column, kind in rows(store, select)}
    documented = {
        (relation.name, column.name): "text" if column.type == "json" else column.type
        for relation in described().values()
        for column in relation.columns
    }
    assert actual | {("alembic_version", "version_num"): "text"} == documented


def as_of(revision: str, new: Engine, old: Engine) -> None:
    """Fill the empty database `old` as a program of that revision would have left it, with the rows of `new`."""

    def make(connection: Connection) -> None:
        with migrate._config(connection) as config:
            command.upgrade(config, revision)
        create_views(connection)
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
        was = sa.MetaData()
        was.reflect(connection)
        with reading(new) as source:
            for table in was.sorted_tables:
                filled = [dict(row._mapping) for row in source.execute(sa.select(table))]
                if filled and table.name != "alembic_version":
                    connection.execute(sa.insert(table), filled)

    writing(old, make)


@pytest.mark.parametrize("revision", RELEASED)
def test_a_database_of_any_release_is_upgraded_with_its_data(
    store: Store, empty_database_url: str, revision: str
) -> None:
    job = start(store)
    admit(store, job, photo("a.jpg", tags={"who": "P07"}), photo("b.jpg"))
    run_all(store)
    store.ledger.close_calls([receipt(opened(store))])
    everything = ("SELECT * FROM face ORDER BY media_analysis_id, pts, face", "SELECT * FROM api_call")
    before = [rows(store, select) for select in everything]
    with engine_of(empty_database_url) as engine:
        as_of(revision, store.engine, engine)
        with pytest.raises(DatabaseTooOld) as caught:
            migrate.prepare(engine, create=True)
        assert "moodreel db upgrade" in caught.value.hint
        kept = migrate.upgrade(engine)
        assert migrate.upgrade(engine) is None
    with Store.open(empty_database_url) as upgraded:
        assert [rows(upgraded, select) for select in everything] == before
        assert rows(upgraded, "SELECT count(*) FROM job_emotions") == [(2,)]
        with reading(upgraded.engine) as connection:
            assert differences(connection) == []
    assert (kept is None) == (store.file is None)


@pytest.mark.parametrize("backend", ["sqlite"])
def test_the_backup_of_an_earlier_attempt_is_kept_beside_the_new_one(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with engine_of(database_url) as engine:
        monkeypatch.setattr(migrate, "_known_revisions", lambda newest=migrate.HEAD: {newest, "9999"})
        monkeypatch.setattr(migrate, "HEAD", "9999")
        kept, again = migrate.upgrade(engine), migrate.upgrade(engine)
    assert kept is not None
    assert again is not None
    assert (kept.name, again.name) == ("moodreel.db.before-9999", "moodreel.db.before-9999-2")


def test_an_empty_database_is_filled_by_an_upgrade(empty_database_url: str) -> None:
    with engine_of(empty_database_url) as engine:
        assert migrate.upgrade(engine) is None
    with Store.open(empty_database_url) as store:
        assert store.jobs.list() == []


def test_an_upgrade_of_a_current_database_does_nothing(database_url: str) -> None:
    with engine_of(database_url) as engine:
        assert migrate.upgrade(engine) is None


def test_a_newer_database_is_left_alone_by_every_way_in(database_url: str) -> None:
    with engine_of(database_url) as engine:
        writing(
            engine, lambda connection: connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        )
        for way_in in (lambda: migrate.prepare(engine, create=True), lambda: migrate.upgrade(engine)):
            with pytest.raises(DatabaseTooNew, match="9999") as caught:
                way_in()
            assert "pip install" in caught.value.hint


@pytest.mark.parametrize(
    "statement", ["CREATE TABLE theirs (a INTEGER)", "CREATE TABLE alembic_version (version_num TEXT)"]
)
def test_another_programs_database_is_left_alone_by_every_way_in(empty_database_url: str, statement: str) -> None:
    with engine_of(empty_database_url) as engine:
        writing(engine, lambda connection: connection.exec_driver_sql(statement))
        for way_in in (lambda: migrate.prepare(engine, create=True), lambda: migrate.upgrade(engine)):
            with pytest.raises(NotADatabase, match="another program"):
                way_in()
        assert len(sa.inspect(engine).get_table_names()) == 1


def test_an_empty_database_is_not_taken_for_one_of_ours(empty_database_url: str) -> None:
    if empty_database_url.startswith("sqlite"):
        Path(empty_database_url.removeprefix("sqlite:///")).touch()
    with pytest.raises(DatabaseUnusable, match="empty") as caught:
        Store.open(empty_database_url)
    assert "moodreel db upgrade" in caught.value.hint


def test_a_persons_own_view_survives_or_is_named(database_url: str) -> None:
    """SQLite lets ours go from under it and come back; PostgreSQL does not, and the person is told."""
    with engine_of(database_url) as engine:
        writing(engine, lambda connection: connection.exec_driver_sql("CREATE VIEW mine AS SELECT path FROM emotions"))
        if engine.dialect.name == "sqlite":
            with migrate._sqlite_ready_for_rebuilds(engine):
                writing(engine, migrate._fill)
            with reading(engine) as connection:
                assert connection.exec_driver_sql("SELECT count(*) FROM mine").scalar_one() == 0
        else:
            with pytest.raises(DatabaseUnusable, match="something of yours") as caught:
                writing(engine, migrate._fill)
            assert "your own views" in caught.value.hint


def test_two_who_find_a_database_empty_fill_it_once(empty_database_url: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def fill(_: int) -> None:
        Store.open(empty_database_url, create=True).close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(fill, range(4)))
    with Store.open(empty_database_url) as store:
        assert rows(store, "SELECT count(*) FROM alembic_version") == [(1,)]


@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_rebuild_of_a_table_does_not_delete_its_children(store: Store) -> None:
    """Alembic's batch mode drops and renames tables: with foreign keys on, faces would go with their frames."""
    admit(store, start(store), photo("a.jpg"))
    run_all(store)

    def rebuild(connection: Connection) -> None:
        from alembic.operations import Operations

        migrate._drop_views(connection)
        with Operations(MigrationContext.configure(connection)).batch_alter_table("frame", recreate="always") as batch:
            batch.add_column(sa.Column("extra", sa.Integer()))

    with migrate._sqlite_ready_for_rebuilds(store.engine):
        writing(store.engine, rebuild)
    assert rows(store, "SELECT (SELECT count(*) FROM frame), (SELECT count(*) FROM face)") == [(1, 1)]
    with reading(store.engine) as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1
