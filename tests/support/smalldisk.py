"""A file system of a few KB, for real, that one process and its children alone see (Linux, unshare(1))."""

import functools
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

_MOUNT = 'mount -t tmpfs -o "size=$1,mode=0700" none "$2" && shift 2 && exec "$@"'


def on_small_disk(size: str, folder: Path, words: Sequence[str]) -> list[str]:
    """A command that runs `words` with such a file system at `folder`; skips the test where none can be made."""
    if not _can_be_made():
        pytest.skip("no file system can be mounted by this user, or there is no unshare(1)")
    return [*_namespace(), "bash", "-c", _MOUNT, "bash", size, str(folder), *words]


def _namespace() -> list[str]:
    # As root in a namespace of users, files of other users could not be opened any more.
    return ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]


@functools.cache
def _can_be_made() -> bool:
    trial = [*_namespace(), "bash", "-c", "mount -t tmpfs -o size=1m none /tmp"]
    try:
        return subprocess.run(trial, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
