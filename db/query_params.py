"""Values for the `:name`s of a statement: what is written like a number is one, all else is text.

Everything arrives as text. Bound as text, `count(*) > :n` would compare a number with a text: SQLite calls that false
without a word. Bound as a number, `path = :p` would compare a text with a number. So each database is told both:
SQLite by a cast, which compares as numbers where both sides are written like one (7 is also the text 007 then; `'7'`
is not; https://sqlite.org/datatype3.html#comparisons); PostgreSQL by its types first and, where those do not fit, by
the bare text, whose type it takes from the context.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from db.errors import QueryRefused
from db.text import storable

_TOKEN = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|(?P<dollar>\$\w*\$).*?(?P=dollar)|::|:(?P<name>[A-Za-z_]\w*)""",
    re.DOTALL,
)
_QUOTED = re.compile(r"'((?:[^']|'')*)'", re.DOTALL)
# A leading zero makes a code of it: participant 007 is not participant 7.
_WHOLE = re.compile(r"-?(?:0|[1-9]\d{0,18})", re.ASCII)
_FRACTION = re.compile(r"-?(?:0|[1-9]\d*)?(?:\.\d+|(?<=\d)\.)?(?:(?<=[\d.])[eE][+-]?\d{1,3})?", re.ASCII)
_LONGEST_NUMBER = 64
_INTEGERS = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class Value:
    """A value as it was written, and the number that it is, if any."""

    text: str
    number: int | float | None


def read_value(written: str) -> Value:
    """`3` and `-0.5` are numbers, anything else is text; so is what stands in single quotes: `'3'`."""
    quoted = _QUOTED.fullmatch(written)
    if quoted:
        return Value(storable(quoted[1].replace("''", "'")), None)
    return Value(storable(written), _number(written))


def _number(written: str) -> int | float | None:
    if not re.search(r"\d", written, re.ASCII) or len(written) > _LONGEST_NUMBER:
        return None
    if _WHOLE.fullmatch(written):
        return int(written) if int(written) in _INTEGERS else None
    if re.search(r"[.eE]", written) and _FRACTION.fullmatch(written) and math.isfinite(float(written)):
        return float(written)
    return None


def named(sql: str) -> set[str]:
    """The parameters that a statement names."""
    return {match["name"] for match in _TOKEN.finditer(sql) if match["name"]}


def spelled(sql: str, spell: Callable[[str], str]) -> str:
    """The statement with each `:name` written as `spell(name)`; quoted text and comments are left alone."""
    return _TOKEN.sub(lambda match: spell(match["name"]) if match["name"] else match[0], sql)


def read_params(sql: str, params: Mapping[str, str]) -> dict[str, Value]:
    """A value for each name. Raises QueryRefused where one is missing or has no use, or the statement is no text."""
    if storable(sql) != sql:
        raise QueryRefused("the statement is no text: it holds bytes that are not UTF-8", "save it as UTF-8")
    asked = named(sql)
    missing = sorted(asked - params.keys())
    unused = sorted(params.keys() - asked)
    if missing:
        raise QueryRefused(f"the query has no value for :{missing[0]}", f"give --param {missing[0]}=VALUE")
    if unused:
        raise QueryRefused(
            f"the query does not use the parameter {unused[0]}", f"write :{unused[0]} where its value belongs"
        )
    return {name: read_value(written) for name, written in params.items()}
