"""`models` and `scorers`: what detects and scores, and whether it is here."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.cli import options

if TYPE_CHECKING:
    from workers.models.status import ModelStatus
    from workers.scoring.catalogue import ScorerCard

models = typer.Typer(help="The models: list, fetch, verify.", no_args_is_help=True)

Model = Annotated[str, typer.Argument(metavar="MODEL", help="A name from `moodreel models list`.", show_default=False)]
FromFile = Annotated[
    str | None,
    typer.Option("--from", metavar="FILE", help="Take it from a file, on a machine without a network."),
]
ToCheck = Annotated[
    str | None,
    typer.Option(
        "--check",
        metavar="NAME",
        help="Prove that this scorer keeps to what every scorer promises; exit status 1 where it does not.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(models, name="models")
    app.command()(scorers)


@models.command("list")
def list_models(as_json: options.Json = False) -> None:
    """List the models, and say whether each is here."""
    _show(_verify_all(), as_json=as_json)


@models.command()
def verify(as_json: options.Json = False) -> None:
    """Check every model that is here against its hash; exit status 1 where one is damaged."""
    from jobs.cli.output import say
    from workers.models.status import Presence

    statuses = _verify_all()
    _show(statuses, as_json=as_json)
    damaged = [one for one in statuses if one.presence is Presence.DAMAGED]
    for one in damaged:
        if one.problem is not None:
            say(f"{one.card.name}: {one.problem.reason}\nhint: {one.problem.hint}")
    if damaged:
        raise typer.Exit(1)


@models.command()
def fetch(model: Model, from_file: FromFile = None, quiet: options.Quiet = False) -> None:
    """Download a model that is not packaged, or take it from a file. Its hash is checked before it is used."""
    from jobs.cli.working import settings_of
    from workers.models.catalogue import cache_folder, card_of
    from workers.models.fetch import fetch as fetch_model
    from workers.models.fetch import unheard

    settings_of(None)
    card = card_of(model)
    source = None if from_file is None else Path(from_file)
    if quiet or not sys.stderr.isatty():
        path = fetch_model(card, cache_folder(), unheard, source)
    else:
        path = _with_bar(card.name, lambda heard: fetch_model(card, cache_folder(), heard, source))
    print(path)


def scorers(check: ToCheck = None, device: options.Device = None, as_json: options.Json = False) -> None:
    """List what can score faces, ours and those that other packages add; or prove one that runs here."""
    from jobs.cli.output import console, table, write_json
    from workers.scoring.catalogue import scorers as known

    if check is not None:
        _prove(check, device, as_json=as_json)
        return
    columns = ("name", "description", "model", "runs", "rate_per_s", "usd_per_1000")
    rows = [_row(card) for card in known().values()]
    if as_json:
        write_json([dict(zip(columns, row, strict=True)) for row in rows])
        return
    headings = ("scorer", "what it is", "model", "runs", "calls a second", "USD for 1000 calls")
    shown = [(*row[:4], *(None if number is None else f"{number:g}" for number in row[4:])) for row in rows]
    console().print(table(headings, shown, right=headings[4:]))


def _row(card: "ScorerCard") -> tuple[str, str, str | None, str, float | None, float | None]:
    """A scorer as it is listed; for a service, the rate of an ordinary account and the list price."""
    from workers.services.catalogue import service_card

    service = service_card(card.name)
    if service is None:
        return card.name, card.description, card.model, "here", None, None
    price = float(service.usd_per_1000)
    return card.name, card.description, card.model, "over the network", service.rate_per_s, price


def _prove(name: str, device: str | None, *, as_json: bool) -> None:
    from jobs.cli.output import console, printable, write_json
    from jobs.cli.working import settings_of
    from jobs.proof import prove
    from jobs.submit import require_device

    settings = settings_of(None, None, device)
    require_device(settings.device)
    outcomes = []
    for outcome in prove(name, settings):
        outcomes.append(outcome)
        if as_json:
            continue
        verdict, why = ("ok", "") if outcome.reason is None else ("broken", f": {printable(outcome.reason)}")
        console().print(f"{verdict:>6}  {outcome.promise}{why}")
    if as_json:
        write_json([{"promise": one.promise, "ok": one.reason is None, "reason": one.reason} for one in outcomes])
    if any(outcome.reason is not None for outcome in outcomes):
        raise typer.Exit(1)


def _verify_all() -> "list[ModelStatus]":
    from jobs.cli.working import settings_of
    from workers.models.status import verify_all

    settings_of(None)
    return verify_all()


def _show(statuses: "list[ModelStatus]", *, as_json: bool) -> None:
    from jobs.cli.output import console, table, write_json

    columns = ("model", "state", "purpose", "origin", "licence", "bytes", "sha256", "path")
    rows = [
        (
            one.card.name,
            one.presence.value,
            one.card.purpose,
            one.card.origin.value,
            one.card.licence,
            one.card.size,
            one.card.sha256,
            None if one.path is None else str(one.path),
        )
        for one in statuses
    ]
    if as_json:
        write_json([dict(zip(columns, row, strict=True)) for row in rows])
        return
    shown = [(*row[:5], f"{row[5]:,}", f"{row[6][:12]}...") for row in rows]
    console().print(table(columns[:7], shown, right=("bytes",)))


def _with_bar(name: str, work: "object") -> Path:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    assert callable(work)  # noqa: S101  narrows the type
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=None)
        path: Path = work(lambda done, total: bar.update(task, completed=done, total=total))
        return path
