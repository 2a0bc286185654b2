"""`moodreel explore`: the database in a browser, by Datasette (https://datasette.io), to be read and nothing else.

Datasette opens the file read-only and serves this machine alone. Views come first, each column with its sentence; the
tables that they are made of are a click away. Saved queries stand beside them.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from db.describe import Relation, describe
from db.query_params import spelled
from db.query_saved import SavedParam, SavedQuery

if TYPE_CHECKING:
    from workers.services.listening import Asgi

HOST = "127.0.0.1"
_OUR_NAMES = ("127.0.0.1", "localhost")
TIME_LIMIT_MS = 60_000
"""For one statement: a page of a view over a million faces takes longer than the second that Datasette would give."""
SETTINGS = {
    "sql_time_limit_ms": TIME_LIMIT_MS,
    "facet_time_limit_ms": 2_000,
    "allow_download": False,  # the whole file, with everybody in it
    "suggest_facets": False,  # which would try every column of a view, each time anew
}
FACETS = {
    "emotions": ("dominant",),
    "job_emotions": ("job_name", "dominant"),
    "job_frames": ("job_name", "status"),
    "frames": ("status",),
    "media_summary": ("kind", "state"),
    "problems": ("scope", "code"),
    "tag_timeline": ("tag", "value", "stimulus"),
    "group_timeline": ("tag", "value", "stimulus", "measure"),
    "track_summary": ("dominant",),
}
_JOB = "(SELECT id FROM job WHERE :job IN ('', 'latest', name, id) ORDER BY id DESC LIMIT 1)"
_JOB_HERE = "Its name or whole id, here; empty: the newest."


def explorer(file: Path, saved: Iterable[SavedQuery]) -> "Asgi":
    """The application that shows an SQLite file."""
    import rich
    from datasette.app import Datasette

    rich.reconfigure(quiet=True)  # where Datasette would print pages of traceback for each mistake in somebody's SQL
    shown = Datasette([str(file)], metadata=describing(file, saved), settings=SETTINGS)
    return only_from_here(shown.app())


def shown_queries(saved: Iterable[SavedQuery]) -> tuple[list[SavedQuery], list[str]]:
    """Those that can be shown, and why others are not: of two with one name the first is, and ours come first."""
    shown: dict[str, SavedQuery] = {}
    left_out = []
    for one in saved:
        if one.trouble or one.name in shown:
            why = one.trouble or f"there is another @{one.name}"
            left_out.append(f"{one.origin} is left out: {why}")
        else:
            shown[one.name] = one
    return list(shown.values()), left_out


def only_from_here(app: "Asgi") -> "Asgi":
    """`app` for who calls it by a name of this machine: a page from elsewhere cannot have its own name lead here."""

    async def guarded(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or _is_ours(dict(scope["headers"]).get(b"host", b"")):
            await app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"this server is for its own machine\n"})

    return guarded


def _is_ours(host: bytes) -> bool:
    return host.decode("latin-1").rpartition(":")[0] in _OUR_NAMES or host.decode("latin-1") in _OUR_NAMES


def describing(file: Path, saved: Iterable[SavedQuery]) -> dict[str, Any]:
    """What Datasette is told: sentences, facets, hidden tables, saved queries."""
    database = {
        "description": "Start with the view emotions, or with a saved query below. Tables are hidden, not gone.",
        "tables": {relation.name: _relation(relation) for relation in describe()}
        | {"sqlite_sequence": {"hidden": True}},
        "queries": {one.name: _canned(one) for one in saved},
    }
    return {
        "title": f"Moodreel: {file.name}",
        "description": "What faces show, not what people feel. Nothing can be changed here.",
        "databases": {file.stem: database},
    }


def _relation(relation: Relation) -> dict[str, Any]:
    told: dict[str, Any] = {
        "description": relation.sentence,
        "columns": {column.name: column.sentence for column in relation.columns},
        "hidden": relation.kind == "table",
    }
    return told | ({"facets": list(FACETS[relation.name])} if relation.name in FACETS else {})


def _canned(saved: SavedQuery) -> dict[str, Any]:
    params = {param.name: param for param in saved.params}
    statement = "\n".join(line for line in saved.sql.splitlines() if not line.startswith("--"))
    return {
        "title": f"{saved.name}: {saved.title}" if saved.title else saved.name,
        "description": " ".join(map(_spoken, saved.params)),
        "sql": spelled(statement, lambda name: _defaulted(name, params)),
        "params": list(params),
    }


def _spoken(param: SavedParam) -> str:
    if param.name == "job":
        return f"job: {_JOB_HERE}"
    return f"{param.name}: {param.sentence}" + (f" Empty: {param.default}." if param.default else "")


def _defaulted(name: str, params: Mapping[str, SavedParam]) -> str:
    """An input that is left empty arrives as empty text: it means the default."""
    param = params[name]
    if name == "job":
        return _JOB
    if param.default is None:
        return f":{name}"
    default = param.default if param.default.startswith("'") else "'" + param.default.replace("'", "''") + "'"
    filled = f"coalesce(nullif(:{name}, ''), {default})"
    return f"CAST({filled} AS NUMERIC)" if param.is_number else filled
