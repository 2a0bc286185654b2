"""What a name that is not there could have meant, seen from the statement it stands in."""

import re

from db.describe import Relation, described
from db.query_answer import meant, unknown_name
from db.query_guard import FUNCTIONS

_WORD = re.compile(r"\w+")
_FUNCTION = re.compile(r"no such function: (\w+)|function (\w+)\(.*\) does not exist")
_MORE = "`moodreel schema` shows tables and columns"


def hint_for(message: str, sql: str) -> str:
    """The hint for a statement that a database refused with this message; empty where it complains of no name."""
    function = _FUNCTION.search(message)
    if function is not None:
        return f"{meant(function[1] or function[2], FUNCTIONS)}query knows the database's harmless functions only"
    name = unknown_name(message)
    if name is None:
        return ""
    words = {word.lower() for word in _WORD.findall(sql)}
    asked = [relation for relation in described().values() if relation.name in words]
    return _elsewhere(name.lower(), asked) or f"{_near(name, asked)}{_MORE}"


def _elsewhere(name: str, asked: list[Relation]) -> str:
    """For a column that is one, though of none of the relations that are asked."""
    holders = [one.name for one in described().values() if name in _columns(one) and one not in asked]
    if not asked or not holders:
        return ""
    near = meant(name, {column for relation in asked for column in _columns(relation)})
    return f"{near}{name} is a column of {', '.join(holders[:4])}; {_MORE}"


def _near(name: str, asked: list[Relation]) -> str:
    """First of what is asked, then of all there is."""
    here = {column for relation in asked for column in _columns(relation)}
    everywhere = {column for relation in described().values() for column in _columns(relation)}
    return meant(name, here) or meant(name, everywhere | set(described()))


def _columns(relation: Relation) -> set[str]:
    return {column.name for column in relation.columns}
