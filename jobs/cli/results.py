"""`export`: getting results out."""

import os
from pathlib import Path
from typing import Annotated

import typer

from jobs.cli import options

ExportFormat = Annotated[
    str | None, typer.Option("--format", "-f", help="csv, parquet or jsonl; else by the file's ending.", metavar="NAME")
]
ExportOutput = Annotated[
    str, typer.Option("--output", "-o", help="The file to write; - is stdout.", metavar="FILE", show_default=False)
]
Table = Annotated[
    str,
    typer.Option(
        "--table",
        help="emotions, faces (with landmarks), frames, media_summary or problems, of this job.",
        metavar="NAME",
    ),
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
    force: Force = False,
    database: options.Database = None,
) -> None:
    """Write a job's results to a file: CSV, Parquet or JSON Lines, in constant memory."""
    from jobs.cli.output import say
    from jobs.cli.working import open_store, settings_of
    from jobs.export.files import export_job

    settings = settings_of(database)
    path = target(output, settings.database_url)
    with open_store(settings) as store:
        rows = export_job(store, store.jobs.find(job), table, form, path, force=force)
    say(f"{rows:,} rows written" + ("" if path is None else f": {path}"))


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
