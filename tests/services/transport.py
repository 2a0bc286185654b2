"""The wire of a stand-in: requests in, responses out, connections cut."""

import json
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from .book import Book


@dataclass(frozen=True)
class Request:
    """What came in. Header names are in small letters."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    at_s: float


@dataclass(frozen=True)
class Response:
    """What goes out."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    billed: int = 0
    refused: bool = False
    """For the rate."""
    drip_s: float = 0.0
    """Between any two bytes of the body."""


def as_json(status: int, content: Any, *headers: tuple[str, str], billed: int = 0) -> Response:
    """A JSON response, compact as services write it."""
    body = json.dumps(content, separators=(",", ":")).encode()
    return Response(status, body, (("Content-Type", "application/json; charset=utf-8"), *headers), billed)


class Cut(Exception):
    """The connection is to be cut instead of answered."""

    def __init__(self, billed: int, sent: bytes = b"", hold_s: float = 0.0) -> None:
        super().__init__()
        self.billed = billed
        self.sent = sent
        self.hold_s = hold_s
        """How long nothing happens before."""


class Answering(Protocol):
    """Whoever answers."""

    book: Book
    stopping: threading.Event

    @property
    def server_header(self) -> str:
        """What it calls itself."""

    def answer(self, request: Request) -> Response:
        """The response to a request. Raises Cut."""


def head(response: Response, server: str) -> bytes:
    """The head of a response, for one that is sent in part."""
    lines = [f"HTTP/1.1 {response.status} X", f"Content-Length: {len(response.body)}"]
    lines += [f"{name}: {value}" for name, value in response.headers]
    lines += [f"Server: {server}"] if server else []
    return "\r\n".join([*lines, "", ""]).encode()


class Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 256

    def __init__(self, port: int, answering: Answering, certificate: Path | None) -> None:
        self.answering = answering
        self.scheme = "http" if certificate is None else "https"
        self._open: set[socket.socket] = set()
        self._reset: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True)

    def reset(self, connection: socket.socket) -> None:
        """End a connection, once it has been served, as a machine does that knows nothing of it."""
        self._reset.add(connection)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        if request in self._reset:
            self._reset.discard(request)
            request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        del request, client_address
        error = sys.exc_info()[1]
        if not isinstance(error, ConnectionError):  # else a client that left
            self.answering.book.errors.append(repr(error))

    def end(self) -> None:
        """Cut every connection, and wait for the threads that served them."""
        with self._open_lock:
            for one in self._open:
                try:
                    one.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # its client was faster
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Server

    def _any(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, parts.path, parts.query, headers, body, time.monotonic())
        try:
            self._send(self.server.answering.answer(request))
        except Cut as cut:
            self._cut(cut)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _any  # noqa: N815  the names it calls

    def _send(self, response: Response) -> None:
        self.send_response(response.status)
        for name, value in response.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        if not response.drip_s:
            self.wfile.write(response.body)
            return
        for at in range(len(response.body)):
            self.wfile.write(response.body[at : at + 1])
            self.wfile.flush()
            self.server.answering.stopping.wait(response.drip_s)

    def _cut(self, cut: Cut) -> None:
        """Send what there is and end the connection: quietly after half an answer, with a reset where there is none."""
        self.close_connection = True
        self.server.answering.stopping.wait(cut.hold_s)
        self.wfile.write(cut.sent)
        self.wfile.flush()
        if not cut.sent:
            self.server.reset(self.connection)

    def version_string(self) -> str:
        return self.server.answering.server_header

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
