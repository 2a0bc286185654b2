"""Noticing that bells wait and none is heard: a consumer that never came back after its broker did.

Known of Celery on Redis in several releases (celery #8030, #8990, #10205). A worker that has gone deaf looks alive and
does nothing; it had better end, and be started again by whoever looks after it.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock

import structlog

from workers.bell import Broker, BrokerLost

log = structlog.get_logger(__name__)

LISTEN_EVERY_S = 10.0
DEAF_S = 180.0
"""An idle worker hears a bell that waits within a moment; after this long it never will."""


class Ears:
    """Counts the bells that are being answered, and knows when there should have been one."""

    def __init__(self, broker: Broker, queues: Sequence[str], clock: Callable[[], float] = time.monotonic) -> None:
        self._broker = broker
        self._queues = queues
        self._clock = clock
        self._answering = 0
        self._fine = clock()
        self._lock = Lock()

    @contextmanager
    def answering(self) -> Iterator[None]:
        """A bell was heard, and is answered meanwhile."""
        with self._lock:
            self._answering += 1
        try:
            yield
        finally:
            with self._lock:
                self._answering -= 1
                self._fine = self._clock()

    def are_deaf(self) -> bool:
        """Whether bells have been waiting all this time while nothing was in hand. Ask again and again."""
        with self._lock:
            busy = self._answering > 0
        if busy or not self._bells_wait():
            self._fine = self._clock()
        return self._clock() - self._fine >= DEAF_S

    def run(self, wait: Callable[[float], bool], give_up: Callable[[], None]) -> None:
        """Listen until `wait` says that it is over; call `give_up` where nothing is heard any more."""
        while not wait(LISTEN_EVERY_S):
            if self.are_deaf():
                log.error("action=deaf", reason=f"bells have waited for {DEAF_S:.0f} s and none was heard")
                give_up()
                return

    def _bells_wait(self) -> bool:
        try:
            with self._broker.line() as line:
                return any(line.depth(queue) for queue in self._queues)
        except BrokerLost:
            return False
