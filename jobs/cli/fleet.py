"""`submit`, `worker`, `reaper`: the commands of a fleet."""

import os
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from jobs.cli import options
from jobs.cli.analyse import dry_run_of
from jobs.cli.asking import Asked, asks
from jobs.cli.queueing import require_celery, submit_new
from jobs.cli.working import Show, settings_of
from workers.knobs import knob

if TYPE_CHECKING:
    from workers.settings import Settings

CHECKED_S = 30.0
PATIENCE_S = 5.0

Check = Annotated[
    bool, typer.Option("--check", help="Only say whether one on this machine reported lately: exit status 0 or 3.")
]
Concurrency = Annotated[
    int | None,
    typer.Option("--concurrency", "-c", help=knob("workers").option_help, metavar="N", min=1, max=256),
]
Queue = Annotated[
    Literal["cpu", "api"],
    typer.Option("--queue", metavar="cpu|api", help="cpu: what is analysed here; api: what services are called for."),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(submit)
    app.command()(worker)
    app.command()(reaper)


@asks
def submit(
    asked: Asked,
    database: options.Database = None,
    workers: options.Workers = None,
    dry_run: options.DryRun = False,
    watch: options.Watch = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Queue photos and videos for the workers of a fleet, and print the job's id.

    Files are committed as they are found and workers begin at once. Killed half-way, `moodreel resume` goes on.
    """
    settings = settings_of(database, workers)
    require_celery()
    request = asked.request(settings, fleet=True)
    if dry_run:
        dry_run_of(settings, request, quiet=quiet, as_json=as_json)
    raise typer.Exit(submit_new(settings, request, Show(quiet, as_json, watch=watch)))


def worker(
    concurrency: Concurrency = None,
    queue: Queue = "cpu",
    database: options.Database = None,
    device: options.Device = None,
    rate: options.Rate = None,
    check: Check = False,
) -> None:
    """Analyse what was submitted, until told to stop.

    A Celery worker with the right settings, and the reaper's loop in it. SIGTERM or Ctrl-C lets it finish what it has
    in hand, for 20 seconds at most; a second Ctrl-C gives that back at once. Nothing is lost either way.
    """
    settings = settings_of(database, concurrency, device, rate)
    if check:
        _check(settings, "worker", reapers=False)
    from workers.roots import fleet_roots

    roots = fleet_roots(settings)
    require_celery()
    from jobs.cli.output import say
    from jobs.discover import show
    from jobs.submit import require_device
    from workers.app import shown_broker, work

    require_device(settings.device)
    mounts = ", ".join(f"{root} at {show(folder)}" for root, folder in roots.folders.items())
    say(f"worker of {settings.workers} on queue {queue}: {mounts}; bells from {shown_broker(settings)}")
    if os.geteuid() == 0:
        say("warning: it runs as root; an ordinary account is enough")
    raise typer.Exit(work(settings, settings.workers, queue))


def reaper(database: options.Database = None, check: Check = False) -> None:
    """Look after what no worker has in hand: leases that ran out, lost messages. Each worker does it as well."""
    settings = settings_of(database)
    if check:
        _check(settings, "reaper", reapers=True)
    from workers.roots import require_servers

    require_servers(settings)
    require_celery()
    from jobs.reaping import reap

    reap(settings)


def _check(settings: "Settings", what: str, *, reapers: bool) -> None:
    import socket

    from db.fleet import FleetStore
    from jobs.cli.output import say
    from jobs.cli.working import open_store
    from jobs.errors import ExitCode
    from workers.roots import require_servers

    require_servers(settings)
    with open_store(settings) as store:
        heard = FleetStore(store.engine, PATIENCE_S).heard_on(socket.gethostname(), CHECKED_S, reapers=reapers)
    say(f"a {what} on this machine {'reported' if heard else 'has not reported'} within {CHECKED_S:.0f} s")
    raise typer.Exit(ExitCode.OK if heard else ExitCode.UNAVAILABLE)
