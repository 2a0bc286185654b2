"""Ringing for segments: a few messages ahead of the workers, and never more.

A message is only a doorbell. The broker's queue is kept shallow, so that cancelling takes effect at once and a broker
that loses everything loses little; what is due is always asked of the database.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

import structlog

from db.fleet import FleetStore
from workers.skills import QUEUES, Skills

log = structlog.get_logger(__name__)

AHEAD = 4
"""Messages in the queue for each place where a segment can be worked on."""
LEAST_SLOTS = 2
"""Before any worker has reported."""
PHOTOS = 16
"""Photos that one bell names: they travel in batches."""
SILENT_S = 30.0
"""A worker that has not reported for this long is not counted on."""


class BrokerLost(Exception):
    """The broker cannot be reached now: nothing is lost, and it is tried again."""


class Line(Protocol):
    """An open line to the broker. Each method raises BrokerLost."""

    def depth(self, queue: str) -> int:
        """Messages that wait in a queue."""

    def publish(self, queue: str, segment_ids: Sequence[int]) -> None:
        """Send one bell."""

    def epoch(self) -> tuple[str, bool]:
        """What the broker's memory is known by, and whether it was new-born a moment ago, without any memory."""


class Broker(Protocol):
    """Carries bells to workers."""

    def line(self) -> AbstractContextManager[Line]:
        """Open a line. Raises BrokerLost."""


class Bell:
    """Rings for what is due."""

    def __init__(self, fleet: FleetStore, skills: Skills, broker: Broker) -> None:
        self._fleet = fleet
        self._skills = skills
        self._broker = broker
        self._epoch: str | None = None

    def ring(self) -> int:
        """Send a bell for what is due, as far as the queues have room. Returns how many were sent.

        Raises BrokerLost, StoreError.
        """
        slots = max(LEAST_SLOTS, sum(one.concurrency for one in self._fleet.workers(SILENT_S)))
        sent = 0
        with self._broker.line() as line:
            for queue in QUEUES:
                groups = self._fleet.due(AHEAD * slots - line.depth(queue), PHOTOS, self._skills.elsewhere(queue))
                sent += self._publish(line, queue, groups)
        return sent

    def notice_loss(self) -> bool:
        """Whether the broker has lost its memory since we asked last; then everything queued is due again.

        Raises BrokerLost, StoreError.
        """
        with self._broker.line() as line:
            epoch, new_born = line.epoch()
        lost = new_born or self._epoch not in (None, epoch)
        if lost and (forgotten := self._fleet.forget_bells()):
            log.warning("action=bells-forgotten", segments=forgotten)
        self._epoch = epoch
        return lost

    def _publish(self, line: Line, queue: str, groups: list[list[int]]) -> int:
        with self._unrung_unless_sent(groups) as waiting:
            while waiting:
                line.publish(queue, waiting[-1])
                waiting.pop()
        return len(groups)

    @contextmanager
    def _unrung_unless_sent(self, groups: list[list[int]]) -> Iterator[list[list[int]]]:
        waiting = groups[::-1]
        try:
            yield waiting
        finally:
            if waiting:
                self._fleet.unring([number for group in waiting for number in group])
