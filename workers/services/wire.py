"""One HTTP request to a service: how it leaves, how long it may take, how large its answer may be, and nothing of a key
in whatever goes wrong.

Keys sit in the client's headers, which neither httpx's log nor an error of ours shows; errors are raised outside the
handlers of httpx's, whose exceptions hold the request. The environment is asked for two things only: the proxy of an
https address (HTTPS_PROXY, NO_PROXY) and certificates (SSL_CERT_FILE, SSL_CERT_DIR). A proxy never sees plain http, and
no .netrc is read.
"""

import ssl
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx
import msgspec
from pydantic import SecretStr

from workers.services.base import Call, Nonsense, Refused, ServiceError, Unavailable

CONNECT_S = 10.0
MOST_ANSWER_BYTES = 4 * 2**20
MOST_QUOTED = 300
"""Characters of a service's own words in an error."""
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.WriteError, httpx.WriteTimeout)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered. Header names are in small letters."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    """Some services repeat the key that they refuse."""

    @property
    def fine(self) -> bool:
        """Any 2xx: 299 was seen."""
        return _is_fine(self.status)

    def json(self) -> Any:
        """The body as JSON; None where it is none."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return None


class Wire:
    """Requests to one server over pooled connections. Serves many threads. `key` is a header's name and its value."""

    def __init__(
        self, title: str, address: httpx.URL, timeout_s: float, key: tuple[str, SecretStr] | None = None
    ) -> None:
        self._where = f"{title} at {address.netloc.decode()}"
        self._timeout_s = timeout_s
        self._secret = key[1] if key else SecretStr("")
        secure = address.scheme == "https"
        self._client = httpx.Client(
            headers={"user-agent": "moodreel", "accept-encoding": "identity"}
            | ({key[0]: key[1].get_secret_value()} if key else {}),
            timeout=httpx.Timeout(timeout_s, connect=min(CONNECT_S, timeout_s)),
            follow_redirects=False,
            trust_env=False,
            proxy=proxy_of(address),
            # Plain http meets no certificates; loading all that are trusted would take longer than the first request.
            verify=httpx.create_ssl_context(trust_env=True) if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._client.close()

    def quote(self, text: str) -> str:
        """A stranger's words as an error may show them: one short line, without our key."""
        key = self._secret.get_secret_value()
        return short(text.replace(key, "***") if key else text)

    def ask(self, method: str, url: httpx.URL, content: bytes = b"", headers: Mapping[str, str] | None = None) -> Reply:
        """Send one request, once, and read its answer. Raises Unavailable, Refused or Nonsense.

        Of an answer that says no, whatever arrived of its body is enough.
        """
        body = bytearray()
        seen: httpx.Response | None = None
        try:
            with self._client.stream(method, url, content=content, headers=headers) as seen:
                self._read(seen, body)
        except httpx.HTTPError as error:
            failure = self._translated(error, _call(error, seen, (headers or {}).get("client-request-id")))
        else:
            return Reply(seen.status_code, dict(seen.headers), bytes(body))
        if seen is not None and not _is_fine(seen.status_code):
            return Reply(seen.status_code, dict(seen.headers), bytes(body))
        raise failure

    def _read(self, response: httpx.Response, body: bytearray) -> None:
        until = time.monotonic() + self._timeout_s
        for part in response.iter_bytes():
            body += part
            if len(body) > MOST_ANSWER_BYTES:
                raise httpx.DecodingError("it is larger than any answer should be")
            if time.monotonic() > until:
                raise httpx.ReadTimeout("it comes too slowly")

    def _translated(self, error: httpx.HTTPError, call: Call) -> ServiceError:
        words = self.quote(str(error)) or type(error).__name__
        if "CERTIFICATE" in words:
            reason = f"{self._where} shows a certificate that is not trusted: {words}"
            return Refused("service.certificate", reason, _CERTIFICATE)
        if isinstance(error, httpx.DecodingError):
            return Nonsense("service.nonsense", f"the answer of {self._where} cannot be read: {words}", _WHO, call)
        if isinstance(error, httpx.TimeoutException):
            reason = f"{self._where} did not answer within {self._timeout_s:g} s"
            return Unavailable("service.unavailable", reason, _SLOW, call)
        if isinstance(error, _NOT_SENT):
            return Unavailable("service.unavailable", f"{self._where} cannot be reached: {words}", _AWAY, call)
        return Unavailable("service.unavailable", f"{self._where} broke off: {words}", LATER, call)


LATER = "`moodreel resume` tries it again"
_SLOW = f"raise MOODREEL_SERVICE_TIMEOUT_S, or send less at a time; {LATER}"
_AWAY = f"see that the address is right and that it runs; {LATER}"
_WHO = "see who answers at that address"
_CERTIFICATE = "see that the address is right; name a certificate authority of your own in SSL_CERT_FILE"


def short(text: str) -> str:
    """A stranger's words as an error may show them: one short line."""
    clean = " ".join("".join(one if one.isprintable() else " " for one in text[: 10 * MOST_QUOTED]).split())
    return clean if len(clean) <= MOST_QUOTED else f"{clean[:MOST_QUOTED]}..."


def _is_fine(status: int) -> bool:
    return 200 <= status < 300


def _call(error: httpx.HTTPError, seen: httpx.Response | None, request_id: str | None) -> Call:
    """What was billed: nothing of what never left whole, one call of what was answered well, of all else who knows."""
    if seen is not None:
        return Call(seen.status_code, request_id, transactions=int(_is_fine(seen.status_code)))
    return Call(None, request_id, sent=not isinstance(error, _NOT_SENT))


def proxy_of(address: httpx.URL) -> str | None:
    """The proxy that the environment names for an https address; none ever for plain http."""
    if address.scheme != "https" or urllib.request.proxy_bypass(address.host):
        return None
    return urllib.request.getproxies().get("https")
