"""What an export writes to: columns of a known kind, batches of rows, one file that appears whole or not at all."""

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from jobs.errors import JobError, UsageError

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
    """A path to write to, beside `path`; it takes that name when the body is done. Raises UsageError, JobError."""
    if path.is_dir():
        raise UsageError(f"{str(path)!r} is a folder", "name a file in it")
    if path.exists() and not force:
        raise UsageError(f"{str(path)!r} exists already", "name another file, or add --force to replace it")
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", suffix=".part", dir=path.parent)
        os.close(descriptor)
    except OSError as error:
        raise _unwritable(path, error) from error
    partial = Path(name)
    try:
        yield partial
        _keep(partial, path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        partial.unlink(missing_ok=True)


def _keep(partial: Path, path: Path) -> None:
    umask = os.umask(0)
    os.umask(umask)
    partial.chmod(0o666 & ~umask)
    with partial.open("rb") as stream:
        os.fsync(stream.fileno())
    partial.replace(path)


def _unwritable(path: Path, error: OSError) -> JobError:
    return UsageError(
        f"{str(path)!r} cannot be written: {error.strerror or error}", "check the folder, space and rights"
    )
