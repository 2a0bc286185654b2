"""The views that people query: dropped before a migration, made again after it."""

import re
from importlib.resources import files

from sqlalchemy.engine import Connection

_VIEW = re.compile(r"CREATE VIEW (\w+) AS\n(.*?);\n", re.DOTALL)
_FILES = ("views.sql", "views_time.sql")


def definitions() -> dict[str, str]:
    """The statement of every view by its name, in the order they are made."""
    text = "".join((files("db") / name).read_text("utf-8") for name in _FILES)
    return {match[1]: match[0].rstrip().rstrip(";") for match in _VIEW.finditer(text)}


def create_views(connection: Connection) -> None:
    """Make every view."""
    for statement in definitions().values():
        connection.exec_driver_sql(statement)


def drop_views(connection: Connection) -> None:
    """Drop every view, if it is there."""
    for name in reversed(definitions()):
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS {name}")
