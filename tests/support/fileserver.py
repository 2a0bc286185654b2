"""A real HTTP server on this machine that serves one body, well or badly, and remembers what it was asked."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Behaviour:
    """How the server answers; a test changes it between requests."""

    body: bytes
    etag: str = '"v1"'
    status: int = 200
    failures: int = 0
    """Requests that are answered 503 first."""
    cut_at: int | None = None
    """Bytes of the body after which the connection is closed."""
    cuts: int = 1_000_000
    """How many requests are cut so."""
    ranges: bool = True
    lies_about_ranges: bool = False
    """Answers a range with the right status and the wrong bytes."""
    chunked: bool = False
    content_type: str = "application/octet-stream"
    location: str | None = None
    asked: list[dict[str, str]] = field(default_factory=list)
    """The headers of every request."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    behaviour: Behaviour


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        how = self.server.behaviour
        how.asked.append({name.lower(): value for name, value in self.headers.items()})
        if how.location and self.path != "/moved":
            self._head(302, {"Location": how.location, "Content-Length": "0"})
        elif how.failures:
            how.failures -= 1
            self._head(503, {"Content-Length": "0"})
        elif how.status != 200:
            self._head(how.status, {"Content-Length": "0"})
        else:
            self._send(how)

    def _send(self, how: Behaviour) -> None:
        start = self._start(how)
        if start > len(how.body):
            self._head(416, {"Content-Range": f"bytes */{len(how.body)}", "Content-Length": "0"})
            return
        rest = how.body[start:]
        headers = {"ETag": how.etag, "Content-Type": how.content_type}
        if start or (how.lies_about_ranges and "Range" in self.headers):
            claimed = start + 7 if how.lies_about_ranges else start
            headers["Content-Range"] = f"bytes {claimed}-{len(how.body) - 1}/{len(how.body)}"
        headers |= {"Transfer-Encoding": "chunked"} if how.chunked else {"Content-Length": str(len(rest))}
        self._head(206 if "Content-Range" in headers else 200, headers)
        self._write(how, rest)

    def _start(self, how: Behaviour) -> int:
        wanted = self.headers.get("Range")
        if not wanted or not how.ranges or self.headers.get("If-Range", how.etag) != how.etag:
            return 0
        return int(wanted.removeprefix("bytes=").rstrip("-"))

    def _write(self, how: Behaviour, rest: bytes) -> None:
        cut = how.cut_at is not None and how.cuts > 0
        if cut:
            how.cuts -= 1
            rest = rest[: how.cut_at]
        if how.chunked:
            rest = b"%x\r\n%s\r\n" % (len(rest), rest) + (b"" if cut else b"0\r\n\r\n")
        self.wfile.write(rest)
        self.close_connection = True

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def serving(behaviour: Behaviour) -> Iterator[str]:
    """The URL of a server that behaves so, for the length of the body."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.behaviour = behaviour
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/model.onnx"
        finally:
            server.shutdown()
            thread.join()
