"""Where a claimed content lies on this machine, and the proof that it is still what was admitted."""

import os
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Protocol

from db.records import ClaimedSegment, FileIdentity, Location, Problem
from workers.hashing import OTHER, current_identity, sha256_of
from workers.roots import MediaRoots

REMEMBERED = 100_000


class Places(Protocol):
    """Finds the file of a claim."""

    def find(self, claim: ClaimedSegment) -> FileIdentity | Problem:
        """The file at the first place that holds the content; else what is wrong at the best place."""


class NamedPlaces:
    """Files where the submitter saw them: for work on the submitter's own machine.

    A file of the admitted size and time is trusted; one merely touched since is read once more to make sure.
    """

    def find(self, claim: ClaimedSegment) -> FileIdentity | Problem:
        """The file at the first place that holds the content; else what is wrong at the best place."""
        return _first(claim, self._look)

    def _look(self, location: Location, sha256: str) -> FileIdentity | Problem:
        path = os.path.join(location.root, location.relative)  # noqa: PTH118  names are bytes
        identity = current_identity(path)
        if isinstance(identity, Problem) or (identity.size, identity.mtime_ns) == (location.size, location.mtime_ns):
            return identity
        return _if_content(identity, location.size, sha256)


class RootedPlaces:
    """Files below media roots mounted here: each is hashed before it is trusted, and again when it changes."""

    def __init__(self, roots: MediaRoots) -> None:
        self._roots = roots
        self._trusted: OrderedDict[tuple[FileIdentity, str], None] = OrderedDict()
        self._lock = Lock()

    def find(self, claim: ClaimedSegment) -> FileIdentity | Problem:
        """The file at the first place that holds the content; else what is wrong at the best place."""
        return _first(claim, self._look)

    def _look(self, location: Location, sha256: str) -> FileIdentity | Problem:
        path = self._roots.locate(location)
        identity = path if isinstance(path, Problem) else current_identity(path)
        if isinstance(identity, Problem) or self._is_trusted(identity, sha256):
            return identity
        found = _if_content(identity, location.size, sha256)
        if isinstance(found, FileIdentity):
            self._trust(found, sha256)
        return found

    def _is_trusted(self, identity: FileIdentity, sha256: str) -> bool:
        with self._lock:
            return (identity, sha256) in self._trusted

    def _trust(self, identity: FileIdentity, sha256: str) -> None:
        with self._lock:
            self._trusted[identity, sha256] = None
            if len(self._trusted) > REMEMBERED:
                self._trusted.popitem(last=False)


Look = Callable[[Location, str], FileIdentity | Problem]


def _first(claim: ClaimedSegment, look: Look) -> FileIdentity | Problem:
    problems = []
    for location in claim.locations:
        found = look(location, claim.sha256)
        if isinstance(found, FileIdentity):
            return found
        problems.append(found)
    return problems[0]


def _if_content(identity: FileIdentity, size: int, sha256: str) -> FileIdentity | Problem:
    if identity.size != size:
        return OTHER
    digest = sha256_of(identity)
    if isinstance(digest, Problem):
        return digest
    return identity if digest == sha256 else OTHER
