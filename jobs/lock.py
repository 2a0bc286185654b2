"""One `run` at a time per SQLite database: a lock that the system releases however the run ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from jobs.disk import refusal
from jobs.errors import ExitCode, JobError

PATIENCE_S = 1.0
"""Whoever only looks whether a run goes on holds the lock for an instant."""


class AlreadyRunning(JobError):
    """Another run works on the same database."""

    exit_code = ExitCode.UNAVAILABLE


def lock_path(database: Path) -> Path:
    """The lock file that belongs to a database file."""
    return database.with_name(database.name + ".lock")


@contextmanager
def run_lock(database: Path | None, patience_s: float = PATIENCE_S) -> Iterator[None]:
    """Hold the lock of an SQLite database; PostgreSQL (None) needs none.

    Raises AlreadyRunning, and UsageError or DiskTrouble where the lock file cannot be written.
    """
    if database is None:
        yield
        return
    lock = FileLock(lock_path(database))
    try:
        lock.acquire(timeout=patience_s)
    except Timeout:
        raise AlreadyRunning(
            f"another moodreel is working on {database}",
            "wait for it, stop it with Ctrl-C, or name another database (--database FILE)",
        ) from None
    except OSError as error:
        raise refusal(lock_path(database), error) from error
    try:
        yield
    finally:
        lock.release()


def is_running(database: Path | None) -> bool:
    """Whether a run holds the lock of this database now; False where one may not look."""
    if database is None:
        return False
    try:
        descriptor = os.open(lock_path(database), os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        # Several may look at once, and one who may only read the file may look too.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False
