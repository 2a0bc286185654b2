"""Brings media of object stores to this machine, a few at a time and in the background.

Nothing is made until the first object is wanted: who works on local files needs neither folder nor packages.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from threading import Event, Lock
from types import TracebackType
from typing import Self

from db.records import FileIdentity, Problem
from workers.cache import CacheBusy, MediaCache, Staged, Wanted
from workers.errands import Errands
from workers.remote import Remote, RemoteObject
from workers.settings import Settings

THREADS = 4
LOOK_EVERY_S = 0.2
GIVE_UP_S = 2.0
BUSY_S = 600.0
"""How long room in the cache is waited for while all that lies there is in use."""

Fetched = Future[Staged | Problem]
"""What is staged is in use until it is released."""


def staging_of(settings: Settings) -> "Staging":
    """As the settings have it. Nothing is made yet."""
    return Staging(settings.cache_folder, settings.cache_mb * 2**20)


class Staging:
    """One process's way from object stores to its media cache; any thread may ask. Close it and nothing is fetched."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self.remote = Remote()
        self._made: MediaCache | None = None
        self._lock = Lock()
        self._closed = Event()
        self._errands: Errands[Staged | Problem] = Errands(THREADS, "stage")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Break off what is under way; a request that hangs is not waited for."""
        self._closed.set()
        self._errands.close(GIVE_UP_S)
        self.remote.close()

    def fetch(self, listed: FileIdentity, sha256: str | None = None) -> Fetched:
        """An object as it was listed; `sha256`: what it held when it was last read, which may lie here still."""
        return self._submit(listed.path, listed.size, lambda now: now.is_still(listed), sha256)

    def fetch_content(self, url: bytes, size: int, sha256: str) -> Fetched:
        """A content that once lay at this URL; nothing is asked of the store where we have it already."""
        return self._submit(url, size, lambda now: now.size == size, sha256)

    def _submit(
        self, url: bytes, size: int, fits: Callable[[RemoteObject], bool], sha256: str | None = None
    ) -> Fetched:
        wanted = Wanted(url, size, lambda: self.remote.read(url, fits), sha256)
        return self._errands.send(lambda: self._stage(wanted))

    def _stage(self, wanted: Wanted) -> Staged | Problem:
        until = time.monotonic() + BUSY_S
        while True:
            try:
                return self._cache().stage(wanted, self._closed.is_set)
            except CacheBusy:
                if time.monotonic() >= until:
                    return BUSY
                if self._closed.wait(LOOK_EVERY_S):
                    raise InterruptedError from None

    def _cache(self) -> MediaCache:
        with self._lock:
            if self._made is None:
                self._made = MediaCache(self._folder, self._max_bytes)
            return self._made


BUSY = Problem(
    "cache.busy",
    "there was no room in the media cache for ten minutes: all that lies there is in use",
    "raise MOODREEL_CACHE_MB, then `moodreel retry`",
    permanent=False,
)


def let_go(fetched: Fetched) -> None:
    """Nobody wants it any more: released as soon as it is there."""
    if not fetched.cancel():
        fetched.add_done_callback(_release)


def settled(fetched: Fetched) -> Staged | Problem | None:
    """What came of it; None while it is under way, and for good once nothing is fetched any more. Raises CacheFault."""
    if not fetched.done() or fetched.cancelled():
        return None
    try:
        return fetched.result()
    except InterruptedError:
        return None


def _release(fetched: Fetched) -> None:
    if not fetched.cancelled() and fetched.exception() is None and isinstance(found := fetched.result(), Staged):
        found.release()
