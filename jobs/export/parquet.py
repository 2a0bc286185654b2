"""Parquet: typed columns, text dictionary-encoded, compressed with zstd, a row group every 100,000 rows or so."""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.export.base import Batch, Field, Kind, Notes

ROW_GROUP = 100_000
_INT64 = 2**63
_TYPES = {Kind.TEXT: pa.string(), Kind.JSON: pa.string(), Kind.INTEGER: pa.int64(), Kind.REAL: pa.float64()}


class ParquetWriter:
    """A Parquet file; `notes` go into its metadata under `moodreel.`, what a column holds into that of the column."""

    def __init__(self, sink: "Path | IO[bytes]", fields: Sequence[Field], notes: Notes) -> None:
        self._fields = fields
        metadata = {f"moodreel.{key}": value for key, value in notes.items()}
        self._schema = pa.schema([_arrow_field(field) for field in fields], metadata)
        text = [field.name for field in fields if field.kind in (Kind.TEXT, Kind.JSON)]
        self._writer = pq.ParquetWriter(sink, self._schema, compression="zstd", use_dictionary=text)
        self._batches: list[Any] = []
        self._waiting = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if error is None:
            self._flush()
        self._writer.close()

    def write(self, rows: Batch) -> None:
        """Write some rows; they are kept as Arrow until a row group is full."""
        if not rows:
            return
        columns = [
            pa.array(column, type=kind)
            for column, kind in zip(zip(*rows, strict=True), self._schema.types, strict=True)
        ]
        self._batches.append(pa.record_batch(columns, schema=self._schema))
        self._waiting += len(rows)
        if self._waiting >= ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        table = pa.Table.from_batches(self._batches, schema=self._schema)
        if table.num_rows:
            self._writer.write_table(table, row_group_size=max(ROW_GROUP, table.num_rows))
        self._batches, self._waiting = [], 0


def _arrow_field(field: Field) -> Any:
    about = {"description": field.sentence} if field.sentence else None
    return pa.field(field.name, _TYPES[field.kind], metadata=about)


def infer_fields(names: Sequence[str], rows: Batch) -> list[Field]:
    """Kinds for the columns of a free query, from all its rows: whole numbers, numbers, else text."""
    return [Field(name, _kind([row[at] for row in rows])) for at, name in enumerate(names)]


def typed(fields: Sequence[Field], rows: Batch) -> Batch:
    """The rows with every value of the kind of its column: a database may mix them."""
    makers = [_MAKERS[field.kind] for field in fields]
    return [
        tuple(None if value is None else make(value) for make, value in zip(makers, row, strict=True)) for row in rows
    ]


_MAKERS: dict[Kind, Callable[[Any], Any]] = {Kind.TEXT: str, Kind.JSON: str, Kind.INTEGER: int, Kind.REAL: float}


def _kind(values: list[Any]) -> Kind:
    known = {type(value) for value in values if value is not None}
    if not known or not known <= {int, bool, float}:
        return Kind.TEXT
    if float not in known:
        return Kind.INTEGER if all(value is None or -_INT64 <= value < _INT64 for value in values) else Kind.TEXT
    return Kind.REAL
