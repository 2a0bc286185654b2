"""A proxy in front of PostgreSQL's socket that cuts a connection at a chosen message, as a network would: before the
server hears it, when it has answered and nobody heard that, or so that the server hears it late.
"""

import selectors
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Self

import pytest

from db.store import Store
from tests.support.postgres import Server

SOCKET = ".s.PGSQL.5432"
PATIENCE_S = 60.0
_READY = b"Z\x00\x00\x00\x05"
"""How the server's last message of an answer begins; one byte follows."""


class Cut(Enum):
    """When a connection is cut."""

    BEFORE = "before the server hears it"
    AFTER = "after the server has answered"
    LATE = "before the server hears it, which it then does all the same"


@dataclass(frozen=True)
class _Plan:
    when: Cut
    statement: bytes
    meanwhile: Callable[[], object]


class CuttingProxy:
    """Stands in for the server whose socket lies in `server`; its own lies in `folder`."""

    def __init__(self, server: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="moodreel-cut-"))
        self.cuts = 0
        self._server = server / SOCKET
        self._plan: _Plan | None = None
        self._lock = threading.Lock()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.folder / SOCKET))
        self._listener.listen()
        self._ends, self._end = socket.socketpair()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def cut(self, when: Cut, statement: str = "COMMIT", meanwhile: Callable[[], object] = lambda: None) -> None:
        """Cut the next connection that sends a statement which begins so. `meanwhile` is done before anybody can come
        again; with LATE, before the server hears the statement.
        """
        self._plan = _Plan(when, statement.encode(), meanwhile)

    def close(self) -> None:
        """Cut every connection."""
        self._end.close()
        for thread in self._threads:
            thread.join()
        for one in (self._listener, self._ends):
            one.close()
        shutil.rmtree(self.folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._ends, selectors.EVENT_READ)
            selector.register(self._listener, selectors.EVENT_READ)
            while not any(key.fileobj is self._ends for key, _ in selector.select()):
                thread = threading.Thread(target=self._serve, args=(self._listener.accept()[0],))
                self._threads.append(thread)
                thread.start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server, suppress(ConnectionError):
            server.settimeout(PATIENCE_S)
            server.connect(str(self._server))
            self._pass_on(client, server)

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        said = _Messages()
        with selectors.DefaultSelector() as selector:
            for one in (client, server, self._ends):
                selector.register(one, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    data = b"" if key.fileobj is self._ends else key.fileobj.recv(1 << 16)  # type: ignore[union-attr]
                    if not data:
                        return
                    if key.fileobj is server:
                        client.sendall(data)
                        continue
                    for message in said.split(data):
                        if plan := self._planned(message):
                            self._carry_out(plan, message, client, server)
                            return
                        server.sendall(message)

    def _planned(self, message: bytes) -> _Plan | None:
        with self._lock:
            plan = self._plan
            if plan is None or not _statement(message).startswith(plan.statement):
                return None
            self._plan = None
            self.cuts += 1
            return plan

    def _carry_out(self, plan: _Plan, message: bytes, client: socket.socket, server: socket.socket) -> None:
        if plan.when is Cut.LATE:
            client.shutdown(socket.SHUT_RDWR)
        if plan.when is Cut.AFTER:
            _ask(server, message)
        if plan.when is Cut.BEFORE:
            _leave(server)
        plan.meanwhile()
        if plan.when is Cut.LATE:
            _ask(server, message)


@pytest.fixture
def proxy(postgres: Server) -> Iterator[CuttingProxy]:
    """A line to the session's PostgreSQL that can be cut."""
    with CuttingProxy(postgres.folder) as opened:
        yield opened


@pytest.fixture
def cut_off(store: Store, proxy: CuttingProxy) -> Iterator[Store]:
    """The database of `store`, over a line that will be cut."""
    url = f"postgresql://postgres@/{store.engine.url.database}?host={proxy.folder}"
    with Store.open(url, patience_s=20.0) as opened:
        yield opened


class _Messages:
    """Cuts what a client says into messages: the first has no type, the others a byte of it, all have their length."""

    def __init__(self) -> None:
        self._rest = b""
        self._type_bytes = 0

    def split(self, data: bytes) -> Iterator[bytes]:
        self._rest += data
        while len(self._rest) >= self._type_bytes + 4:
            length = self._type_bytes + int.from_bytes(self._rest[self._type_bytes : self._type_bytes + 4])
            if len(self._rest) < length:
                return
            message, self._rest = self._rest[:length], self._rest[length:]
            self._type_bytes = 1
            yield message


def _statement(message: bytes) -> bytes:
    """The SQL of a message: `Q` is a simple query; in `P`, the first step of an extended one, a name goes before it."""
    if message[:1] == b"Q":
        return message[5:]
    return message[5:].partition(b"\0")[2] if message[:1] == b"P" else b""


def _leave(server: socket.socket) -> None:
    """Hang up, and wait until the server has undone what was not committed: till then its rows are locked."""
    server.shutdown(socket.SHUT_WR)
    while server.recv(1 << 16):
        pass


def _ask(server: socket.socket, message: bytes) -> None:
    """Have the server hear a message, and wait until it has answered."""
    server.sendall(message)
    answer = b""
    while answer[-6:-1] != _READY:
        data = server.recv(1 << 16)
        if not data:
            raise ConnectionError("the server gave no answer")
        answer += data
