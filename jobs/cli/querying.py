"""`query`, `schema`: asking in SQL, and what there is to ask."""

import itertools
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.cli import options
from jobs.cli.results import Force, target

if TYPE_CHECKING:
    from db.query_answer import QueryResult
    from workers.settings import Settings

TABLE_ROWS = 1000
"""A table on the screen holds this many rows; the other formats give all."""
QUERY_TIMEOUT = "5m"

Sql = Annotated[str, typer.Argument(metavar="SQL", help="One statement that reads; - reads it from stdin.")]
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
Timeout = Annotated[str, typer.Option("--timeout", help="Give up after this.", metavar="DURATION")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(query)
    app.command()(schema)


def query(
    statement: Sql,
    form: QueryFormat = None,
    output: QueryOutput = None,
    param: Param = None,
    timeout: Timeout = QUERY_TIMEOUT,
    force: Force = False,
    database: options.Database = None,
) -> None:
    """Ask the database in SQL. It cannot write: `moodreel schema` shows what there is to ask.

    Data are UTF-8 whatever the locale; binary values are shown in hexadecimal. JSON knows no infinity: it has null.
    """
    from db.query import open_query
    from jobs.cli.working import settings_of
    from jobs.export.files import write_query
    from jobs.parsing import parse_duration, parse_parameters
    from jobs.streams import data_in

    settings = settings_of(database)
    sql = data_in() if statement == "-" else statement
    path = target(output, settings.database_url)
    timeout_s = float(parse_duration(timeout))
    with open_query(query_url(settings), sql, parse_parameters(param or ()), timeout_s) as result:
        if path is None and form in (None, "table"):
            show_rows(result)
        else:
            write_query(result, form, path, force=force)


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
