"""`moodreel db`: the database itself."""

from pathlib import Path
from typing import Annotated

import typer

from jobs.cli import options

app = typer.Typer(help="The database itself: upgrade, back up.", no_args_is_help=True)

Target = Annotated[str, typer.Argument(metavar="FILE", help="Where the copy goes.", show_default=False)]


@app.command()
def upgrade(database: options.Database = None) -> None:
    """Bring a database of an older Moodreel to this version. An SQLite file is backed up first."""
    from db.engine import dispose, open_engine, sqlite_file
    from db.migrate import check_file
    from db.migrate import upgrade as bring_up
    from jobs.cli.output import say
    from jobs.cli.working import settings_of
    from jobs.lock import run_lock

    engine = open_engine(settings_of(database).database_url)
    try:
        check_file(engine, create=False)  # the lock would make the folder of a name that is wrong
        with run_lock(sqlite_file(engine)):
            kept = bring_up(engine)
    finally:
        dispose(engine)
    say("the database is of this version" + (f"; the old one is kept as {kept}" if kept else ""))


@app.command()
def backup(target: Target, database: options.Database = None) -> None:
    """Write a whole copy of an SQLite database, also while a run works on it."""
    from db.migrate import backup as copy
    from jobs.cli.output import say
    from jobs.cli.working import open_store, settings_of

    with open_store(settings_of(database)) as store:
        copy(store.engine, Path(target))
    say(f"written: {target}")
