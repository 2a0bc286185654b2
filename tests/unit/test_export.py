"""What is exported reads back exactly, and a file appears whole or not at all."""

import csv
import errno
import io
import json
import math
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import ExitCode, JobError, UsageError
from jobs.export import parquet
from jobs.export.base import Field, Kind, whole_file
from jobs.export.parquet import ParquetWriter, infer_fields, typed
from jobs.export.text import CsvWriter, JsonLinesWriter, JsonWriter

FIELDS = [Field("name", Kind.TEXT), Field("count", Kind.INTEGER), Field("share", Kind.REAL), Field("tags", Kind.JSON)]
NAMES = [field.name for field in FIELDS]
text = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=8)
whole = st.integers(-(2**63), 2**63 - 1)
real = st.floats(allow_nan=False, allow_infinity=False)
tags = st.dictionaries(text, text, max_size=2).map(lambda value: json.dumps(value, ensure_ascii=False))
rows = st.lists(st.tuples(st.none() | text, st.none() | whole, st.none() | real, st.none() | tags), max_size=12)
Rows = Sequence[tuple[Any, ...]]


def in_two_batches(writer: Any, table: Rows) -> None:
    with writer:
        writer.write(table[:5])
        writer.write(table[5:])


@given(rows)
def test_parquet_reads_back_exactly(table: Rows) -> None:
    sink = io.BytesIO()
    in_two_batches(ParquetWriter(sink, FIELDS, {"job": "x"}), table)
    read = pq.read_table(io.BytesIO(sink.getvalue()))
    assert read.column_names == NAMES
    assert [tuple(row.values()) for row in read.to_pylist()] == list(table)
    assert read.schema.metadata[b"moodreel.job"] == b"x"


@given(rows)
def test_csv_reads_back_exactly_as_text(table: Rows) -> None:
    stream = io.StringIO(newline="")
    in_two_batches(CsvWriter(stream, FIELDS), table)
    header, *lines = csv.reader(io.StringIO(stream.getvalue(), newline=""))
    assert header == NAMES
    assert lines == [["" if cell is None else str(cell) for cell in row] for row in table]
    assert [float(line[2]) for line in lines if line[2]] == [row[2] for row in table if row[2] is not None]


def cells(document: str) -> list[list[str | None]]:
    """The cells of a CSV, None for those that are empty and not quoted."""
    quoted = re.compile(r'"((?:[^"]|"")*)"|([^",\n]*)')
    lines: list[list[str | None]] = [[]]
    at = 0
    while at < len(document):
        found = quoted.match(document, at)
        assert found is not None
        bare = found[2] or None
        lines[-1].append(bare if found[1] is None else found[1].replace('""', '"'))
        if document[found.end()] == "\n":
            lines.append([])
        at = found.end() + 1
    return lines[:-1]


@given(rows)
def test_csv_keeps_null_apart_from_an_empty_text(table: Rows) -> None:
    stream = io.StringIO(newline="")
    in_two_batches(CsvWriter(stream, FIELDS), table)
    _, *lines = cells(stream.getvalue())
    assert lines == [[None if cell is None else str(cell) for cell in row] for row in table]
    makers = (str, int, float, str)
    read = [
        tuple(None if cell is None else make(cell) for make, cell in zip(makers, line, strict=True)) for line in lines
    ]
    assert read == list(table)


def test_a_carriage_return_alone_is_quoted_and_a_row_of_one_null_is_no_empty_line() -> None:
    stream = io.StringIO(newline="")
    with CsvWriter(stream, FIELDS[:1]) as writer:
        writer.write([("a\rb",), (None,), ("=1",)])
    assert stream.getvalue() == 'name\n"a\rb"\n""\n=1\n'


@given(rows)
def test_json_lines_and_json_read_back_exactly_with_tags_as_objects(table: Rows) -> None:
    expected = [
        dict(zip(NAMES, (*row[:3], None if row[3] is None else json.loads(row[3])), strict=True)) for row in table
    ]
    lines, whole_document = io.StringIO(), io.StringIO()
    in_two_batches(JsonLinesWriter(lines, FIELDS), table)
    in_two_batches(JsonWriter(whole_document, FIELDS), table)
    # Lines end in a newline only: other separators that Python knows may stand within a string.
    assert [json.loads(line) for line in lines.getvalue().split("\n") if line] == expected
    assert json.loads(whole_document.getvalue()) == expected


def test_parquet_is_typed_has_text_in_dictionaries_and_says_what_columns_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "ROW_GROUP", 10)
    sink = io.BytesIO()
    fields = [Field("path", Kind.TEXT), Field("time_s", Kind.REAL, "Seconds.")]
    with ParquetWriter(sink, fields, {}) as writer:
        for start in range(0, 25, 5):
            writer.write([("a.mp4", float(number)) for number in range(start, start + 5)])
    file = pq.ParquetFile(io.BytesIO(sink.getvalue()))
    groups = [file.metadata.row_group(number) for number in range(file.num_row_groups)]
    assert [group.num_rows for group in groups] == [10, 10, 5]
    assert {group.column(0).compression for group in groups} == {"ZSTD"}
    assert "RLE_DICTIONARY" in groups[0].column(0).encodings
    assert "RLE_DICTIONARY" not in groups[0].column(1).encodings
    assert file.schema_arrow.field("time_s").metadata[b"description"] == b"Seconds."
    assert [str(kind) for kind in file.schema_arrow.types] == ["string", "double"]


def test_the_kinds_of_a_free_query_follow_from_its_rows() -> None:
    table = [(1, 1, "a", None, 1.5), (2, 2.5, 3, None, None)]
    kinds = [field.kind for field in infer_fields("abcde", table)]
    assert kinds == [Kind.INTEGER, Kind.REAL, Kind.TEXT, Kind.TEXT, Kind.REAL]


def test_a_column_that_mixes_kinds_is_text_and_numbers_too_great_for_their_kind_are_too() -> None:
    table = [(1, 2**53 + 1, 2**63, None), ("a", 0.5, 1, True)]
    fields = infer_fields("abcd", table)
    sink = io.BytesIO()
    in_two_batches(ParquetWriter(sink, fields, {}), typed(fields, table))
    assert pq.read_table(io.BytesIO(sink.getvalue())).to_pydict() == {
        "a": ["1", "a"],
        "b": [float(2**53 + 1), 0.5],
        "c": [str(2**63), "1"],
        "d": [None, 1],
    }


def test_json_has_null_for_what_is_no_number_and_an_escape_for_half_a_letter() -> None:
    stream = io.StringIO()
    fields = [Field("a", Kind.REAL), Field("b", Kind.REAL), Field("c", Kind.TEXT)]
    with JsonWriter(stream, fields) as writer:
        writer.write([(math.inf, math.nan, "\ud800")])
    encoded = stream.getvalue().encode("utf-8", "backslashreplace")
    assert json.loads(encoded, parse_constant=pytest.fail) == [{"a": None, "b": None, "c": "\ud800"}]


def test_half_an_answer_is_no_json_document() -> None:
    stream = io.StringIO()
    with pytest.raises(ZeroDivisionError), JsonWriter(stream, FIELDS) as writer:
        writer.write([("a", 1, 0.5, None)])
        raise ZeroDivisionError
    with pytest.raises(json.JSONDecodeError):
        json.loads(stream.getvalue())


def test_a_file_is_not_replaced_unless_asked(tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    target.write_text("mine")
    with pytest.raises(UsageError, match="exists already") as refused, whole_file(target, force=False):
        pass
    assert "--force" in refused.value.hint
    with whole_file(target, force=True) as partial:
        partial.write_text("new")
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_that_could_not_be_finished_leaves_nothing_behind(tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    with pytest.raises(ZeroDivisionError), whole_file(target, force=False) as partial:
        partial.write_text("half")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_a_folder_or_a_place_that_does_not_exist_is_refused_with_a_hint(tmp_path: Path) -> None:
    for target in (tmp_path, tmp_path / "no" / "out.csv"):
        with pytest.raises(UsageError) as refused, whole_file(target, force=True):
            pass
        assert refused.value.hint


def a_device(path: Path) -> None:
    path.symlink_to(os.devnull)


@pytest.mark.parametrize("make", [os.mkfifo, a_device])
def test_what_is_no_plain_file_is_never_replaced(make: Callable[[Path], None], tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    make(target)
    with pytest.raises(UsageError, match="no plain file"), whole_file(target, force=True):
        pass
    assert not target.is_file()
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_is_written_through(exists: bool, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    real, link = tmp_path / "elsewhere" / "real.csv", tmp_path / "out.csv"
    link.symlink_to(real)
    if exists:
        real.write_text("old")
    with whole_file(link, force=exists) as partial:
        partial.write_text("new")
    assert link.is_symlink()
    assert real.read_text() == "new"


def test_a_full_disk_is_no_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(JobError) as full, whole_file(tmp_path / "out.csv", force=False):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert full.value.exit_code == ExitCode.UNAVAILABLE
    assert full.value.hint
    assert list(tmp_path.iterdir()) == []
