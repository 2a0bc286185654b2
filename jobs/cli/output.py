"""How the command line speaks: data on stdout, everything else on stderr, errors with their hint."""

import json
import logging
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.errors import ExitCode

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_WIDE = 100_000
"""Columns of a table that goes to a file or a pipe: nothing is cut off there."""
_ESCAPED = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))} | {0x0A: "\\n", 0x09: "\\t"}
_ESCAPED |= {code: f"\\u{code:04x}" for code in (0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))}


def printable(value: object) -> str:
    """Text that is safe on a terminal: control characters and direction overrides are shown, not obeyed."""
    return str(value).translate(_ESCAPED).encode("utf-8", "backslashreplace").decode()


def explain(error: BaseException) -> int | None:
    """Say an error that has words for people; its exit code, or None where it has none and is a bug."""
    from db.errors import DatabaseUnavailable, StoreError
    from jobs.errors import JobError
    from workers.errors import SettingsError, WorkError

    match error:
        case JobError():
            code, message, hint = error.exit_code, str(error), error.hint
        case DatabaseUnavailable():
            code, message, hint = ExitCode.UNAVAILABLE, str(error), error.hint
        case StoreError() | SettingsError():
            code, message, hint = ExitCode.USAGE, str(error), error.hint
        case WorkError():
            code, message, hint = ExitCode.USAGE, error.problem.reason, error.problem.hint
        case OSError():
            code, message, hint = _of_the_system(error)
        case _:
            return None
    say(f"error: {message}")
    if hint:
        say(f"hint: {hint}")
    return int(code)


def _of_the_system(error: OSError) -> tuple[ExitCode, str, str]:
    """The last resort: what the system refused and nobody said better."""
    from jobs.disk import refusal, refusal_of_stdout
    from jobs.streams import STDOUT

    logging.getLogger("moodreel").debug("refused by the system", exc_info=error)
    if _is_homeless():
        return ExitCode.USAGE, "the current folder is gone", "change to one that exists (cd)"
    if isinstance(error.filename, str | bytes) and error.errno:
        name = os.fsdecode(error.filename)
        said = refusal_of_stdout(error) if name == STDOUT else refusal(Path(name), error)
        return said.exit_code, str(said), said.hint
    return ExitCode.USAGE, f"the system refused: {error}", "MOODREEL_LOG_LEVEL=debug shows where"


def _is_homeless() -> bool:
    try:
        Path.cwd()
    except OSError:
        return True
    return False


def say(text: str) -> None:
    """One message for people, on stderr; where that is full, nobody can be told."""
    with suppress(OSError):
        print("\n".join(map(printable, text.splitlines())), file=sys.stderr, flush=True)


def write_json(value: Any) -> None:
    """One JSON document on stdout."""
    from jobs.streams import data_out

    print(json.dumps(value, ensure_ascii=False, indent=2, default=str), file=data_out())


def write_line(text: str) -> None:
    """One line on stdout, at once."""
    from jobs.streams import data_out

    print(text, file=data_out(), flush=True)


def console() -> "Console":
    """A console on stdout: as wide as the terminal, or as wide as it takes."""
    from rich.console import Console

    return Console(
        file=sys.stdout,
        width=None if sys.stdout.isatty() else _WIDE,
        markup=False,
        highlight=False,
        emoji=False,
        soft_wrap=not sys.stdout.isatty(),
    )


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Iterable[str] = ()) -> "Table":
    """A table; the columns named in `right` are numbers, NULL is shown as nothing."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    numbers = set(right)
    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for name in columns:
        is_number = name in numbers
        made.add_column(
            Text(_shown(name)),
            justify="right" if is_number else "left",
            no_wrap=is_number,
            overflow="fold",
        )
    for row in rows:
        made.add_row(*(Text("" if cell is None else _shown(cell)) for cell in row))
    return made


def _shown(value: object) -> str:
    """Printable, and escaped where stdout has no such letter: columns are as wide as what is seen."""
    encoding = sys.stdout.encoding or "utf-8"
    return printable(value).encode(encoding, "backslashreplace").decode(encoding)
