"""`query` on both databases: what it gives, what it refuses and how it says so."""

import time
from collections.abc import Iterator

import pytest
from sqlalchemy.engine import make_url

from db.errors import DatabaseUnusable, QueryRefused
from db.query import open_query
from db.query_postgres import READER_ROLE_SQL
from db.store import Store
from tests.support.databases import reader_url
from tests.support.dbmaking import SAD, admit, photo, result_of, rows, run_all, start, unreadable, video
from tests.support.postgres import Server


@pytest.fixture
def url(store: Store, database_url: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A filled database, as somebody who may only read logs in to it."""
    job = start(store)
    tags = {"participant": "007"}
    admit(store, job, photo("a.jpg", tags=tags), video("b.mp4", segments=2), unreadable("c.mp4"))
    (first,) = store.segments.claim("w", 60, 1, kind="photo")
    store.segments.commit([result_of(first, scores=SAD)])
    run_all(store)
    if make_url(database_url).get_backend_name() == "sqlite":
        yield database_url
    else:
        yield from reader_url(request.getfixturevalue("postgres"), database_url)


def ask(url: str, sql: str, timeout_s: float = 20.0, **params: str) -> list[tuple[object, ...]]:
    with open_query(url, sql, params, timeout_s) as result:
        return [row for batch in result for row in batch]


def test_the_first_question_of_everybody(url: str) -> None:
    assert ask(url, "SELECT dominant, count(*) FROM emotions GROUP BY 1 ORDER BY 1") == [
        ("happiness", 10),
        ("sadness", 1),
    ]


def test_columns_have_their_names(url: str) -> None:
    with open_query(url, "SELECT path, count(*) AS faces, avg(valence) FROM emotions GROUP BY path") as result:
        assert result.columns[:2] == ("path", "faces")
        assert len(result.columns) == 3


def test_values_are_numbers_and_text_on_either_database(url: str) -> None:
    sql = (
        "SELECT count(*), sum(frames), sum(faces_dropped) * 1.0, min(kind), max(mean_valence), NULL FROM media_summary"
    )
    ((files, frames, dropped, kind, valence, nothing),) = ask(url, sql)
    assert (files, frames, dropped, kind, nothing) == (2, 21, 10.0, "photo", None)
    assert [type(value) for value in (files, frames, dropped, kind, valence)] == [int, int, float, str, float]


def test_times_read_alike_on_either_database(url: str) -> None:
    ((created,),) = ask(url, "SELECT created_at FROM job")
    assert isinstance(created, str)
    time.strptime(created, "%Y-%m-%d %H:%M:%S.%f")


def test_a_question_without_an_answer_still_has_columns(url: str) -> None:
    with open_query(url, "SELECT path, time_s FROM emotions WHERE time_s > 1e9") as result:
        assert result.columns == ("path", "time_s")
        assert list(result) == []


def test_several_statements_are_refused_in_words(url: str) -> None:
    with pytest.raises(QueryRefused, match="more than one statement") as caught:
        ask(url, "SELECT 1; SELECT 2")
    assert "one" in caught.value.hint


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("DELETE FROM face", "DELETE on face"),
        ("WITH gone AS (SELECT 1) UPDATE frame SET pts = 1", "UPDATE on frame"),
        ("CREATE TABLE mine (a INTEGER)", "a change of the schema"),
        ("PRAGMA query_only = OFF", "PRAGMA query_only"),
        ("SELECT load_extension('x')", "the function load_extension"),
        ("BEGIN", "BEGIN"),
        ("VACUUM", "VACUUM"),
        ("SELECT ?", "not written :name"),
        ("SELECT @path", "not written :name"),
    ],
)
def test_sqlite_says_what_it_refused(url: str, sql: str, said: str) -> None:
    with pytest.raises(QueryRefused, match=said) as caught:
        ask(url, sql)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("sql", "near"),
    [
        ("SELECT dominent FROM emotions", "dominant"),
        ("SELECT e.hapiness FROM emotions e", "happiness"),
        ("SELECT * FROM emotion", "emotions"),
        ("SELECT * FROM media_sumary", "media_summary"),
        ("SELECT mean_hapiness FROM media_summary", "mean_happiness"),
        ("SELECT secnd FROM timeline WHERE media = 5", "second"),
        ("SELECT high FROM group_timeline WHERE stimuls = 'ad1'", "stimulus"),
        ("SELECT pth FROM media_summary JOIN problems USING (path)", "path"),
        ("SELECT coalesc(valence, 0) FROM emotions", "coalesce"),
        ("SELECT lenght(path) FROM emotions", "length"),
    ],
)
def test_a_wrong_name_is_answered_with_near_ones(url: str, sql: str, near: str) -> None:
    with pytest.raises(QueryRefused) as caught:
        ask(url, sql)
    assert f"did you mean {near}" in caught.value.hint


def test_a_column_of_another_view_is_answered_with_where_it_is(url: str) -> None:
    with pytest.raises(QueryRefused) as caught:
        ask(url, "SELECT happiness FROM media_summary")
    assert "did you mean mean_happiness or share_happiness" in caught.value.hint
    assert "? happiness is a column of emotions, job_emotions" in caught.value.hint
    with pytest.raises(QueryRefused) as caught:
        ask(url, "SELECT hint FROM emotions")
    assert "hint is a column of problems" in caught.value.hint


@pytest.mark.parametrize(
    "sql", ["SELEC 1", "SELECT FROM WHERE", "", "-- nothing", "SELECT nosuchthing(1)", "SELECT 'open"]
)
def test_what_is_no_statement_is_refused_with_a_hint(url: str, sql: str) -> None:
    with pytest.raises(QueryRefused) as caught:
        ask(url, sql)
    assert caught.value.hint


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT"


def test_a_question_that_takes_too_long_is_ended(url: str) -> None:
    started = time.monotonic()
    with pytest.raises(QueryRefused, match=r"longer than 0\.3 s") as caught:
        ask(url, f"{ENDLESS} count(*) FROM n", timeout_s=0.3)
    assert time.monotonic() - started < 10
    assert "LIMIT" in caught.value.hint


def test_ten_years_are_a_time_to_wait(url: str) -> None:
    assert ask(url, "SELECT 1", timeout_s=10 * 366 * 24 * 3600.0) == [(1,)]


def test_an_endless_answer_is_ended_too(url: str) -> None:
    with pytest.raises(QueryRefused, match="longer than"):
        ask(url, f"{ENDLESS} i FROM n", timeout_s=0.3)


def test_rows_come_as_they_are_read(url: str) -> None:
    with open_query(url, f"{ENDLESS} i FROM n", timeout_s=20) as result:
        first = next(iter(result))
    assert first[0] == (1,)
    assert len(first) == 1000


def test_a_reader_does_not_keep_a_writer_out(url: str, store: Store) -> None:
    with open_query(url, "SELECT path FROM emotions") as result:
        next(iter(result))
        if url.startswith("postgresql"):
            admit(store, start(store, 2), photo("new.jpg"))
    admit(store, start(store, 3), photo("newer.jpg"))
    assert ask(url, "SELECT count(*) FROM job WHERE id LIKE '%3abcdef01'") == [(1,)]


@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_missing_file_is_not_made(backend: str, quick_folder: object) -> None:
    with (
        pytest.raises(DatabaseUnusable, match="no database"),
        open_query(f"sqlite:///{quick_folder}/none.db", "SELECT 1"),
    ):
        pass


@pytest.mark.parametrize("backend", ["postgresql"])
def test_a_superuser_is_refused_and_shown_how_to_make_a_reader(store: Store, database_url: str) -> None:
    with pytest.raises(QueryRefused, match="superuser") as caught, open_query(database_url, "SELECT 1"):
        pass
    assert READER_ROLE_SQL in caught.value.hint
    assert "MOODREEL_QUERY_DATABASE_URL" in caught.value.hint


@pytest.mark.parametrize("backend", ["postgresql"])
@pytest.mark.parametrize("power", ["pg_read_server_files", "pg_execute_server_program"])
def test_a_login_that_reaches_the_servers_files_is_refused(url: str, postgres: Server, power: str) -> None:
    user = make_url(url).username
    with postgres.connect() as connection:
        connection.execute(f'GRANT {power} TO "{user}"')
    with pytest.raises(QueryRefused, match="superuser"), open_query(url, "SELECT 1"):
        pass


@pytest.mark.parametrize("backend", ["postgresql"])
def test_the_shown_sql_makes_a_login_that_reads_views_made_later_too(
    store: Store, database_url: str, postgres: Server
) -> None:
    name = str(make_url(database_url).database)
    login = f"reader_{name}"
    with postgres.connect(name) as connection:
        connection.execute(READER_ROLE_SQL.replace("moodreel_reader", login))
        connection.execute("CREATE VIEW later AS SELECT path FROM media")
    try:
        assert ask(postgres.url(name, login), "SELECT count(*) FROM later") == [(0,)]
    finally:
        with postgres.connect(name) as connection:
            connection.execute(f'DROP OWNED BY "{login}"')
            connection.execute(f'DROP ROLE "{login}"')


def test_the_rows_are_untouched_by_all_this(url: str, store: Store) -> None:
    before = rows(store, "SELECT count(*), sum(valence) FROM face")
    for sql in ("DELETE FROM face", "SELECT 1; DELETE FROM face"):
        with pytest.raises(QueryRefused):
            ask(url, sql)
    assert rows(store, "SELECT count(*), sum(valence) FROM face") == before
