"""An HTTP server that stands in for a service: it answers, refuses, dawdles, cuts off and talks nonsense when told to.

In a test, `with AzureStandIn(AzureRules(...)) as azure:`; as a process, `python -m tests.services.azure --port 0
--rules '{"per_second": 10}'` prints its address. Rules may change while it runs: on the object, or by POST
/_stand_in/rules; its book is `book`, or GET /_stand_in/book.
"""

import argparse
import hashlib
import json
import signal
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar, Self

from .book import Asked, Book
from .transport import Cut, Request, Response, Server, as_json, head

CONTROL = "/_stand_in/"


@dataclass
class Rules:
    """How any stand-in behaves. Everything may be changed while it runs."""

    per_second: int | None = None
    """Calls granted within any second, over all clients."""
    per_minute: int | None = None
    latency_s: float = 0.0
    """How long an answer takes, on top of looking at the picture."""
    fine_status: int = 200
    next: list[str] = field(default_factory=list)
    """Faults of the next calls, one each; an empty one is none."""
    always: str = ""
    """The fault of every call that `next` says nothing of."""


class StandIn:
    """A server at `url` from `start` to `stop`, or within `with`. Subclasses say what it knows of one service."""

    name: ClassVar[str]

    def __init__(self, rules: Any, port: int = 0, certificate: Path | None = None) -> None:
        self.rules = rules
        self.book = Book()
        self.stopping = threading.Event()
        self._granted: deque[float] = deque()
        self._lock = threading.Lock()
        self._server = Server(port, self, certificate)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name=self.name)

    # what a service is

    def rated(self, request: Request) -> bool:
        """Whether a request counts against the rate, and may be billed."""
        raise NotImplementedError

    def serve(self, request: Request) -> Response:
        """The answer where nothing is amiss."""
        raise NotImplementedError

    def too_many(self, wait_s: float) -> Response:
        """The refusal of a call that comes `wait_s` too early."""
        raise NotImplementedError

    def fault(self, name: str, request: Request) -> Response | None:
        """The answer of a fault of this service's own; None for one it does not know."""
        raise NotImplementedError

    # what every stand-in does

    @property
    def server_header(self) -> str:
        """What it calls itself."""
        return "stand-in"

    @property
    def url(self) -> str:
        """Where it is, without a slash at the end."""
        return f"{self._server.scheme}://127.0.0.1:{self._server.server_port}"

    def answer(self, request: Request) -> Response:
        """One request's response, entered in the book. Raises Cut."""
        if request.path.startswith(CONTROL):
            return self._control(request)
        rated = self.rated(request)
        try:
            response = self._rated(request) if rated else self.serve(request)
        except Cut as cut:
            self._enter(request, Response(0, billed=cut.billed), rated)
            raise
        self._enter(request, response, rated)
        return response

    def _rated(self, request: Request) -> Response:
        wait_s = self._claim(request.at_s)
        if wait_s > 0:
            return replace(self.too_many(wait_s), refused=True)
        fault = self._next_fault()
        if self.rules.latency_s:
            self.stopping.wait(self.rules.latency_s)
        if not fault:
            return self.serve(request)
        return self.fault(fault, request) or self._common_fault(fault, request)

    def _claim(self, at_s: float) -> float:
        """Seconds until a call would have been granted; 0 where it is, and then it counts."""
        with self._lock:
            spans = ((self.rules.per_second, 1.0), (self.rules.per_minute, 60.0))
            while self._granted and at_s - self._granted[0] >= 60.0:
                self._granted.popleft()
            for limit, span_s in spans:
                if limit is None:
                    continue
                recent = [one for one in self._granted if at_s - one < span_s]
                if len(recent) >= limit:
                    return span_s - (at_s - recent[-limit])
            self._granted.append(at_s)
            return 0.0

    def _next_fault(self) -> str:
        with self._lock:
            return self.rules.next.pop(0) if self.rules.next else self.rules.always

    def _common_fault(self, name: str, request: Request) -> Response:
        """What may happen to any call. All but `reset-early` and `gateway` may be billed."""
        if name == "reset-early":
            raise Cut(billed=0)
        return _STRANGERS.get(name) or self._spoilt(name, self.serve(request))

    def _spoilt(self, name: str, good: Response) -> Response:
        """An answer that was made, and billed, and does not arrive as it should."""
        if name == "reset":
            raise Cut(good.billed)
        if name == "half":
            raise Cut(good.billed, head(good, self.server_header) + good.body[: len(good.body) // 2])
        if name == "hang":
            raise Cut(good.billed, hold_s=600)
        changes: dict[str, dict[str, Any]] = {
            "drip": {"drip_s": 0.05},
            "truncated": {"body": good.body[:-3]},
            "redirect": {"status": 307, "body": b"", "headers": (("Location", f"{self.url}/elsewhere"),), "billed": 0},
        }
        if name not in changes:
            raise ValueError(f"{self.name} knows no fault {name!r}")
        return replace(good, **changes[name])

    def _enter(self, request: Request, response: Response, rated: bool) -> None:
        asked = Asked(
            request.at_s,
            request.method,
            request.path,
            request.query,
            dict(request.headers),
            len(request.body),
            hashlib.sha256(request.body).hexdigest(),
            response.status,
            response.billed,
        )
        self.book.enter(asked, rated, response.refused)

    def _control(self, request: Request) -> Response:
        if request.path == f"{CONTROL}book":
            return as_json(200, self.book.facts())
        if request.path == f"{CONTROL}rules" and request.method == "POST":
            for name, value in json.loads(request.body).items():
                set_rule(self.rules, name, value)
            return as_json(200, asdict(self.rules))
        return Response(404)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Cut every connection and end; nothing of it is left running."""
        self.stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.end()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        assert not self.book.errors, f"the stand-in itself went wrong: {self.book.errors}"


_HTML = (("Content-Type", "text/html"),)
_STRANGERS = {
    "not-json": Response(200, b"<html><body>Welcome to the hotel's network</body></html>", _HTML, billed=1),
    "empty": Response(200, billed=1),
    "huge": Response(200, b"[" + b" " * (5 * 2**20) + b"]", billed=1),
    "gateway": Response(502, b"<html><h1>502 Bad Gateway</h1></html>", _HTML),
}
"""Answers that never saw the service."""


def set_rule(rules: Any, name: str, value: Any) -> None:
    """Change one rule; a name that is none is an error."""
    if name not in {one.name for one in fields(rules)}:
        raise ValueError(f"there is no rule {name!r}")
    setattr(rules, name, value)


def run(kind: type[StandIn], rules: Rules, arguments: Sequence[str] | None = None) -> None:
    """A stand-in as a process: print its address, serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog=f"python -m {kind.__module__}", description=kind.__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--rules", type=json.loads, default={}, help="JSON object of rules")
    given = parser.parse_args(arguments)
    for name, value in given.rules.items():
        set_rule(rules, name, value)
    ended = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    with kind(rules, given.port) as stand_in:
        print(stand_in.url, flush=True)
        ended.wait()
