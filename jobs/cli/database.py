"""`moodreel db`: the database itself."""

import typer

app = typer.Typer(help="The database itself: upgrade, back up.", no_args_is_help=True)
