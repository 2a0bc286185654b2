"""`export`: getting results out."""

import os
from pathlib import Path
from typing import Annotated

import typer

from jobs.cli import options

TIMEOUT = "1h"

ExportFormat = Annotated[
    str | None,
    typer.Option("--format", "-f", help="csv, parquet, jsonl or xlsx; else by the file's ending.", metavar="NAME"),
]
ExportOutput = Annotated[
    str,
    typer.Option(
        "--output",
        "-o",
        help="The file to write, or the folder with --partition-by; - is stdout.",
        metavar="FILE",
        show_default=False,
    ),
]
Table = Annotated[
    str,
    typer.Option(
        "--table",
        help="emotions, faces (with landmarks), frames, media_summary, track_summary, timeline (by the second), "
        "group_timeline or problems, of this job.",
        metavar="NAME",
    ),
]
Where = Annotated[
    str | None,
    typer.Option(
        "--where",
        help="Only rows for which this holds, in SQL: \"dominant = 'anger' AND confidence > 0.9\".",
        metavar="CONDITION",
    ),
]
Columns = Annotated[
    str | None,
    typer.Option(
        "--columns", help="Only these columns of the table, in this order: path,time_s,valence.", metavar="NAMES"
    ),
]
PartitionBy = Annotated[
    str | None,
    typer.Option(
        "--partition-by",
        help="media: a folder with one file a recording, which DuckDB and Spark read as one table.",
        metavar="COLUMN",
    ),
]
NoReadme = Annotated[bool, typer.Option("--no-readme", help="Write no page on the columns and their units beside it.")]
Timeout = Annotated[
    str,
    typer.Option("--timeout", help="Give up --where once the database has worked for this long.", metavar="DURATION"),
]
Force = Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(export)


def export(
    job: options.Job,
    output: ExportOutput,
    form: ExportFormat = None,
    table: Table = "emotions",
    where: Where = None,
    columns: Columns = None,
    partition_by: PartitionBy = None,
    no_readme: NoReadme = False,
    timeout: Timeout = TIMEOUT,
    force: Force = False,
    database: options.Database = None,
) -> None:
    """Write a job's results to a file: CSV, Parquet, JSON Lines or an Excel workbook, in constant memory.

    `moodreel schema` shows what --where may name; it cannot write, no more than `moodreel query` can.
    """
    from db.export import Choice, Condition
    from jobs.cli.output import say
    from jobs.cli.querying import query_url
    from jobs.cli.working import open_store, settings_of
    from jobs.export.job import ExportRequest, export_job, unfinished
    from jobs.parsing import parse_duration

    settings = settings_of(database)
    path = target(output, settings.database_url)
    timeout_s = float(parse_duration(timeout))
    condition = None if where is None else Condition(where, query_url(settings), timeout_s)
    choice = Choice(_names(columns), condition, _by_media(partition_by))
    asked = ExportRequest(path, table, form, choice, not no_readme, force)
    with open_store(settings) as store:
        found = store.jobs.find(job)
        left = unfinished(store, found, table)
        if left:
            say(f"note: {left}; what is there by now is exported")
        rows = export_job(store, found, asked)
    say(f"{rows:,} rows written" + ("" if path is None else f": {path}"))


def _names(columns: str | None) -> tuple[str, ...]:
    from jobs.errors import UsageError

    names = () if columns is None else tuple(name.strip() for name in columns.split(","))
    if not all(names) or columns == "":
        raise UsageError("--columns names no column", "list them with commas: path,time_s,valence")
    return names


def _by_media(partition_by: str | None) -> bool:
    from jobs.errors import UsageError

    if partition_by not in (None, "media"):
        raise UsageError(f"an export is not parted by {partition_by!r}", "--partition-by media: one file a recording")
    return partition_by is not None


def target(output: str | None, database_url: str) -> Path | None:
    """The file that is meant; None is stdout. Raises UsageError for the database itself: --force would end it."""
    from db.engine import file_of
    from jobs.errors import UsageError

    if output is None or output == "-":
        return None
    path, file = Path(output), file_of(database_url)
    if file is not None and os.path.realpath(path) == os.path.realpath(file):
        raise UsageError(f"{path} is the database itself", "name another file")
    return path
