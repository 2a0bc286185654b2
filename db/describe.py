"""The schema in words: every table and view, its columns with their types, and a sentence on each."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import sqlalchemy as sa

from db.clock import Timestamp
from db.schema import metadata

_TYPES: tuple[tuple[type[Any], str], ...] = (
    (sa.Boolean, "boolean"),
    (sa.Integer, "integer"),
    (sa.Double, "real"),
    (sa.LargeBinary, "bytes"),
    (sa.Text, "text"),
)
_SAME_AS = re.compile(r"(\w+)\.(\w+)")
_COMPUTED = re.compile(r"(integer|real|text|json): (.+)")
Known = dict[tuple[str, str], "Described"]


@dataclass(frozen=True, slots=True)
class Described:
    """One column. `type` is integer, real, text, json (text that is a JSON document), bytes, boolean or time (UTC)."""

    name: str
    type: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Relation:
    """One table or view, which `kind` says. `example` is a query of it, where there is one."""

    name: str
    kind: Literal["table", "view"]
    sentence: str
    columns: tuple[Described, ...]
    example: str = ""

    def as_json(self) -> dict[str, Any]:
        """Plain values for a machine."""
        return asdict(self)


def describe() -> list[Relation]:
    """What there is to query: the views, which people start from, then the tables."""
    return list(described().values())


@cache
def described() -> Mapping[str, Relation]:
    """Every view, then every table, by name; columns in their order."""
    raw = tomllib.loads((files("db") / "columns.toml").read_text("utf-8"))
    known: Known = {}
    tables = {}
    for name, sentences in raw["tables"].items():
        columns = tuple(_table_column(name, column, sentence, known) for column, sentence in sentences.items())
        tables[name] = Relation(name, "table", _about(raw, name), columns)
        known |= {(name, column.name): column for column in columns}
    views = {}
    for name, sentences in raw["views"].items():
        columns = tuple(_view_column(column, sentence, known) for column, sentence in sentences.items())
        views[name] = Relation(name, "view", _about(raw, name), columns, raw["examples"].get(name, ""))
        known |= {(name, column.name): column for column in columns}
    return views | tables


def _about(raw: Mapping[str, Mapping[str, str]], name: str) -> str:
    return raw["about"].get(name) or str(metadata.tables[name].comment)


def _table_column(table: str, name: str, sentence: str, known: Known) -> Described:
    same = _SAME_AS.fullmatch(sentence)
    if same is not None:
        sentence = known[same[1], same[2]].sentence
    return Described(name, _type(table, name), sentence)


def _type(table: str, name: str) -> str:
    if name.endswith("_json") or name == "attributes":
        return "json"
    if table not in metadata.tables:
        return "text"
    kind = metadata.tables[table].columns[name].type
    return "time" if isinstance(kind, Timestamp) else next(word for one, word in _TYPES if isinstance(kind, one))


def _view_column(name: str, text: str, known: Known) -> Described:
    computed = _COMPUTED.fullmatch(text)
    if computed is not None:
        return Described(name, computed[1], computed[2])
    same = _SAME_AS.fullmatch(text)
    if same is None:
        raise ValueError(f"columns.toml: {name} is neither a computed column nor another one: {text!r}")
    source = known[same[1], same[2]]
    return Described(name, source.type, source.sentence)
