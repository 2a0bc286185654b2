"""Groups over time, exported in parts: the rows of the view, however many there are and whatever they are called."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from db import export_groups
from db.engine import reading
from db.export import Choice, Condition, open_export
from db.records import JobRecord
from db.store import Store
from tests.support.dbmaking import HAPPY, SAD, admit, photo, result_of, rows, start, unreadable, video

STRANGE = ("", "'; DROP TABLE face; --", ":job", "100%s", '"', "\\'", "ä", "FROM tag_timeline")


@pytest.fixture
def job(store: Store) -> JobRecord:
    """Participants of two conditions, some of whom saw no stimulus that is known; strange names; another job beside."""
    made = start(store, 1, name="pilot")
    seen = [
        video(f"{who}-{what}.mp4", segments=1, tags={"participant": who, "condition": "AB"[at % 2]} | stimulus(what))
        for at, (who, what) in enumerate(product(("P1", "P2", "P3"), ("ad1", "ad2", "")))
    ]
    strange = [photo(f"{at}.jpg", tags={"participant": name, f"key {name}": name}) for at, name in enumerate(STRANGE)]
    admit(store, made, *seen, *strange, photo("no tag.jpg"), replace(unreadable("bad.mp4"), tags={"condition": "A"}))
    admit(store, start(store, 2), video("P1-ad1.mp4", segments=1, tags={"participant": "P1", "stimulus": "ad1"}))
    for claimed in store.segments.claim("w", 60, 99):
        store.segments.commit([result_of(claimed, scores=HAPPY if "1" in claimed.path else SAD)])
    return made


def stimulus(name: str) -> dict[str, str]:
    return {"stimulus": name} if name else {}


def read(store: Store, job: JobRecord, choice: Choice | None = None) -> list[tuple[Any, ...]]:
    with open_export(store.engine, job.id, "group_timeline", choice or Choice()) as found:
        return [row for batch in found for row in batch]


def of_the_view(store: Store, job: JobRecord) -> list[tuple[Any, ...]]:
    return rows(store, f"SELECT * FROM group_timeline WHERE job = '{job.id}'")


def in_order(found: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """By tag, value, stimulus, second and measure; without a stimulus first."""
    return sorted(found, key=lambda row: (row[0], row[1], row[2] is not None, row[2] or "", row[3], row[4]))


LIMITS = {
    "all at once": (10**6, 10**6, 10**6),
    "a few": (25, 3, 10**6),
    "one by one": (0, 0, 10**6),
    "too many files to list": (0, 0, 0),
}


@pytest.mark.parametrize("limits", LIMITS.values(), ids=LIMITS)
def test_the_rows_are_those_of_the_view_in_order(
    store: Store, job: JobRecord, limits: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, limit in zip(("CHUNK_FRAMES", "CHUNK_FILES", "MOST_LISTED"), limits, strict=True):
        monkeypatch.setattr(export_groups, name, limit)
    expected = in_order(of_the_view(store, job))
    given = read(store, job)
    assert given == [tuple(pytest.approx(it) if isinstance(it, float) else it for it in row) for row in expected]
    assert {row[0] for row in given} == {"participant", "condition", "stimulus", *(f"key {name}" for name in STRANGE)}
    assert {row[2] for row in given if row[0] == "condition"} == {"ad1", "ad2", None}


def test_a_group_has_a_band_where_it_has_two_participants(store: Store, job: JobRecord) -> None:
    names = ("value", "stimulus", "n", "mean", "low", "measure", "tag", "second")
    found = [row[:5] for row in read(store, job, Choice(names)) if row[5:] == ("happiness", "condition", 0)]
    assert [(value, what, n) for value, what, n, _, _ in found] == [
        (value, what, n)
        for value, ns in (("A", (2, 2, 1)), ("B", (1, 1, 2)))
        for what, n in zip((None, "ad1", "ad2"), ns, strict=True)
    ]
    assert [low is None for *_, low in found] == [n < 2 for _, _, n, _, _ in found]


@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_statement_reads_the_files_of_its_groups_and_no_others(store: Store, job: JobRecord) -> None:
    with reading(store.engine) as connection:
        statements = [one.rows for one in export_groups.groups_of(job.id).statements(connection)]
        for statement in statements:
            plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")]
            assert [
                step for step in plan if step.startswith("SCAN") and step.split()[1] in {"f", "fr", "jf", "t"}
            ] == []
    assert len(statements) == 3 + len(STRANGE)  # a tag each
    assert not any(name in statement for statement in statements for name in STRANGE[1:7])


@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_condition_sees_the_groups_as_they_are(store: Store, job: JobRecord, database_url: str) -> None:
    where = Condition("value = ''';' || ' DROP TABLE face; --' AND n = 1", database_url)
    assert len(read(store, job, Choice(where=where))) == 2 * 9
