"""The Redis transport of kombu with the doorman before it: what is no bell never gets to Celery.

A message is off its queue once it is read, so no other worker meets what is refused here. It is kept aside for people
to look at, in the list `moodreel:refused`, newest first.
"""

import json
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


REFUSED = "refused"
"""The list's name, below the prefix of all that is ours."""
MOST_REFUSED = 1000
MOST_TEXT = 20_000
"""Characters of a refused message that are kept: more than a bell may have."""


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
            self.refuse(f"it cannot be read: {type(error).__name__}", _text_of(error))
            return True

    def refuse(self, reason: str, text: str) -> None:
        """Say so, and keep the message aside."""
        log.warning("action=message-refused", reason=reason)
        kept = json.dumps({"reason": reason, "message": text[:MOST_TEXT]})
        try:
            with self.conn_or_acquire() as client:
                if client.lpush(REFUSED, kept) > MOST_REFUSED:
                    client.rpop(REFUSED)
        except (OSError, RedisError) as error:
            log.warning("action=message-not-kept", reason=str(error))


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
            self._refuse(f"it is no word of a worker: {type(error).__name__}", message)

    def _deliver_bell(self, message: Any, queue: str) -> None:
        try:
            check(message, queue)
        except NotABell as error:
            self._refuse(str(error), message)
        else:
            super()._deliver(message, queue)  # type: ignore[no-untyped-call]  # kombu has few

    def _refuse(self, reason: str, message: Any) -> None:
        try:
            text = json.dumps(message, default=repr)
        except RecursionError:
            text = "nested too deep to be written down"
        next(iter(self.channels)).refuse(reason, text)


def install() -> None:
    """Have `redis://` and `rediss://` lead past the doorman, in this process."""
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = "workers.transport:ScreenedTransport"


def _text_of(error: Exception) -> str:
    """What could not be read, as far as whoever tried tells."""
    found = getattr(error, "doc", getattr(error, "object", ""))  # of json, and of codecs
    return found.decode("utf-8", "backslashreplace") if isinstance(found, bytes) else str(found)
