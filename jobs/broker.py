"""Whether the broker can be reached from here: one question over a plain socket.

The client of Redis would do the same, and take longer to load than `status` may take for all the rest.
"""

import socket
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

PING_S = 1.0
PORT = 6379
_LONGEST_ANSWER = 1000


def unreachable(broker_url: str) -> str | None:
    """Why the broker cannot be reached from here, if so; the URL is shown without its password. None as well where
    nobody can tell: a URL of a kind that only Celery understands.
    """
    parts = urlsplit(broker_url)
    if parts.scheme not in ("redis", "rediss"):
        return None
    try:
        trouble = _ask(parts)
    except (OSError, ValueError) as error:
        trouble = str(error) or type(error).__name__
    return None if trouble is None else f"{_without_password(parts)} cannot be reached from here: {trouble}"


def _ask(parts: SplitResult) -> str | None:
    """What the server says against being asked. One behind TLS is only called, not spoken to."""
    address = parts.hostname or "localhost", parts.port or PORT
    with socket.create_connection(address, PING_S) as line, line.makefile("rb") as answers:
        if parts.scheme == "rediss":
            return None
        login = [unquote(word) for word in (parts.username, parts.password) if word]
        questions = [("AUTH", *login)] if parts.password else []
        for question in (*questions, ("PING",)):
            line.sendall(_spoken(question))
            answer = answers.readline(_LONGEST_ANSWER)
            if not answer:
                return "it hung up"
            if answer.startswith((b"-WRONGPASS", b"-LOADING")):
                return answer[1:].decode("utf-8", "replace").strip()
    return None


def _spoken(words: tuple[str, ...]) -> bytes:
    encoded = [word.encode() for word in words]
    parts = (b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)
    return b"*%d\r\n%s" % (len(encoded), b"".join(parts))


def _without_password(parts: SplitResult) -> str:
    """Nothing of who logs in, and no options: they may hold a password as well."""
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
