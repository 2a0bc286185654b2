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


def at(path: bytes) -> sa.ColumnElement[bool]:
    """The job files that lie exactly at this absolute path."""
    split = ((job_file.c.root == root) & (job_file.c.relative == rest) for root, rest in _splits(path))
    return sa.or_((job_file.c.root == path) & (job_file.c.relative == b""), *split)


def below(path: bytes) -> sa.ColumnElement[bool]:
    """The job files below this absolute path, whether a walk began above it, at it or below it."""
    split = ((job_file.c.root == root) & _is_below(job_file.c.relative, rest) for root, rest in _splits(path))
    at_it = (job_file.c.root == path) & (job_file.c.relative != b"")
    return sa.or_(at_it, _is_below(job_file.c.root, path), *split)


def shown_at(path: str) -> sa.ColumnElement[bool]:
    """The job files whose path is shown so: relative to what was named, and the same in many folders."""
    return job_file.c.path == storable(path)


def shown_below(path: str) -> sa.ColumnElement[bool]:
    """The job files that are shown below this path."""
    return job_file.c.path.startswith(storable(path) + "/", autoescape=True)


def _splits(path: bytes) -> list[tuple[bytes, bytes]]:
    """Every way to part an absolute path into a root and what is below it."""
    slashes = [at for at, byte in enumerate(path) if byte == ord("/") and at + 1 < len(path)]
    return [(path[:at] or b"/", path[at + 1 :]) for at in slashes]


def _is_below(column: sa.Column[bytes], folder: bytes) -> sa.ColumnElement[bool]:
    # A range rather than a pattern: bytes need not be text.
    bare = folder.rstrip(b"/")
    return (column > bare + b"/") & (column < bare + _AFTER_SLASH)


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
