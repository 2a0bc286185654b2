"""From rows to a file or stdout, in the format asked for."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.errors import UsageError
from jobs.export.base import Batch, Field, Kind, Notes, TableWriter, whole_file
from jobs.export.text import CsvWriter, JsonLinesWriter, JsonWriter, cell
from jobs.streams import data_out

if TYPE_CHECKING:
    from db.query_answer import QueryResult

EXPORTS = ("csv", "parquet", "jsonl", "xlsx")
QUERIES = ("csv", "parquet", "jsonl", "json")
BINARY = {"parquet": "Parquet", "xlsx": "an Excel workbook"}
_ENDINGS = {
    ".csv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".xlsx": "xlsx",
}


def write_query(result: "QueryResult", form: str | None, path: Path | None, *, force: bool) -> None:
    """Write what a query gives. Parquet needs all rows to know its types; the text formats stream."""
    form = chosen(form, QUERIES, path)
    if form != "csv":
        _refuse_twins(result.columns)
    batches: Iterable[Batch] = ([tuple(map(cell, row)) for row in batch] for batch in result)
    fields = [Field(name, Kind.TEXT) for name in result.columns]
    if form == "parquet":
        from jobs.export.parquet import infer_fields, typed

        everything = [row for batch in batches for row in batch]
        fields = infer_fields(result.columns, everything)
        batches = [typed(fields, everything)]
    with target(path, force=force) as place, writer(form, place, fields, {}) as into:
        copy(batches, into)


def copy(batches: Iterable[Batch], into: TableWriter) -> int:
    """Write every row; how many there were."""
    count = 0
    for batch in batches:
        into.write(batch)
        count += len(batch)
    return count


def _refuse_twins(names: Sequence[str]) -> None:
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        raise UsageError(f"two columns are called {twins[0]!r}", "name them apart: SELECT a AS x, b AS y")


def chosen(form: str | None, known: Sequence[str], path: Path | None) -> str:
    """The format that is meant. Raises UsageError for one that is not known or cannot go there."""
    if form == "table":
        raise UsageError("a table is for the screen", f"add --format with one of: {', '.join(known)}")
    if form is not None and form not in known:
        raise UsageError(f"there is no format {form!r}", f"add --format with one of: {', '.join(known)}")
    if form is None:
        form = "csv" if path is None else _ENDINGS.get(path.suffix.lower(), "")
        if form not in known:
            what = f"{str(path)!r} does not say which format is meant"
            raise UsageError(what, f"add --format with one of: {', '.join(known)}")
    if form in BINARY and path is None:
        raise UsageError(f"{BINARY[form]} does not go to stdout", "name a file with --output")
    return form


@contextmanager
def target(path: Path | None, *, force: bool) -> Iterator[Path | None]:
    """A path to write to that becomes `path` once the body is done; None is stdout."""
    if path is None:
        yield None
        return
    with whole_file(path, force=force) as partial:
        yield partial


@contextmanager
def writer(form: str, path: Path | None, fields: Sequence[Field], notes: Notes) -> Iterator[TableWriter]:
    """A writer of `form` into the file, or to stdout."""
    if form in BINARY:
        assert path is not None  # noqa: S101  refused before
        with _binary(form)(path, fields, notes) as made:
            yield made
        return
    kinds: dict[str, Any] = {"csv": CsvWriter, "jsonl": JsonLinesWriter, "json": JsonWriter}
    if path is None:
        with kinds[form](data_out(), fields) as made:
            yield made
        return
    # A lone surrogate can only stand in a string, where its escape is JSON too.
    with (
        path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as stream,
        kinds[form](stream, fields) as made,
    ):
        yield made


def _binary(form: str) -> Callable[[Path, Sequence[Field], Notes], AbstractContextManager[TableWriter]]:
    if form == "parquet":
        from jobs.export.parquet import ParquetWriter

        return ParquetWriter
    from jobs.export.xlsx import XlsxWriter

    return XlsxWriter
