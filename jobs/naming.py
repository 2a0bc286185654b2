"""Under which names files are stored in a job: as they were walked here, or below the media roots of a fleet."""

import os
from typing import Protocol

from db.records import FilePlace, Location, Problem
from workers.roots import MediaRoots
from workers.urls import is_url


class Naming(Protocol):
    """Turns a walked place into a stored one, and back."""

    def stored(self, root: bytes, relative: bytes) -> tuple[bytes, bytes]:
        """The stored root and the path below it, of a walked root and the path below that."""

    def refusal(self, root: bytes, relative: bytes) -> Problem | None:
        """Why a file that exists here may not be submitted under its name, if so."""

    def walked(self, place: FilePlace) -> tuple[bytes, bytes]:
        """Where to walk here to meet a stored file again, so that it is shown as it was."""


class NamedAsWalked:
    """An embedded run: the folder that was named, by its absolute path."""

    def stored(self, root: bytes, relative: bytes) -> tuple[bytes, bytes]:
        """The same."""
        return root, relative

    def refusal(self, root: bytes, relative: bytes) -> Problem | None:
        """Never refused."""
        del root, relative
        return None

    def walked(self, place: FilePlace) -> tuple[bytes, bytes]:
        """The same."""
        return place.root, place.relative


class NamedByRoots:
    """A fleet: the name of a media root and the path below it, which every machine maps to a mount of its own."""

    def __init__(self, roots: MediaRoots) -> None:
        self._roots = roots
        self._walked: dict[bytes, tuple[bytes, bytes]] = {}

    def stored(self, root: bytes, relative: bytes) -> tuple[bytes, bytes]:
        """The media root's name and the path below it. Raises SettingsError where no root holds `root`."""
        if root not in self._walked:
            name, below = self._roots.named(root)
            self._walked[root] = name, b"" if below == b"." else below
        name, prefix = self._walked[root]
        return name, os.path.join(prefix, relative) if relative else prefix  # noqa: PTH118  names are bytes

    def refusal(self, root: bytes, relative: bytes) -> Problem | None:
        """A link that leads out of its root: workers would refuse to follow it."""
        name, below = self.stored(root, relative)
        found = self._roots.locate(Location(name, below, "", 0, 0))
        return found if isinstance(found, Problem) else None

    def walked(self, place: FilePlace) -> tuple[bytes, bytes]:
        """The part that was shown is what lies below the walked folder; what comes before leads there."""
        folder = self._roots.folder(place.root)
        if place.path.startswith("/") or is_url(os.fsencode(place.path)):  # the walked folder itself
            return os.path.join(folder, place.relative), b""  # noqa: PTH118  names are bytes
        shown = place.path.count("/") + 1
        parts = place.relative.split(b"/")
        root = os.path.join(folder, *parts[:-shown])  # noqa: PTH118  names are bytes
        return root, b"/".join(parts[-shown:])
