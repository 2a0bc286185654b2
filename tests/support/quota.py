"""Services that enforce a quota, as models with a clock of their own, and as a real HTTP server around one."""

import json
import math
import subprocess
import sys
import threading
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar, Protocol

import httpx


class Quota(Protocol):
    """Lets calls in or not."""

    calls: float
    """The quota in force; it may be set at any time."""

    def enter(self, now: float) -> float | None:
        """None: let in. Otherwise seconds after which it would be."""


class SlidingWindow:
    """So many in any window. `count_refused`: knocking keeps the door shut."""

    def __init__(self, calls: float, window_s: float = 1.0, *, count_refused: bool = False) -> None:
        self.calls = calls
        self._window_s = window_s
        self._count_refused = count_refused
        self._entered: deque[float] = deque()

    def enter(self, now: float) -> float | None:
        while self._entered and self._entered[0] <= now - self._window_s:
            self._entered.popleft()
        full = len(self._entered) >= self.calls
        wait_s = self._entered[-int(self.calls)] + self._window_s - now if full else None
        if not full or self._count_refused:
            self._entered.append(now)
        return wait_s


class FixedWindow:
    """So many in each second of the clock, or each minute."""

    def __init__(self, calls: float, window_s: float = 1.0) -> None:
        self.calls = calls
        self._window_s = window_s
        self._window = -1.0
        self._entered = 0

    def enter(self, now: float) -> float | None:
        window = now // self._window_s
        if window != self._window:
            self._window, self._entered = window, 0
        if self._entered >= self.calls:
            return (window + 1) * self._window_s - now
        self._entered += 1
        return None


class TokenBucket:
    """So many at once, and as many again evenly over a window."""

    def __init__(self, calls: float, window_s: float = 1.0, *, depth: float | None = None) -> None:
        self.calls = calls
        self._window_s = window_s
        self._depth = depth
        self._tokens = depth if depth is not None else calls
        self._at = 0.0

    def enter(self, now: float) -> float | None:
        per_s = self.calls / self._window_s
        most = self._depth if self._depth is not None else self.calls
        self._tokens = min(most, self._tokens + (now - self._at) * per_s)
        self._at = now
        if self._tokens < 1:
            return (1 - self._tokens) / per_s
        self._tokens -= 1
        return None


class QuotaServer:
    """A real HTTP service in a process of its own, and what it knows of who came: `python -m tests.support.quota`.

    Its times are of the system's monotonic clock, which all processes of a machine share.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def set_calls(self, calls: int) -> None:
        """Change the quota without telling anybody."""
        httpx.put(f"{self.url}/quota/{calls}").raise_for_status()

    def came(self) -> tuple[list[float], list[float]]:
        """When calls were let in, and when they were refused."""
        found = httpx.get(f"{self.url}/came").raise_for_status().json()
        return found["served"], found["refused"]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    quota: Quota
    latency_s = 0.0
    lock = threading.Lock()
    served: ClassVar[list[float]] = []
    refused: ClassVar[list[float]] = []

    def do_POST(self) -> None:  # its name in the standard library
        """A call."""
        with self.lock:
            now = time.monotonic()
            wait_s = self.quota.enter(now)
            (self.served if wait_s is None else self.refused).append(now)
        self.rfile.read(int(self.headers.get("content-length") or 0))
        if wait_s is None:
            time.sleep(self.latency_s)
            self._answer(200, b"[]")
        else:
            self._answer(429, b'{"error": {"code": "429"}}', {"retry-after": str(math.ceil(wait_s))})

    def do_PUT(self) -> None:  # its name in the standard library
        """/quota/N."""
        with self.lock:
            self.quota.calls = int(self.path.rpartition("/")[2])
        self._answer(200, b"")

    def do_GET(self) -> None:  # its name in the standard library
        """/came."""
        with self.lock:
            body = json.dumps({"served": self.served, "refused": self.refused}).encode()
        self._answer(200, body)

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "content-length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


def most_in_any(window_s: float, times: list[float]) -> int:
    """The most of them that lie within one window, wherever it begins."""
    times = sorted(times)
    return max((bisect_left(times, at + window_s) - place for place, at in enumerate(times)), default=0)


def surely_in_any(window_s: float, moments: Iterable[tuple[float, float]]) -> int:
    """The most of what happened some time between a first and a last moment that surely lie within one window.

    A busy machine lets a caller hear of its turn late; how late is then no part of what the gate is charged with.
    """
    moments = sorted(moments)
    ends: list[float] = [end for _, end in moments]
    return max(
        (sum(end < begin + window_s for end in ends[place:]) for place, (begin, _) in enumerate(moments)), default=0
    )


def main() -> None:
    """Serve on the loopback, write the port, and end when standard input does."""
    calls, latency_s = int(sys.argv[1]), float(sys.argv[2])
    _Handler.quota, _Handler.latency_s = SlidingWindow(calls), latency_s
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


@contextmanager
def quota_server(calls: int, latency_s: float) -> Iterator[QuotaServer]:
    """A service that lets in so many calls in any second, and takes so long over each."""
    command = [sys.executable, "-m", "tests.support.quota", str(calls), str(latency_s)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield QuotaServer(f"http://127.0.0.1:{int(process.stdout.readline())}")
        finally:
            process.stdin.close()


if __name__ == "__main__":
    main()
