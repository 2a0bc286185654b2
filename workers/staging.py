"""Brings media of object stores to this machine, a few at a time and in the background.

Nothing is made until the first object is wanted: who works on local files needs neither folder nor packages.
"""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event, Lock
from types import TracebackType
from typing import Self

from db.records import Problem
from workers.cache import CacheBusy, MediaCache, Staged, Wanted
from workers.hashing import OTHER
from workers.remote import Remote, RemoteError, RemoteObject

THREADS = 4
LOOK_EVERY_S = 0.2
BUSY_S = 600.0
"""How long room in the cache is waited for while all that lies there is in use."""

Fetched = Future[Staged | Problem]
"""What is staged is in use until it is released. Raises CacheFault, and InterruptedError once we are closed."""


class Staging:
    """One process's way from object stores to its media cache; any thread may ask. Close it and nothing is fetched."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self.remote = Remote()
        self._made: MediaCache | None = None
        self._lock = Lock()
        self._closed = Event()
        self._pool = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="stage")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Break off what is under way, and wait for that."""
        self._closed.set()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self.remote.close()

    def fetch(self, wanted: RemoteObject) -> Fetched:
        """An object as it was listed, whatever its content."""
        return self._pool.submit(self._stage, Wanted(wanted.url, wanted.size, lambda: self.remote.read(wanted)))

    def fetch_content(self, url: bytes, size: int, sha256: str) -> Fetched:
        """A content that once lay at this URL; nothing is asked of the store where we have it already."""
        return self._pool.submit(self._stage, Wanted(url, size, lambda: self._read(url, size), sha256))

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

    def _read(self, url: bytes, size: int) -> Iterator[bytes]:
        there = self.remote.look(url)
        if not isinstance(there, RemoteObject) or there.size != size:
            raise RemoteError(OTHER.code, OTHER.reason, OTHER.hint)
        yield from self.remote.read(there)


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
    """What came of it, or None while it is under way. Raises CacheFault, InterruptedError."""
    return fetched.result() if fetched.done() else None


def _release(fetched: Fetched) -> None:
    if fetched.exception() is None and isinstance(found := fetched.result(), Staged):
        found.release()
