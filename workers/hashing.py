"""The SHA-256 of a file that holds still: its content's name in the database."""

import errno
import hashlib
import os
import stat
from collections.abc import Callable
from io import FileIO

from db.records import FileIdentity, Problem

CHUNK_BYTES = 1 << 20

CHANGED = Problem(
    "media.changed",
    "the file changed while it was being read",
    "wait until nothing writes to it any more, then run the job again",
)
OTHER = Problem("media.changed", "it is no longer what it was when the job began", "run the job again")
VANISHED = Problem("media.vanished", "the file is gone", "put it back, then `moodreel retry`")


def never() -> bool:
    """Nobody asks to stop."""
    return False


def sha256_of(identity: FileIdentity, stopped: Callable[[], bool] = never) -> str | Problem:
    """The hash of the file's content, or why it has none: gone, unreadable, or not the same file before and after.

    Raises InterruptedError soon after `stopped` says so.
    """
    try:
        descriptor = os.open(identity.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        return why_unreadable(error)
    with open(descriptor, "rb", buffering=0) as stream:  # noqa: PTH123  a descriptor has no path
        if not _still(descriptor, identity):
            return CHANGED
        try:
            digest = _digest(stream, stopped)
        except OSError as error:
            return why_unreadable(error)
        if digest is None:
            raise InterruptedError
        return digest if _still(descriptor, identity) else CHANGED


def _digest(stream: FileIO, stopped: Callable[[], bool]) -> str | None:
    """The digest of all that is left of a stream; None where somebody asked to stop."""
    digest = hashlib.sha256()
    buffer = bytearray(CHUNK_BYTES)
    while size := stream.readinto(buffer):
        digest.update(memoryview(buffer)[:size])
        if stopped():
            return None
    return digest.hexdigest()


def identify(path: bytes, status: os.stat_result) -> FileIdentity:
    """The identity of a file from its status."""
    return FileIdentity(path, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def current_identity(path: bytes) -> FileIdentity | Problem:
    """The identity of the file at `path` now."""
    try:
        return identify(path, os.stat(path))  # noqa: PTH116  names are bytes
    except OSError as error:
        return why_unreadable(error)


def why_unreadable(error: OSError) -> Problem:
    """A system error over one file, in words."""
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return VANISHED
    return Problem(
        "media.unreadable",
        f"the system will not let us read it: {error.strerror}",
        "change its permissions or its disk, then `moodreel retry`",
    )


def _still(descriptor: int, identity: FileIdentity) -> bool:
    status = os.fstat(descriptor)
    return stat.S_ISREG(status.st_mode) and identify(identity.path, status) == identity
