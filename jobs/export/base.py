"""What an export writes to: columns of a known kind, batches of rows, one file that appears whole or not at all."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from db import files
from jobs.disk import refusal
from jobs.errors import UsageError

Batch = Sequence[Sequence[Any]]


class Kind(StrEnum):
    """What a column holds."""

    TEXT = "text"
    INTEGER = "integer"
    REAL = "real"
    JSON = "json"
    """Text that is a JSON document."""


@dataclass(frozen=True, slots=True)
class Field:
    """One column of a table that is written."""

    name: str
    kind: Kind
    sentence: str = ""
    """What it holds, and in which unit."""


class TableWriter(Protocol):
    """Writes batches of rows; the file is complete once the writer is left."""

    def write(self, rows: Batch) -> None:
        """Write some rows, values in the order of the columns."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None: ...


Notes = Mapping[str, str]
"""What a file says of itself where its format allows: job, analysis, models, program version."""


@contextmanager
def whole_file(path: Path, *, force: bool) -> Iterator[Path]:
    """A path to write to; `path` is that file once the body is done. Raises UsageError, DiskTrouble."""
    try:
        with files.whole_file(path, replace=force) as partial:
            yield partial
    except FileExistsError as error:
        raise UsageError(f"{path} exists already", "name another file, or add --force to replace it") from error
    except files.NotAPlainFile as error:
        raise UsageError(f"{path} is no plain file", "name another, or - for stdout") from error
    except OSError as error:
        raise refusal(path, error) from error
