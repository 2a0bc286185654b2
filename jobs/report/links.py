"""Where a page finds the recordings: as links from its own folder, never as copies. A page without them is whole."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from db.records import Location, Problem
from db.report import ReportFile
from workers.roots import MediaRoots
from workers.urls import is_url


@dataclass(frozen=True, slots=True)
class Link:
    """A file's place, or why it has none: one of both is empty."""

    url: str = ""
    """Relative to the page, percent-encoded."""
    missing: str = ""
    path: bytes = b""
    """The file on this machine; empty where it is not here."""


class Linker(Protocol):
    """Finds the file of a row."""

    def __call__(self, file: ReportFile) -> Link: ...


class LocalLinks:
    """Links for a page that is written into `folder`. With roots, files are those of a fleet, named below them."""

    def __init__(self, folder: Path, roots: MediaRoots | None = None) -> None:
        self._folder = os.path.realpath(os.fsencode(folder))
        self._roots = roots

    def __call__(self, file: ReportFile) -> Link:
        """Where the page finds a file of the job now."""
        path = self._path(file)
        if isinstance(path, Problem):
            return Link(missing=path.reason)
        if is_url(path):
            return Link(missing="it lies in an object store, which a page on disk cannot play from")
        if not os.path.isfile(path):  # noqa: PTH113  names are bytes
            return Link(missing="it was not there any more when this report was made")
        return Link(_relative(os.path.realpath(path), self._folder), "", path)

    def _path(self, file: ReportFile) -> bytes | Problem:
        if self._roots is None or file.root.startswith(b"/") or is_url(file.root):
            return os.path.join(file.root, file.relative)  # noqa: PTH118  names are bytes
        place = Location(file.root, file.relative, file.path, file.size, file.mtime_ns)
        return self._roots.locate(place)


def _relative(path: bytes, folder: bytes) -> str:
    """A link from the folder to the file; any byte of a name is encoded that could mean something in a URL."""
    return quote(os.path.relpath(path, folder))
