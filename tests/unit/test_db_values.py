"""The small pure parts of the store."""

import math
import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.derive import dominant, valence
from db.describe import describe, described
from db.emotions import EMOTIONS
from db.engine import has_wal_reset_fix, parse_url
from db.errors import DatabaseUnusable
from db.places import absolute, without_paths
from db.query_params import named, spelled
from db.schema import metadata
from db.text import storable
from db.views import definitions

probabilities = st.lists(st.floats(0, 1), min_size=8, max_size=8)
steady = settings(derandomize=True, database=None, deadline=None)


@steady
@given(probabilities)
def test_valence_lies_between_minus_one_and_one(scores: list[float]) -> None:
    value = valence(scores)
    assert value is not None
    assert -1 <= value <= 1


@steady
@given(probabilities)
def test_the_dominant_emotion_is_the_first_of_the_most_probable(scores: list[float]) -> None:
    assert dominant(scores) == EMOTIONS[scores.index(max(scores))]


def test_contempt_does_not_count_for_valence() -> None:
    happy_and_contemptuous = [0.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5]
    assert valence(happy_and_contemptuous) == 0.5


def test_what_was_not_scored_has_neither() -> None:
    assert (valence(None), dominant(None)) == (None, None)


@steady
@given(st.text(st.characters(), max_size=40))
def test_any_text_becomes_storable_and_storable_text_stays(text: str) -> None:
    stored = storable(text)
    stored.encode("utf-8")
    assert "\0" not in stored
    assert storable(stored) == stored


def test_sound_text_is_left_alone() -> None:
    assert storable("ümlaut \U0001f600 'quoted'\n") == "ümlaut \U0001f600 'quoted'\n"


@pytest.mark.parametrize(
    ("version", "safe"),
    [((3, 40, 1), False), ((3, 44, 6), True), ((3, 44, 5), False), ((3, 50, 7), True), ((3, 51, 2), False),
     ((3, 51, 3), True), ((3, 52, 0), True), ((4, 0, 0), True)],
)  # fmt: skip
def test_the_wal_bug_is_known_by_version(version: tuple[int, int, int], safe: bool) -> None:
    assert has_wal_reset_fix(version) == safe


def test_a_refused_url_shows_no_password() -> None:
    with pytest.raises(DatabaseUnusable) as caught:
        parse_url("mysql://me:secret@host/db")
    assert "secret" not in f"{caught.value} {caught.value.hint} {caught.value.__cause__}"


@pytest.mark.parametrize(
    ("root", "relative", "whole"),
    [(b"/a", b"b/c.jpg", b"/a/b/c.jpg"), (b"/", b"c.jpg", b"/c.jpg"), (b"/a/c.jpg", b"", b"/a/c.jpg")],
)
def test_a_job_file_has_one_whole_path(root: bytes, relative: bytes, whole: bytes) -> None:
    assert absolute(root, relative) == whole


def test_a_request_without_the_paths_is_left_word_for_word() -> None:
    text = '{"paths":["/a"],   "n": 1}'
    assert without_paths(text, {b"/b"}) == text


def test_parameters_are_found_outside_quotes_comments_and_casts() -> None:
    sql = """SELECT :a, ':b', ":c", x::int, '1'::text -- :d
             /* :e */ , $$ :f $$, $q$ :g $q$, :a2 ':h' :"i" """
    assert named(sql) == {"a", "a2"}


def test_parameters_are_spelled_as_the_driver_wants_them() -> None:
    assert spelled("SELECT 5 % 2, ':a', :a::text", lambda name: f"<{name}>") == "SELECT 5 % 2, ':a', <a>::text"


def test_every_column_of_every_table_and_view_has_a_sentence() -> None:
    known = described()
    assert set(known) == set(metadata.tables) | set(definitions()) | {"alembic_version"}
    for table in metadata.tables.values():
        assert [column.name for column in known[table.name].columns] == list(table.columns.keys())
    for relation in describe():
        for text in (relation.sentence, *(column.sentence for column in relation.columns)):
            assert text[0].isalnum(), text
            assert text.endswith("."), text


def test_views_come_before_tables_and_emotions_first() -> None:
    kinds = [relation.kind for relation in describe()]
    assert kinds == sorted(kinds, reverse=True)
    assert describe()[0].name == "emotions"
    assert describe()[0].as_json()["columns"][0]["name"] == "path"


def test_views_are_portable_sql() -> None:
    """Both databases must parse them: SQLite does here, PostgreSQL in the migration tests."""
    connection = sqlite3.connect(":memory:")
    from sqlalchemy import create_engine

    engine = create_engine("sqlite://", creator=lambda: connection)
    metadata.create_all(engine)
    for statement in definitions().values():
        connection.execute(statement)
    engine.dispose()
    connection.close()


def test_valence_of_a_certain_score_is_exact() -> None:
    assert math.isclose(valence([0, 0.25, 0, 0.125, 0.5, 0, 0.125, 0]) or 0, -0.25)
