"""A service may give a face neither confidence nor landmarks: what it does not say is NULL to the end, never 0."""

import csv
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pyarrow.parquet as pq
import pytest

from db.export import open_export
from db.records import Face, Frame, SegmentCommit, SegmentOutcome
from db.schema import LANDMARKS as NAMES
from db.states import SegmentState
from db.store import Store
from jobs.export.base import Field, Kind, TableWriter
from jobs.export.parquet import ParquetWriter
from jobs.export.text import CsvWriter
from tests.support.dbmaking import HAPPY, LANDMARKS, admit, photo, rows, some_face, start

BARE = Face(1.25, 2.5, 30.0, 40.0, None, None, HAPPY)
UNSAID = ("confidence", *NAMES)


def commit(store: Store, *faces: Face) -> SegmentOutcome:
    """A photo with these faces."""
    admit(store, start(store), photo("a.jpg"))
    (claimed,) = store.segments.claim("w", 60, 1)
    return store.segments.commit([SegmentCommit(claimed.fence, (Frame(0, 0.0, faces),))])[0]


def test_what_a_service_does_not_say_of_a_face_is_null(store: Store) -> None:
    assert commit(store, BARE, some_face()).accepted
    assert rows(store, "SELECT box_x, confidence, dominant FROM emotions ORDER BY face") == [
        (1.25, None, "happiness"),
        (1.5, 0.9, "happiness"),
    ]
    assert rows(store, f"SELECT {', '.join(NAMES)} FROM face ORDER BY face") == [(None,) * 10, LANDMARKS]


def export(store: Store, writer: Callable[[Sequence[Field]], TableWriter]) -> None:
    """The faces of the newest job, written as an export writes them."""
    with (
        open_export(store.engine, store.jobs.find("latest").id, "faces") as found,
        writer([Field(column.name, Kind(column.kind)) for column in found.columns]) as target,
    ):
        for batch in found:
            target.write(batch)


def test_it_is_an_empty_cell_of_csv_and_null_in_parquet(store: Store) -> None:
    commit(store, BARE, some_face())
    text, table = io.StringIO(newline=""), io.BytesIO()
    export(store, lambda fields: CsvWriter(text, fields))
    export(store, lambda fields: ParquetWriter(table, fields, {}))
    bare, whole = csv.DictReader(io.StringIO(text.getvalue(), newline=""))
    assert {bare[name] for name in UNSAID} == {""}
    assert [float(whole[name]) for name in UNSAID] == [0.9, *LANDMARKS]
    bare, whole = pq.read_table(io.BytesIO(table.getvalue())).to_pylist()
    assert {bare[name] for name in UNSAID} == {None}
    assert [whole[name] for name in UNSAID] == [0.9, *LANDMARKS]


@pytest.mark.parametrize("changes", [{"confidence": math.nan}, {"landmarks": (*LANDMARKS[:9], math.inf)}])
def test_what_it_does_say_must_be_numbers(store: Store, changes: dict[str, Any]) -> None:
    assert commit(store, replace(BARE, **changes)).state == SegmentState.FAILED
