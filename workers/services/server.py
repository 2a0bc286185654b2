"""`moodreel serve`: the FER+ scoring container's protocol over a local model, as an ASGI application.

    POST /score   faces in, probabilities out: `score_body` says how
    GET /         Healthy
    GET /health   which model answers, as JSON

The model runs in this process and no supervised child is needed: nothing here opens media. What comes in is arrays of
numbers of a fixed shape, within a limit of bytes. Nobody is asked for a key; who may reach it may use it.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import msgspec
import structlog

from workers.errors import WorkError
from workers.services.score_body import BYTES, JSON, BadBody, answer_of, crops_of
from workers.services.score_room import ScoringRoom

log = structlog.get_logger(__name__)

MOST_BODY_MB = 8.0
MOST_IN_HAND = 64
"""Requests whose bodies are held at a time; the next is told to come again."""
BODY_S = 30.0
"""Within this, a body has come."""
MOST_FACES = 64
"""Faces a call that our own client is asked to send at most: a fifth of a second's work."""
_JSON_BYTES_A_FACE = 64 * 64 * 4 + 256
_LINGER_BYTES = 2**26
_LINGER_S = 5.0

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Served:
    """What answers."""

    scorer: str
    sha256: str
    """Of the model's file."""


@dataclass(frozen=True, slots=True)
class _Reply:
    body: bytes
    status: int = 200
    media_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    unread: bool = False
    """The request's body was not read to its end: the connection is of no use any more."""


class _Refusal(Exception):
    """A request that gets no scores, and what its sender is told."""

    def __init__(
        self, status: int, reason: str, hint: str, headers: tuple[tuple[str, str], ...] = (), unread: bool = True
    ) -> None:
        super().__init__(reason)
        body = msgspec.json.encode({"error": reason, "hint": hint})
        self.reply = _Reply(body, status, headers=headers, unread=unread)


class _Gone(Exception):
    """Whoever asked has hung up."""


class ScoringApp:
    """The ASGI application (spec 3.0, `http` only)."""

    def __init__(
        self, room: ScoringRoom, served: Served, most_body_mb: float = MOST_BODY_MB, body_s: float = BODY_S
    ) -> None:
        self._room = room
        self._body_s = body_s
        self._most_bytes = int(most_body_mb * 2**20)
        self._in_hand = 0
        faces = max(1, min(MOST_FACES, self._most_bytes // _JSON_BYTES_A_FACE))
        name = f"moodreel/{metadata.version('moodreel')}"
        self._headers = (("server", name), ("x-moodreel-faces", str(faces)))
        self._health = msgspec.json.encode(
            {"status": "healthy", "server": name, "model": served.scorer, "sha256": served.sha256}
        )
        self._routes: dict[str, tuple[tuple[str, ...], Callable[[Scope, Receive], Awaitable[_Reply]]]] = {
            "/": (("GET", "HEAD"), self._home),
            "/health": (("GET", "HEAD"), self._say_health),
            "/score": (("POST",), self._score),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        try:
            reply = await self._reply(scope, receive)
        except _Gone:
            return
        except _Refusal as refusal:
            reply = refusal.reply
        except Exception as error:  # noqa: BLE001  logged; the sender learns no more than that it was not their fault
            reply = _of_our_own_fault(error)
        await self._send(reply, receive, send, scope["method"] == "HEAD")

    async def _reply(self, scope: Scope, receive: Receive) -> _Reply:
        path, method = scope["path"], scope["method"]
        if path not in self._routes:
            raise _Refusal(404, "there is nothing here", "faces are scored at POST /score")
        methods, answer = self._routes[path]
        if method not in methods:
            allowed = ", ".join(methods)
            raise _Refusal(405, f"{path} takes no {method}", f"it takes {allowed}", (("allow", allowed),))
        return await answer(scope, receive)

    async def _home(self, _scope: Scope, _receive: Receive) -> _Reply:
        return _Reply(b"Healthy", media_type="text/plain; charset=utf-8")

    async def _say_health(self, _scope: Scope, _receive: Receive) -> _Reply:
        return _Reply(self._health)

    async def _score(self, scope: Scope, receive: Receive) -> _Reply:
        media_type = _media_type(scope)
        if self._in_hand >= MOST_IN_HAND:
            hint = "send fewer at a time, or more faces in one request"
            raise _Refusal(429, f"{self._in_hand} requests are in hand", hint, (("retry-after", "1"),))
        self._in_hand += 1
        try:
            body = await self._body(scope, receive)
            started_s = asyncio.get_running_loop().time()
            try:
                crops = crops_of(media_type, body)
            except BadBody as error:
                raise _Refusal(400, str(error), error.hint, unread=False) from None
            del body
            scores = await asyncio.wrap_future(self._room.score(crops))
        finally:
            self._in_hand -= 1
        return _Reply(answer_of(scores, asyncio.get_running_loop().time() - started_s))

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        """The request's body. What is too long is refused at its announcement, or as soon as that much has come."""
        announced = _header(scope, b"content-length")
        if announced.isdigit() and int(announced) > self._most_bytes:
            raise self._too_long()
        body = bytearray()
        try:
            async with asyncio.timeout(self._body_s):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise _Gone
                    body += message.get("body", b"")
                    if len(body) > self._most_bytes:
                        raise self._too_long()
                    if not message.get("more_body", False):
                        return bytes(body)
        except TimeoutError:
            raise _Refusal(408, f"no whole request came within {self._body_s:g} s", "send it again") from None

    def _too_long(self) -> _Refusal:
        hint = f"send fewer faces at a time, 4096 bytes each as {BYTES}, or ask for a larger --max-body-mb"
        return _Refusal(413, f"a request may hold {self._most_bytes:,} bytes", hint)

    async def _send(self, reply: _Reply, receive: Receive, send: Send, without_body: bool) -> None:
        headers = [("content-type", reply.media_type), ("content-length", str(len(reply.body)))]
        headers += [*self._headers, *reply.headers, *([("connection", "close")] if reply.unread else [])]
        raw = [(name.encode(), value.encode()) for name, value in headers]
        await send({"type": "http.response.start", "status": reply.status, "headers": raw})
        body = b"" if without_body else reply.body
        if not reply.unread:
            await send({"type": "http.response.body", "body": body})
            return
        await send({"type": "http.response.body", "body": body, "more_body": True})
        await _linger(receive, min(_LINGER_S, self._body_s))
        await send({"type": "http.response.body", "body": b""})


async def _linger(receive: Receive, most_s: float) -> None:
    """Take what still comes for a while: closed at once, a connection is reset and its sender never sees the reply."""
    seen = 0
    try:
        async with asyncio.timeout(most_s):
            more = True
            while more and seen < _LINGER_BYTES:
                message = await receive()
                seen += len(message.get("body", b""))
                more = message["type"] == "http.request" and message.get("more_body", False)
    except TimeoutError:
        return


def _of_our_own_fault(error: Exception) -> _Reply:
    log.error("action=not-scored", error=f"{type(error).__name__}: {error}")
    if isinstance(error, WorkError):
        told = {"error": error.problem.reason, "hint": error.problem.hint}
    else:
        told = {"error": "the server failed", "hint": "its log says how"}
    return _Reply(msgspec.json.encode(told), 500)


def _media_type(scope: Scope) -> str:
    """JSON or bytes; JSON where nothing is said."""
    if _header(scope, b"content-encoding").lower() not in ("", "identity"):
        raise _Refusal(415, "the body is compressed", "send it as it is")
    media_type = _header(scope, b"content-type").partition(";")[0].strip().lower() or JSON
    if media_type not in (JSON, BYTES):
        raise _Refusal(
            415, f"the body is said to be {media_type[:100]}", f"send it with Content-Type: {JSON}, or {BYTES}"
        )
    return media_type


def _header(scope: Scope, wanted: bytes) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == wanted), "")
