"""From rows in the database to a file or stdout, in the format asked for."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from db.export import open_export
from db.records import JobRecord
from db.store import Store
from jobs.errors import UsageError
from jobs.export.base import Batch, Field, Kind, Notes, TableWriter, whole_file
from jobs.export.text import CsvWriter, JsonLinesWriter, JsonWriter, cell
from jobs.streams import data_out
from workers.analysis import AnalysisSpec

if TYPE_CHECKING:
    from db.query_answer import QueryResult

EXPORTS = ("csv", "parquet", "jsonl")
QUERIES = (*EXPORTS, "json")
_ENDINGS = {
    ".csv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
}


def export_job(store: Store, job: JobRecord, table: str, form: str | None, path: Path | None, *, force: bool) -> int:
    """Write one table of one job; returns the number of rows. Raises UsageError, JobError, StoreError."""
    form = _chosen(form, EXPORTS, path)
    with open_export(store.engine, job.id, table) as rows:
        fields = [Field(column.name, Kind(column.kind)) for column in rows.columns]
        with _target(path, force) as target, _writer(form, target, fields, _notes(job, table)) as writer:
            return _copy(rows, writer)


def write_query(result: "QueryResult", form: str | None, path: Path | None, *, force: bool) -> None:
    """Write what a query gives. Parquet needs all rows to know its types; the text formats stream."""
    form = _chosen(form, QUERIES, path)
    if form != "csv":
        _refuse_twins(result.columns)
    batches: Iterable[Batch] = ([tuple(map(cell, row)) for row in batch] for batch in result)
    fields = [Field(name, Kind.TEXT) for name in result.columns]
    if form == "parquet":
        from jobs.export.parquet import infer_fields, typed

        everything = [row for batch in batches for row in batch]
        fields = infer_fields(result.columns, everything)
        batches = [typed(fields, everything)]
    with _target(path, force) as target, _writer(form, target, fields, {}) as writer:
        _copy(batches, writer)


def _copy(batches: Iterable[Batch], writer: TableWriter) -> int:
    count = 0
    for batch in batches:
        writer.write(batch)
        count += len(batch)
    return count


def _refuse_twins(names: Sequence[str]) -> None:
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        raise UsageError(f"two columns are called {twins[0]!r}", "name them apart: SELECT a AS x, b AS y")


def _chosen(form: str | None, known: Sequence[str], path: Path | None) -> str:
    if form == "table":
        raise UsageError("a table is for the screen", f"add --format with one of: {', '.join(known)}")
    if form is not None and form not in known:
        raise UsageError(f"there is no format {form!r}", f"add --format with one of: {', '.join(known)}")
    if form is None:
        form = "csv" if path is None else _ENDINGS.get(path.suffix.lower(), "")
        if form not in known:
            what = f"{str(path)!r} does not say which format is meant"
            raise UsageError(what, f"add --format with one of: {', '.join(known)}")
    if form == "parquet" and path is None:
        raise UsageError("Parquet does not go to stdout", "name a file with --output")
    return form


@contextmanager
def _target(path: Path | None, force: bool) -> Iterator[Path | None]:
    if path is None:
        yield None
        return
    with whole_file(path, force=force) as partial:
        yield partial


@contextmanager
def _writer(form: str, path: Path | None, fields: Sequence[Field], notes: Notes) -> Iterator[TableWriter]:
    if form == "parquet":
        from jobs.export.parquet import ParquetWriter

        assert path is not None  # noqa: S101  refused before
        with ParquetWriter(path, fields, notes) as parquet:
            yield parquet
        return
    kinds: dict[str, Any] = {"csv": CsvWriter, "jsonl": JsonLinesWriter, "json": JsonWriter}
    if path is None:
        with kinds[form](data_out(), fields) as writer:
            yield writer
        return
    # A lone surrogate can only stand in a string, where its escape is JSON too.
    with (
        path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as stream,
        kinds[form](stream, fields) as writer,
    ):
        yield writer


def _notes(job: JobRecord, table: str) -> Notes:
    analysis = AnalysisSpec.from_json(json.loads(job.request_json)["analysis"])
    return {
        "table": table,
        "job": job.id,
        "job_name": job.name or "",
        "created_at": job.created_at,
        "program_version": job.program_version,
        "analysis": analysis.to_json(),
    }
