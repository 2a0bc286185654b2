"""The folder of a media cache: how much lies in it, what goes when room is needed, and who is using what.

Several processes share it. A lock file orders them, and holds the sum of all sizes. Whoever uses a file holds a shared
lock (flock) on it, which ends with its process; only what nobody holds is removed. Files that are none of ours are left
alone.

CacheFault              the machine's folder cannot take files: no file of a job is to blame
└─ CacheDiskFull        its disk or quota is full
CacheBusy               all that it holds is in use: there will be room when some of it is let go
"""

import errno
import fcntl
import os
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from workers.errors import MachineFault

_OURS = re.compile(r"[0-9a-f]{64}(\.[a-z0-9]{1,5})?")
_PART = re.compile(r"\.part-[0-9a-f]{32}")
_SLACK = 16
"""When room is made, this fraction of the bound is made free beyond it, so that not every download looks for more."""


class CacheFault(MachineFault):
    """The cache cannot be written."""


class CacheDiskFull(CacheFault):
    """The disk that the cache lies on is full, or its quota, and nothing in the cache could go."""


class CacheBusy(Exception):
    """Everything in the cache is in use, so nothing could go for what is wanted now."""


class _Lying(NamedTuple):
    used_ns: int
    size: int
    name: str


class Part:
    """A download under way: a file that nobody else looks at, held from its beginning."""

    def __init__(self, room: "Room", path: Path, descriptor: int, reserved: int) -> None:
        self._room = room
        self.path = path
        self.descriptor = descriptor
        self.reserved = reserved
        self.written = 0

    def write(self, piece: bytes) -> None:
        """Add to it. Raises CacheBusy where it outgrows what was reserved and no more is to be had, CacheFault."""
        if self.written + len(piece) > self.reserved:
            more = max(len(piece), self.reserved // _SLACK)
            self._room.grow(more)
            self.reserved += more
        left = memoryview(piece)
        while left:
            try:
                left = left[os.write(self.descriptor, left) :]
            except OSError as error:
                # A disk smaller than the bound: what nobody uses goes first.
                if not (_is_full(error) and self._room.evict(len(left))):
                    raise fault_of(error, self._room.folder) from error
        self.written += len(piece)

    def drop(self) -> None:
        """Give it up."""
        self._room.remove_part(self)


class Room:
    """A folder and its bound."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        """Makes the folder, for this user alone. Raises CacheFault."""
        self.folder = folder
        self.max_bytes = max_bytes
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise fault_of(error, folder) from error
        with self._locked() as ledger:
            self._count(ledger)

    def reserve(self, size: int) -> Part:
        """A new file that `size` bytes are kept free for. Raises CacheBusy, CacheFault."""
        path = self.folder / f".part-{uuid.uuid4().hex}"
        with self._locked() as ledger:
            self._take(ledger, size)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            os.ftruncate(descriptor, size)  # takes no disk yet, and shows others what is reserved
        return Part(self, path, descriptor, size)

    def grow(self, size: int) -> None:
        """Keep more free. Raises CacheBusy, CacheFault."""
        with self._locked() as ledger:
            self._take(ledger, size)

    def place(self, part: Part, name: str) -> bool:
        """Give a finished download its name; False where a file of that name is there already."""
        path = self.folder / name
        with self._locked() as ledger:
            if path.exists():
                return False
            os.ftruncate(part.descriptor, part.written)
            part.path.rename(path)
            _write(ledger, _read(ledger) + part.written - part.reserved)
        return True

    def remove_part(self, part: Part) -> None:
        """Take a download out that was given up."""
        with self._locked() as ledger:
            part.path.unlink(missing_ok=True)
            os.close(part.descriptor)
            _write(ledger, max(0, _read(ledger) - part.reserved))

    def remove(self, name: str, descriptor: int) -> None:
        """Take an open file out that is not what its name says; whoever else uses it will notice."""
        path = self.folder / name
        with self._locked() as ledger:
            if _is_at(descriptor, path):
                path.unlink()
            self._count(ledger)

    def pin(self, name: str) -> int | None:
        """A descriptor that keeps a file from being removed, or None where there is none. It counts as used now."""
        path = self.folder / name
        while True:
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            except FileNotFoundError:
                return None
            except OSError as error:
                raise fault_of(error, self.folder) from error
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            if _is_at(descriptor, path):
                # Its own time of change tells whether it is the same file, so only the time of use is set.
                os.utime(descriptor, ns=(time.time_ns(), os.fstat(descriptor).st_mtime_ns))
                return descriptor
            os.close(descriptor)  # it was removed between opening and locking

    def evict(self, size: int) -> int:
        """Remove what was used least recently and is not in use, until `size` bytes went. Returns how many did."""
        with self._locked() as ledger:
            total, lying = self._scan()
            freed = self._evict(lying, size)
            _write(ledger, total - freed)
        return freed

    def _take(self, ledger: int, size: int) -> None:
        total = _read(ledger)
        if total + size > self.max_bytes:
            total, lying = self._scan()
            over = total + size - self.max_bytes
            if over > 0:
                total -= self._evict(lying, min(over + self.max_bytes // _SLACK, total))
            if total + size > self.max_bytes:
                _write(ledger, total)
                raise CacheBusy(f"all that lies in {self.folder} is in use")
        _write(ledger, total + size)

    def _count(self, ledger: int) -> None:
        _write(ledger, self._scan()[0])

    def _scan(self) -> tuple[int, list[_Lying]]:
        """All sizes, and the files that may go, least recently used first. What killed downloads left goes at once."""
        total = 0
        lying = []
        with os.scandir(self.folder) as entries:
            for entry in entries:
                is_part = _PART.fullmatch(entry.name) is not None
                if is_part and _remove_unused(Path(entry.path)):
                    continue
                if not (is_part or _OURS.fullmatch(entry.name)):
                    continue
                with suppress(FileNotFoundError):
                    status = entry.stat(follow_symlinks=False)
                    total += status.st_size
                    if not is_part:
                        lying.append(_Lying(status.st_atime_ns, status.st_size, entry.name))
        return total, sorted(lying)

    def _evict(self, lying: list[_Lying], size: int) -> int:
        freed = 0
        for one in lying:
            if freed >= size:
                break
            if _remove_unused(self.folder / one.name):
                freed += one.size
        return freed

    @contextmanager
    def _locked(self) -> Iterator[int]:
        """The lock file, held by us alone. A disk that fails is told as a CacheFault."""
        try:
            ledger = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(ledger, fcntl.LOCK_EX)
                yield ledger
            finally:
                os.close(ledger)
        except OSError as error:
            raise fault_of(error, self.folder) from error


def fault_of(error: OSError, folder: Path) -> CacheFault:
    """A system error in the cache's folder, in words."""
    if _is_full(error):
        return CacheDiskFull(
            f"the disk of the media cache {folder} is full",
            "free some space there, lower MOODREEL_CACHE_MB, or set MOODREEL_CACHE to a larger disk",
        )
    return CacheFault(
        f"the media cache {folder} cannot be used: {error.strerror}",
        "set MOODREEL_CACHE to a folder that this user may write",
    )


def _is_full(error: OSError) -> bool:
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def _remove_unused(path: Path) -> bool:
    """Remove a file unless somebody holds it."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not _is_at(descriptor, path):
            return False
        path.unlink()
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether an open file is still the one of that name."""
    try:
        there = path.lstat()
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(descriptor), there)


def _read(ledger: int) -> int:
    """The sum in the ledger; one that cannot be read counts as too much, so that the folder is looked through."""
    text = os.pread(ledger, 20, 0)
    return int(text) if text.isdigit() else 1 << 62


def _write(ledger: int, total: int) -> None:
    os.pwrite(ledger, b"%020d" % total, 0)
