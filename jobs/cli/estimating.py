"""`estimate`: what a run would cost. Walks and probes as a run does, analyses nothing, calls nobody, writes nothing."""

from typing import Annotated

import typer

from jobs.cli import options
from jobs.cli.asking import Asked, asks
from jobs.cli.working import settings_of

FacesPerFrame = Annotated[
    float,
    typer.Option(
        "--faces-per-frame",
        help="Faces to reckon with in a frame that nobody has looked at; those that an analysis has found are counted.",
        min=0.0,
        max=1000.0,
        metavar="FACES",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(estimate)


@asks
def estimate(
    asked: Asked,
    faces_per_frame: FacesPerFrame = 1.0,
    database: options.Database = None,
    workers: options.Workers = None,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Say what a run would cost: files, frames, faces, calls, time at the rate, money.

    Files are walked and probed, nothing is analysed, no service is called, nothing is written. Without a look at the
    pictures nobody knows how many faces they hold: where the database holds an analysis that finds the same faces (by
    `--scorer none`, say, which costs nothing) its counts are used, elsewhere --faces-per-frame.
    """
    from jobs.cli.previews import show_estimate
    from jobs.embedded import preview
    from jobs.progress import progress
    from jobs.prospect import estimate_of

    settings = settings_of(database, workers)
    request = asked.request(settings)
    with progress(quiet=quiet, as_json=as_json) as display, preview(settings, request, display) as plan:
        show_estimate(plan, estimate_of(plan, settings, request, faces_per_frame), json=as_json)
        raise typer.Exit(1 if plan.counts.files_failed else 0)
