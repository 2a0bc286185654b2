"""CSV, JSON Lines and JSON: a row at a time, nothing held back."""

import json
import math
import re
from collections.abc import Sequence
from types import TracebackType
from typing import IO, Any, Self

from jobs.export.base import Batch, Field, Kind


class CsvWriter:
    """CSV in UTF-8 with a header line (RFC 4180, lines end in a bare newline). NULL is an empty cell, an empty text is
    a quoted one: `""`. In a table of one column NULL is quoted too, since readers pass over empty lines.
    """

    def __init__(self, stream: IO[str], fields: Sequence[Field]) -> None:
        self._stream = stream
        self._null = "" if len(fields) > 1 else _EMPTY
        self._stream.write(self._line([field.name for field in fields]))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._stream.flush()

    def write(self, rows: Batch) -> None:
        """Write some rows. Floats are written so that they read back exactly."""
        self._stream.write("".join(map(self._line, rows)))

    def _line(self, row: Sequence[Any]) -> str:
        return ",".join([self._null if value is None else _csv_cell(value) for value in row]) + "\n"


_EMPTY = '""'
_TO_QUOTE = re.compile(r'[",\r\n]|\A\Z')


def _csv_cell(value: Any) -> str:
    if not isinstance(value, str):
        return str(value)
    return '"' + value.replace('"', _EMPTY) + '"' if _TO_QUOTE.search(value) else value


class JsonLinesWriter:
    """One JSON object a row, in UTF-8; columns of JSON become part of it, infinity and NaN, which JSON lacks, null."""

    def __init__(self, stream: IO[str], fields: Sequence[Field]) -> None:
        self._stream = stream
        self._names = [field.name for field in fields]
        self._nested = [at for at, field in enumerate(fields) if field.kind is Kind.JSON]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._stream.flush()

    def write(self, rows: Batch) -> None:
        """Write some rows."""
        for row in rows:
            self._stream.write(self._object(row) + "\n")

    def _object(self, row: Sequence[Any]) -> str:
        values: list[Any] = [None if isinstance(value, float) and not math.isfinite(value) else value for value in row]
        for at in self._nested:
            values[at] = None if values[at] is None else json.loads(values[at])
        return json.dumps(dict(zip(self._names, values, strict=True)), ensure_ascii=False, default=str)


class JsonWriter(JsonLinesWriter):
    """One JSON array of objects."""

    def __init__(self, stream: IO[str], fields: Sequence[Field]) -> None:
        super().__init__(stream, fields)
        self._separator = "["

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if error is None:  # half an answer must not read as a whole one
            self._stream.write("[]\n" if self._separator == "[" else "\n]\n")
        super().__exit__(kind, error, tb)

    def write(self, rows: Batch) -> None:
        """Write some rows."""
        for row in rows:
            self._stream.write(f"{self._separator}\n  {self._object(row)}")
            self._separator = ","


def cell(value: Any) -> Any:
    """A value of any database column as people read it: bytes in hexadecimal."""
    return value.hex() if isinstance(value, bytes | memoryview) else value
