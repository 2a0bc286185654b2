"""Values for the `:name`s of a query, on both databases: numbers count as numbers, text stays text."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import make_url

from db.errors import QueryRefused
from db.query import open_query
from db.query_params import read_value
from db.store import Store
from tests.support.databases import reader_url
from tests.support.dbmaking import SAD, admit, photo, result_of, run_all, start, video


@pytest.fixture
def url(store: Store, database_url: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A sad photo and a happy video, as somebody who may only read logs in to them."""
    admit(store, start(store), photo("a.jpg", tags={"participant": "007"}), video("b.mp4", segments=2))
    (first,) = store.segments.claim("w", 60, 1, kind="photo")
    store.segments.commit([result_of(first, scores=SAD)])
    run_all(store)
    if make_url(database_url).get_backend_name() == "sqlite":
        yield database_url
    else:
        yield from reader_url(request.getfixturevalue("postgres"), database_url)


def ask(url: str, sql: str, **params: str) -> list[tuple[object, ...]]:
    with open_query(url, sql, params, timeout_s=20) as result:
        return [row for batch in result for row in batch]


def test_parameters_are_values_and_never_sql(url: str) -> None:
    assert ask(url, "SELECT count(*) FROM emotions WHERE path = :path", path="a.jpg") == [(1,)]
    assert ask(url, "SELECT count(*) FROM emotions WHERE path = :path", path="' OR 1=1 --") == [(0,)]
    assert ask(url, "SELECT value FROM tag WHERE value = :v AND key = :k", v="007", k="participant") == [("007",)]
    assert ask(url, "SELECT count(*) FROM emotions WHERE time_s >= :t", t="10") == [(5,)]


@pytest.mark.parametrize(
    ("sql", "value", "answer"),
    [
        ("SELECT dominant FROM emotions GROUP BY 1 HAVING count(*) > :v ORDER BY 1", "3", [("happiness",)]),
        ("SELECT dominant FROM emotions GROUP BY 1 HAVING count(*) < :v ORDER BY 1", "3", [("sadness",)]),
        ("SELECT dominant FROM emotions GROUP BY 1 HAVING count(*) > :v ORDER BY 1", "1.5", [("happiness",)]),
        ("SELECT count(*) FROM emotions WHERE time_s * 1 > :v", "17.5", [(1,)]),
        ("SELECT count(*) FROM emotions WHERE time_s * 1 > :v", "-1", [(11,)]),
        ("SELECT count(*) FROM emotions WHERE time_s + 0 < :v", "1e3", [(11,)]),
        ("SELECT count(*) FROM emotions WHERE :v > confidence * 1", ".95", [(11,)]),
        ("SELECT path FROM media ORDER BY path LIMIT :v", "1", [("a.jpg",)]),
        ("SELECT path FROM media ORDER BY path LIMIT 1 OFFSET :v", "1", [("b.mp4",)]),
        ("SELECT :v", "3", [(3,)]),
        ("SELECT :v", "0.25", [(0.25,)]),
        ("SELECT :v", "9223372036854775807", [(9223372036854775807,)]),
        ("SELECT :v", "9223372036854775808", [("9223372036854775808",)]),
        ("SELECT :v", "'3'", [("3",)]),
        ("SELECT :v", "'it''s'", [("it's",)]),
        ("SELECT :v * 300", "300", [(90_000,)]),
        ("SELECT CASE WHEN :v > 10 THEN 'more' ELSE 'less' END", "9", [("less",)]),
    ],
)
def test_what_is_written_like_a_number_is_one(url: str, sql: str, value: str, answer: list[tuple[object, ...]]) -> None:
    assert ask(url, sql, v=value) == answer


@pytest.mark.parametrize(
    "value", ["123", "12.5", "007", "1e3", "nan", "inf", "Infinity", "0x10", "1_000", "-", ".", "e5"]
)
def test_a_text_that_looks_like_a_number_is_found_in_a_column_of_text(url: str, store: Store, value: str) -> None:
    admit(store, start(store, 2), photo(value, tags={"code": value}))
    assert ask(url, "SELECT path FROM media WHERE path = :v", v=value) == [(value,)]
    assert ask(url, "SELECT path FROM media WHERE path = :v AND id * 1 > :n", v=value, n="0") == [(value,)]
    assert ask(url, "SELECT value FROM tag WHERE key = 'code' AND value = :v", v=value) == [(value,)]
    assert ask(url, "SELECT path FROM media WHERE path = :v", v=f"'{value}'") == [(value,)]


def test_a_tag_within_json_is_found_by_a_number_and_by_exactly_its_text(url: str, store: Store) -> None:
    admit(
        store, start(store, 2), photo("seven.jpg", tags={"participant": "7"}), photo("8.jpg", tags={"participant": "8"})
    )
    run_all(store)
    as_json = "tags" if url.startswith("sqlite") else "tags::json"
    sql = f"SELECT path FROM job_emotions WHERE {as_json} ->> 'participant' = :v"
    assert ask(url, sql, v="8") == [("8.jpg",)]
    assert ask(url, sql, v="'7'") == [("seven.jpg",)]
    assert ask(url, sql, v="007") == [("a.jpg",)]


def test_a_value_of_the_wrong_kind_is_refused(url: str) -> None:
    with pytest.raises(QueryRefused) as caught:
        ask(url, "SELECT 1 LIMIT :v", v="many")
    assert caught.value.hint


@pytest.mark.parametrize("backend", ["postgresql"])
@pytest.mark.parametrize(("sql", "value"), [("SELECT 1 WHERE 1 > :v", "seven"), ("SELECT path + :v FROM media", "3")])
def test_types_that_do_not_go_together_are_refused_with_the_way_out(url: str, sql: str, value: str) -> None:
    with pytest.raises(QueryRefused) as caught:
        ask(url, sql, v=value)
    assert "CAST" in caught.value.hint
    assert "--param" in caught.value.hint


def test_a_statement_that_is_no_text_is_refused_and_a_value_is_as_it_is_shown(url: str) -> None:
    for sql in ("SELECT '\udcff'", "SELECT 1\0"):
        with pytest.raises(QueryRefused, match="UTF-8"):
            ask(url, sql)
    assert ask(url, "SELECT :v", v="p\udcff\0") == [(r"p\udcff\x00",)]


def test_colons_and_percents_in_quotes_and_comments_are_left_alone(url: str) -> None:
    sql = """SELECT ':a' || :b AS "x:c", '%s %(b)s 100%' /* :d */ -- :e
             FROM media WHERE path LIKE 'a%' AND 'it''s :f' <> ''"""
    assert ask(url, sql, b="one") == [(":aone", "%s %(b)s 100%")]
    assert ask(url, sql, b="1") == [(":a1", "%s %(b)s 100%")]


def test_casts_are_no_parameters(url: str) -> None:
    if url.startswith("postgresql"):
        assert ask(url, "SELECT '1'::integer + :n::integer", n="1") == [(2,)]
    assert ask(url, "SELECT CAST(:n AS INTEGER) + 1", n="1") == [(2,)]


def test_a_missing_and_an_unused_parameter_are_named(url: str) -> None:
    with pytest.raises(QueryRefused, match="no value for :who") as missing:
        ask(url, "SELECT :who")
    assert "--param who=VALUE" in missing.value.hint
    with pytest.raises(QueryRefused, match="does not use the parameter extra"):
        ask(url, "SELECT 1", extra="x")


@given(st.text(alphabet="0123456789.eE-+' ", max_size=12) | st.integers().map(str) | st.floats().map(str))
def test_a_number_is_what_its_text_says_and_the_text_is_kept(written: str) -> None:
    value = read_value(written)
    if value.number is None:
        assert value.text in (written, written[1:-1].replace("''", "'"))
    else:
        assert value.number == float(written) or value.number == int(written)
        assert value.text == written
