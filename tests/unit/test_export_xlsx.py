"""A workbook holds what was written: exact numbers, text as text whatever it looks like, NULL apart from nothing."""

import re
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import UsageError
from jobs.export import xlsx
from jobs.export.base import Field, Kind
from jobs.export.xlsx import CELL_UNITS, XlsxWriter

FIELDS = [Field("name", Kind.TEXT), Field("count", Kind.INTEGER), Field("share", Kind.REAL), Field("tags", Kind.JSON)]
NAMES = tuple(field.name for field in FIELDS)
NOTES = {"table": "faces", "job": "x", "created_at": "2026-01-01 10:00:00"}
EVIL = (
    "=1+1",
    '=cmd|" /C calc"!A0',
    "+1",
    "-1",
    "@SUM(1)",
    "\t=1",
    "{=1}",
    "http://example.org",
    "internal:a!b",
    "1.50",
)
ODD = ("", " ", "<r><t>a</t></r>", "_x0041_", "_x005F_", "a\r\nb", "\x01", "\uffff", "&amp;", "\u2028", "é😀", "TRUE")
text = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=8)
text |= st.sampled_from((*EVIL, *ODD))
whole = st.integers(-(2**63), 2**63 - 1)
real = st.floats(allow_nan=False, allow_infinity=False)
rows = st.lists(st.tuples(st.none() | text, st.none() | whole, st.none() | real, st.none() | text), max_size=6)
Rows = Sequence[tuple[Any, ...]]


def written(path: Path, table: Rows, fields: Sequence[Field] = FIELDS) -> Path:
    with XlsxWriter(path, fields, NOTES) as writer:
        writer.write(table[:3])
        writer.write(table[3:])
    return path


def sheet(path: Path, number: int = 1, width: int = len(FIELDS)) -> list[tuple[Any, ...]]:
    """The cells of a sheet as the file has them (ECMA-376): numbers unrounded, escapes undone, None for no cell."""
    with zipfile.ZipFile(path) as parts:
        root = ElementTree.fromstring(parts.read(f"xl/worksheets/sheet{number}.xml"))  # noqa: S314  we wrote it
    return [tuple(_cells(row, width)) for row in root.findall(".//{*}row")]


def _cells(row: ElementTree.Element, width: int) -> Iterator[Any]:
    there = {re.sub(r"\d", "", str(cell.get("r"))): _value(cell) for cell in row.findall("{*}c")}
    yield from (there.get(chr(ord("A") + at)) for at in range(width))


def _value(cell: ElementTree.Element) -> Any:
    assert cell.find("{*}f") is None, "a formula"
    if len(cell) == 0:
        return None
    if cell.get("t") == "inlineStr":
        return re.sub(r"_x([0-9A-F]{4})_", lambda found: chr(int(found[1], 16)), cell.findtext("{*}is/{*}t") or "")
    number = cell.findtext("{*}v") or ""
    return int(number) if re.fullmatch(r"-?\d+", number) else float(number)


def in_cells(table: Rows) -> list[tuple[Any, ...]]:
    """Whole numbers that a sheet would round stand as text."""
    return [tuple(str(one) if isinstance(one, int) and abs(one) > 2**53 else one for one in row) for row in table]


@given(rows)
def test_a_sheet_reads_back_exactly(table: Rows) -> None:
    with tempfile.TemporaryDirectory() as folder:
        header, *read = sheet(written(Path(folder) / "a.xlsx", table))
        assert list(Path(folder).iterdir()) == [Path(folder) / "a.xlsx"]
    assert header == NAMES
    assert list(map(repr, read)) == list(map(repr, in_cells(table)))


def test_text_that_looks_like_a_formula_is_text_to_who_opens_it(tmp_path: Path) -> None:
    table = [(one, None, None, one) for one in EVIL]
    book = openpyxl.load_workbook(written(tmp_path / "a.xlsx", table))
    cells = [cell for row in book["faces"].iter_rows(min_row=2) for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} == {"s"}
    assert [cell.value for cell in cells] == [one for one in EVIL for _ in range(2)]
    assert not any(cell.hyperlink for cell in cells)
    book.close()


def test_rows_beyond_a_sheet_go_on_in_the_next_under_the_same_header(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xlsx, "SHEET_ROWS", 4)
    path = written(tmp_path / "a.xlsx", [("a", number, 0.5, None) for number in range(7)])
    assert openpyxl.load_workbook(path).sheetnames == ["faces", "faces 2", "faces 3", "about"]
    assert [len(sheet(path, number)) for number in (1, 2, 3)] == [4, 4, 2]
    assert [row[1] for number in (1, 2, 3) for row in sheet(path, number)[1:]] == list(range(7))
    assert {sheet(path, number)[0] for number in (1, 2, 3)} == {NAMES}


def test_a_full_sheet_is_followed_by_no_empty_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx, "SHEET_ROWS", 4)
    path = written(tmp_path / "a.xlsx", [("a", number, 0.5, None) for number in range(3)])
    assert openpyxl.load_workbook(path).sheetnames == ["faces", "about"]


@pytest.mark.parametrize("long", ["a" * (CELL_UNITS + 1), "😀" * (CELL_UNITS // 2 + 1)])
def test_a_text_that_no_cell_holds_is_refused_rather_than_lost(long: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="name has a text longer than the 32,767 letters") as refused:
        written(tmp_path / "a.xlsx", [(long, 1, 0.5, None)])
    assert "--columns" in refused.value.hint
    assert [path for path in tmp_path.iterdir() if path.name != "a.xlsx"] == []
    kept = long[: -2 if long[0] == "a" else -1]
    assert sheet(written(tmp_path / "b.xlsx", [(kept, 1, 0.5, None)]))[1][0] == kept


def test_the_last_sheet_says_what_the_workbook_is_and_what_its_columns_hold(tmp_path: Path) -> None:
    fields = [Field("track", Kind.INTEGER, "One continuous appearance.")]
    path = written(tmp_path / "a.xlsx", [(1,), (2,)], fields)
    assert sheet(path, 2, 2) == [*NOTES.items(), ("track", "One continuous appearance.")]


def test_equal_rows_make_equal_workbooks(tmp_path: Path) -> None:
    first, second = (written(tmp_path / name, [("a", 1, 0.5, "{}")]) for name in ("a.xlsx", "b.xlsx"))
    assert first.read_bytes() == second.read_bytes()
