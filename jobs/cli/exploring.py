"""`explore`: the database in a browser."""

from typing import TYPE_CHECKING, Annotated

import typer

from jobs.cli import options

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    from workers.services.listening import Asgi

Port = Annotated[
    int, typer.Option("--port", help="Port to listen at; 0: a free one.", min=0, max=65535, metavar="PORT")
]
NoBrowser = Annotated[bool, typer.Option("--no-browser", help="Only say the address.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(explore)


def explore(port: Port = 0, no_browser: NoBrowser = False, database: options.Database = None) -> None:
    """Look at an SQLite database in a browser: views, saved queries, facets. Nothing can be changed there.

    It serves this machine alone, until Ctrl-C.
    """
    from db.query_saved import all_saved
    from jobs.cli.output import say
    from jobs.cli.working import settings_of
    from jobs.explore import HOST, explorer, shown_queries
    from jobs.saved import folders
    from workers.services.listening import listen

    settings = settings_of(database)
    file = _file(settings.database_url)
    _require_datasette()
    _require_current(settings.database_url)
    queries, left_out = shown_queries(all_saved(folders()))
    for why in left_out:
        say(f"warning: {why}")
    app = explorer(file, queries)
    with listen(HOST, port) as listening:
        _serve(app, listening, file, browse=not no_browser)


def _file(url: str) -> "Path":
    from db.engine import file_of
    from jobs.errors import UsageError

    file = file_of(url)
    if file is None:
        raise UsageError(
            "explore shows SQLite files, and this is a PostgreSQL database",
            "use `moodreel query`, psql, or any database browser as the login of MOODREEL_QUERY_DATABASE_URL",
        )
    return file.absolute()


def _require_datasette() -> None:
    from importlib.util import find_spec

    from jobs.errors import UsageError

    if find_spec("datasette") is None:
        raise UsageError("explore needs datasette", "pip install 'moodreel[explore]'")


def _require_current(url: str) -> None:
    """That the file is a database of this version. Also rolls back what a killed writer left half-written."""
    from db.engine import dispose, open_engine
    from db.migrate import prepare

    engine = open_engine(url)
    try:
        prepare(engine, create=False)
    finally:
        dispose(engine)


def _serve(app: "Asgi", listening: "socket.socket", file: "Path", *, browse: bool) -> None:
    import threading
    import webbrowser

    from jobs.cli.output import say
    from workers.services.listening import run, url_of

    def ready() -> None:
        url = url_of(listening)
        say(f"{file.name} at {url}, for this machine alone, until Ctrl-C")
        if browse:  # some browsers hold whoever opens them
            threading.Thread(target=webbrowser.open, args=[url], daemon=True).start()

    run(app, listening, ready)
