"""Only some columns, and rows in the order of their recordings."""

from itertools import groupby
from typing import Any

import pytest

from db import export_tables
from db.errors import StoreError
from db.export import TABLES, Choice, open_export
from db.records import JobRecord
from db.store import Store
from tests.support.dbmaking import admit, photo, run_all, start, video
from tests.support.tracking import assign_by_side

OF_NONE = ("group_timeline", "problems")
OF_FILES = [table for table in TABLES if table not in OF_NONE]


@pytest.fixture
def job(store: Store) -> JobRecord:
    """Paths in another order than their recordings, and one recording under three of them."""
    made = start(store, 1, name="pilot")
    again = [photo(name, content="same") for name in ("z.jpg", "m.jpg", "a.jpg")]
    tags = {"participant": "P1", "stimulus": "ad1"}
    admit(store, made, video("y.mp4"), *again, photo("b.jpg"), video("c.mp4", segments=3, tags=tags))
    run_all(store)
    assign_by_side(store)
    return made


def read(store: Store, job: JobRecord, table: str, choice: Choice) -> tuple[list[str], list[tuple[Any, ...]]]:
    with open_export(store.engine, job.id, table, choice) as found:
        return [column.name for column in found.columns], [row for batch in found for row in batch]


@pytest.mark.parametrize("table", TABLES)
def test_columns_come_in_the_order_asked_for(store: Store, job: JobRecord, table: str) -> None:
    names, everything = read(store, job, table, Choice())
    wanted = (names[3], names[0])
    assert read(store, job, table, Choice(wanted)) == (list(wanted), [(row[3], row[0]) for row in everything])


def test_a_wrong_column_is_answered_with_near_ones(store: Store, job: JobRecord) -> None:
    with pytest.raises(StoreError, match="emotions has no column 'hapiness'") as caught:
        read(store, job, "emotions", Choice(("path", "hapiness")))
    assert caught.value.hint.startswith("did you mean happiness")
    for hostile in ("*", "path, 1", "_root", "path FROM face --", ""):
        with pytest.raises(StoreError, match="has no column"):
            read(store, job, "emotions", Choice((hostile,)))
    with pytest.raises(StoreError, match="twice"):
        read(store, job, "emotions", Choice(("path", "path")))


@pytest.mark.parametrize("pages", [2, 500])
@pytest.mark.parametrize("table", OF_FILES)
def test_by_media_every_recording_comes_once_with_all_its_rows(
    store: Store, job: JobRecord, table: str, pages: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    names, everything = read(store, job, table, Choice())
    at = names.index("media")
    moved = [(row[at], *row[:at], *row[at + 1 :]) for row in everything]
    monkeypatch.setattr(export_tables, "PAGE_FILES", pages)
    monkeypatch.setattr(export_tables, "ALONE_ROWS", 5 * pages)
    by_media, given = read(store, job, table, Choice(by_media=True))
    assert by_media == ["media", *names[:at], *names[at + 1 :]]
    assert [media for media, _ in groupby(row[0] for row in given)] == sorted({row[0] for row in moved})
    assert sorted(map(repr, given)) == sorted(map(repr, moved))
    # Within a recording rows are ordered as ever.
    assert [row for row in given if row[0] == given[0][0]] == [row for row in moved if row[0] == given[0][0]]


def test_by_media_the_recording_is_there_though_nobody_asked_for_the_column(store: Store, job: JobRecord) -> None:
    names, given = read(store, job, "emotions", Choice(("time_s", "path"), by_media=True))
    assert names == ["media", "time_s", "path"]
    assert len({row[0] for row in given}) == 4


@pytest.mark.parametrize("table", OF_NONE)
def test_what_belongs_to_no_recording_is_not_parted_by_them(store: Store, job: JobRecord, table: str) -> None:
    with pytest.raises(StoreError, match=f"{table} cannot be parted") as caught:
        read(store, job, table, Choice(by_media=True))
    assert caught.value.hint


@pytest.mark.parametrize("table", TABLES)
def test_every_number_that_is_exported_has_its_unit_said(store: Store, job: JobRecord, table: str) -> None:
    with open_export(store.engine, job.id, table, Choice()) as found:
        units = ("econd", "pixel", "0 to 1", "-1 to 1", "robability", "valence")
        silent = [one.name for one in found.columns if one.kind == "real" and not any(u in one.sentence for u in units)]
    assert silent == []
