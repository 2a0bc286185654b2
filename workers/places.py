"""Where a claimed content lies on this machine, and the proof that it is still what was admitted.

What lies in an object store is brought here first, in the background: until then it is Coming.
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from threading import Lock
from typing import Protocol

from db.records import ClaimedSegment, Fence, FileIdentity, Location, Problem
from workers.cache import Staged
from workers.hashing import OTHER, current_identity, sha256_of
from workers.mounts import Mounts
from workers.roots import MediaRoots
from workers.staging import Fetched, Staging, let_go, settled
from workers.trust import Trusted
from workers.urls import is_url, join_url


class Coming:
    """It is being fetched: ask again in a moment."""


COMING = Coming()
Whereabouts = FileIdentity | Problem | Coming


class Places(Protocol):
    """Finds the file of a claim."""

    def find(self, claim: ClaimedSegment) -> Whereabouts:
        """The file at the first place that holds the content; else what is wrong at the best place.

        What was fetched for a claim stays until the claim is released. Raises MachineFault where this machine
        is at fault.
        """

    def release(self, fences: Iterable[Fence]) -> None:
        """Claims that are settled: what was fetched for them may go."""


class NamedPlaces:
    """Files where the submitter saw them: for work on the submitter's own machine.

    A file of the admitted size and time is trusted; one merely touched since is read once more to make sure.
    """

    def __init__(self, staging: Staging | None = None) -> None:
        self._fetches = Fetches(staging)

    def find(self, claim: ClaimedSegment) -> Whereabouts:
        """The file at the first place that holds the content; else what is wrong at the best place."""
        return _first(claim, self._look)

    def release(self, fences: Iterable[Fence]) -> None:
        """What was fetched for these claims may go."""
        self._fetches.release(fences)

    def _look(self, claim: ClaimedSegment, location: Location) -> Whereabouts:
        if is_url(location.root):
            return self._fetches.look(claim, location, join_url(location.root, location.relative))
        path = os.path.join(location.root, location.relative)  # noqa: PTH118  names are bytes
        identity = current_identity(path)
        if isinstance(identity, Problem) or (identity.size, identity.mtime_ns) == (location.size, location.mtime_ns):
            return identity
        return _if_content(identity, location.size, claim.sha256)


class RootedPlaces:
    """Files below media roots mounted here: each is hashed before it is trusted, and again when it changes.

    What is not there now may come: a client of a network share sees new files late.
    """

    def __init__(self, roots: MediaRoots, mounts: Mounts, staging: Staging | None = None) -> None:
        self._roots = roots
        self._mounts = mounts
        self._fetches = Fetches(staging)
        self._trusted = Trusted()

    def find(self, claim: ClaimedSegment) -> Whereabouts:
        """The file at the first place that holds the content; else what is wrong at the best place."""
        found = _first(claim, self._look)
        if isinstance(found, Problem):
            self._mounts.require(claim)
        return found

    def release(self, fences: Iterable[Fence]) -> None:
        """What was fetched for these claims may go."""
        self._fetches.release(fences)

    def _look(self, claim: ClaimedSegment, location: Location) -> Whereabouts:
        path = self._roots.locate(location)
        if isinstance(path, Problem):
            return path
        if is_url(path):
            return self._fetches.look(claim, location, path)
        identity = current_identity(path)
        if isinstance(identity, Problem):
            return replace(identity, permanent=False)
        if self._trusted.holds(identity, claim.sha256):
            return identity
        found = _if_content(identity, location.size, claim.sha256)
        if isinstance(found, FileIdentity):
            self._trusted.add(found, claim.sha256)
        return found


class Fetches:
    """What is fetched, and held, for claims: for each claim one content, from each URL that it was looked for at."""

    def __init__(self, staging: Staging | None) -> None:
        self._staging = staging
        self._fetched: dict[Fence, dict[bytes, Fetched]] = {}
        self._lock = Lock()

    def look(self, claim: ClaimedSegment, location: Location, url: bytes) -> Whereabouts:
        """The content as a file here, once it has come. Raises CacheFault."""
        if self._staging is None:
            return NO_STAGING
        with self._lock:
            wanted = self._fetched.setdefault(claim.fence, {})
            if url not in wanted:
                wanted[url] = self._staging.fetch_content(url, location.size, claim.sha256)
            found = settled(wanted[url])
        if found is None:
            return COMING
        return found.identity if isinstance(found, Staged) else found

    def release(self, fences: Iterable[Fence]) -> None:
        """These claims need nothing any more."""
        with self._lock:
            over = [wanted for fence in fences if (wanted := self._fetched.pop(fence, None))]
        for wanted in over:
            for fetched in wanted.values():
                let_go(fetched)


NO_STAGING = Problem(
    "path.not_local",
    "it lies in an object store, which this program was not set up to read",
    "submit it again by its URL",
)
Look = Callable[[ClaimedSegment, Location], Whereabouts]


def _first(claim: ClaimedSegment, look: Look) -> Whereabouts:
    problems = []
    for location in claim.locations:
        found = look(claim, location)
        if not isinstance(found, Problem):
            return found
        problems.append(found)
    # What may pass is told before what lasts: the claim is tried again then.
    return next((problem for problem in problems if not problem.permanent), problems[0])


def _if_content(identity: FileIdentity, size: int, sha256: str) -> FileIdentity | Problem:
    if identity.size != size:
        return OTHER
    digest = sha256_of(identity)
    if isinstance(digest, Problem):
        return digest
    return identity if digest == sha256 else OTHER
