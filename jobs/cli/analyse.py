"""`run`, `resume`, `retry`: the commands that analyse here and now, or go on with what was submitted."""

from typing import TYPE_CHECKING, NoReturn

import typer

from jobs.cli import options
from jobs.cli.asking import Asked, asks
from jobs.cli.working import Show, run_new, run_on, settings_of

if TYPE_CHECKING:
    from jobs.request import RunRequest
    from workers.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(run)
    app.command()(resume)
    app.command()(retry)


@asks
def run(
    asked: Asked,
    database: options.Database = None,
    workers: options.Workers = None,
    device: options.Device = None,
    dry_run: options.DryRun = False,
    profile: options.Profile = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Analyse photos and videos here and now, into a database.

    Exit status 1 says that some files failed: `moodreel query "SELECT * FROM problems"` tells which and why. What was
    analysed before is not analysed again, so an interrupted run goes on when it is run again.
    """
    from jobs.cli.summary import exit_code

    settings = settings_of(database, workers, device)
    request = asked.request(settings)
    if dry_run:
        dry_run_of(settings, request, quiet=quiet, as_json=as_json)
    raise typer.Exit(exit_code(run_new(settings, request, Show(quiet, as_json, profile))))


def resume(
    job: options.Job,
    watch: options.Watch = False,
    rate: options.Rate = None,
    max_calls: options.MaxCalls = None,
    max_cost: options.MaxCost = None,
    database: options.Database = None,
    workers: options.Workers = None,
    device: options.Device = None,
    profile: options.Profile = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Continue a job that was interrupted or cancelled: what is done stays done.

    What `run` began is analysed here; what `submit` began is walked to its end and left to the workers. A job that was
    stopped because its budget was spent goes on once --max-calls or --max-cost is raised.
    """
    from jobs.request import CallLimits

    settings = settings_of(database, workers, device)
    limits = CallLimits(rate, max_calls, max_cost)
    raise typer.Exit(run_on(settings, job, Show(quiet, as_json, profile, watch), limits=limits))


def retry(
    job: options.Job,
    watch: options.Watch = False,
    database: options.Database = None,
    workers: options.Workers = None,
    device: options.Device = None,
    profile: options.Profile = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Try once more what failed in a job, and only that: here, or by the workers if it was submitted."""
    settings = settings_of(database, workers, device)
    raise typer.Exit(run_on(settings, job, Show(quiet, as_json, profile, watch), only_failed=True))


def dry_run_of(settings: "Settings", request: "RunRequest", *, quiet: bool, as_json: bool) -> NoReturn:
    """Walk and probe, show what would be analysed, and end the command."""
    from jobs.cli.previews import show_dry_run
    from jobs.embedded import preview
    from jobs.progress import progress
    from jobs.prospect import estimate_of

    with progress(quiet=quiet, as_json=as_json) as display, preview(settings, request, display) as plan:
        show_dry_run(plan, estimate_of(plan, settings, request), json=as_json)
        raise typer.Exit(1 if plan.counts.files_failed else 0)
