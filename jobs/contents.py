"""What files hold, found out by threads: the hashes of those that lie here, copies of those that lie elsewhere."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from db.records import Problem
from jobs.discover import Found
from workers.cache import Staged
from workers.hashing import sha256_of
from workers.messages import ProbeResult
from workers.staging import Fetched, Staging, let_go, settled

HASH_AHEAD = 256
FETCH_AHEAD = 32
"""Objects that are being fetched at most."""


class Contents:
    """Files given to threads, and taken from them again in whatever order they are done: a film of many gigabytes
    keeps no photo behind it waiting.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="hash")
        self._stopped = threading.Event()
        self._hashing: list[tuple[Found, ProbeResult, Future[str | Problem]]] = []
        self._fetching: list[tuple[Found, Fetched]] = []

    @property
    def busy(self) -> bool:
        """Whether any file is still to be taken."""
        return bool(self._hashing or self._fetching)

    @property
    def has_room(self) -> bool:
        """Whether more may be given."""
        return len(self._hashing) < HASH_AHEAD and len(self._fetching) < FETCH_AHEAD

    def close(self) -> None:
        """Break off; nothing that was fetched is held any more."""
        self._stopped.set()
        self._pool.shutdown(wait=True, cancel_futures=True)
        for _, fetched in self._fetching:
            let_go(fetched)

    def fetch(self, staging: Staging, found: Found, sha256: str | None) -> None:
        """Have a copy made of what lies elsewhere, unless we have one of what it held when it was last read."""
        self._fetching.append((found, staging.fetch(found.identity, sha256)))

    def hash(self, found: Found, result: ProbeResult) -> None:
        """Have a file hashed that was probed."""
        self._hashing.append((found, result, self._pool.submit(sha256_of, found.identity, self._stopped.is_set)))

    def fetched(self) -> Iterator[tuple[Found, Staged | Problem]]:
        """Those that have come; what is staged is in use until it is released. Raises MachineFault."""
        for one in tuple(self._fetching):
            there = settled(one[1])
            if there is not None:
                self._fetching.remove(one)
                yield one[0], there

    def hashed(self) -> Iterator[tuple[Found, ProbeResult, str | Problem]]:
        """Those that are hashed."""
        waiting, self._hashing = self._hashing, []
        self._hashing = [one for one in waiting if not one[2].done()]
        yield from ((found, result, digest.result()) for found, result, digest in waiting if digest.done())
