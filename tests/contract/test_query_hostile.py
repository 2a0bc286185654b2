"""Statements that would write, reach other files or run forever: none does, by the database's own means."""

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from db.engine import reading
from db.errors import QueryRefused
from db.query import open_query
from db.schema import metadata
from db.store import Store
from tests.support.databases import reader_url
from tests.support.dbmaking import admit, photo, run_all, start

SECRET = "the content of another file"  # noqa: S105
WRITES = (
    "DELETE FROM face",
    "UPDATE face SET happiness = 1",
    "INSERT INTO tag (job_file_id, key, value) VALUES (1, 'a', 'b')",
    "INSERT INTO tag (job_file_id, key, value) SELECT id, 'a', 'b' FROM job_file RETURNING key",
    "WITH gone AS (SELECT 1) DELETE FROM frame",
    "DROP TABLE face",
    "DROP VIEW emotions",
    "CREATE TABLE mine (a INTEGER)",
    "CREATE TEMP TABLE mine (a INTEGER)",
    "CREATE TABLE mine AS SELECT * FROM face",
    "CREATE VIEW mine AS SELECT 1",
    "CREATE INDEX mine ON face (track)",
    "ALTER TABLE face ADD COLUMN mine INTEGER",
    "SELECT 1; DELETE FROM face",
    "SELECT 1; SELECT 2",
    "BEGIN",
    "COMMIT",
    "ROLLBACK; DELETE FROM face",
    "SAVEPOINT a",
    "VACUUM",
    "ANALYZE",
    "REINDEX TABLE face",
    "EXPLAIN DELETE FROM face; DELETE FROM face",
    "-- SELECT\nDELETE FROM face",
    "/* SELECT */ UPDATE face SET happiness = 1",
    "SELECT 1;; DROP TABLE face",
    "SELECT 1; -- :a\n DROP TABLE face",
    "SELECT * INTO mine FROM face",
    "INSERT INTO tag VALUES (1, 'who', 'x') ON CONFLICT (job_file_id, key) DO UPDATE SET value = 'x'",
    "WITH new AS (INSERT INTO tag (job_file_id, key, value) VALUES (1, 'a', 'b') RETURNING 1) SELECT * FROM new",
    "SELECT path FROM emotions UNION DELETE FROM face RETURNING 1",
    "ALTER TABLE face RENAME TO mine",
    "ALTER TABLE tag DROP COLUMN value",
    "DROP INDEX ix_media_path",
    "RELEASE a",
)
SQLITE = (
    "ATTACH DATABASE '{secret}' AS other",
    "ATTACH DATABASE '{new}' AS other",
    "DETACH DATABASE main",
    "VACUUM INTO '{new}'",
    "PRAGMA query_only = OFF",
    "PRAGMA writable_schema = ON",
    "PRAGMA journal_mode = WAL",
    "PRAGMA journal_mode = OFF",
    "PRAGMA user_version = 7",
    "PRAGMA application_id = 7",
    "PRAGMA wal_checkpoint(TRUNCATE)",
    "PRAGMA temp_store_directory = '{folder}'",
    "SELECT load_extension('{secret}')",
    "SELECT readfile('{secret}')",
    "SELECT writefile('{new}', 'x')",
    "SELECT edit('x')",
    "SELECT fts3_tokenizer('x', x'0000000000000000')",
    "SELECT * FROM fsdir('{folder}')",
    "CREATE VIRTUAL TABLE mine USING fts5(a)",
    "CREATE VIRTUAL TABLE temp.mine USING csv(filename='{secret}')",
    "CREATE TRIGGER mine AFTER INSERT ON tag BEGIN DELETE FROM face; END",
    "REPLACE INTO tag VALUES (1, 'a', 'b')",
    "EXPLAIN DELETE FROM face",
    "UPDATE sqlite_schema SET sql = ''",
    "SELECT sqlite_log(1, 'x')",
    "ATTACH DATABASE 'file:{secret}?mode=rw' AS other",
    "SELECT * FROM pragma_database_list",
    "PRAGMA database_list",
    "PRAGMA trusted_schema = ON",
    "PRAGMA foreign_keys = OFF",
    "PRAGMA schema_version = 1",
    "PRAGMA mmap_size = 1000000",
    "PRAGMA secure_delete = OFF",
    "PRAGMA incremental_vacuum",
    "SELECT * FROM dbstat",
    "SELECT * FROM sqlite_dbpage",
    "SELECT * FROM zipfile('{secret}')",
    "CREATE TEMP TRIGGER mine AFTER INSERT ON tag BEGIN DELETE FROM face; END",
    "CREATE TEMP VIEW emotions AS SELECT 1",
    "EXPLAIN QUERY PLAN UPDATE face SET happiness = 1",
    "INSERT INTO sqlite_sequence VALUES ('media', 99)",
    "SELECT zeroblob(2000000000)",
    "SELECT hex(randomblob(1000))",
)
POSTGRESQL = (
    "COPY face TO '{new}'",
    "COPY face TO PROGRAM 'touch {new}'",
    "COPY face TO STDOUT",
    "COPY tag FROM '{secret}'",
    "COPY (SELECT 1) TO PROGRAM 'touch {new}'",
    "COPY tag FROM PROGRAM 'cat {secret}'",
    "SELECT pg_stat_file('{secret}')",
    "SELECT pg_ls_logdir()",
    "SELECT pg_file_write('{new}', 'x', false)",
    "ALTER SYSTEM SET log_statement = 'all'",
    "CREATE SERVER mine FOREIGN DATA WRAPPER file_fdw",
    "IMPORT FOREIGN SCHEMA public FROM SERVER mine INTO public",
    "COMMENT ON TABLE face IS 'mine'",
    "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC",
    "ALTER ROLE CURRENT_USER SET default_transaction_read_only = off",
    "MERGE INTO tag USING job_file ON job_file_id = id WHEN MATCHED THEN DELETE",
    "CHECKPOINT",
    "CLUSTER",
    "SELECT pg_create_restore_point('mine')",
    "SELECT pg_promote()",
    "SELECT pg_rotate_logfile()",
    "SELECT pg_replication_origin_create('mine')",
    "SELECT pg_create_physical_replication_slot('mine')",
    "SELECT lo_unlink(1)",
    "SELECT lo_put(1, 0, 'x')",
    "SELECT dblink_exec('', 'DELETE FROM face')",
    "VALUES (1); DELETE FROM face",
    "DO LANGUAGE plpython3u $$ open('{new}', 'w') $$",
    "SELECT pg_read_file('{secret}')",
    "SELECT pg_read_binary_file('{secret}')",
    "SELECT pg_ls_dir('{folder}')",
    "SELECT lo_import('{secret}')",
    "SELECT lo_export(1, '{new}')",
    "SELECT lo_create(0)",
    "SELECT lo_from_bytea(0, 'x')",
    "SELECT nextval('media_id_seq')",
    "SELECT setval('media_id_seq', 99)",
    "SELECT set_config('transaction_read_only', 'off', false)",
    "SELECT set_config('role', 'postgres', false)",
    "SET TRANSACTION READ WRITE",
    "SET default_transaction_read_only = off",
    "SET ROLE postgres",
    "SET SESSION AUTHORIZATION postgres",
    "RESET ALL",
    "DO $$ BEGIN COMMIT; DELETE FROM face; END $$",
    "CALL nothing()",
    "LISTEN a",
    "NOTIFY a",
    "LOCK TABLE face",
    "SELECT * FROM face FOR UPDATE",
    "WITH gone AS (DELETE FROM face RETURNING 1) SELECT * FROM gone",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE EXTENSION file_fdw",
    "CREATE ROLE mine SUPERUSER",
    "GRANT ALL ON face TO PUBLIC",
    "TRUNCATE face",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres'",
    "SELECT pg_reload_conf()",
    "SELECT pg_switch_wal()",
    "SELECT query_to_xml('DELETE FROM face RETURNING 1', true, true, '')",
    "PREPARE mine AS DELETE FROM face",
    "EXECUTE mine",
    "DECLARE mine CURSOR WITH HOLD FOR SELECT 1",
    "CLOSE ALL; DELETE FROM face",
    "SELECT * FROM dblink('', 'DELETE FROM face') AS t(a int)",
)


@pytest.fixture
def url(store: Store, database_url: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A filled database, as a reader sees it."""
    admit(store, start(store), photo("a.jpg", tags={"who": "P07"}), photo("b.jpg"))
    run_all(store)
    if make_url(database_url).get_backend_name() == "sqlite":
        yield database_url
    else:
        yield from reader_url(request.getfixturevalue("postgres"), database_url)


def everything(store: Store) -> str:
    """A digest of every row of every table, and of what tables and views there are."""
    digest = hashlib.sha256()
    with reading(store.engine) as connection:
        for table in metadata.sorted_tables:
            rows = connection.exec_driver_sql(f'SELECT * FROM "{table.name}"').all()
            digest.update(repr((table.name, sorted(map(repr, rows)))).encode())
        known = "sqlite_schema" if store.file else "information_schema.tables"
        digest.update(str(connection.exec_driver_sql(f"SELECT count(*) FROM {known}").scalar()).encode())
    return digest.hexdigest()


def test_hostile_statements_change_nothing_and_read_no_file(
    url: str, store: Store, backend: str, quick_folder: Path
) -> None:
    (quick_folder / "secret.txt").write_text(SECRET)
    names = {"secret": quick_folder / "secret.txt", "new": quick_folder / "new.txt", "folder": quick_folder}
    before, files = everything(store), sorted(quick_folder.iterdir())
    statements = (*WRITES, *(SQLITE if backend == "sqlite" else POSTGRESQL))
    assert len(statements) > 40
    answered = [sql for sql in statements if not refused(url, sql.format(**names))]
    assert answered == []
    assert everything(store) == before
    assert sorted(quick_folder.iterdir()) == files


def refused(url: str, sql: str) -> bool:
    """Whether a statement was refused, with a hint. What it gives, if anything, must hold no secret."""
    try:
        with open_query(url, sql, timeout_s=10) as result:
            given = repr([row for batch in result for row in batch])
    except QueryRefused as error:
        assert error.hint, sql
        return True
    assert SECRET not in given
    return False


def test_a_timeout_cannot_be_lifted_from_within(url: str) -> None:
    if url.startswith("postgresql"):
        sql = "SELECT set_config('statement_timeout', '0', false), pg_sleep(30)"
    else:
        sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    started = time.monotonic()
    with pytest.raises(QueryRefused, match="longer than"), open_query(url, sql, timeout_s=0.3) as result:
        list(result)
    assert time.monotonic() - started < 10


def test_what_describes_the_schema_may_be_read(url: str) -> None:
    about = "SELECT name FROM pragma_table_info('face')"
    if url.startswith("postgresql"):
        about = "SELECT column_name FROM information_schema.columns WHERE table_name = 'face'"
    with open_query(url, about) as result:
        assert ("happiness",) in [row for batch in result for row in batch]


@pytest.mark.parametrize("backend", ["sqlite"])
def test_tags_are_taken_apart_by_json_functions(url: str) -> None:
    sql = "SELECT t.key, t.value FROM job_emotions, json_each(tags) AS t"
    with open_query(url, sql) as result:
        assert [row for batch in result for row in batch] == [("who", "P07")]
