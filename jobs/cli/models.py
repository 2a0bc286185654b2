"""`models` and `scorers`: what detects and scores, and whether it is here."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.cli import options

if TYPE_CHECKING:
    from workers.models.status import ModelStatus

models = typer.Typer(help="The models: list, fetch, verify.", no_args_is_help=True)

Model = Annotated[str, typer.Argument(metavar="MODEL", help="A name from `moodreel models list`.", show_default=False)]
FromFile = Annotated[
    str | None,
    typer.Option("--from", metavar="FILE", help="Take it from a file, on a machine without a network."),
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


def scorers(as_json: options.Json = False) -> None:
    """List what can score faces, ours and those that other packages add."""
    from jobs.cli.output import console, table, write_json
    from workers.scoring.catalogue import scorers as known

    rows = [(card.name, card.description, card.model) for card in known().values()]
    if as_json:
        write_json([dict(zip(("name", "description", "model"), row, strict=True)) for row in rows])
        return
    console().print(table(("scorer", "what it is", "model"), rows))


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
