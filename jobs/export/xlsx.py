"""An Excel workbook, row by row in constant memory: text that stays text, numbers that read back exactly."""

import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from jobs.errors import UsageError
from jobs.export.base import Batch, Field, Notes

try:
    import xlsxwriter
    from xlsxwriter.exceptions import XlsxWriterException
    from xlsxwriter.worksheet import Worksheet
except ImportError as error:
    raise UsageError("Excel workbooks need another library", "pip install 'moodreel[xlsx]'") from error

SHEET_ROWS = 1_048_576
"""What a sheet holds, the header included."""
CELL_UNITS = 32_767
"""What a cell holds, in UTF-16."""
_EXACT = 2**53
_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}


class XlsxWriter:
    """A workbook with as many sheets as the rows need, and `notes` on the last one."""

    def __init__(self, path: Path, fields: Sequence[Field], notes: Notes) -> None:
        self._fields = fields
        self._notes = notes
        # Each sheet is gathered in a file of its own: where the workbook is to be, since there must be room.
        self._gathered = tempfile.TemporaryDirectory(prefix=".moodreel-", dir=path.parent)
        self._book = xlsxwriter.Workbook(str(path), _OPTIONS | {"tmpdir": self._gathered.name})
        self._book.use_zip64()
        if "created_at" in notes:  # else the moment of writing, and equal rows would not make equal files
            self._book.set_properties({"created": datetime.fromisoformat(notes["created_at"])})
        self._plain = self._book.add_format()
        self._sheets = 0
        self._next_sheet()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        with self._gathered:
            if error is None:
                self._write_notes()
                self._close()
                return
            with suppress(Exception):  # what is half written is thrown away; only its files are to be closed
                self._close()

    def write(self, rows: Batch) -> None:
        """Write some rows. Raises UsageError for a text that no cell holds."""
        for row in rows:
            if self._at == SHEET_ROWS:
                self._next_sheet()
            known = [(column, value) for column, value in enumerate(row) if value is not None]
            for column, value in known:
                self._cell(column, value)
            if not known:  # a row without a cell would not be one
                self._sheet.write_blank(self._at, 0, None, self._plain)
            self._at += 1

    def _next_sheet(self) -> None:
        self._sheets += 1
        name = self._notes.get("table", "rows")
        self._sheet = self._book.add_worksheet(name if self._sheets == 1 else f"{name} {self._sheets}", _PlainSheet)
        self._sheet.freeze_panes(1, 0)
        for column, field in enumerate(self._fields):
            self._sheet.write_string(0, column, field.name)
        self._at = 1

    def _cell(self, column: int, value: Any) -> None:
        if isinstance(value, int) and abs(value) > _EXACT:
            value = str(value)
        if isinstance(value, str):
            if len(value) > CELL_UNITS // 2 and _units(value) > CELL_UNITS:
                what = (
                    f"{self._fields[column].name} has a text longer than the {CELL_UNITS:,} letters that a cell holds"
                )
                raise UsageError(what, "leave it out with --columns, or take another --format")
            self._sheet.write_string(self._at, column, value)
        else:
            self._sheet.write_number(self._at, column, _Exact(value) if isinstance(value, float) else value)

    def _write_notes(self) -> None:
        sheet = self._book.add_worksheet("about", _PlainSheet)
        columns = ((field.name, field.sentence) for field in self._fields)
        for at, (name, text) in enumerate((*self._notes.items(), *columns)):
            sheet.write_string(at, 0, name)
            sheet.write_string(at, 1, text[: CELL_UNITS // 2])

    def _close(self) -> None:
        try:
            self._book.close()
        except XlsxWriterException as error:
            raise error.args[0] if error.args and isinstance(error.args[0], OSError) else error from error


class _Exact(float):
    """A number that is written with all its digits: the library would write sixteen."""

    def __format__(self, _spec: str) -> str:
        return float.__repr__(self)


class _PlainSheet(Worksheet):  # type: ignore[misc]  # the library has no types
    """A sheet on which text is text: the library takes what stands between <r> and </r> for markup of its own."""

    def _xml_rich_inline_string(self, string: str, attributes: Any) -> None:
        write: Callable[..., None] = self._xml_inline_string
        write(string, True, attributes)


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
