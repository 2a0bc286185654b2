"""What a person means to be forgotten: a place, a path as it is shown, a content. Nothing is taken out here.

A path is shown relative to what was named on the command line, so two folders can hold the same one. Whoever forgets
must not take another person's recording: a shown path that fits several places is refused.
"""

import os
import re
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from db.errors import Ambiguous
from db.places import at, below, shown_at, shown_below
from db.schema import job_file, media
from db.text import storable

NAMED_PLACES = 5
_SHA256 = re.compile(r"[0-9a-f]{8,64}")
_URL = re.compile(r"[a-z][a-z0-9]*://")
_MEDIA_ID = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Selection:
    """What is to be forgotten; made by `ForgetStore.find`."""

    what: str
    """For people: a file, everything below a folder, a media or a job, and its name."""
    job_id: str | None = None
    files: "sa.ColumnElement[bool] | None" = None
    """Which rows of job_file."""
    media: "sa.ColumnElement[bool] | None" = None
    """Which rows of media."""


def by_place(connection: Connection, path: str) -> Selection | None:
    """What lies at or below a URL, or an absolute path (`..` and repeated slashes are resolved); None for others."""
    if _URL.match(path):
        name = path.rstrip("/")
    elif path.startswith("/"):
        name = "/" + os.path.normpath(path).lstrip("/")
    else:
        return None
    raw = os.fsencode(name)
    return _selected(connection, name, at(raw), below(raw))


def by_shown(connection: Connection, path: str) -> Selection | None:
    """What is shown under a path. Raises Ambiguous, naming the places, where those are several."""
    if not path:
        return None
    name = os.path.normpath(path)
    here, under = shown_at(name), shown_below(name)
    # A file that was named itself is shown by its whole path: that is one place.
    roots = sa.select(job_file.c.root).where(here | under, job_file.c.relative != b"").distinct()
    found = connection.execute(roots.order_by(job_file.c.root).limit(NAMED_PLACES + 1)).scalars().all()
    places = [os.path.join(os.fsdecode(root), name) for root in map(bytes, found)]  # noqa: PTH118  may be no text
    if len(places) > 1:
        more = ["..."] if len(places) > NAMED_PLACES else []
        raise Ambiguous(
            f"{path!r} is in several places: {', '.join(places[:NAMED_PLACES] + more)}", "name one of them in full"
        )
    selection = _selected(connection, places[0] if places else name, here, under)
    return selection or _selected_media(connection, f"media {name}", media.c.path == storable(name))


def by_content(connection: Connection, reference: str) -> list[Selection]:
    """The recordings of this media id or SHA-256 (or the beginning of one)."""
    ways = []
    if _SHA256.fullmatch(reference):
        ways.append(media.c.sha256.startswith(reference))
    if _MEDIA_ID.fullmatch(reference):
        ways.append(media.c.id == int(reference))
    found = (_selected_media(connection, f"media {reference}", where) for where in ways)
    return [selection for selection in found if selection]


def _selected(
    connection: Connection, name: str, here: "sa.ColumnElement[bool]", under: "sa.ColumnElement[bool]"
) -> Selection | None:
    if _any(connection, job_file, under):
        return Selection(f"everything below {name}", files=here | under)
    return Selection(f"file {name}", files=here) if _any(connection, job_file, here) else None


def _selected_media(connection: Connection, name: str, where: "sa.ColumnElement[bool]") -> Selection | None:
    return Selection(name, media=where) if _any(connection, media, where) else None


def _any(connection: Connection, table: sa.Table, where: "sa.ColumnElement[bool]") -> bool:
    return connection.execute(sa.select(sa.literal(1)).select_from(table).where(where).limit(1)).first() is not None
