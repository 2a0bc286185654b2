"""The answer of a query, or why it was refused: what both databases' readers give."""

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from db.describe import described
from db.errors import QueryRefused
from db.query_params import Value

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


Run = Callable[[str, Mapping[str, Value]], QueryResult]
"""Runs one statement that reads, with a value for each `:name` in it. Raises QueryRefused."""


def refused(message: str, hint: str = "") -> QueryRefused:
    """Why a statement is refused; where it names something that is not there, the hint names what is near."""
    name = unknown_name(message)
    return QueryRefused(message, hint or f"{meant(name, _known_names())}`moodreel schema` shows tables and columns")


def unknown_name(message: str) -> str | None:
    """The name that a database complains not to know."""
    unknown = _UNKNOWN_NAME.search(message)
    return next((part for part in unknown.groups() if part), None) if unknown else None


def meant(name: str | None, known: Iterable[str]) -> str:
    """`did you mean ...? `, where something known is near."""
    near = difflib.get_close_matches((name or "").lower(), sorted(known), n=3, cutoff=0.5)
    return f"did you mean {' or '.join(near)}? " if near else ""


def _known_names() -> set[str]:
    names = {relation.name for relation in described().values()}
    return names | {column.name for relation in described().values() for column in relation.columns}
