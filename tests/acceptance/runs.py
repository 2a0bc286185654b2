"""Running the real command in a process of its own, and reading what it left in the database."""

import ctypes
import json
import os
import signal
import sqlite3
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.forked import OURS, forked

FACES = """
    SELECT path, pts, face, time_s, box_x, box_y, box_width, box_height, confidence, dominant,
           neutral, happiness, surprise, sadness, anger, disgust, fear, contempt
    FROM emotions ORDER BY path, pts, face
"""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def summary(self) -> dict[str, Any]:
        """The JSON on stdout."""
        loaded: dict[str, Any] = json.loads(self.out)
        return loaded


def command(*arguments: str | Path) -> list[str]:
    """`moodreel ...` as this interpreter runs it."""
    return [*OURS, *map(str, arguments)]


def clean_environment(**more: str) -> dict[str, str]:
    """This environment without settings of ours."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MOODREEL_")}
    return kept | {"PYTHONPATH": str(Path(__file__).parents[2])} | more


def moodreel(*arguments: str | Path, cwd: Path, timeout_s: float = 120, **environment: str) -> Ended:
    """Run a command to its end."""
    return Ended(*forked([str(word) for word in arguments], cwd, clean_environment(**environment), timeout_s))


def start(*arguments: str | Path, cwd: Path, ordinary: bool = False, **environment: str) -> "subprocess.Popen[str]":
    """Start a command and leave it running; the caller ends it. `ordinary`: bound by file permissions, even as root."""
    return subprocess.Popen(
        command(*arguments),
        cwd=cwd,
        env=clean_environment(**environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=_bound_by_permissions if ordinary and os.geteuid() == 0 else None,  # noqa: PLW1509  no threads here
    )


def _bound_by_permissions() -> None:
    """Give up the two capabilities that let root pass over permissions (capabilities(7), prctl(2))."""
    drop_from_bounding_set, dac_override, dac_read_search = 24, 1, 2
    for capability in (dac_override, dac_read_search):
        ctypes.CDLL(None).prctl(drop_from_bounding_set, capability)


def children_of(pid: int) -> list[int]:
    """The living children of a process."""
    import psutil

    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except psutil.NoSuchProcess:
        return []


def kill(pid: int) -> None:
    """SIGKILL, if it still lives."""
    signal_to(pid, signal.SIGKILL)


def signal_to(pid: int, number: int) -> None:
    """A signal, if it still lives."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def wait_until(condition: "Any", timeout_s: float = 30.0) -> None:
    """Wait for something that will happen; fails the test where it does not."""
    until = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


def sql(database: Path, statement: str) -> list[tuple[Any, ...]]:
    """Rows, by plain sqlite3."""
    connection = sqlite3.connect(database)
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


def rows(database: Path) -> dict[str, list[tuple[Any, ...]]]:
    """All that a run found, without what differs between runs (ids, clocks)."""
    return {
        "media": sql(database, "SELECT path, sha256, kind, frame_count, duration_s FROM media ORDER BY 1"),
        "frames": sql(database, "SELECT path, pts, time_s, faces, status FROM frames ORDER BY path, pts"),
        "faces": sql(database, FACES),
        "problems": sql(database, "SELECT path, code FROM problems GROUP BY path, code ORDER BY 1, 2"),
    }
