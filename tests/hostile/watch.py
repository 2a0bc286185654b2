"""The real program in a terminal of its own, with an eye on every process that it starts."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.acceptance.runs import clean_environment, command

LOOK_EVERY_S = 0.05
ROWS_COLUMNS = (50, 200)


@dataclass(slots=True)
class Watched:
    """How a run went."""

    code: int | None
    """None: it had to be killed."""
    said: bytes
    """All that the terminal got."""
    wall_s: float
    most_mb: float = 0.0
    """Resident memory of the largest child."""
    sockets: set[str] = field(default_factory=set)
    """Internet sockets that a child had open."""


def watched(words: Sequence[str | Path], cwd: Path, timeout_s: float, **environment: str) -> Watched:
    """Run `moodreel` with these words as a person would, and kill it after `timeout_s`."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *ROWS_COLUMNS, 0, 0))
    process = subprocess.Popen(
        command(*words),
        cwd=cwd,
        env=clean_environment(TERM="xterm-256color", **environment),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    told = Watched(None, b"", 0.0)
    began = time.monotonic()
    try:
        while (open_ := _read(ours, told)) or process.poll() is None:
            _look(process.pid, told)
            if time.monotonic() - began > timeout_s:
                return told
            if not open_:
                time.sleep(LOOK_EVERY_S)
        told.code = process.wait()
        return told
    finally:
        told.wall_s = time.monotonic() - began
        _end(process)
        os.close(ours)


def _read(terminal: int, told: Watched) -> bool:
    """Take what was said; False where the other end is closed."""
    if not select.select([terminal], [], [], LOOK_EVERY_S)[0]:
        return True
    try:
        data = os.read(terminal, 1 << 16)
    except OSError:  # EIO: nobody has the other end any more
        return False
    told.said += data
    return bool(data)


def _look(pid: int, told: Watched) -> None:
    try:
        children = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return
    for child in children:
        try:
            told.most_mb = max(told.most_mb, child.memory_info().rss / 2**20)
            told.sockets.update(str(one) for one in child.net_connections("inet"))
        except psutil.Error:
            continue  # it just went


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
