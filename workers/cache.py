"""A bounded folder of remote media on this machine, each named by the hash of its content.

What is staged is in use until it is released: nothing that is in use is ever removed. A file is hashed before it is
trusted, by this process itself, and again when it has changed.
"""

import hashlib
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from db.records import FileIdentity, Problem
from workers.cache_room import CacheBusy, CacheDiskFull, CacheFault, Part, Room
from workers.errors import WorkError
from workers.hashing import CHANGED, OTHER, identify, never, sha256_of
from workers.trust import Trusted

__all__ = ["CacheBusy", "CacheDiskFull", "CacheFault", "MediaCache", "Staged", "Wanted"]

log = structlog.get_logger(__name__)

_EXTENSION = re.compile(r"\.[a-z0-9]{1,5}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be staged."""

    name: bytes
    """Its extension is kept, for people who look into the folder."""
    size: int
    pieces: Callable[[], Iterator[bytes]]
    """Begins a download. May raise a WorkError."""
    sha256: str | None = None
    """What the content must be; None: whatever it is."""


class Staged:
    """A file in the cache that stays until it is released."""

    def __init__(self, identity: FileIdentity, sha256: str, descriptor: int) -> None:
        self.identity = identity
        self.sha256 = sha256
        self._descriptors = [descriptor]

    def release(self) -> None:
        """It may go. Releasing it again does nothing."""
        while self._descriptors:
            os.close(self._descriptors.pop())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.release()


class MediaCache:
    """One process's hold on the folder; any thread may ask, and other processes may share it."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        """Makes the folder. Raises CacheFault."""
        self._room = Room(folder.absolute(), max_bytes)
        self._trusted = Trusted()
        self._turns = _Turns()

    def stage(self, wanted: Wanted, stopped: Callable[[], bool] = never) -> Staged | Problem:
        """The content as a file here, downloaded unless it lies here already; or why it cannot be had.

        Raises CacheFault where this machine is at fault, CacheBusy where room may come, InterruptedError soon after
        `stopped` says so.
        """
        if wanted.sha256 is None:
            return self._download(wanted, stopped)
        with self._turns.of(wanted.sha256):
            return self._find(wanted.sha256, _extension(wanted.name)) or self._download(wanted, stopped)

    def _find(self, sha256: str, extension: str) -> Staged | None:
        name = sha256 + extension
        descriptor = self._room.pin(name)
        if descriptor is None:
            return None
        staged = Staged(self._identity(name, descriptor), sha256, descriptor)
        if self._trusted.holds(staged.identity, sha256):
            return staged
        if sha256_of(staged.identity) == sha256:
            self._trusted.add(staged.identity, sha256)
            return staged
        log.warning("action=cached-file-damaged", file=name)
        self._room.remove(name, descriptor)
        staged.release()
        return None

    def _download(self, wanted: Wanted, stopped: Callable[[], bool]) -> Staged | Problem:
        if wanted.size > self._room.max_bytes:
            return _too_small(wanted.size, self._room.max_bytes)
        part = self._room.reserve(wanted.size)
        try:
            found = self._fill(part, wanted, stopped)
            staged = found if isinstance(found, Problem) else self._keep(part, found, _extension(wanted.name))
        except BaseException:
            part.drop()
            raise
        if isinstance(staged, Problem):
            part.drop()
        return staged

    def _fill(self, part: Part, wanted: Wanted, stopped: Callable[[], bool]) -> str | Problem:
        """The hash of what came, or why it is not to be trusted."""
        digest = hashlib.sha256()
        try:
            for piece in wanted.pieces():
                if stopped():
                    raise InterruptedError
                if part.written + len(piece) > self._room.max_bytes:
                    return _too_small(part.written + len(piece), self._room.max_bytes)
                part.write(piece)
                digest.update(piece)
        except WorkError as error:
            return error.problem
        if wanted.sha256 is not None:
            return wanted.sha256 if digest.hexdigest() == wanted.sha256 else OTHER
        return digest.hexdigest() if part.written == wanted.size else CHANGED

    def _keep(self, part: Part, sha256: str, extension: str) -> Staged:
        """The download under its name; where another process was faster, its file."""
        name = sha256 + extension
        while not self._room.place(part, name):
            there = self._find(sha256, extension)
            if there is not None:
                part.drop()
                return there
        staged = Staged(self._identity(name, part.descriptor), sha256, part.descriptor)
        self._trusted.add(staged.identity, sha256)
        return staged

    def _identity(self, name: str, descriptor: int) -> FileIdentity:
        return identify(os.fsencode(self._room.folder / name), os.fstat(descriptor))


class _Turns:
    """One lock for each name that somebody is busy with: who wants the same waits, and finds it there."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._locks: dict[str, tuple[threading.Lock, int]] = {}

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Our turn with a name."""
        with self._lock:
            turn, waiting = self._locks.get(name, (threading.Lock(), 0))
            self._locks[name] = turn, waiting + 1
        try:
            with turn:
                yield
        finally:
            with self._lock:
                turn, waiting = self._locks.pop(name)
                if waiting > 1:
                    self._locks[name] = turn, waiting - 1


def _extension(name: bytes) -> str:
    extension = os.path.splitext(os.fsdecode(name))[1].lower()  # noqa: PTH122  names are bytes
    return extension if _EXTENSION.fullmatch(extension) else ""


def _too_small(size: int, bound: int) -> Problem:
    return Problem(
        "cache.too_small",
        f"it has {size / 2**20:,.0f} MB, more than the whole media cache of {bound / 2**20:,.0f} MB",
        "raise MOODREEL_CACHE_MB, then `moodreel retry`",
        permanent=False,
    )
