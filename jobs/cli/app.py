"""The commands, gathered: each group lives in a file of its own."""

import typer

from jobs.cli import (
    analyse,
    annotating,
    database,
    estimating,
    exploring,
    fleet,
    jobs,
    models,
    querying,
    reporting,
    results,
    serving,
    tracking,
    upkeep,
)
from jobs.cli.options import Version
from workers.knobs import KNOBS

_SETTINGS = "Settings, as variables or in moodreel.toml: " + ", ".join(knob.variable for knob in KNOBS.values()) + "."
_EXITS = (
    "Exit codes: 0 all well; 1 finished, but some files failed; 2 bad usage or settings; "
    "3 a database cannot be reached, or a disk is full; 130 interrupted, and resumable."
)

app = typer.Typer(
    help="Point it at folders of photos and videos: every face's emotions end in a SQL database.",
    epilog=f"{_SETTINGS}\n\n{_EXITS}",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _program(version: Version = False) -> None:
    """Point it at folders of photos and videos: every face's emotions end in a SQL database."""


for group in (
    analyse,
    estimating,
    fleet,
    jobs,
    querying,
    exploring,
    results,
    reporting,
    annotating,
    models,
    serving,
    tracking,
    upkeep,
):
    group.register(app)
app.add_typer(database.app, name="db")
