"""What services have of one desk's segments: handed over with pictures, they come back scored, failed, or untouched."""

import queue
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from db.records import ClaimedSegment
from workers.analysis import AnalysisSpec
from workers.messages import SegmentResult
from workers.services.cases import Ending

if TYPE_CHECKING:
    from workers.services.scoring import ServiceScoring

AWAITED_S = 900.0
"""How long a service may say nothing at all before the segments that wait for it are let go of."""


class Awaited:
    """Segments between their child and their commit. Used by one thread, but for `withdraw`."""

    def __init__(self, services: "ServiceScoring | None") -> None:
        self._services = services
        self._mailbox: queue.SimpleQueue[Ending] = queue.SimpleQueue()
        self._count = 0
        self._heard = 0.0

    @property
    def is_hopeful(self) -> bool:
        """Whether a service has segments of ours, and was heard of lately."""
        return self._count > 0 and time.monotonic() < self._heard + AWAITED_S

    def hand_over(self, claim: ClaimedSegment, spec: AnalysisSpec, result: SegmentResult) -> None:
        """Have a segment scored. Raises a StoreError where nothing can be read; then it is still the caller's."""
        if self._services is None:
            raise RuntimeError("nobody here calls services")
        self._services.submit(claim, spec, result, self._mailbox)
        self._count += 1
        self._heard = time.monotonic()

    def withdraw(self, *, at_once: bool = False, segment_ids: Sequence[int] | None = None) -> None:
        """Have nothing more sent of ours (or of these); may be called from another thread."""
        if self._services is not None:
            self._services.withdraw(self._mailbox, at_once=at_once, segment_ids=segment_ids)

    def endings(self) -> Iterator[Ending]:
        """What came back."""
        while not self._mailbox.empty():
            self._count -= 1
            self._heard = time.monotonic()
            yield self._mailbox.get()
