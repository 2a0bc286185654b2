"""`export`: one table of one job, written as asked for."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from db.export import EVERYTHING, Choice, Export, open_export
from db.records import JobRecord
from db.states import JobState
from db.store import Store
from db.tracks import TrackStore
from jobs.errors import UsageError
from jobs.export.base import Batch, Field, Kind, Notes
from jobs.export.files import EXPORTS, chosen, copy, target, writer
from jobs.export.folder import FolderWriter, whole_folder
from jobs.export.readme import README, About, readme
from jobs.submit import program_version
from workers.analysis import AnalysisSpec

WITH_TRACKS = ("emotions", "faces", "track_summary")


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What is to be written, and where to."""

    path: Path | None
    """A file, or a folder where the choice is by media; None is stdout."""
    table: str = "emotions"
    form: str | None = None
    """None: as the file's ending says."""
    choice: Choice = EVERYTHING
    readme: bool = True
    """A page on the columns, beside a file, in a folder."""
    force: bool = False


def export_job(store: Store, job: JobRecord, asked: ExportRequest) -> int:
    """Write one table of one job; returns the number of rows. Raises UsageError, JobError, StoreError."""
    form = chosen(asked.form, EXPORTS, asked.path)
    if asked.choice.by_media and asked.path is None:
        raise UsageError("a folder does not go to stdout", "name one with --output")
    notes = _notes(job, asked)
    with open_export(store.engine, job.id, asked.table, asked.choice) as rows:
        about = About(asked.table, rows.sentence, _fields(rows), notes, form, asked.choice.by_media)
        return _write_folder(rows, about, asked) if asked.choice.by_media else _write_file(rows, about, asked)


def unfinished(store: Store, job: JobRecord, table: str) -> str:
    """What is still to come of a job that would show in this table, in words; nothing where it is finished."""
    left = store.jobs.counts(job.id).left
    parts = ["its folders are still walked"] if job.state is JobState.DISCOVERING else []
    parts += [f"{left:,} segments are still to be analysed"] if left else []
    untracked = _untracked(store, job) if table in WITH_TRACKS else 0
    parts += [f"{untracked:,} videos have no tracks yet"] if untracked else []
    return " and ".join(parts)


def _untracked(store: Store, job: JobRecord) -> int:
    from workers.tracking.tracker import REVISION

    return TrackStore(store.engine, store.patience_s).waiting(job.id, REVISION)


def _write_file(rows: Export, about: About, asked: ExportRequest) -> int:
    with target(asked.path, force=asked.force) as place, _beside(asked) as page:
        with writer(about.form, place, about.fields, about.notes) as into:
            count = copy(_tellable(rows, about), into)
        if page is not None:
            page.write_text(readme(about, count), "utf-8")
    return count


def _write_folder(rows: Export, about: About, asked: ExportRequest) -> int:
    assert asked.path is not None  # noqa: S101  refused before
    with whole_folder(asked.path, force=asked.force) as folder:
        with FolderWriter(folder, about.form, about.fields[1:], about.notes) as into:
            count = copy(rows, into)
        if asked.readme:
            (folder / README).write_text(readme(about, count), "utf-8")
    return count


@contextmanager
def _beside(asked: ExportRequest) -> Iterator[Path | None]:
    page = asked.path.with_name(f"{asked.path.name}.README.md") if asked.path and asked.readme else None
    with target(page, force=asked.force) as place:
        yield place


def _tellable(rows: Iterable[Batch], about: About) -> Iterator[Batch]:
    """The rows, refused where one column of text in CSV could not tell NULL from an empty text."""
    alone = about.form == "csv" and len(about.fields) == 1 and about.fields[0].kind in (Kind.TEXT, Kind.JSON)
    for batch in rows:
        if alone and (None,) in batch:
            what = f"a CSV of {about.fields[0].name} alone cannot tell NULL from an empty text"
            raise UsageError(what, "add a column to --columns, or take another --format")
        yield batch


def _fields(rows: Export) -> list[Field]:
    return [Field(column.name, Kind(column.kind), column.sentence) for column in rows.columns]


def _notes(job: JobRecord, asked: ExportRequest) -> Notes:
    """What a file says of itself. No time of writing: equal rows make equal files."""
    analysis = AnalysisSpec.from_json(json.loads(job.request_json)["analysis"])
    where = asked.choice.where
    return {
        "table": asked.table,
        "job": job.id,
        "job_name": job.name or "",
        "created_at": job.created_at,
        "program_version": job.program_version,
        "exported_by": program_version(),
        "sampling": str(analysis.sampling),
        "detector": analysis.detector.name,
        "detector_sha256": analysis.detector.model_sha256,
        "scorer": analysis.scorer.name,
        "scorer_sha256": analysis.scorer.model_sha256,
        "analysis": analysis.to_json(),
        **({} if where is None else {"where": where.sql}),
    }
