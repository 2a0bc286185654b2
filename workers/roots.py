"""Where media lie, as this machine sees it: names of roots, each with a folder mounted here or a URL.

A job file of a fleet is a root's name and a path below it. Every machine maps the names as it likes: one to a mount,
another to the object store itself. Nothing outside them is ever opened.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from db.records import Location, Problem
from workers.errors import SettingsError
from workers.remote import require_package
from workers.settings import Settings
from workers.urls import check_url, is_plain_key, is_url, join_url

_HINT = "write it like MOODREEL_MEDIA_ROOTS=main=/mnt/media,archive=/mnt/archive"


@dataclass(frozen=True, slots=True)
class MediaRoots:
    """Folders by the names of their roots: absolute and free of links, or URLs."""

    folders: Mapping[str, bytes]

    def named(self, path: bytes) -> tuple[bytes, bytes]:
        """The root's name and the path below it, of an absolute path or a URL; the innermost root wins.

        Raises SettingsError where no root holds it.
        """
        real = path if is_url(path) else os.path.realpath(path)
        holding = [(folder, name) for name, folder in self.folders.items() if _holds(folder, real)]
        if not holding:
            shown = path.decode("utf-8", "backslashreplace")
            roots = ", ".join(self.folders) or "none is set"
            raise SettingsError(f"{shown} lies in no media root ({roots}): workers could not find it", _HINT)
        folder, name = max(holding, key=lambda pair: len(pair[0]))
        return name.encode(), real[len(folder) :].lstrip(b"/") or b"."

    def folder(self, name: bytes) -> bytes:
        """The folder of a root by its stored name. Raises SettingsError where it is not known here."""
        folder = self.folders.get(name.decode("utf-8", "backslashreplace"))
        if folder is None:
            problem = _unknown_root(name)
            raise SettingsError(problem.reason, _HINT)
        return folder

    def locate(self, location: Location) -> bytes | Problem:
        """Where a job file lies for this machine, a path or a URL, or why it cannot be opened here."""
        folder = self.folders.get(location.root.decode("utf-8", "backslashreplace"))
        if folder is None:
            return _unknown_root(location.root)
        if is_url(folder):
            return join_url(folder, location.relative) if _is_key(location.relative) else OUTSIDE
        path = os.path.realpath(os.path.join(folder, location.relative))  # noqa: PTH118  names are bytes
        return path if _holds(folder, path) else OUTSIDE


OUTSIDE = Problem(
    "path.outside_root",
    "it lies outside the media root that it names",
    "submit the file from where it really lies; links that lead out of a root are not followed",
)


def _unknown_root(name: bytes) -> Problem:
    shown = name.decode("utf-8", "backslashreplace")
    return Problem(
        "path.unknown_root",
        f"this machine knows no media root named {shown!r}",
        "add it to MOODREEL_MEDIA_ROOTS of every worker, then `moodreel retry`",
    )


def parse_roots(text: str) -> MediaRoots:
    """`name=/folder,name=s3://bucket/folder` as roots. Raises SettingsError."""
    folders: dict[str, bytes] = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        name, equals, folder = (part.strip() for part in pair.partition("="))
        where = os.fsencode(folder)
        if not equals or not name or "/" in name or not (folder.startswith("/") or is_url(where)):
            raise SettingsError(f"{pair!r} is no media root", _HINT)
        if name in folders:
            raise SettingsError(f"the media root {name!r} is given twice", _HINT)
        folders[name] = _remote_root(where) if is_url(where) else os.path.realpath(where)
    return MediaRoots(folders)


def _remote_root(url: bytes) -> bytes:
    checked = check_url(url)
    require_package(checked)
    return checked


def fleet_roots(settings: Settings) -> MediaRoots:
    """The media roots of a machine that takes part in a fleet. Raises SettingsError where it cannot."""
    require_servers(settings)
    if not settings.media_roots:
        raise SettingsError("no media root is set: a fleet finds files below named roots", _HINT)
    return parse_roots(settings.media_roots)


def require_servers(settings: Settings) -> None:
    """Raise SettingsError for a database or a broker that many machines cannot share."""
    if settings.database_url.startswith("sqlite"):
        raise SettingsError(
            "a fleet cannot share an SQLite file",
            "set MOODREEL_DATABASE_URL=postgresql://USER:PASSWORD@HOST/DATABASE; `moodreel run` needs no server",
        )
    if not settings.broker_url.startswith(("redis://", "rediss://", "redis+socket://")):
        raise SettingsError("the broker must be Redis", "set MOODREEL_BROKER_URL=redis://:PASSWORD@HOST:6379/0")


def _is_key(relative: bytes) -> bool:
    """Whether a path below a root names one object, whatever the store makes of names; the root itself does."""
    try:
        return not relative or is_plain_key(relative.decode())
    except UnicodeDecodeError:
        return False


def _holds(folder: bytes, path: bytes) -> bool:
    return path == folder or path.startswith(folder.rstrip(b"/") + b"/")
