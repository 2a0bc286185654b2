"""An application on its address: the socket, uvicorn, and a graceful end."""

import signal
import socket
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

import uvicorn

from workers.errors import SettingsError

GRACE_S = 20
"""How long a stop waits for what is in hand."""
KEEP_ALIVE_S = 75
"""How long an idle connection is kept: longer than clients keep theirs, or they would write to a closed one."""
BACKLOG = 256
Asgi = Callable[[Any, Any, Any], Awaitable[None]]


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 is any free one. Raises SettingsError where that cannot be."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        made = socket.socket(family, kind, protocol)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(address)
            made.listen(BACKLOG)
        except OSError:
            made.close()
            raise
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SettingsError(
            f"nobody can listen at {host} port {port}: {reason}", "choose another --host or --port"
        ) from None
    return made


def url_of(listening: socket.socket) -> str:
    """Its URL, without a path."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run(app: Asgi, listening: socket.socket, ready: Callable[[], None]) -> NoReturn:
    """Serve until SIGTERM (SystemExit(0)) or Ctrl-C (as elsewhere); what is in hand then is done first."""
    signal.signal(signal.SIGTERM, _stopped)
    config = uvicorn.Config(
        app,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
    )
    ready()
    uvicorn.Server(config).run(sockets=[listening])  # raises the signal again that ended it
    raise SystemExit(0)


def _stopped(_signal: int, _frame: object) -> NoReturn:
    raise SystemExit(0)
