"""`query`, `schema`: asking in SQL, and what there is to ask."""

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.cli import options
from jobs.cli.results import Force, target

if TYPE_CHECKING:
    from db.query_answer import QueryResult
    from db.query_saved import SavedQuery
    from jobs.saved import Question
    from workers.settings import Settings

TABLE_ROWS = 1000
"""A table on the screen holds this many rows; the other formats give all."""
QUERY_TIMEOUT = "5m"

Sql = Annotated[
    str | None,
    typer.Argument(
        metavar="SQL|@NAME",
        help="One statement that reads; - reads it from stdin; @NAME is a saved query.",
        show_default=False,
    ),
]
QueryFormat = Annotated[
    str | None,
    typer.Option(
        "--format",
        "-f",
        help="table (on the screen alone), csv, json, jsonl or parquet; else by the file's ending.",
        metavar="NAME",
    ),
]
QueryOutput = Annotated[
    str | None, typer.Option("--output", "-o", help="The file to write; - is stdout.", metavar="FILE")
]
Param = Annotated[
    list[str] | None,
    typer.Option(
        "--param",
        help="A value for :name in the statement: a number if written like one (3, 0.5), else text; "
        "in single quotes always text. Repeatable.",
        metavar="NAME=VALUE",
    ),
]
List = Annotated[
    bool, typer.Option("--list", help="Show the saved queries, or with @NAME what one takes, gives and runs.")
]
Timeout = Annotated[str, typer.Option("--timeout", help="Give up after this.", metavar="DURATION")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(query)
    app.command()(schema)


def query(
    statement: Sql = None,
    form: QueryFormat = None,
    output: QueryOutput = None,
    param: Param = None,
    timeout: Timeout = QUERY_TIMEOUT,
    force: Force = False,
    listing: List = False,
    database: options.Database = None,
) -> None:
    """Ask the database in SQL. It cannot write: `moodreel schema` shows what there is to ask.

    @NAME is a saved query: one of those that --list shows, or NAME.sql of yours in the folder `queries`, here or in
    that of your settings (~/.config/moodreel on Linux). Where one takes a job, it is `latest` unless --param says.

    Data are UTF-8 whatever the locale; binary values are shown in hexadecimal. JSON knows no infinity: it has null.
    """
    from db.query import open_query
    from jobs.cli.working import settings_of
    from jobs.export.files import write_query
    from jobs.parsing import parse_duration, parse_parameters
    from jobs.streams import data_in

    if listing:
        _show_saved(statement, as_json=form == "json")
        return
    settings = settings_of(database)
    path = target(output, settings.database_url)
    timeout_s = float(parse_duration(timeout))
    text = data_in() if statement == "-" else statement
    question = _question(query_url(settings), text, parse_parameters(param or ()))
    with open_query(query_url(settings), question.sql, question.params, timeout_s) as result:
        if path is None and form in (None, "table"):
            show_rows(result)
        else:
            write_query(result, form, path, force=force)


def _question(url: str, text: str | None, given: Mapping[str, str]) -> "Question":
    """What is asked: a statement as it stands, or a saved query with its values. Raises UsageError, QueryRefused."""
    from db.query_saved import all_saved
    from jobs.cli.working import PATIENCE_S
    from jobs.errors import UsageError
    from jobs.saved import Question, folders, saved_question

    if text is None:
        raise UsageError("what is the question?", "give one statement, or a saved query (`moodreel query --list`)")
    if text.startswith("@"):
        return saved_question(url, text[1:].strip(), given, PATIENCE_S)
    if text in {saved.name for saved in all_saved(folders())}:
        raise UsageError(f"{text} is no SQL", f"did you mean the saved query @{text}?")
    return Question(text, given)


def _show_saved(name: str | None, *, as_json: bool) -> None:
    from dataclasses import asdict

    from db.query_saved import all_saved, find_saved
    from jobs.cli.output import console, table, write_json
    from jobs.saved import folders

    wanted = all_saved(folders()) if name is None else [find_saved(name.removeprefix("@"), folders())]
    if as_json:
        write_json([asdict(saved) for saved in wanted])
    elif name is None:
        lines = [(f"@{one.name}", one.trouble or one.title, _spoken(one), one.origin) for one in wanted]
        console().print(table(("query", "answers", "parameters", "from"), lines))
    else:
        _show_one(wanted[0])


def _spoken(saved: "SavedQuery") -> str:
    """The parameters in short; one without a default has to be given."""
    return ", ".join(one.name if one.default is None else f"{one.name}={one.default}" for one in saved.params)


def _show_one(saved: "SavedQuery") -> None:
    from jobs.cli.output import console, table

    out = console()
    out.print(f"@{saved.name}: {saved.title}")
    params = [(one.name, "must be given" if one.default is None else one.default, one.sentence) for one in saved.params]
    out.print(table(("parameter", "default", "meaning"), params))
    out.print(table(("column", "meaning"), saved.columns))
    out.print()
    out.print("\n".join(line for line in saved.sql.splitlines() if not line.startswith("--")))


def schema(as_json: options.Json = False) -> None:
    """Show the tables and views, what each column holds, and in which unit."""
    from db.describe import describe
    from jobs.cli.output import console, table, write_json

    relations = describe()
    if as_json:
        write_json([relation.as_json() for relation in relations])
        return
    out = console()
    for relation in relations:
        out.print(f"{relation.name} ({relation.kind}): {relation.sentence}")
        out.print(table(("column", "type", "meaning"), [(c.name, c.type, c.sentence) for c in relation.columns]))
        if relation.example:
            out.print(f"for example: {relation.example}")
        out.print()


def query_url(settings: "Settings") -> str:
    """The database as `query` logs in to it."""
    return settings.query_database_url or settings.database_url


def show_rows(result: "QueryResult") -> None:
    """A table of the first rows."""
    from jobs.cli.output import console, say, table
    from jobs.export.text import cell

    first = itertools.islice(itertools.chain.from_iterable(result), TABLE_ROWS + 1)
    rows = [tuple(map(cell, row)) for row in first]
    numbers = [name for at, name in enumerate(result.columns) if all(_is_number(row[at]) for row in rows)]
    console().print(table(result.columns, rows[:TABLE_ROWS], right=numbers))
    if len(rows) > TABLE_ROWS:
        say(f"only the first {TABLE_ROWS:,} rows are shown; --format csv gives all")


def _is_number(value: object) -> bool:
    return value is None or isinstance(value, int | float)
