"""The standard streams, made fit: one that is closed, one that is full, a terminal that cannot show every letter."""

import io
import os
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from jobs.errors import JobError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

STDOUT = "<stdout>"
"""The file name that an OSError carries when it comes from writing to stdout."""


def prepare() -> None:
    """Occupy the numbers of closed streams, lest a database get them; escape what a terminal cannot show."""
    while (descriptor := os.open(os.devnull, os.O_RDONLY)) <= 2:
        pass
    os.close(descriptor)
    # Python has None for a closed stream. Writing to such a stdout fails then, as it does where the disk is full.
    sys.stdin = sys.stdin or os.fdopen(0)
    sys.stderr = sys.stderr or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  open to the end
    sys.stdout = _named_stdout(sys.stdout)


def data_out() -> IO[str]:
    """stdout for data: UTF-8 whatever the locale says, line ends as they are written."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A lone surrogate can only stand in a string, where its escape is JSON too.
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace", newline="")
    return sys.stdout


def data_in() -> str:
    """All of stdin, which is UTF-8 whatever the locale says; other bytes become U+FFFD."""
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8", errors="replace")
    return sys.stdin.read()


def lost_output() -> JobError | None:
    """Why stdout does not take what is still to be written; a reader that went away has had enough, and is none."""
    try:
        sys.stdout.flush()
    except OSError as error:
        from jobs.disk import refusal_of_stdout

        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())  # or Python tries once more at its end, and complains
        os.close(null)
        return None if isinstance(error, BrokenPipeError) else refusal_of_stdout(error)
    return None


class _Stdout(io.FileIO):
    def write(self, data: "ReadableBuffer", /) -> Any:
        try:
            return super().write(data)
        except OSError as error:
            error.filename = STDOUT
            raise


def _named_stdout(given: Any) -> io.TextIOWrapper:
    return io.TextIOWrapper(
        io.BufferedWriter(_Stdout(1, "w", closefd=False)),
        encoding=getattr(given, "encoding", "utf-8"),
        errors="backslashreplace",
        line_buffering=getattr(given, "line_buffering", False) or getattr(given, "write_through", False),
    )
