"""The Redis transport of kombu with the doorman before it: what is no bell never gets to Celery.

A message is off its queue once it is read, so what is refused here is gone, and no other worker meets it.
"""

from collections.abc import Callable
from typing import Any

import structlog
from kombu.transport import TRANSPORT_ALIASES, redis
from redis.exceptions import RedisError

from workers.doorman import NotABell, check
from workers.skills import QUEUES

log = structlog.get_logger(__name__)

_UNREADABLE = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError)
"""What reading a stranger's text may raise; errors of the connection are none of these."""


class ScreenedChannel(redis.Channel):
    """A channel that a message which cannot even be read does not break."""

    def _brpop_read(self, **options: Any) -> Any:
        return self._read(super()._brpop_read, **options)

    def _receive_one(self, client: Any) -> Any:
        return self._read(super()._receive_one, client)

    def _read(self, read: Callable[..., Any], *args: Any, **options: Any) -> Any:
        self.connection.is_delivering = False
        try:
            return read(*args, **options)
        except _UNREADABLE as error:
            if self.connection.is_delivering:
                raise
            _refuse(f"it cannot be read: {type(error).__name__}")
            return True


class ScreenedTransport(redis.Transport):
    """Delivers bells, and what Celery's workers say to each other."""

    Channel = ScreenedChannel
    is_delivering = False
    """Whether a message was read, so that what is raised now is no fault of its writing."""

    def _deliver(self, message: Any, queue: str) -> None:
        self.is_delivering = True
        if queue in QUEUES:
            self._deliver_bell(message, queue)
            return
        try:
            super()._deliver(message, queue)  # type: ignore[no-untyped-call]  # kombu has few
        except (OSError, RedisError):
            raise
        except Exception as error:  # noqa: BLE001  nothing that workers say to each other is worth one of them
            _refuse(f"it is no word of a worker: {type(error).__name__}")

    def _deliver_bell(self, message: Any, queue: str) -> None:
        try:
            check(message, queue)
        except NotABell as error:
            _refuse(str(error))
        else:
            super()._deliver(message, queue)  # type: ignore[no-untyped-call]  # kombu has few


def install() -> None:
    """Have `redis://` and `rediss://` lead past the doorman, in this process."""
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = "workers.transport:ScreenedTransport"


def _refuse(reason: str) -> None:
    log.warning("action=message-refused", reason=reason)
