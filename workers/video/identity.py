"""Proof that a file is the one we were sent to read, before and after: a file that changes gives no results."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from db.records import FileIdentity
from workers.errors import MediaError
from workers.video.problems import unreadable


@contextmanager
def holds_still(source: FileIdentity) -> Iterator[None]:
    """The body reads `source`. Raises MediaError `media.changed` when it is another file before, or after, the body."""
    _check(source)
    yield
    _check(source)


def _check(source: FileIdentity) -> None:
    try:
        status = os.stat(source.path)  # noqa: PTH116  names are bytes
    except OSError as error:
        raise unreadable(error) from error
    now = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
    if not stat.S_ISREG(status.st_mode) or now != (source.device, source.inode, source.size, source.mtime_ns):
        raise MediaError(
            "media.changed",
            "the file changed while it was being read",
            "wait until nothing writes to it any more, then run the job again",
        )
