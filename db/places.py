"""Paths as the database keeps them: a root and what is below it, in raw bytes, and a text for people."""

import json
import os
from collections.abc import Set
from typing import Any

import sqlalchemy as sa

from db.schema import job_file
from db.text import storable

_AFTER_SLASH = bytes([ord("/") + 1])


def absolute(root: bytes, relative: bytes) -> bytes:
    """The whole path of a job file."""
    if not relative:
        return root
    return root + relative if root.endswith(b"/") else root + b"/" + relative


def at_or_below(path: str) -> sa.ColumnElement[bool]:
    """Job files that a path names: it is one of them or a folder above them, absolute or as it is shown."""
    if not path:
        return sa.false()
    name = path.rstrip("/") or "/"
    text = storable(name)
    shown = (job_file.c.path == text) | job_file.c.path.startswith(text + "/", autoescape=True)
    raw = os.fsencode(name)
    if not raw.startswith(b"/"):
        return shown
    above = [raw[:at] or b"/" for at, byte in enumerate(raw) if byte == ord("/")]
    below = [
        (job_file.c.root == root) & _is_or_below(job_file.c.relative, raw[len(root) :].lstrip(b"/")) for root in above
    ]
    return sa.or_(shown, _is_or_below(job_file.c.root, raw), *below)


def _is_or_below(column: sa.Column[bytes], name: bytes) -> sa.ColumnElement[bool]:
    folder = name.rstrip(b"/")
    # A range rather than a pattern: bytes need not be text.
    return (column == name) | ((column > folder + b"/") & (column < folder + _AFTER_SLASH))


def without_paths(request_json: str, paths: Set[bytes]) -> str:
    """A request without these absolute paths: neither in a list nor as the key of anything."""
    names = {os.fsdecode(path) for path in paths}
    request = json.loads(request_json)
    kept = _without(request, names)
    return request_json if kept == request else json.dumps(kept)


def _without(value: Any, names: Set[str]) -> Any:
    if isinstance(value, list):
        return [_without(one, names) for one in value if not (isinstance(one, str) and one in names)]
    if isinstance(value, dict):
        return {key: _without(one, names) for key, one in value.items() if key not in names}
    return value
