"""Saved queries: SQL files that say what they answer, which parameters they take and what their columns are.

A file opens with comments that say so, each in one line; every other comment is left to whoever reads the SQL:

    -- title: The faces that are happiest, and when.
    -- param job = latest: The job.
    -- param path: One without a default must be given.
    -- column time_s: Seconds from the recording's start.
"""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from db.errors import QueryRefused
from db.query_params import named, read_value
from db.text import storable

ENDING = ".sql"
SHIPPED = "moodreel"
_TITLE = re.compile(r"-- title: *(.*)")
_PARAM = re.compile(r"-- param (\w+)(?: *= *('(?:[^']|'')*'|[^:]*?))? *: *(.*)")
_COLUMN = re.compile(r"-- column ([\w.]+) *: *(.*)")
_MOST_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class SavedParam:
    """A parameter; without a default (None) it must be given. Where the default is a number, values may be numbers."""

    name: str
    default: str | None
    sentence: str

    @property
    def is_number(self) -> bool:
        """Whether values are read as numbers where they are written like one."""
        return self.default is not None and read_value(self.default).number is not None


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """One saved query. `origin` is SHIPPED or the file it was read from; `trouble` says why that could not be read."""

    name: str
    title: str
    params: tuple[SavedParam, ...]
    columns: tuple[tuple[str, str], ...]
    sql: str
    origin: str
    trouble: str = ""

    def values(self, given: Mapping[str, str]) -> dict[str, str]:
        """A value for each parameter, as `open_query` takes them. Raises QueryRefused for unknown and missing ones."""
        known = {param.name: param for param in self.params}
        for name in given:
            if name not in known:
                raise QueryRefused(f"@{self.name} has no parameter {name}", f"it has: {', '.join(known) or 'none'}")
        return {name: self._value(param, given.get(name, param.default)) for name, param in known.items()}

    def _value(self, param: SavedParam, written: str | None) -> str:
        if written is None:
            raise QueryRefused(
                f"@{self.name} needs the parameter {param.name}: {param.sentence}", f"give --param {param.name}=VALUE"
            )
        value = read_value(written)
        # A path called 7 is text all the same: it is compared with text.
        return written if param.is_number else "'" + value.text.replace("'", "''") + "'"


def find_saved(name: str, folders: Sequence[Path]) -> SavedQuery:
    """The query of this name, ours or of the folders. Raises QueryRefused for none, for two, and for no text."""
    known = all_saved(folders)
    found = [one for one in known if one.name == name]
    if not found:
        near = difflib.get_close_matches(name, sorted({one.name for one in known}), n=3, cutoff=0.4)
        meant = f"did you mean @{' or @'.join(near)}? " if near else ""
        raise QueryRefused(f"there is no saved query @{name}", f"{meant}`moodreel query --list` shows them")
    if len(found) > 1:
        places = " and ".join(f"one of {SHIPPED}" if one.origin == SHIPPED else one.origin for one in found)
        raise QueryRefused(f"there are two queries called @{name}: {places}", "give yours another name")
    if found[0].trouble:
        raise QueryRefused(f"{found[0].origin} cannot be read: {found[0].trouble}", "save it as UTF-8, readable by you")
    return found[0]


def all_saved(folders: Sequence[Path] = ()) -> list[SavedQuery]:
    """Every saved query: ours first, then those of each folder, by name. One that cannot be read costs no other."""
    ours = sorted((files("db") / "saved").iterdir(), key=lambda path: path.name)
    queries = [
        parse_saved(path.name.removesuffix(ENDING), path.read_text("utf-8"), SHIPPED)
        for path in ours
        if path.name.endswith(ENDING)
    ]
    return [*queries, *(query for folder in folders for query in _of_folder(folder))]


def parse_saved(name: str, text: str, origin: str) -> SavedQuery:
    """A saved query from its text. What the comments do not name but the SQL does is a parameter without a default."""
    header = [line.strip() for line in text.splitlines() if line.startswith("--")]
    titles = [match[1] for line in header if (match := _TITLE.fullmatch(line))]
    params = [SavedParam(match[1], match[2], match[3]) for line in header if (match := _PARAM.fullmatch(line))]
    told = {param.name for param in params}
    untold = [SavedParam(one, None, "its file does not say") for one in sorted(named(text) - told)]
    columns = tuple((match[1], match[2]) for line in header if (match := _COLUMN.fullmatch(line)))
    return SavedQuery(name, titles[0] if titles else "", (*params, *untold), columns, text.strip(), origin)


def _of_folder(folder: Path) -> Iterator[SavedQuery]:
    """The queries in the SQL files of a folder, if it is one."""
    if not folder.is_dir():
        return
    for path in sorted(folder.glob(f"*{ENDING}")):
        if path.is_file():
            yield _of_file(path)


def _of_file(path: Path) -> SavedQuery:
    name, origin = storable(path.stem), storable(str(path))
    try:
        with path.open("rb") as file:
            return parse_saved(name, file.read(_MOST_BYTES).decode("utf-8"), origin)
    except (OSError, UnicodeDecodeError) as error:
        return SavedQuery(name, "", (), (), "", origin, trouble=str(error))
