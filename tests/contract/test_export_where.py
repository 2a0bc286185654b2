"""A condition on an export: it narrows rows down and does nothing else, on either database."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from db import export_tables
from db.errors import QueryRefused
from db.export import TABLES, Choice, Condition, open_export
from db.records import JobRecord
from db.store import Store
from tests.contract.test_query_hostile import SECRET, everything
from tests.support.databases import reader_url
from tests.support.dbmaking import SAD, admit, photo, result_of, start, unreadable, video
from tests.support.tracking import assign_by_side

ANYWHERE = (
    "1 = 1) UNION SELECT 1 --",
    "1 = 1) --",
    "1 = 1) OR (1 = 1",
    "1 = 1 /*",
    "1 = 1; DELETE FROM face",
    "1 = 1; DELETE FROM face; --",
    "1 = 1) AS a; DROP TABLE face; SELECT (1 = 1",
    "1 = 1 THEN 1 END --",
    "1 = 1 THEN 1 ELSE CASE WHEN 1 = 1",
    "1 = 1 ORDER BY path",
    "1 = 1 LIMIT 1",
    "1 = 1 GROUP BY path HAVING 1 = 1",
    "path = :path",
    "count(*) > 0",
    "",
    "--",
    "EXISTS (DELETE FROM face RETURNING 1)",
    "face IN (SELECT face FROM face UNION ALL DELETE FROM face)",
    "(SELECT 1 FROM nosuchtable) = 1",
    "path = '\udcff'",
    "path = '\0'",
)
SQLITE = (
    "readfile('{secret}') IS NOT NULL",
    "writefile('{new}', 'x') > 0",
    "load_extension('{secret}') IS NULL",
    "path IN (SELECT name FROM fsdir('{folder}'))",
    "fts3_tokenizer('x', x'00') IS NULL",
    "EXISTS (SELECT 1 FROM pragma_journal_mode('OFF'))",
    "path = ?",
    "path = @path",
    "zeroblob(2000000000) IS NOT NULL",
)
POSTGRESQL = (
    "pg_read_file('{secret}') IS NOT NULL",
    "pg_ls_dir('{folder}') IS NOT NULL",
    "lo_import('{secret}') > 0",
    "lo_export(1, '{new}') > 0",
    "nextval('media_id_seq') > 0",
    "set_config('transaction_read_only', 'off', true) = 'off'",
    "set_config('role', 'postgres', false) = 'postgres'",
    "query_to_xml('DELETE FROM face RETURNING 1', true, true, '') IS NOT NULL",
    "EXISTS (WITH gone AS (DELETE FROM face RETURNING 1) SELECT * FROM gone)",
    "EXISTS (SELECT 1 FROM face FOR UPDATE)",
    "EXISTS (SELECT * FROM dblink('', 'DELETE FROM face') AS t(a int))",
    "happiness",
    "pg_reload_conf()",
)


@pytest.fixture
def job(store: Store) -> JobRecord:
    """Two recordings, a photo twice, and a file that could not be read."""
    made = start(store, 1, name="pilot")
    files = (video("z.mp4", segments=2), photo("B.jpg", tags={"who": "P07"}), photo("ä.jpg"), unreadable("bad.mp4"))
    admit(store, made, *files, photo("a/b.jpg", content="B.jpg"))
    admit(store, start(store, 2), photo("not mine.jpg"))
    for claimed in store.segments.claim("w", 60, 99):
        scores = SAD if claimed.path == "ä.jpg" else None if claimed.path == "B.jpg" else (1.0, *([0.0] * 7))
        store.segments.commit([result_of(claimed, faces=2, scores=scores)])
    assign_by_side(store)
    return made


@pytest.fixture
def url(store: Store, database_url: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """The database as a reader logs in to it."""
    if make_url(database_url).get_backend_name() == "sqlite":
        yield database_url
    else:
        yield from reader_url(request.getfixturevalue("postgres"), database_url)


def read(store: Store, job: JobRecord, table: str, choice: Choice | None = None) -> list[dict[str, Any]]:
    with open_export(store.engine, job.id, table, choice or Choice()) as found:
        names = [column.name for column in found.columns]
        return [dict(zip(names, row, strict=True)) for batch in found for row in batch]


def where(url: str, sql: str, timeout_s: float = 60) -> Choice:
    return Choice(where=Condition(sql, url, timeout_s))


@pytest.mark.parametrize("table", TABLES)
def test_a_condition_that_always_holds_changes_no_row(store: Store, job: JobRecord, url: str, table: str) -> None:
    everything_there = read(store, job, table)
    assert everything_there
    assert read(store, job, table, where(url, "1 = 1")) == everything_there
    assert read(store, job, table, where(url, "1 = 0")) == []


@pytest.mark.parametrize(
    ("table", "sql", "holds"),
    [
        ("emotions", "sadness > 0.3", lambda row: row["sadness"] is not None and row["sadness"] > 0.3),
        ("emotions", "dominant IS NULL OR path = 'ä.jpg'", lambda row: not row["dominant"] or row["path"] == "ä.jpg"),
        ("emotions", "tags LIKE '%P07%' -- who", lambda row: "P07" in row["tags"]),
        ("emotions", "emotions.path LIKE 'a/%'", lambda row: row["path"].startswith("a/")),
        ("frames", "faces = 0 AND time_s BETWEEN 3 AND 12", lambda row: row["faces"] == 0 and 3 <= row["time_s"] <= 12),
        ("media_summary", "kind = 'photo' AND faces = 2", lambda row: row["kind"] == "photo" and row["faces"] == 2),
        ("media_summary", "path = 'a/b.jpg'", lambda row: row["path"] == "a/b.jpg"),
        ("track_summary", "track = 2 AND start_s < 1", lambda row: row["track"] == 2),
        ("timeline", "second % 2 = 0 AND stimulus IS NULL", lambda row: row["second"] % 2 == 0),
        ("group_timeline", "tag = 'who' AND measure = 'valence'", lambda row: row["measure"] == "valence"),
        ("problems", "scope = 'file' AND path <> ''", lambda row: row["scope"] == "file"),
        ("faces", "media IN (SELECT id FROM media WHERE kind = 'video')", lambda row: row["path"] == "z.mp4"),
    ],
)
def test_only_rows_for_which_it_holds_are_exported_in_their_order(
    store: Store, job: JobRecord, url: str, table: str, sql: str, holds: Any
) -> None:
    expected = [row for row in read(store, job, table) if holds(row)]
    assert expected
    assert read(store, job, table, where(url, sql)) == expected


def test_a_condition_may_name_columns_that_are_not_exported(store: Store, job: JobRecord, url: str) -> None:
    choice = Choice(("valence", "path"), Condition("time_s = 4 AND face = 1", url))
    (row,) = read(store, job, "emotions", choice)
    assert list(row) == ["valence", "path"]
    assert row["path"] == "z.mp4"


def test_it_holds_for_the_rows_of_every_file_however_many_are_read_at_once(
    store: Store, job: JobRecord, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    choice = where(url, "face = 1")
    expected = read(store, job, "emotions", choice)
    for name, number in (("PAGE_FILES", 2), ("CHUNK_ROWS", 3), ("ALONE_ROWS", 4)):
        monkeypatch.setattr(export_tables, name, number)
    assert read(store, job, "emotions", choice) == expected


def test_hostile_conditions_change_nothing_and_read_no_file(
    store: Store, job: JobRecord, url: str, backend: str, quick_folder: Path
) -> None:
    (quick_folder / "secret.txt").write_text(SECRET)
    names = {"secret": quick_folder / "secret.txt", "new": quick_folder / "new.txt", "folder": quick_folder}
    before, files = everything(store), sorted(quick_folder.iterdir())
    conditions = (*ANYWHERE, *(SQLITE if backend == "sqlite" else POSTGRESQL))
    taken = [sql for sql in conditions if not refused(store, job, where(url, sql.format(**names), 10))]
    assert taken == []
    assert everything(store) == before
    assert sorted(quick_folder.iterdir()) == files


def refused(store: Store, job: JobRecord, choice: Choice) -> bool:
    """Whether a condition was refused, with a hint that is of use to who exports."""
    try:
        read(store, job, "emotions", choice)
    except QueryRefused as error:
        assert error.hint, choice
        assert "--param" not in error.hint
        return True
    return False


@pytest.mark.parametrize("sql", ["happines > 0.5", "emotions.happines > 0.5"])
def test_a_wrong_column_is_answered_with_near_ones_of_the_table(
    store: Store, job: JobRecord, url: str, sql: str
) -> None:
    with pytest.raises(QueryRefused, match="happines") as caught:
        read(store, job, "emotions", where(url, sql))
    assert str(caught.value).startswith("--where: ")
    assert caught.value.hint.startswith("did you mean happiness")
    assert "emotions has: path, time_s, track" in caught.value.hint


def test_a_column_of_another_table_is_not_offered(store: Store, job: JobRecord, url: str) -> None:
    with pytest.raises(QueryRefused) as caught:
        read(store, job, "frames", where(url, "dominant = 'anger'"))
    assert "did you mean" not in caught.value.hint
    assert "frames has: path" in caught.value.hint


def test_a_condition_that_takes_too_long_is_ended(store: Store, job: JobRecord, url: str) -> None:
    endless = "EXISTS (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT 1 FROM n WHERE i < 0)"
    started = time.monotonic()
    with pytest.raises(QueryRefused, match="longer than"):
        read(store, job, "emotions", where(url, endless, 0.3))
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("backend", ["postgresql"])
def test_a_login_that_could_write_is_refused(store: Store, job: JobRecord, database_url: str) -> None:
    with pytest.raises(QueryRefused, match="superuser") as caught:
        read(store, job, "emotions", where(database_url, "1 = 1"))
    assert "MOODREEL_QUERY_DATABASE_URL" in caught.value.hint


def test_an_export_that_is_broken_off_leaves_nothing_open(store: Store, job: JobRecord, url: str) -> None:
    with open_export(store.engine, job.id, "emotions", where(url, "1 = 1")) as found:
        next(iter(found))
    assert store.jobs.retry(job.id) == 1  # the unreadable file: a writer is not kept out
