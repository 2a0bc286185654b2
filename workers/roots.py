"""Where media lie on this machine: names of roots, each with the folder that it is mounted at here.

A job file of a fleet is a root's name and a path below it. Every machine maps the names to mounts of its own, and
nothing outside them is ever opened.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from db.records import Location, Problem
from workers.errors import SettingsError
from workers.settings import Settings

_HINT = "write it like MOODREEL_MEDIA_ROOTS=main=/mnt/media,archive=/mnt/archive"


@dataclass(frozen=True, slots=True)
class MediaRoots:
    """Folders by the names of their roots; folders are absolute and free of links."""

    folders: Mapping[str, bytes]

    def named(self, path: bytes) -> tuple[bytes, bytes]:
        """The root's name and the path below it, of an absolute path; the innermost root wins.

        Raises SettingsError where no root holds it.
        """
        real = os.path.realpath(path)
        holding = [(folder, name) for name, folder in self.folders.items() if _holds(folder, real)]
        if not holding:
            shown = path.decode("utf-8", "backslashreplace")
            roots = ", ".join(self.folders) or "none is set"
            raise SettingsError(f"{shown} lies in no media root ({roots}): workers could not find it", _HINT)
        folder, name = max(holding, key=lambda pair: len(pair[0]))
        return name.encode(), os.path.relpath(real, folder)

    def folder(self, name: bytes) -> bytes:
        """The folder of a root by its stored name. Raises SettingsError where it is not known here."""
        folder = self.folders.get(name.decode("utf-8", "backslashreplace"))
        if folder is None:
            problem = _unknown_root(name)
            raise SettingsError(problem.reason, _HINT)
        return folder

    def locate(self, location: Location) -> bytes | Problem:
        """Where a job file lies on this machine, or why it cannot be opened here."""
        folder = self.folders.get(location.root.decode("utf-8", "backslashreplace"))
        if folder is None:
            return _unknown_root(location.root)
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
    """`name=/folder,name=/folder` as roots. Raises SettingsError."""
    folders: dict[str, bytes] = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        name, equals, folder = (part.strip() for part in pair.partition("="))
        if not equals or not name or not folder.startswith("/") or "/" in name:
            raise SettingsError(f"{pair!r} is no media root", _HINT)
        if name in folders:
            raise SettingsError(f"the media root {name!r} is given twice", _HINT)
        folders[name] = os.path.realpath(os.fsencode(folder))
    return MediaRoots(folders)


def fleet_roots(settings: Settings) -> MediaRoots:
    """The media roots of a machine that takes part in a fleet. Raises SettingsError where it cannot."""
    require_server(settings.database_url)
    if not settings.media_roots:
        raise SettingsError("no media root is set: a fleet finds files below named roots", _HINT)
    return parse_roots(settings.media_roots)


def require_server(database_url: str) -> None:
    """Raise SettingsError for a database that many machines cannot share."""
    if database_url.startswith("sqlite"):
        raise SettingsError(
            "a fleet cannot share an SQLite file",
            "set MOODREEL_DATABASE_URL=postgresql://USER:PASSWORD@HOST/DATABASE; `moodreel run` needs no server",
        )


def _holds(folder: bytes, path: bytes) -> bool:
    return path == folder or path.startswith(folder.rstrip(b"/") + b"/")
