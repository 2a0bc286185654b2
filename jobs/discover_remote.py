"""Walk what lies in an object store, as the walk over folders does: same order, same hidden names, same filters.

A store may be slow, so a thread walks ahead. Only names that claim media are worth a download: what else lies there is
passed over and counted. An object that was named itself is looked into whatever its name.
"""

import queue
import threading
from collections.abc import Generator

from jobs.discover import NOT_YET, Discovery, Filters, Found, Passed, Refused
from workers.remote import Entry, Remote, RemoteError, RemoteFolder, RemoteObject, RemoteOddity
from workers.urls import join_url, split_url

AHEAD = 256
GIVE_UP_S = 2.0
"""How long the end of a request is waited for that nobody needs any more."""
_TURN_S = 0.1


class RemoteWalk:
    """One walk over URLs, each object once."""

    def __init__(self, remote: Remote, filters: Filters) -> None:
        self._remote = remote
        self._filters = filters
        self._met: set[bytes] = set()

    def start(self, url: bytes) -> Generator[Discovery]:
        """Everything at or below a URL; NOT_YET while the store has not answered."""
        return _ahead(self._named(url))

    def entry(self, root: bytes, relative: bytes) -> Generator[Discovery]:
        """One object or folder below a root, met again."""
        return _ahead(self._at(root, relative))

    def _named(self, url: bytes) -> Generator[Discovery]:
        root, name = split_url(url)
        try:
            there = self._remote.look(url)
        except RemoteError as error:
            yield Refused(root, name, error.problem)
            return
        if isinstance(there, RemoteFolder):
            yield from self._folder(url, b"")
        elif self._filters.admits(name):
            yield from self._entry(root, name, there, named=True)

    def _at(self, root: bytes, relative: bytes) -> Generator[Discovery]:
        try:
            there = self._remote.look(join_url(root, relative))
        except RemoteError as error:
            yield Refused(root, relative, error.problem)
            return
        yield from self._entry(root, relative, there, named=True)

    def _folder(self, root: bytes, below: bytes) -> Generator[Discovery]:
        try:
            inside = self._remote.inside(join_url(root, below))
        except RemoteError as error:
            yield Refused(root, below, error.problem)
            return
        for entry in inside:
            relative = entry.url[len(root) + 1 :]
            if not relative[len(below) :].lstrip(b"/").startswith(b"."):
                yield from self._entry(root, relative, entry)

    def _entry(self, root: bytes, relative: bytes, entry: Entry, *, named: bool = False) -> Generator[Discovery]:
        match entry:
            case RemoteFolder():
                yield from self._folder(root, relative)
            case RemoteOddity(_, problem):
                yield Refused(root, relative, problem)
            case RemoteObject() if self._filters.admits(relative) and entry.url not in self._met:
                self._met.add(entry.url)
                found = Found(root, relative, entry.identity)
                yield found if named or found.claims_media else Passed()


def _ahead(walk: Generator[Discovery]) -> Generator[Discovery]:
    """The same, walked by a thread of its own; NOT_YET while that has nothing. Close it, and the thread ends."""
    met: queue.Queue[Discovery | BaseException | None] = queue.Queue(AHEAD)
    over = threading.Event()

    def put(one: Discovery | BaseException | None) -> None:
        while not over.is_set():
            try:
                met.put(one, timeout=_TURN_S)
            except queue.Full:
                continue
            return

    def run() -> None:
        try:
            for one in walk:
                put(one)
                if over.is_set():
                    return
            put(None)
        except BaseException as error:  # noqa: BLE001  raised where the walk is asked for more
            put(error)

    thread = threading.Thread(target=run, name="walk", daemon=True)
    thread.start()
    try:
        while True:
            try:
                one = met.get_nowait()
            except queue.Empty:
                yield NOT_YET
                continue
            if one is None:
                return
            if isinstance(one, BaseException):
                raise one
            yield one
    finally:
        over.set()
        thread.join(GIVE_UP_S)
