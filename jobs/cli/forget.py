"""`forget`: recordings and all that was derived from them taken out again, once it is clear which are meant."""

import os
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.cli import options
from jobs.words import numbered

if TYPE_CHECKING:
    from db.forget import Forgotten
    from db.forget_find import Selection
    from db.store import Store

What = Annotated[
    str,
    typer.Argument(
        metavar="PATH|MEDIA|JOB",
        help="A file or folder, as seen from here or as `path` in the results; a SHA-256 or media id; or a job.",
        show_default=False,
    ),
]


def forget(
    what: What, yes: options.Yes = False, database: options.Database = None, as_json: options.Json = False
) -> None:
    """Take recordings and all that was derived from them out again, from every job that holds them.

    A folder means everything below it. A recording goes under each of its names, copies in other folders too.
    Afterwards the database file is rewritten, so that its unused parts hold nothing of them either. The recordings
    themselves, exports and backups are yours to delete.
    """
    from jobs.cli.output import say, write_json
    from jobs.cli.working import open_store, settings_of

    with open_store(settings_of(database)) as store:
        selection = _meant(store, what)
        _confirm(selection.what, store.forgetting.preview(selection), yes=yes)
        gone = store.forgetting.forget(selection)
        if as_json:
            write_json({"what": selection.what} | asdict(gone))
        say(f"forgotten: {selection.what}: {_in_words(gone)}")
        _scrub(store)


def _meant(store: "Store", what: str) -> "Selection":
    """What is to be forgotten: the path as seen from this folder, else what goes by that name in the database.

    What lies here but was never analysed is not taken for a file of the same name elsewhere.
    """
    from jobs.errors import UsageError
    from workers.urls import check_url, is_url

    if not what.strip():
        raise UsageError(
            "no name was given, so nothing is forgotten", "name a path, a media or a job; . is this folder"
        )
    name = os.fsencode(what)
    if is_url(name):
        url = os.fsdecode(check_url(name))
        return store.forgetting.at(url) or store.forgetting.find(url)
    here = os.path.abspath(what)  # noqa: PTH100  resolves `..`, which Path.absolute leaves
    return store.forgetting.at(here) or store.forgetting.find(what, shown=not os.path.lexists(here))


def _confirm(what: str, would_go: "Forgotten", *, yes: bool) -> None:
    from jobs.cli.output import say
    from jobs.errors import UsageError

    if yes:
        return
    say(f"{what}: {_in_words(would_go)}")
    if not sys.stdin.isatty():
        raise UsageError("nobody is there to confirm it", "add --yes to forget it without being asked")
    if not typer.confirm("Take this out for good?", err=True):
        raise typer.Exit(1)


def _scrub(store: "Store") -> None:
    from db.errors import DatabaseLocked
    from jobs.cli.output import say

    try:
        store.forgetting.scrub()
    except DatabaseLocked:
        say("the file's unused parts could not be rewritten: the database is in use")
        say("hint: `moodreel forget` anything else, or `sqlite3 FILE VACUUM`, once nothing uses it")


def _in_words(counts: "Forgotten") -> str:
    files = f"{numbered(counts.files, 'file')} in {numbered(counts.jobs, 'job')}"
    copies = f", {counts.elsewhere:,} of them elsewhere with the same content" if counts.elsewhere else ""
    said = f"{numbered(counts.media, 'recording')} ({files}{copies}), "
    said += f"{numbered(counts.frames, 'frame')}, {numbered(counts.faces, 'face')}"
    running = f"; {numbered(counts.running, 'segment')} in work, whose results will be refused"
    return said + (running if counts.running else "")
