"""A CSV that says more about each file: a `path` column, and every other column becomes a tag."""

import csv
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.discover import show
from jobs.errors import UsageError
from workers.urls import check_url, is_url

if TYPE_CHECKING:
    from _csv import Reader


@dataclass(frozen=True, slots=True)
class Manifest:
    """Tags by absolute path, in the order of the rows."""

    tags: Mapping[bytes, Mapping[str, str]]


def read_manifest(name: str) -> Manifest:
    """Read a manifest (UTF-8, with or without a byte-order mark). Paths are taken relative to the manifest's folder."""
    path = Path(name)
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            return _parse(csv.reader(stream, strict=True), path)
    except FileNotFoundError:
        raise UsageError(f"{_named(path)} does not exist", "check the path given to --manifest") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(
            f"{_named(path)} cannot be read: {error}", "save it as CSV in UTF-8 with a header line"
        ) from error


def _parse(lines: "Reader", path: Path) -> Manifest:
    columns = _columns(next(lines, []), path)
    folder = os.fsencode(path.absolute().parent)
    tags: dict[bytes, Mapping[str, str]] = {}
    for cells in filter(None, lines):
        row = _row(columns, cells, f"{_named(path)}, line {lines.line_num}")
        name = row.pop("path")
        key = _absolute(folder, os.fsencode(name))
        if key in tags:
            raise UsageError(f"{_named(path)}, line {lines.line_num}: {name!r} comes twice", "keep one row a file")
        tags[key] = row
    if not tags:
        raise UsageError(f"{_named(path)} has no rows", "write a row for each file below the header line")
    return Manifest(tags)


def _absolute(folder: bytes, name: bytes) -> bytes:
    return check_url(name) if is_url(name) else os.path.normpath(os.path.join(folder, name))  # noqa: PTH118  bytes


def _columns(header: list[str], path: Path) -> list[str]:
    """The names in the header line, which must be a name each, and one of them `path`."""
    columns = [name.strip() for name in header]
    if "path" not in columns:
        shown = ", ".join(filter(None, columns)) or "none"
        raise UsageError(f"{_named(path)} has no column named path", f"its columns are: {shown}")
    if "" in columns:
        raise UsageError(
            f"{_named(path)}: column {columns.index('') + 1} has no name",
            "name it in the header line, or leave it out (pandas: to_csv(index=False))",
        )
    twice = next((name for at, name in enumerate(columns) if name in columns[:at]), None)
    if twice is not None:
        raise UsageError(f"{_named(path)}: the column {twice!r} comes twice", "give each column a name of its own")
    return columns


def _row(columns: list[str], cells: list[str], where: str) -> dict[str, str]:
    """The cells of a row that hold something, by column; a path is among them."""
    if len(cells) > len(columns):
        raise UsageError(f"{where}: too many values", "quote values that hold a comma")
    row = {column: value for column, value in zip(columns, cells, strict=False) if value}
    if "path" not in row:
        raise UsageError(f"{where}: no path", "write the file's path in the column path, or take the row out")
    if "\0" in row["path"]:
        raise UsageError(f"{where}: a path cannot hold a NUL character", "save the manifest as CSV in UTF-8")
    return row


def _named(path: Path) -> str:
    return f"manifest {str(path)!r}"


def no_file_of(paths: Sequence[bytes]) -> str:
    """That these paths of a manifest were met nowhere, in words."""
    rows = "1 row of the manifest matches" if len(paths) == 1 else f"{len(paths)} rows of the manifest match"
    return f"{rows} no file: {show(paths[0])}{', ...' if len(paths) > 1 else ''}"
