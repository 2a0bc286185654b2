"""The answer of a query, or why it was refused: what both databases' readers give."""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from db.describe import described
from db.errors import QueryRefused

BATCH_ROWS = 1000
Batch = list[tuple[Any, ...]]

_UNKNOWN_NAME = re.compile(
    r"no such (?:column|table|function): (?:\w+\.)?\"?(\w+)"
    r"|(?:column|relation) \"?(?:\w+\.)?(\w+)\"? does not exist"
    r"|missing FROM-clause entry for table \"(\w+)\""
)


@dataclass(frozen=True, slots=True)
class QueryResult:
    """What a query gives: the names of its columns, and its rows in batches, which can be read once."""

    columns: tuple[str, ...]
    batches: Iterator[Batch]

    def __iter__(self) -> Iterator[Batch]:
        return self.batches


def refused(message: str, hint: str = "") -> QueryRefused:
    """Why a statement is refused; where it names something that is not there, the hint names what is near."""
    unknown = _UNKNOWN_NAME.search(message)
    name = next((part for part in unknown.groups() if part), None) if unknown else None
    return QueryRefused(message, hint or (_near(name) if name else "`moodreel schema` shows tables and columns"))


def _near(name: str) -> str:
    names = {relation.name for relation in described().values()}
    names |= {column.name for relation in described().values() for column in relation.columns}
    near = difflib.get_close_matches(name.lower(), sorted(names), n=3, cutoff=0.5)
    meant = f"did you mean {' or '.join(near)}? " if near else ""
    return f"{meant}`moodreel schema` shows tables and columns"
