"""A CSV that says more about each file: a `path` column, and every other column becomes a tag."""

import csv
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jobs.errors import UsageError


@dataclass(frozen=True, slots=True)
class Manifest:
    """Tags by absolute path, in the order of the rows."""

    tags: Mapping[bytes, Mapping[str, str]]

    def tags_of(self, path: bytes) -> Mapping[str, str]:
        """The tags of a file, none where it has no row."""
        return self.tags.get(path, {})


def read_manifest(name: str) -> Manifest:
    """Read a manifest (UTF-8, with or without a byte-order mark). Paths are taken relative to the manifest's folder."""
    path = Path(name)
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            return _parse(csv.DictReader(stream, strict=True), path)
    except FileNotFoundError:
        raise UsageError(f"manifest {str(path)!r} does not exist", "check the path given to --manifest") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(
            f"manifest {str(path)!r} cannot be read: {error}", "save it as CSV in UTF-8 with a header line"
        ) from error


def _parse(rows: "csv.DictReader[str]", path: Path) -> Manifest:
    columns = rows.fieldnames or []
    if "path" not in columns:
        raise UsageError(
            f"manifest {str(path)!r} has no column named path", f"its columns are: {', '.join(columns) or 'none'}"
        )
    folder = os.fsencode(path.absolute().parent)
    tags: dict[bytes, Mapping[str, str]] = {}
    for row in rows:
        name = row["path"]
        if None in row or not name:
            raise UsageError(
                f"manifest {str(path)!r}, line {rows.line_num}: {'too many values' if name else 'no path'}",
                "quote values that hold a comma",
            )
        key = os.path.normpath(os.path.join(folder, os.fsencode(name)))  # noqa: PTH118  names are bytes
        if key in tags:
            raise UsageError(
                f"manifest {str(path)!r}, line {rows.line_num}: {name!r} comes twice", "keep one row a file"
            )
        tags[key] = {column: value for column, value in row.items() if column != "path" and value}
    return Manifest(tags)
