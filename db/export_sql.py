"""What exports are read with: statements, and how numbers and ids are written in them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from db.describe import Described


@dataclass(frozen=True, slots=True)
class Statement:
    """Gives rows of a table with all its columns; `order` is what they are to be ordered by."""

    rows: str
    order: str


@dataclass(frozen=True, slots=True)
class Source:
    """One table of one job: `statements`, in turn, give all its rows; `no_rows` is one of the same form."""

    sentence: str
    columns: tuple[Described, ...]
    no_rows: str
    statements: Callable[[Connection], Iterator[Statement]]
    of_files: bool = True
    """Every row belongs to a recording."""


def listed(numbers: Iterable[int]) -> str:
    """As a test of one number, or of several: one alone keeps the order of the primary key."""
    words = [str(int(number)) for number in numbers]
    return f"= {words[0]}" if len(words) == 1 else f"IN ({', '.join(words)})"


def quoted(text: str) -> str:
    """A text of ours; what people write does not belong into a statement."""
    return "'" + text.replace("'", "''") + "'"
